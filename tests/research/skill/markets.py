"""Small recorded-looking studies for the skill tests: a random walk with reports that obey a given rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perpscope.core.events import BARS, LIQUIDATION, LIQUIDATION_TOTALS, OPEN_INTEREST, LiquidationFeed
from perpscope.core.table import Table
from perpscope.core.time import HOUR, parse_ts
from perpscope.research.calibration.study import Study, excursions
from research.calibration.world import instrument

START = parse_ts("2024-03-04T00:00Z")


def study(seed: int, days: int = 40, rule: Callable[[np.random.Generator, Table], np.ndarray] | None = None) -> Study:
    """Hourly bars, open interest and complete totals; without a rule reports come with the excursion alone."""
    rng = np.random.default_rng(seed)
    n = 24 * days
    close = np.log(1000.0) + np.cumsum(rng.standard_t(4, n) * 0.005)
    before = np.concatenate([[np.log(1000.0)], close[:-1]])
    high = np.maximum(before, close) + rng.exponential(0.002, n)
    low = np.minimum(before, close) - rng.exponential(0.002, n)
    volume = rng.gamma(3.0, 100.0, n)
    buys = volume * rng.uniform(0.3, 0.7, n)
    held = 20_000.0 + np.cumsum(rng.uniform(-0.05, 0.05, n) * volume)
    ref = START + HOUR * np.arange(n)
    bars = Table.filled(
        BARS, ref_ts=ref, known_ts=ref + HOUR, open=np.exp(before), high=np.exp(high), low=np.exp(low), close=np.exp(close),
        volume=volume, buy_volume=buys, sell_volume=volume - buys, complete=np.ones(n, bool),
    )  # fmt: skip
    if rule is None:
        reported = rng.gamma(0.7, 2000.0 * excursions(bars) + 0.1)
    else:
        reported = rule(rng, bars)
    totals = Table.of(
        LIQUIDATION_TOTALS, ref_ts=ref, known_ts=ref + HOUR, long_quantity=reported[:, 0], short_quantity=reported[:, 1],
        feed=np.full(n, int(LiquidationFeed.COMPLETE)),
    )  # fmt: skip
    interest = Table.filled(OPEN_INTEREST, exchange_ts=ref + HOUR, open_interest=held)
    start = START + 5 * 24 * HOUR
    tables = {"bars@1h": bars, "open_interest": interest}
    return Study(
        instrument(), tables, "1h", "1h", START, start, int(ref[-1]) + HOUR, totals[ref >= start], LIQUIDATION.empty(), "1h"
    )
