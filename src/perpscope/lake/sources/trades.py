"""Preset `trades`: tapes of public prints as parquet or CSV, the columns telling which recorder wrote them.

| columns | recorder | time | ids |
|---|---|---|---|
| ts px sz side | Hyperliquid collector | ms | none; `side` B = aggressive buy, A = aggressive sell |
| exch_ts_ms ts_ms trade_id price qty side | Binance collector | ms | consecutive |
| exchange_timestamp timestamp trade_id price size side | Hyperliquid collector | ms, local float s | hashes |
| id unix_timestamp_ms side price quantity | Aster collector | ms | consecutive, two id spaces |

`side` buy/sell is the aggressor's. A tape without ids is kept as it is: equal rows are most likely equal fills of one
millisecond. Rows of a tape with ids that repeat an id are replays and dropped. Unordered rows are sorted by exchange
time; equals keep their order. Where ids are consecutive a missing one is a hole; elsewhere a silence longer than the
option `silence` is. Source: shared data catalogue, sections 3.1 to 3.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from perpscope.core.errors import UserError
from perpscope.core.time import parse_span
from perpscope.lake import stamps
from perpscope.lake.coverage import SILENCE, Continuity
from perpscope.lake.sources.base import Parsed, Preset, Request
from perpscope.lake.sources.files import floats, integers, need, read_bytes, read_csv, read_parquet
from perpscope.lake.sources.rows import trades
from perpscope.lake.sources.words import aggressors

ORIGIN = "tape"

# the column of: exchange time, receive time, id, price, quantity; and whether the ids are consecutive
_SHAPES: tuple[tuple[str, str | None, str | None, str, str, bool], ...] = (
    ("exch_ts_ms", "ts_ms", "trade_id", "price", "qty", True),
    ("exchange_timestamp", "timestamp", "trade_id", "price", "size", False),
    ("unix_timestamp_ms", None, "id", "price", "quantity", True),
    ("ts", None, None, "px", "sz", False),
)


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        data = read_bytes(path)
        frame = read_parquet(path) if data[:4] == b"PAR1" else read_csv(data, path.name)
        yield parse(frame, path, request)


def parse(frame: pl.DataFrame, path: Path, request: Request) -> Parsed:
    """One tape."""
    name = path.name
    shape = next((s for s in _SHAPES if s[0] in frame.columns), None)
    if shape is None:
        raise UserError(f"{name} is no tape of a known recorder. It has: {', '.join(frame.columns)}. Try the preset csv.")
    exchange, receive, ident, price, quantity, consecutive = shape
    need(frame, [c for c in (receive, ident, price, quantity, "side") if c], name)
    table = trades(
        stamps.to_ns(frame[exchange], name),
        floats(frame, price, name),
        floats(frame, quantity, name),
        aggressors(frame["side"], name),
        integers(frame, ident, name) if ident else None,
        stamps.to_ns(frame[receive], name) if receive else None,
    )
    silence = parse_span(request.options["silence"]) if "silence" in request.options else SILENCE
    return Parsed(path, "trade", table, ORIGIN, Continuity("ids" if consecutive else "silence", silence))


PRESET = Preset(
    "trades",
    "tapes of public trades from four recorders (Hyperliquid, Binance, Aster)",
    read,
    {"silence": "longest quiet that is no hole, such as 120s"},
)
