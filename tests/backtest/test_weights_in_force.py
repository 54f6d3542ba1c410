"""Weights learned from a lake are dated, and a backtest reads at each bar only those in force by then.

The market is made so that a line of evidence foretells it: price drifts with the sign of its own moving averages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from backtest.test_run import instrument
from perpscope.backtest.config import BacktestConfig, config_of
from perpscope.backtest.run import run_backtest
from perpscope.backtest.weights import Learning, learn_from
from perpscope.core.errors import UserError
from perpscope.core.events import BARS
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, NULL_TS, parse_ts
from perpscope.lake import Lake
from perpscope.lake.store import store
from perpscope.setups.schedule import write_schedule

DAYS = 120
SETUPS = [{"name": "session_open"}]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Hourly bars whose drift turns every ten days, so that averages trend and foretell."""
    rng = np.random.default_rng(3)
    n = 24 * DAYS
    drift = 0.0015 * np.where((np.arange(n) // 240) % 2 == 0, 1.0, -1.0)
    close = np.round(1_000.0 * np.exp(np.cumsum(drift + 0.004 * rng.standard_normal(n))), 1)
    opens = np.r_[1_000.0, close[:-1]]
    ref = parse_ts("2024-01-01") + np.arange(n) * HOUR
    bars = Table.filled(
        BARS, ref_ts=ref, known_ts=ref + HOUR, open=opens, close=close, high=np.maximum(opens, close) + 0.5,
        low=np.minimum(opens, close) - 0.5, volume=np.full(n, 10.0), buy_volume=np.full(n, 5.0), sell_volume=np.full(n, 5.0),
        complete=np.ones(n, bool),
    )  # fmt: skip
    made = Lake(tmp_path_factory.mktemp("lake"))
    store(made, instrument(), {"bars@1h": bars}, "test")
    return made


def learning(**more: Any) -> Learning:
    given: dict[str, Any] = {"start": "2024-01-15", "end": "2024-04-25", "first": "40d", "every": "20d", "warmup": "10d"}
    return Learning("binance", "XUSDT", **{**given, **more})


def config(**more: Any) -> BacktestConfig:
    data = {"venue": "binance", "symbols": ["XUSDT"], "start": "2024-02-01", "end": "2024-04-25", "warmup": "20d"}
    return config_of({"data": data, "setup": SETUPS, **more})


def test_each_re_estimate_is_dated_and_learned_from_what_was_settled(lake: Lake) -> None:
    found = learn_from(lake, learning())
    assert [w.effective_ts for w in found] == learning().edges
    assert all(w.last_ts <= w.effective_ts and w.first_ts >= parse_ts("2024-01-15") for w in found)
    trend = dict(zip(found[-1].factors, found[-1].weights, strict=True))["trend"]
    assert trend > 0.2  # planted: ten days of drift outlive the averages
    moving = learn_from(lake, learning(train="30d"))
    assert all(w.effective_ts - w.first_ts <= 30 * DAY for w in moving)


def test_what_comes_later_cannot_change_a_re_estimate(lake: Lake) -> None:
    whole, cut = learn_from(lake, learning()), learn_from(lake, learning(end="2024-04-04"))
    assert cut[:2] == whole[:2]


def test_a_backtest_reads_at_each_bar_only_the_weights_in_force_by_then(lake: Lake, tmp_path: Path) -> None:
    found = learn_from(lake, learning())
    path = write_schedule(found, tmp_path / "weights.json")
    run = run_backtest(lake, config(weights=str(path), min_agreement=0.0))
    votes = run.histories[0].confluence
    assert votes is not None
    edges = np.array([w.effective_ts for w in found])
    at = np.searchsorted(edges, votes.clock, side="right") - 1
    assert votes["weights_ts"].tolist() == [int(edges[k]) if k >= 0 else NULL_TS for k in at]
    free = run_backtest(lake, config())
    refused = [d for d in run.decisions if d.reason == "confluence disagrees"]
    assert 0 < len(refused) < len(free.decisions)
    turned = msgspec.structs.replace(found[-2], weights=tuple(-w for w in found[-2].weights))
    later = [*found[:-2], turned]
    other = run_backtest(lake, config(weights=str(write_schedule(later, tmp_path / "other.json")), min_agreement=0.0))
    before = [repr(d) for d in run.decisions if d.known_ts < later[-1].effective_ts]
    assert before == [repr(d) for d in other.decisions if d.known_ts < later[-1].effective_ts]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"horizon": 0}, "at least one bar ahead"),
        ({"method": "magic"}, "equal or ridge"),
        ({"first": "300d"}, "shorter --first"),
        ({"ridge": 0.0}, "above zero"),
        ({"timeframe": "7x"}, "7x"),
        ({"start": "2030-01-01", "end": "2031-01-01"}, "2030|2031|holds"),
    ],
)
def test_bad_requests_are_refused_in_a_sentence(lake: Lake, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        learn_from(lake, learning(**given))


def test_a_file_of_weights_that_is_not_there_is_told(lake: Lake) -> None:
    with pytest.raises(UserError, match="no file of weights"):
        run_backtest(lake, config(weights="none.json", min_agreement=0.0))
