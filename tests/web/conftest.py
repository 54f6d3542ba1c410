"""A small invented market in a lake, made once: 30 days of hourly bars with open interest, a day of trades at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perpscope.core.events import BARS, FUNDING, MARK_BARS, OPEN_INTEREST
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, NULL_TS, parse_ts
from perpscope.lake import Lake, store
from perpscope.web.serve import Serving, serving

START = parse_ts("2024-01-01")
BARS_HELD = 800
HOLE = slice(700, 706)
"""Hours that are missing."""


def hourly_tables(bars: int = BARS_HELD, seed: int = 3, price: float = 50_000.0) -> dict[str, Table]:
    """A random walk with everything that the folds of leverage need; a hole of six hours near the end."""
    rng = np.random.default_rng(seed)
    close = np.round(price * np.exp(np.cumsum(rng.normal(0.0, 0.006, bars))), 1)
    opening = np.append(price, close[:-1])
    high = np.round(np.maximum(opening, close) * (1.0 + rng.uniform(0.0, 0.004, bars)), 1)
    low = np.round(np.minimum(opening, close) * (1.0 - rng.uniform(0.0, 0.004, bars)), 1)
    volume = rng.uniform(500.0, 2_000.0, bars)
    bought = volume * rng.uniform(0.3, 0.7, bars)
    ref = START + HOUR * np.arange(bars)
    kept = np.ones(bars, bool)
    kept[HOLE] = False
    whole = Table.filled(
        BARS, ref_ts=ref, known_ts=ref + HOUR, open=opening, high=high, low=low, close=close, volume=volume, buy_volume=bought,
        sell_volume=volume - bought, complete=np.ones(bars, bool),
    )  # fmt: skip
    marks = Table.of(MARK_BARS, ref_ts=ref, known_ts=ref + HOUR, open=opening, high=high, low=low, close=close)
    polled = START + 5 * MINUTE * np.arange(1, bars * 12 + 1)
    interest = 80_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0005, len(polled))))
    paid = START + 8 * HOUR * np.arange(1, bars // 8 + 1)
    return {
        "bars@1h": whole[kept],
        "mark_bars@1h": marks,
        "open_interest": Table.filled(
            OPEN_INTEREST, exchange_ts=polled, receive_ts=np.full(len(polled), NULL_TS), open_interest=interest
        ),
        "funding": Table.of(
            FUNDING, exchange_ts=paid, receive_ts=np.full(len(paid), NULL_TS), funding_rate=rng.normal(1e-4, 5e-5, len(paid)),
            funding_interval=np.full(len(paid), 8 * HOUR),
        ),
    }  # fmt: skip


TIERS = TierTable(
    "demo", "BTCUSDT", (RiskTier(0.0, 5e6, 0.004, 0.0, 125.0), RiskTier(5e6, 1e9, 0.01, 3e4, 50.0)), None, None, "own"
)


def fill(folder: Path) -> Path:
    """A lake with two instruments, one of them without anything but bars."""
    lake = Lake(folder)
    coin = Instrument("demo", "BTCUSDT", base="BTC", quote="USDT", tick_size=0.1, tier_tables=(TIERS,))
    store(lake, coin, hourly_tables(), "simulation")
    bare = {"bars@1h": hourly_tables(300, 4, 2_000.0)["bars@1h"]}
    store(lake, Instrument("demo", "ETHUSDT", base="ETH", quote="USDT", tick_size=0.01), bare, "simulation")
    return folder


@pytest.fixture(scope="session")
def lake_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("web") / "lake")


@contextmanager
def running(lake: Path, **options: Any) -> Iterator[Serving]:
    """A server of its own on a free loopback port, in a thread, until the block ends."""
    ready = serving(lake, port=0, **options)
    thread = threading.Thread(target=ready.run, daemon=True)
    thread.start()
    until(lambda: ready.uvicorn.started)
    try:
        yield ready
    finally:
        ready.uvicorn.should_exit = True
        thread.join(10.0)
        assert not thread.is_alive()


def until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is so, at most so long."""
    deadline = time.monotonic() + seconds
    waiting = threading.Event()
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        waiting.wait(0.01)


@pytest.fixture(scope="module")
def served(lake_dir: Path) -> Iterator[Serving]:
    with running(lake_dir) as ready:
        yield ready
