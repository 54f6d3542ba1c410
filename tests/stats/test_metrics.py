"""Answers: loops in plain Python on small series, scipy.stats for the moments, coverage of a true Sharpe ratio, the
Bitcoin baseline of the evidence specification."""

from __future__ import annotations

import inspect
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, HOUR, parse_ts
from perpscope.stats import metrics
from perpscope.stats.interval import binomial_band
from perpscope.stats.measurement import measure, periods_per_year
from perpscope.stats.metrics import METRICS

RETURNS = [name for name, m in METRICS.items() if m.kind == "returns"]
TRADES = [name for name, m in METRICS.items() if m.kind == "trades"]
series_of_returns = st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=40)


def slow_metrics(r: list[float], year: float) -> dict[str, float]:
    n, mean = len(r), sum(r) / len(r)
    sd = math.sqrt(sum((x - mean) ** 2 for x in r) / (n - 1))
    equity, peak, deepest, under, longest = 1.0, 1.0, 0.0, 0, 0
    for x in r:
        equity *= 1 + x
        under = 0 if equity >= peak else under + 1
        peak, longest = max(peak, equity), max(longest, under)
        deepest = max(deepest, 1 - equity / peak)
    downside = math.sqrt(sum(min(x, 0) ** 2 for x in r) / n)
    growth = equity ** (year / n) - 1
    worst, left, tail = sorted(r), max(0.05 * n, 1.0), 0.0
    for x in worst:
        part = min(1.0, left)
        tail += part * x
        left -= part
    return {
        "annual_return": mean * year,
        "annual_growth": growth,
        "volatility": sd * math.sqrt(year),
        "sharpe_ratio": mean / sd * math.sqrt(year),
        "sortino_ratio": mean / downside * math.sqrt(year),
        "max_drawdown": deepest,
        "calmar_ratio": growth / deepest,
        "longest_under_water": longest / n,
        "expected_shortfall": -tail / max(0.05 * n, 1.0),
        "skewness": float(scipy_stats.skew(r)),
        "kurtosis": float(scipy_stats.kurtosis(r, fisher=False)),
        "kelly_leverage": mean / sd**2,
    }


@pytest.mark.parametrize("seed", range(6))
def test_metrics_of_returns_agree_with_plain_loops(seed):
    rng = np.random.default_rng(seed)
    r = rng.standard_t(4, int(rng.integers(20, 90))) * 0.03
    slow = slow_metrics(r.tolist(), 365.0)
    assert sorted(slow) == sorted(RETURNS)
    for name in RETURNS:
        assert float(METRICS[name].reduce(r, 365.0)) == pytest.approx(slow[name], rel=1e-9), name


def test_metrics_of_trades_by_hand():
    r = np.array([2.0, -1.0, 0.0, 3.0, -0.5, -1.0])
    answers = {"expectancy": 2.5 / 6, "hit_rate": 2 / 6, "profit_factor": 5 / 2.5, "payoff_ratio": 2.5 / (2.5 / 3)}
    assert sorted(answers) == sorted(TRADES)
    for name, answer in answers.items():
        assert float(METRICS[name].reduce(r, 1.0)) == pytest.approx(answer, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
@given(values=st.lists(st.lists(st.floats(-0.5, 0.5), min_size=7, max_size=7), min_size=1, max_size=5))
def test_a_metric_of_many_rows_is_the_metric_of_each(name, values):
    rows = np.array(values)
    together = METRICS[name].reduce(rows, 365.0)
    alone = [float(METRICS[name].reduce(row, 365.0)) for row in rows]
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["returns", "trades"])
@given(values=series_of_returns, seed=st.integers(0, 9))
def test_every_metric_has_an_interval_that_holds_it_or_a_reason(kind, values, seed):
    names = RETURNS if kind == "returns" else TRADES
    found = measure(names, values, rng=np.random.default_rng(seed), replications=60)
    for name in names:
        e = found[name]
        assert not math.isinf(e.value)
        assert (e.low <= e.value <= e.high) if e.has_interval else e.note
        if math.isnan(e.value):
            assert e.note == METRICS[name].undefined


@pytest.mark.parametrize("constant", [0.0, 0.001, -0.001, 0.1, 1 / 3])
def test_a_series_without_variance_has_no_sharpe_ratio_and_says_so(constant):
    names = ["sharpe_ratio", "kelly_leverage", "skewness", "kurtosis"]
    found = measure(names, np.full(50, constant), rng=np.random.default_rng(0), replications=20)
    for name in names:
        assert math.isnan(found[name].value)
        assert "variance" in found[name].note


def test_trades_without_a_loss_have_no_profit_factor_and_one_loss_no_upper_bound():
    rng = np.random.default_rng(0)
    none = measure(["profit_factor", "payoff_ratio"], np.ones(30) + rng.random(30), rng=rng, replications=50)
    assert none["profit_factor"].note == "no trade lost"
    one = measure(["profit_factor"], np.array([1.0] * 29 + [-1.0]), rng=rng, replications=500, block_length=1.0)
    assert one["profit_factor"].high == math.inf
    assert one["profit_factor"].value == 29.0


def test_losing_everything_is_a_drawdown_of_one_and_not_an_error():
    r = np.array([0.1, -1.0, 0.5])
    assert float(metrics.max_drawdown(r, 365.0)) == 1.0
    assert float(metrics.annual_growth(r, 365.0)) == -1.0
    assert float(metrics.max_drawdown(np.array([-1.5, 0.2]), 365.0)) == 1.0


def test_standing_at_the_high_is_not_under_water():
    assert float(metrics.longest_under_water(np.array([0.0, 0.0, 0.0]), 365.0)) == 0.0
    assert float(metrics.longest_under_water(np.array([0.5, -0.5, 1.0, 0.0]), 365.0)) == 0.25


@given(series_of_returns)
def test_a_drawdown_is_a_fraction_and_never_shrinks_with_more_data(values):
    r = np.array(values)
    falls = [float(metrics.max_drawdown(r[:k], 365.0)) for k in range(1, len(r) + 1)]
    assert all(0.0 <= f <= 1.0 for f in falls)
    assert falls == sorted(falls)


@given(series_of_returns, st.integers(0, 99))
def test_what_does_not_depend_on_the_path_does_not_depend_on_the_order(values, seed):
    r = np.array(values)
    mixed = np.random.default_rng(seed).permutation(r)
    for name in ("annual_return", "volatility", "sharpe_ratio", "expected_shortfall", "hit_rate", "profit_factor"):
        a, b = float(METRICS[name].reduce(r, 365.0)), float(METRICS[name].reduce(mixed, 365.0))
        assert a == pytest.approx(b, rel=1e-6, abs=1e-9, nan_ok=True)


def test_the_sharpe_interval_covers_the_truth_on_dependent_returns():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(150):
        noise = rng.standard_normal(401)
        # a moving average: variance 1.64, mean 0.1
        r = 0.1 + noise[1:] + 0.8 * noise[:-1]
        e = measure(["sharpe_ratio"], r, rng=rng, periods_per_year=1.0, replications=300, level=0.9)["sharpe_ratio"]
        inside += not e.excludes(0.1 / math.sqrt(1.64))
    assert binomial_band(150, 0.86, 0.999)[0] <= inside


def test_buy_and_hold_of_recorded_bitcoin_has_the_gross_sharpe_ratio_of_the_specification(shared_data):
    # 0.9003 gross, daily UTC closes 2020-01 .. 2026-02, computed twice when the specification was written
    bars = pl.read_parquet(shared_data / "bars/binance_perp/1h/BTCUSDT.parquet")
    day, close = bars["ts"].to_numpy() * 1_000_000 // DAY, bars["close"].to_numpy()
    last = np.flatnonzero(np.diff(day, append=day[-1] + 1))
    returns = (close[last][1:] / close[last][:-1] - 1)[day[last][1:] * DAY >= parse_ts("2020-01-01")]
    assert round(float(metrics.sharpe_ratio(returns, 365.0)), 4) == 0.9003


def test_metrics_measured_together_are_those_measured_alone():
    r = np.random.default_rng(2).standard_normal(100) * 0.01
    together = measure(RETURNS, r, rng=np.random.default_rng(3), replications=100)
    for name in RETURNS:
        assert measure([name], r, rng=np.random.default_rng(3), replications=100)[name] == together[name]


def test_a_year_has_365_days():
    assert periods_per_year(DAY) == 365.0
    assert periods_per_year(HOUR) == 8760.0


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_described_and_shows_an_example(name):
    doc = inspect.getdoc(getattr(metrics, name))
    assert METRICS[name].meaning == doc.splitlines()[0]
    assert ">>>" in doc
    assert METRICS[name].unit
    assert METRICS[name].undefined


def test_a_single_return_has_a_value_but_no_interval():
    found = measure(["annual_return", "sharpe_ratio"], [0.01], rng=np.random.default_rng(0))
    assert found["annual_return"].value == pytest.approx(3.65)
    assert not found["annual_return"].has_interval
    assert math.isnan(found["sharpe_ratio"].value)


def test_wrong_requests_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(UserError, match="Did you mean 'sharpe_ratio'"):
        measure(["sharpe"], [0.1, 0.2, 0.3], rng=rng)
    with pytest.raises(UserError, match="two calls"):
        measure(["sharpe_ratio", "hit_rate"], [0.1, 0.2, 0.3], rng=rng)
    with pytest.raises(UserError, match="positive length"):
        periods_per_year(0)
