"""Evidence measured on a local Ray cluster is that of this process, byte for byte. Run by `make cluster-test`."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from backtest.made import bars_of
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.time import HOUR, parse_ts
from perpscope.lake import Lake
from perpscope.lake.store import store
from perpscope.research.event_study import Prepared
from perpscope.research.evidence.collect import Window, collect
from perpscope.research.evidence.gates import gates
from perpscope.research.evidence.table import adapter
from perpscope.research.evidence.tables import Ready
from perpscope.research.evidence.workers import measured_by

FACTORS = ("displacements", "swings", "trend")


def test_two_ray_workers_measure_what_this_process_measures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    closes = np.round(60_000.0 * np.exp(np.cumsum(0.004 * rng.standard_normal(24 * 90))), 1)
    instrument = Instrument("binance", "BTCUSDT", base="BTC", quote="USDT", tick_size=0.1, lot_size=0.001)
    lake = Lake(tmp_path / "lake")
    store(lake, instrument, {"bars@1h": bars_of(closes, HOUR, parse_ts("2024-01-01"))}, "made")
    adapters = [adapter(name) for name in FACTORS]
    window = Window("binance", ("BTCUSDT",), "1h", parse_ts("2024-01-20"), parse_ts("2024-03-28"))
    collected = [collect(lake, window, "BTCUSDT", adapters)]
    ready = Ready(window, collected, [Prepared(one.path) for one in collected], gates(), 1)
    here = dict(measured_by(adapters, ready, 1))
    cluster = dict(measured_by(adapters, ready, 2, "ray"))
    assert set(cluster) == set(FACTORS)
    assert here["swings"].facts.effect.n > 20
    for name in FACTORS:
        assert msgspec.json.encode(cluster[name]) == msgspec.json.encode(here[name]), name


def test_an_unknown_runner_is_refused_in_a_sentence() -> None:
    with pytest.raises(UserError, match=r"no runner 'dask'\. Known: processes, ray"):
        next(measured_by([], None, 1, "dask"))
