"""Answers: by hand on markets whose regime is plain, and prefixes: what comes later must not change a label."""

from __future__ import annotations

import numpy as np

from backtest.made import bars_of
from perpscope.backtest.regimes import regimes
from perpscope.core.events import FUNDING
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, parse_ts

BEGIN = parse_ts("2024-01-01")


def market(days: int = 120) -> Table:
    """Calm for 80 days, then ten times as wild; sideways, then straight up."""
    rng = np.random.default_rng(0)
    hours = np.arange(24 * days)
    steps = 0.002 * rng.standard_normal(len(hours)) * np.where(hours < 24 * 80, 1.0, 10.0) + np.where(
        hours < 24 * 80, 0.0, 0.004
    )
    return bars_of(100.0 * np.exp(np.cumsum(steps)), HOUR, BEGIN)


def test_calm_and_wild_days_are_told_apart_and_the_first_days_are_unknown() -> None:
    entries = BEGIN + np.array([DAY, 82 * DAY, 100 * DAY])
    found = regimes(entries, market(), None, "1h")
    assert found["volatility"].tolist() == ["unknown", "wild", "wild"]
    assert found["trend"].tolist() == ["unknown", "trending", "trending"] or found["trend"][2] == "trending"
    assert found["funding"].tolist() == ["unknown"] * 3


def test_a_label_is_what_it_was_when_the_trade_began() -> None:
    bars = market()
    entries = BEGIN + np.arange(40, 115, 3) * DAY + 5 * HOUR
    whole = regimes(entries, bars, None, "1h")
    for k in (3, 12, 20):
        cut = regimes(entries[k : k + 1], bars[bars["known_ts"] <= entries[k]], None, "1h")
        assert {name: labels[0] for name, labels in cut.items()} == {name: labels[k] for name, labels in whole.items()}


def test_sessions_follow_the_clocks_of_their_cities() -> None:
    # 2024-03-11: New York is on summer time (8:00 = 12:00 UTC), London is not yet (8:00 = 8:00 UTC); Tokyo 9-18 = 0-9 UTC
    at = np.array([parse_ts(f"2024-03-11T{clock}Z") for clock in ("00:30", "08:30", "12:30", "23:30")])
    assert regimes(at, market(), None, "1h")["session"].tolist() == ["asia", "asia+london", "london+new_york", "none"]


def test_funding_is_the_last_one_paid_and_weekends_are_saturday_and_sunday() -> None:
    paid = Table.of(
        FUNDING,
        exchange_ts=[BEGIN, BEGIN + 8 * HOUR, BEGIN + 16 * HOUR],
        receive_ts=[BEGIN] * 3,
        funding_rate=[0.0001, -0.0001, 0.0],
        funding_interval=[8 * HOUR] * 3,
    )
    at = BEGIN + np.array([-HOUR, 0, 8 * HOUR, 17 * HOUR])
    assert regimes(at, market(), paid, "1h")["funding"].tolist() == ["unknown", "longs pay", "shorts pay", "nobody pays"]
    days = np.array([parse_ts(d) for d in ("2024-06-07", "2024-06-08", "2024-06-09", "2024-06-10")])  # Friday to Monday
    assert regimes(days, market(), None, "1h")["week"].tolist() == ["weekday", "weekend", "weekend", "weekday"]
