"""Event study: 20,000 events, 8 horizons, matched placebos, 1,000 placebo draws, against a memory-bound limit.

    python benchmarks/evidence.py

The limit: every placebo draw must at least read one number per event, horizon and draw; numpy's gather of as many numbers
is timed in the same run.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

import numpy as np

from perpscope.core.time import MINUTE, parse_ts
from perpscope.research.event_study import Events, Prepared, PricePath, Settings, study_events

BARS, EVENTS, DRAWS, GOAL = 1_500_000, 20_000, 1_000, 10.0


def path() -> PricePath:
    """Three years of 1 m bars, so that all eight horizons are measured."""
    rng = np.random.default_rng(1)
    slow = np.exp(0.4 * np.sin(np.arange(BARS) / 9000.0))
    close = 100.0 * np.exp(np.cumsum(rng.standard_normal(BARS) * 6e-4 * slow))
    before = np.concatenate([[100.0], close[:-1]])
    wick = 1.0 + np.abs(rng.standard_normal(BARS)) * 3e-4
    known = parse_ts("2023-01-02") + MINUTE * np.arange(1, BARS + 1)
    volume = rng.gamma(2.0, 1.0, BARS)
    return PricePath(
        "MADE", MINUTE, known, np.maximum(before, close) * wick, np.minimum(before, close) / wick, close, volume, volume
    )


def main() -> None:
    print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.2f}; {BARS} bars, {EVENTS} events, {DRAWS} draws")
    made = path()
    rng = np.random.default_rng(2)
    at = np.sort(rng.choice(np.arange(10_000, BARS - 10_000), EVENTS, replace=False))
    events = Events(at, rng.choice([-1.0, 1.0], EVENTS))
    settings = Settings(replications=2_000, placebo_draws=DRAWS)
    small = replace(
        made, **{n: getattr(made, n)[:20_000] for n in ("known_ts", "high", "low", "close", "volume", "liquidated")}
    )
    study_events([Prepared(small)], [Events(np.arange(5000, 9000, 50), np.ones(80))], seed=1, settings=settings)  # compile

    begin = time.perf_counter()
    study = study_events([Prepared(made)], [events], seed=1, targets=["return_bps"], settings=settings)
    one = time.perf_counter() - begin
    gathered = sum(cell.effect.n for cell in study.cells) * DRAWS

    pool = rng.standard_normal(settings.pool)
    index = rng.integers(0, settings.pool, size=4_000_000, dtype=np.int32)
    begin = time.perf_counter()
    for _ in range(gathered // len(index)):
        pool[index].sum()
    limit = time.perf_counter() - begin

    kept = ", ".join(f"{cell.horizon} {cell.effect.n}" for cell in study.cells)
    print(f"matched events: {kept}")
    print(f"event study, 8 horizons, direction: {one:.2f} s")
    print(f"{one / limit:.1f} x the bare gather of {gathered:,} numbers ({limit:.2f} s)")
    print(f"goal: below {GOAL:g} s: {'MET' if one < GOAL else 'MISSED'}")
    print(f"load {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
