"""Preset `coinalyze-daily`: wide CSVs of Coinalyze, one row a day, columns `<SYMBOL>_PERP.A_<field>`.

| fields | stream | our reading |
|---|---|---|
| longliq, shortliq | liquidation_totals@1d | base coin, known at the end of the day |
| oi | open_interest | end of the day |
| ls_ratio | long_short_ratio@1d | longs / shorts of all accounts; fractions r / (1 + r) and 1 / (1 + r) |
| fr | funding | percent, the settlement of 16:00 UTC that day: only one of the day's three, interval unknown |
| close, volume | refused | a bar needs open, high and low |

The date column is called `t` or has no name. The last row of such an export is a day that had not ended: it is left
out. '*' takes every symbol. Source: shared data catalogue, section 4.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.events import RatioKind
from perpscope.core.time import DAY, HOUR, Timeframe
from perpscope.lake import stamps
from perpscope.lake.coverage import Continuity, framed
from perpscope.lake.sources.base import Parsed, Preset, Request
from perpscope.lake.sources.files import floats, need, read_bytes, read_csv
from perpscope.lake.sources.rows import fundings, never, ratios, snapshots, totals

ORIGIN = "coinalyze-daily"
_FRAME = Timeframe.parse("1d")
_COLUMN = re.compile(r"(.+)_PERP\.A_(\w+)")


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        frame = read_csv(read_bytes(path), path.name)
        fields: dict[str, dict[str, str]] = {}
        for column in frame.columns:
            if found := _COLUMN.fullmatch(column):
                fields.setdefault(found[1], {})[found[2]] = column
        if not fields:
            raise UserError(f"{path.name} has no column like BTCUSDT_PERP.A_oi, so it is no daily Coinalyze export.")
        if request.symbol not in ("*", *fields):
            raise unknown_name(f"symbol in {path.name}", request.symbol, fields)
        for symbol in sorted(fields) if request.symbol == "*" else [request.symbol]:
            yield parse(frame.head(len(frame) - 1), path, symbol, fields[symbol])


def parse(frame: pl.DataFrame, path: Path, symbol: str, fields: dict[str, str]) -> Parsed:
    """One symbol's days."""
    name = path.name
    dates = frame.columns[0]
    if dates not in ("t", "", "column_1", "_duplicated_0"):
        need(frame, ["t"], name)
    day = stamps.to_ns(frame[dates], name)
    values = {field: floats(frame, column, name) for field, column in fields.items()}
    left = {"day that had not ended": 1}
    rule = Continuity("silence", DAY * 3 // 2)
    if {"longliq", "shortliq"} <= values.keys():
        stream, table = "liquidation_totals@1d", totals(day, _FRAME, values["longliq"], values["shortliq"])
    elif "oi" in values:
        stream, table = "open_interest", snapshots(day + DAY, values["oi"])
    elif "ls_ratio" in values:
        ratio = values["ls_ratio"]
        stream = "long_short_ratio@1d"
        table = ratios(day, _FRAME, RatioKind.ALL_ACCOUNTS, ratio / (1 + ratio), 1 / (1 + ratio))
    elif "fr" in values:
        stream, table = "funding", fundings(day + 16 * HOUR, values["fr"] / 100, never(len(day)))
    else:
        raise UserError(f"{name} holds {', '.join(sorted(fields))}: closes without open, high and low make no bars.")
    if stream != "open_interest":
        rule = framed(stream)
    return Parsed(path, stream, table, ORIGIN, rule, symbol=symbol, counts=left)


PRESET = Preset("coinalyze-daily", "daily Coinalyze CSVs of many symbols", read)
