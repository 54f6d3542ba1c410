"""Bars and trades written by hand, the recorded tape, and a graph over them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from perpscope.core.batch import Batch, cut
from perpscope.core.events import BARS, TRADE
from perpscope.core.fold import Fold
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect

INSTRUMENT = Instrument("demo", "X", tick_size=1.0, lot_size=1.0)


def make_bars(
    close: Sequence[float],
    buy: Sequence[float] | None = None,
    sell: Sequence[float] | None = None,
    *,
    high: Sequence[float] | None = None,
    low: Sequence[float] | None = None,
    start: int = 0,
    step: int = MINUTE,
    complete: Sequence[bool] | None = None,
    ref: Sequence[int] | None = None,
) -> Table:
    """Bars one after the other (or at `ref`); volumes of 1 where none are given."""
    closes = np.asarray(close, float)
    n = len(closes)
    refs = start + step * np.arange(n, dtype=np.int64) if ref is None else np.asarray(ref, np.int64)
    opens = np.r_[closes[:1], closes[:-1]]
    bought = np.full(n, np.nan) if buy is None else np.asarray(buy, float)
    sold = np.full(n, np.nan) if sell is None else np.asarray(sell, float)
    return Table.filled(
        BARS,
        ref_ts=refs,
        known_ts=refs + step,
        open=opens,
        high=np.maximum(opens, closes) if high is None else high,
        low=np.minimum(opens, closes) if low is None else low,
        close=closes,
        volume=np.ones(n) if buy is None else np.nan_to_num(bought) + np.nan_to_num(sold),
        buy_volume=bought,
        sell_volume=sold,
        complete=np.ones(n, bool) if complete is None else np.asarray(complete, bool),
    )


def make_trades(*prints: tuple[int, str, float, float], first_id: int = 1) -> Table:
    """Trades from (ns, "B" or "S", price, quantity)."""
    return Table.filled(
        TRADE,
        exchange_ts=[p[0] for p in prints],
        trade_id=range(first_id, first_id + len(prints)),
        price=[p[2] for p in prints],
        quantity=[p[3] for p in prints],
        aggressor_side=["BS".index(p[1]) + 1 for p in prints],
    )


def run(
    wanted: str | Fold,
    tables: dict[str, Table],
    *,
    frame: str = "1m",
    instrument: Instrument = INSTRUMENT,
    settings: dict | None = None,
    watermarks: Sequence[int] = (),
    end: int | None = None,
) -> Table:
    """The rows of a fold over the given streams, in one batch or cut at the watermarks."""
    graph = Graph(instrument, [wanted], set(tables), frame, settings)
    last = max(int(t.clock[-1]) for t in tables.values() if len(t)) if end is None else end
    return collect(graph, cut(Batch(last, tables), watermarks))[list(graph.nodes)[-1]]


@cache
def recorded_tape(shared_data: Path, name: str = "binance_usdm/BTCUSDT-2024-08-08") -> Table:
    """The public trades of a wire recording, in order of arrival, parsed here and not by the package."""
    rows = []
    with gzip.open(shared_data / "wire" / f"{name}.jsonl.gz", "rt") as lines:
        for line in lines:
            if '@trade"' not in line:
                continue
            data = json.loads(line.partition(" ")[2])["data"]
            rows.append((data["T"] * 1_000_000, data["t"], float(data["p"]), float(data["q"]), 2 if data["m"] else 1))
    stamps, ids, prices, quantities, sides = zip(*rows, strict=True)
    return Table.filled(
        TRADE, exchange_ts=stamps, trade_id=ids, price=prices, quantity=quantities, aggressor_side=sides
    ).sorted()
