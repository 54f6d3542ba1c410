"""Preset `bars-parquet`: one parquet file per symbol with a `ts` column and what describes the stretch or instant.

Rules of the format: `ts` is an integer time (the unit is told by magnitude). For prices it is the open of the bar,
and the bar becomes known one frame later; for open interest it is the instant of the snapshot, known at once; for
funding it is the settlement, jitter and all. The columns tell what the file holds:

| columns | stream |
|---|---|
| open high low close volume (+ taker_buy_volume or buy_volume, trades) | bars@frame |
| open high low close | mark_bars@frame |
| funding_rate (+ funding_interval_hours) | funding |
| oi or open_interest (+ oi_usd) | open_interest |

The frame is taken from the request, else from the commonest distance of two rows. Stamps of open interest that are a
second or two late are kept as they are: they are when the value was read. The origin is the venue itself
(for open interest with the beat at which it was read, such as binance-5m).

Source: shared data catalogue, sections 1.1 to 1.6 and 1.9. (Four symbols of its hourly panel are spot: import them
under a spot venue.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from perpscope.core.time import HOUR
from perpscope.lake import stamps
from perpscope.lake.coverage import framed
from perpscope.lake.sources.base import Floats, Parsed, Preset, Request
from perpscope.lake.sources.files import floats, need, read_parquet
from perpscope.lake.sources.rows import bars, frame_of, fundings, mark_bars, polled, snapshots


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        yield replace(parse(read_parquet(path), path, request), symbol=request.symbol_of(path))


def parse(frame: pl.DataFrame, path: Path, request: Request) -> Parsed:
    """One file's rows as the stream that its columns tell."""
    name = path.name
    need(frame, ["ts"], name)
    ts = stamps.to_ns(frame["ts"], name)
    if "funding_rate" in frame.columns:
        rate, hours = floats(frame, "funding_rate", name), "funding_interval_hours"
        interval = np.rint(floats(frame, hours, name) * HOUR).astype(np.int64) if hours in frame.columns else None
        return Parsed(path, "funding", fundings(ts, rate, interval), request.venue)
    for column in ("oi", "open_interest"):
        if column in frame.columns:
            notional = floats(frame, "oi_usd", name) if "oi_usd" in frame.columns else None
            table = snapshots(ts, floats(frame, column, name), notional)
            return Parsed(path, "open_interest", table, *polled(request.venue, ts, request.frame))
    need(frame, ["open", "high", "low", "close"], name)
    length = request.frame or frame_of(ts, path)
    ohlcv: dict[str, Floats] = {
        c: floats(frame, c, name) for c in ("open", "high", "low", "close", "volume") if c in frame.columns
    }
    if "volume" not in ohlcv:
        stream = f"mark_bars@{length}"
        return Parsed(path, stream, mark_bars(ts, length, ohlcv), request.venue, framed(stream))
    buys = next((floats(frame, c, name) for c in ("taker_buy_volume", "buy_volume") if c in frame.columns), None)
    count = floats(frame, "trades", name) if "trades" in frame.columns else None
    stream = f"bars@{length}"
    return Parsed(path, stream, bars(ts, length, ohlcv, buys, count), request.venue, framed(stream))


PRESET = Preset("bars-parquet", "parquet of bars, mark prices, funding or open interest, one symbol a file", read)
