"""Made price paths: random walks with volatility that comes and goes, volume and liquidations that follow it."""

from __future__ import annotations

import numpy as np

from perpscope.core.time import HOUR, parse_ts
from perpscope.research.event_study import PricePath


def walk(seed: int, n: int, *, step: int = HOUR, holes: bool = False, bps: float = 50.0) -> PricePath:
    rng = np.random.default_rng(seed)
    slow = np.exp(np.convolve(rng.standard_normal(n + 200), np.exp(-np.arange(200) / 40.0), "valid")[:n] * 0.08)
    moves = rng.standard_normal(n) * bps * 1e-4 * slow
    close = 100.0 * np.exp(np.cumsum(moves))
    before = np.concatenate([[100.0], close[:-1]])
    wick = np.abs(rng.standard_normal((2, n))) * bps * 0.5e-4 * slow
    high, low = np.maximum(before, close) * (1 + wick[0]), np.minimum(before, close) * (1 - wick[1])
    known = parse_ts("2023-01-02") + step * np.arange(1, n + 1)
    if holes:
        known[n // 2 :] += 7 * step
    volume = rng.gamma(2.0, 1.0, n) * slow
    forced = np.where(rng.random(n) < 0.6, rng.gamma(0.5, 1e5, n) * slow, 0.0)
    return PricePath("MADE", step, known, high, low, close, volume, forced)
