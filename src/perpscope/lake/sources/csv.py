"""Preset `csv`: any CSV, gzip or plain, with a map from our column names to the file's.

The stream is the option `stream`, else it is told by the columns that are mapped or present under our own names:

| stream | needed | optional |
|---|---|---|
| bars (with a frame) | ref_ts open high low close volume | buy_volume trade_count |
| mark_bars (with a frame, option stream=mark_bars) | ref_ts open high low close | |
| trade | exchange_ts price quantity, and aggressor_side or is_buyer_maker | trade_id receive_ts |
| funding | exchange_ts funding_rate | funding_interval (hours) |
| open_interest | exchange_ts open_interest | open_interest_notional |
| mark_price | exchange_ts mark_price | index_price |
| liquidation | exchange_ts position_side price quantity | bankruptcy_price |

Times may be s, ms, us or ns, or text; text without an offset needs the option `zone` (an IANA name such as UTC),
because local clocks have shifted data sets before. `ref_ts` is the open of a bar. The origin is the option `origin`,
else 'csv'. Trades with ids are taken for gapless unless ids=random. Source: own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.time import HOUR
from perpscope.lake import stamps
from perpscope.lake.coverage import ANY, Continuity, framed
from perpscope.lake.sources.base import Floats, Parsed, Preset, Request, Times
from perpscope.lake.sources.files import floats, integers, need, read_bytes, read_csv
from perpscope.lake.sources.rows import bars, fundings, liquidations, mark_bars, marks, polled, snapshots, trades
from perpscope.lake.sources.words import aggressors, truths

_NEEDED = {
    "bars": ("ref_ts", "open", "high", "low", "close", "volume"),
    "mark_bars": ("ref_ts", "open", "high", "low", "close"),
    "funding": ("exchange_ts", "funding_rate"),
    "open_interest": ("exchange_ts", "open_interest"),
    "mark_price": ("exchange_ts", "mark_price"),
    "liquidation": ("exchange_ts", "position_side", "price", "quantity"),
    "trade": ("exchange_ts", "price", "quantity"),
}
_OPTIONAL = {
    "buy_volume", "trade_count", "trade_id", "receive_ts", "funding_interval", "open_interest_notional", "index_price",
    "bankruptcy_price", "aggressor_side", "is_buyer_maker",
}  # fmt: skip
_ORDER = ("bars", "funding", "open_interest", "mark_price", "liquidation", "trade")


class _Columns:
    """The file's columns under our names."""

    def __init__(self, rows: pl.DataFrame, path: Path, request: Request) -> None:
        known = {n for names in _NEEDED.values() for n in names} | _OPTIONAL
        for ours in request.column_map:
            if ours not in known:
                raise unknown_name("column of ours to map to", ours, known)
        need(rows, request.column_map.values(), path.name)
        self.name, self.zone = path.name, request.options.get("zone")
        self.rows = rows.rename({theirs: ours for ours, theirs in request.column_map.items()})

    def __contains__(self, name: str) -> bool:
        return name in self.rows.columns

    def floats(self, name: str) -> Floats:
        return floats(self.rows, name, self.name)

    def maybe(self, name: str) -> Floats | None:
        return self.floats(name) if name in self else None

    def times(self, name: str) -> Times:
        column = self.rows[name]
        if column.dtype != pl.String or column.cast(pl.Float64, strict=False).null_count() == 0:
            return stamps.to_ns(column, self.name)
        zoned = column.str.contains(r"(Z|[+-]\d\d:?\d\d)\s*$").all()
        if zoned:
            return stamps.zoned_text(column, self.name)
        if self.zone is None:
            raise UserError(f"The times of {self.name} are text without a zone. Add the option zone, such as zone=UTC.")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise UserError(f"There is no time zone '{self.zone}'. Use an IANA name such as UTC or Asia/Bangkok.") from None
        return stamps.to_ns(column, self.name, self.zone)


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        yield parse(read_csv(read_bytes(path), path.name), path, request)


def parse(rows: pl.DataFrame, path: Path, request: Request) -> Parsed:
    """One file as the stream that its columns or the option tell."""
    columns = _Columns(rows, path, request)
    kind = request.options.get("stream") or next((k for k in _ORDER if all(n in columns for n in _NEEDED[k])), None)
    if kind is None:
        raise UserError(
            f"{path.name} maps to no stream: its columns are {', '.join(columns.rows.columns)}. "
            f"Map them to ours, such as exchange_ts, price, quantity and aggressor_side for trades."
        )
    if kind not in _NEEDED:
        raise unknown_name("stream that a CSV can hold", kind, _NEEDED)
    need(columns.rows, _NEEDED[kind], path.name)
    origin = request.options.get("origin", "csv")
    if kind in ("bars", "mark_bars"):
        frame = request.need_frame(path)
        ohlcv = {n: columns.floats(n) for n in _NEEDED[kind][1:]}
        ref, stream = columns.times("ref_ts"), f"{kind}@{frame}"
        if kind == "mark_bars":
            return Parsed(path, stream, mark_bars(ref, frame, ohlcv), origin, framed(stream))
        table = bars(ref, frame, ohlcv, columns.maybe("buy_volume"), columns.maybe("trade_count"))
        return Parsed(path, stream, table, origin, framed(stream))
    ts = columns.times("exchange_ts")
    if kind == "trade":
        return _tape(columns, ts, path, request, origin)
    if kind == "liquidation":
        longs = aggressors(columns.rows["position_side"], path.name)
        prices = columns.floats("price"), columns.floats("quantity"), columns.maybe("bankruptcy_price")
        return Parsed(path, kind, liquidations(ts, longs, *prices), origin)
    if kind == "funding":
        hours = columns.maybe("funding_interval")
        interval = None if hours is None else np.rint(hours * HOUR).astype(np.int64)
        return Parsed(path, kind, fundings(ts, columns.floats("funding_rate"), interval), origin, ANY)
    if kind == "open_interest":
        table = snapshots(ts, columns.floats("open_interest"), columns.maybe("open_interest_notional"))
        return Parsed(path, kind, table, *polled(origin, ts, request.frame))
    table = marks(ts, columns.floats("mark_price"), columns.maybe("index_price"))
    return Parsed(path, kind, table, *polled(origin, ts, request.frame))


def _tape(columns: _Columns, ts: Times, path: Path, request: Request, origin: str) -> Parsed:
    if "aggressor_side" in columns:
        buys = aggressors(columns.rows["aggressor_side"], path.name)
    elif "is_buyer_maker" in columns:
        buys = ~truths(columns.rows["is_buyer_maker"], path.name)
    else:
        raise UserError(
            f"The trades of {path.name} have no side. Map aggressor_side (buy, sell) or is_buyer_maker (true, false)."
        )
    ids = integers(columns.rows, "trade_id", path.name) if "trade_id" in columns else None
    received = columns.times("receive_ts") if "receive_ts" in columns else None
    table = trades(ts, columns.floats("price"), columns.floats("quantity"), buys, ids, received)
    gapless = ids is not None and request.options.get("ids") != "random"
    return Parsed(path, "trade", table, origin, Continuity("ids" if gapless else "silence"))


PRESET = Preset(
    "csv",
    "any CSV with a map from our column names to the file's",
    read,
    {
        "stream": "trade, bars, mark_bars, funding, open_interest, mark_price or liquidation",
        "zone": "IANA zone of text times without an offset",
        "origin": "name of who said it",
        "ids": "'random' when trade ids are not consecutive",
    },
)
