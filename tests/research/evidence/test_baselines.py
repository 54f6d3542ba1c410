"""Baselines on recorded BTC hours. Answers: the table of EVIDENCE 10, computed there by two other programs; else by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.events import BARS
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, parse_ts
from perpscope.lake import Lake, import_files
from perpscope.research.evidence import baselines
from perpscope.research.evidence.baselines import Daily

WINDOWS = ("2020-01-01", "2023-01-01", "2025-03-01")


@pytest.fixture(scope="module")
def hours(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Table, Table]:
    lake = Lake(tmp_path_factory.mktemp("baselines") / "lake")
    for folder in ("binance_perp/1h", "binance_funding"):
        import_files(
            lake, "bars-parquet", [shared_data / "bars" / folder / "BTCUSDT.parquet"], venue="binance", symbol="BTCUSDT"
        )
        lake.refresh()
    source = lake.source("binance", "BTCUSDT", ["bars@1h", "funding"], end=parse_ts("2026-03-01"))
    return source.tables["bars@1h"], source.tables["funding"]


def sharpe(one: Daily, returns: np.ndarray, since: str) -> float:
    kept = returns[one.day >= parse_ts(since) // DAY]
    return float(kept.mean() / kept.std(ddof=1) * np.sqrt(365))


def test_holding_and_trend_on_our_hours_are_the_documented_numbers(hours: tuple[Table, Table]) -> None:
    one = baselines.daily(*hours)
    held = baselines.hold(one)
    assert [round(sharpe(one, held, w), 4) for w in WINDOWS] == [0.6987, 0.9965, -0.3666]
    assert round(sharpe(one, baselines.hold(one, funded=False), "2020-01-01"), 4) == 0.9003
    both = baselines.followed(one, baselines.time_series_momentum(one), 7e-4)
    assert [round(sharpe(one, both, w), 4) for w in WINDOWS] == [1.1299, 0.8563, 0.0742]
    flat = baselines.followed(one, baselines.time_series_momentum(one, flat=True), 7e-4)
    assert [round(sharpe(one, flat, w), 4) for w in WINDOWS] == [1.2404, 1.1977, -0.1331]


def test_the_hour_at_22_utc_earned_the_documented_bps(hours: tuple[Table, Table]) -> None:
    bars = hours[0]
    means = []
    for since in WINDOWS:
        window = bars[int(np.searchsorted(bars.clock, parse_ts(since), side="right")) :]
        means.append(round(float(baselines.hour_returns(window, 22).mean()), 2))
    assert means == [3.80, 5.60, 4.96]


def test_carry_is_the_funding_that_a_short_received(hours: tuple[Table, Table]) -> None:
    one = baselines.daily(*hours)
    funding = hours[1]
    inside = (funding.clock > (one.day[0] + 1) * DAY) & (funding.clock <= (one.day[-1] + 1) * DAY)
    assert baselines.carry(one).sum() == pytest.approx(funding["funding_rate"][inside].sum(), abs=2e-3)


def made(closes: list[float], paid: list[float] | None = None) -> Daily:
    close = np.array(closes)
    moved = np.concatenate([[0.0], close[1:] / close[:-1] - 1.0])
    return Daily(np.arange(len(close)), close, moved, np.zeros(len(close)) if paid is None else np.array(paid))


def test_a_chosen_exposure_earns_from_the_next_day_and_its_change_is_paid_for_then() -> None:
    one = made([100, 110, 121, 121], [0, 0.0, 0.01, 0.0])
    got = baselines.followed(one, np.array([np.nan, 2.0, 2.0, 0.0]), 0.001)
    np.testing.assert_allclose(got, [0.0, 0.0, 2 * (0.1 - 0.01) - 0.002, 0.0], atol=1e-12)


def test_channels_go_long_at_a_high_and_flat_below_the_middle() -> None:
    closes = [100 + x for x in [*range(40), 38, 30, 20, 10]]
    exposure = baselines.donchian(made(closes), channels=(5,), target=10.0, cap=1.0)
    assert exposure[39] == 1.0
    assert exposure[-1] == 0.0


def test_the_cross_section_is_short_what_pays_most() -> None:
    days = 40
    many = [Daily(np.arange(days), np.full(days, 100.0), np.zeros(days), np.full(days, rate)) for rate in (0.001, 0.0005, 0.0)]
    _, returns = baselines.cross_section(many, cost=0.0)
    assert returns[-1] == pytest.approx(0.5 * 0.001)
    with pytest.raises(UserError, match="at least three"):
        baselines.cross_section(many[:2], 0.0)


def test_a_missing_day_is_refused() -> None:
    opened = np.concatenate([np.arange(48), np.arange(96, 144)]) * HOUR
    flat = {name: np.full(96, 100.0) for name in BARS.names if name not in ("ref_ts", "known_ts", "complete")}
    bars = Table.of(BARS, ref_ts=opened, known_ts=opened + HOUR, complete=np.ones(96, bool), **flat)
    with pytest.raises(UserError, match="without a missing day"):
        baselines.daily(bars, None)
