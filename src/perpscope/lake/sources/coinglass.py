"""Preset `coinglass`: histories of Coinglass as parquet, `ts` = the open of an interval, known only at its end.

| columns | stream | our reading |
|---|---|---|
| long_usd short_usd | liquidation_totals@frame | dollars, turned into coins at the last close in the lake |
| open high low close, file name with `oi` | open_interest | dollars at the END of the interval, into coins likewise |
| open high low close, file name with `funding` | funding | percent per 8 h over several venues, into a fraction |
| long_percent short_percent ratio | long_short_ratio@frame | top traders, by account |

Dollars need bars of the same venue and symbol in the lake first; an interval without a close known by its end (and
not a day old) is left out. Refused, with the reason: taker volume (its scope changes within the file), cumulative
delta and basis (no event of ours; the basis also carries the opposite sign). The values mix venues: give them a venue
of their own unless that is meant. Source: shared data catalogue, section 1.8.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from perpscope.core.errors import UserError
from perpscope.core.events import RatioKind
from perpscope.core.time import HOUR
from perpscope.lake import stamps
from perpscope.lake.coverage import framed
from perpscope.lake.sources.base import Parsed, Preset, Request
from perpscope.lake.sources.files import floats, need, read_parquet
from perpscope.lake.sources.rows import frame_of, fundings, polled, ratios, snapshots, totals

ORIGIN = "coinglass"

_REFUSED = {
    "buy_usd": "its scope and completeness change within the file, so levels mean nothing. Take taker volume from bars",
    "cvd": "a running sum in dollars is no event. Compute it from bars with buy volume",
    "open_basis": "a basis is no event, and this one has the opposite sign. Compute it from perpetual and spot bars",
}


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        yield parse(read_parquet(path), path, request)


def parse(rows: pl.DataFrame, path: Path, request: Request) -> Parsed:
    """One history as the stream that its columns and name tell."""
    name = path.name
    need(rows, ["ts"], name)
    for column, reason in _REFUSED.items():
        if column in rows.columns:
            raise UserError(f"{name} is not imported: {reason}.")
    ts = stamps.to_ns(rows["ts"], name)
    frame = request.frame or frame_of(ts, path)
    end = ts + frame.ns
    if "long_usd" in rows.columns:
        price = request.close_at(end)
        stream = f"liquidation_totals@{frame}"
        table = totals(ts, frame, floats(rows, "long_usd", name) / price, floats(rows, "short_usd", name) / price)
        return _priced(Parsed(path, stream, table, ORIGIN, framed(stream)), price)
    if "long_percent" in rows.columns:
        stream = f"long_short_ratio@{frame}"
        shares = floats(rows, "long_percent", name) / 100, floats(rows, "short_percent", name) / 100
        table = ratios(ts, frame, RatioKind.TOP_ACCOUNTS, *shares)
        return Parsed(path, stream, table, ORIGIN, framed(stream))
    need(rows, ["close"], name)
    close = floats(rows, "close", name)
    if "funding" in name:
        return Parsed(path, "funding", fundings(end, close / 100, np.full(len(end), 8 * HOUR)), f"{ORIGIN}-{frame}")
    if "oi" not in name.split("_"):
        raise UserError(f"{name} does not say whether it holds open interest or funding. Keep 'oi' or 'funding' in its name.")
    price = request.close_at(end)
    return _priced(Parsed(path, "open_interest", snapshots(end, close / price, close), *polled(ORIGIN, ts, frame)), price)


def _priced(parsed: Parsed, price: np.ndarray) -> Parsed:
    """Without the rows for which the lake knew no price."""
    known = np.isfinite(price)
    counts = {"intervals without a close in the lake": int((~known).sum())}
    return Parsed(parsed.path, parsed.stream, parsed.table[known], parsed.origin, parsed.continuity, counts=counts)


PRESET = Preset("coinglass", "Coinglass histories: liquidations, open interest, funding, top traders' ratio", read)
