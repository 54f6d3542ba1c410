"""Preset `coinalyze`: the four histories of Coinalyze as parquet with a `ts` column (the open of an interval, UTC).

A row describes [ts, ts + frame) and is known only at its end:

| columns | stream | our reading |
|---|---|---|
| open high low close volume buy_volume trades buy_trades | bars@frame | |
| oi_open oi_high oi_low oi_close | open_interest | a snapshot of `oi_close` at the END of the interval |
| liq_long liq_short | liquidation_totals@frame | coins; sums of a feed that shows one event a second at most |
| ls_ratio long_pct short_pct | long_short_ratio@frame | all accounts; percents divided by 100 |

An absent interval of liquidations is absent, not zero. The frame is taken from the request, else from the commonest
distance of two rows. Source: shared data catalogue, section 1.7; coinalyze.net API documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from perpscope.core.errors import UserError
from perpscope.core.events import RatioKind
from perpscope.lake import stamps
from perpscope.lake.coverage import framed
from perpscope.lake.sources.base import Parsed, Preset, Request
from perpscope.lake.sources.files import floats, need, read_parquet
from perpscope.lake.sources.rows import bars, frame_of, polled, ratios, snapshots, totals

ORIGIN = "coinalyze"


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        yield replace(parse(read_parquet(path), path, request), symbol=request.symbol_of(path))


def parse(rows: pl.DataFrame, path: Path, request: Request) -> Parsed:
    """One history as the stream that its columns tell."""
    name = path.name
    need(rows, ["ts"], name)
    ts = stamps.to_ns(rows["ts"], name)
    frame = request.frame or frame_of(ts, path)
    column = {c: floats(rows, c, name) for c in rows.columns if c != "ts"}
    if "oi_close" in column:
        table = snapshots(ts + frame.ns, column["oi_close"])
        return Parsed(path, "open_interest", table, *polled(ORIGIN, ts, frame))
    if "liq_long" in column:
        need(rows, ["liq_short"], name)
        stream = f"liquidation_totals@{frame}"
        return Parsed(path, stream, totals(ts, frame, column["liq_long"], column["liq_short"]), ORIGIN, framed(stream))
    if "long_pct" in column:
        need(rows, ["short_pct"], name)
        stream = f"long_short_ratio@{frame}"
        table = ratios(ts, frame, RatioKind.ALL_ACCOUNTS, column["long_pct"] / 100, column["short_pct"] / 100)
        return Parsed(path, stream, table, ORIGIN, framed(stream))
    if "open" not in column:
        raise UserError(f"{name} is none of the Coinalyze histories. It has: {', '.join(rows.columns)}.")
    need(rows, ["high", "low", "close", "volume", "buy_volume", "trades"], name)
    stream = f"bars@{frame}"
    return Parsed(path, stream, bars(ts, frame, column, column["buy_volume"], column["trades"]), ORIGIN, framed(stream))


PRESET = Preset("coinalyze", "Coinalyze histories: bars with buy volume, open interest, liquidations, long/short ratio", read)
