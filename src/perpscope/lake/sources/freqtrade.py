"""Preset `freqtrade`: feather (or parquet) files of a freqtrade data folder.

| file name | columns | stream |
|---|---|---|
| BTC_USDT_USDT-5m-futures.feather, BTC_USDT-5m.feather | date open high low close volume | bars@frame |
| BTC_USDT_USDT-1h-mark.feather | the same, volume 0 | mark_bars@frame |
| BTC_USDT_USDT-8h-funding_rate.feather | the same; the rate stands in `open` (or `funding_rate`) | funding |
| BTC_USDT_USDT-trades.feather | timestamp id type side price amount cost | trade |

`date` is the open of the candle (datetime, UTC), for funding the settlement; the interval is inferred from the
stamps, because the frame in the name is not it. `timestamp` is in ms, `side` the aggressor's. Ids of trades need not
be consecutive, so a silence of two minutes is a hole. The frame is read from the name. Source: freqtrade
documentation, "Data Downloading" and "freqtrade/constants.py" (DEFAULT_TRADES_COLUMNS).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from perpscope.core.errors import UserError
from perpscope.core.time import Timeframe
from perpscope.lake import stamps
from perpscope.lake.coverage import Continuity, framed
from perpscope.lake.sources.base import Parsed, Preset, Request
from perpscope.lake.sources.files import floats, need, read_feather
from perpscope.lake.sources.rows import bars, fundings, mark_bars, trades
from perpscope.lake.sources.words import aggressors

ORIGIN = "freqtrade"


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        yield parse(read_feather(path), path, request)


def parse(rows: pl.DataFrame, path: Path, request: Request) -> Parsed:
    """One file as the stream that its name tells."""
    name = path.name
    if "-trades." in name:
        return _tape(rows, path)
    found = re.search(r"-(\d+[mhdw])(?:-(futures|mark|funding_rate|spot|index|premiumIndex))?\.", name)
    if found is None and request.frame is None:
        raise UserError(f"{name} is not named like a freqtrade file, such as BTC_USDT_USDT-5m-futures.feather. Name the frame.")
    kind = found[2] if found else None
    if kind in ("index", "premiumIndex"):
        raise UserError(f"{name} holds the {kind}, which is no stream of the lake.")
    need(rows, ["date"], name)
    ts = stamps.to_ns(rows["date"], name)
    if kind == "funding_rate":
        column = "funding_rate" if "funding_rate" in rows.columns else "open"
        need(rows, [column], name)
        return Parsed(path, "funding", fundings(ts, floats(rows, column, name)), ORIGIN)
    frame = request.frame or Timeframe.parse(found[1] if found else "")
    need(rows, ["open", "high", "low", "close", "volume"], name)
    ohlcv = {c: floats(rows, c, name) for c in rows.columns if c != "date"}
    if kind == "mark":
        stream = f"mark_bars@{frame}"
        return Parsed(path, stream, mark_bars(ts, frame, ohlcv), ORIGIN, framed(stream))
    stream = f"bars@{frame}"
    return Parsed(path, stream, bars(ts, frame, ohlcv), ORIGIN, framed(stream))


def _tape(rows: pl.DataFrame, path: Path) -> Parsed:
    name = path.name
    need(rows, ["timestamp", "id", "side", "price", "amount"], name)
    ids = rows["id"].cast(pl.Int64, strict=False).fill_null(-1).to_numpy().astype(np.int64)
    ts = stamps.to_ns(rows["timestamp"], name)
    table = trades(ts, floats(rows, "price", name), floats(rows, "amount", name), aggressors(rows["side"], name), ids)
    return Parsed(path, "trade", table, ORIGIN, Continuity("silence"))


PRESET = Preset("freqtrade", "feather files of freqtrade: candles, mark, funding rate, trades", read)
