"""A sweep on a local Ray cluster of two workers finds what threads find. Run by `make cluster-test`, which installs Ray."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import ray

from backtest.made import bars_of
from perpscope.core.instrument import Instrument
from perpscope.core.time import HOUR, parse_ts
from perpscope.lake import Lake
from perpscope.lake.store import store
from perpscope.research.sweep.plan import sweep_of
from perpscope.research.sweep.runners import on_cluster, on_threads

DATA = {
    "venue": "binance",
    "symbols": ["BTCUSDT"],
    "start": "2024-01-10",
    "end": "2024-03-01",
    "timeframe": "1h",
    "warmup": "9d",
}


def test_two_ray_workers_find_what_threads_find(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    closes = np.round(60_000.0 * np.exp(np.cumsum(0.004 * rng.standard_normal(24 * 61))), 1)
    instrument = Instrument("binance", "BTCUSDT", base="BTC", quote="USDT", tick_size=0.1, lot_size=0.001)
    store(Lake(tmp_path / "lake"), instrument, {"bars@1h": bars_of(closes, HOUR, parse_ts("2024-01-01"))}, "made")
    grid = {"risk.risk_fraction": [0.002, 0.004, 0.006, 0.008]}
    plan = sweep_of({"data": DATA, "setup": [{"name": "session_open"}], "sweep": {"family": "cluster", "grid": grid}})
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        clustered = sorted(on_cluster(tmp_path / "lake", plan.variants, 2), key=lambda m: m.number)
    finally:
        ray.shutdown()
    here = sorted(on_threads(tmp_path / "lake", plan.variants, 1), key=lambda m: m.number)
    assert [m.error for m in clustered] == [""] * 4
    assert max(m.metrics["round_trips"] or 0.0 for m in clustered) > 5
    assert msgspec.json.encode(clustered) == msgspec.json.encode(here)
