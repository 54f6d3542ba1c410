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


def upside_down(table: Table, about: float) -> Table:
    """The table of the market whose price p is `about` - p, as the schema's columns say.

    With about = K * step - 1 ticks the bins of a profile or footprint turn into bins (ORDERFLOW section 2), which no
    other mirror does.
    """
    made = {}
    for c in table.schema.columns:
        kind, _, other = c.mirror.partition(":")
        values = table[other] if kind == "swap" else table[c.name]
        if c.unit == "price" and kind in ("swap", "reflect"):
            values = about - values
        elif kind == "negate" or (kind == "swap" and c.name in ("min_delta", "max_delta")):
            values = -values
        elif kind == "flip":
            values = np.where(values == 1, 2, np.where(values == 2, 1, values))
        made[c.name] = values
    return Table.of(table.schema, **made)


def random_tape(seed: int, n: int, until: int, start_tick: int = 500) -> Table:
    """Trades on whole ticks and quantities that wander; seeded."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(0, until, n))
    at[0] = 0  # so that the first bar is seen whole
    return Table.filled(
        TRADE,
        exchange_ts=at,
        trade_id=np.arange(n),
        price=start_tick + np.cumsum(rng.integers(-2, 3, n)).astype(float),
        quantity=rng.integers(1, 30, n).astype(float),
        aggressor_side=rng.integers(1, 3, n),
    )


def assert_same_rows(a: Table, b: Table, ignore: tuple[str, ...] = ()) -> None:
    """The same rows but for ids, the named columns, and the order of rows known at one instant."""
    assert len(a) == len(b), f"{len(a)} rows against {len(b)}"
    names = [c.name for c in a.schema.columns if c.unit != "id" and c.name not in ignore]
    order = [t[np.lexsort([np.nan_to_num(t[n].astype(float)) for n in reversed(names)])] for t in (a, b)]
    for name in names:
        np.testing.assert_allclose(order[0][name], order[1][name], rtol=1e-9, atol=1e-9, err_msg=name)
