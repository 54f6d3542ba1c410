"""`perpscope import` and `perpscope catalog`: what goes into the lake, and what is there."""

from __future__ import annotations

import json as json_
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, LakeDir, VenueName, progress_bar
from perpscope.core.errors import UserError
from perpscope.core.time import format_ts


def import_(
    preset: Annotated[str, typer.Argument(help="Format of the files: 'perpscope import list' names all.")],
    files: Annotated[list[Path] | None, typer.Argument(help="Files or folders.", show_default=False)] = None,
    lake: Annotated[
        Path | None, typer.Option("--lake", help="Folder of the lake; made when missing.", show_default=False)
    ] = None,
    venue: VenueName = "binance",
    symbol: Annotated[str | None, typer.Option(help="Symbol, such as BTCUSDT; '*' takes all of a file with many.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Bar length, where the stamps do not say it.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="For csv: our column = theirs, such as price=px.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="An option of the preset, such as kind=mark.")] = None,
    json: AsJson = False,
) -> None:
    """Import recorded data. Importing the same file twice changes nothing; a broken file leaves the lake as it was."""
    from perpscope.lake import Lake, import_files, presets

    if preset == "list":
        for name, known in presets().items():
            print(f"{name:20s} {known.title}")
        return
    if lake is None or not files or symbol is None:
        raise UserError("Say which files, symbol and lake: perpscope import PRESET FILE... --symbol BTCUSDT --lake DIR.")
    with progress_bar(quiet=json) as bar:
        done = import_files(
            Lake(lake),
            preset,
            files,
            venue=venue,
            symbol=symbol,
            frame=timeframe,
            column_map=_pairs(column or []),
            options=_pairs(option or []),
            now=time.time_ns(),
            progress=None if bar is None else (lambda n, total, label: bar(label, n, total)),
        )
    if json:
        print(json_.dumps(asdict(done), indent=1))
    else:
        print("\n".join(done.sentences()))


def catalog(lake: LakeDir, json: AsJson = False) -> None:
    """What the lake holds: streams, ranges, rows, holes, origins, checksums."""
    from perpscope.lake import Lake

    opened = Lake(lake)
    rows = [
        {
            "venue": entry.venue,
            "symbol": entry.symbol,
            "stream": entry.stream,
            "origin": entry.origin,
            "period": entry.period,
            "rows": entry.rows,
            "first": format_ts(entry.first_clock),
            "last": format_ts(entry.last_clock),
            "bytes": entry.bytes,
            "sha256": entry.sha256,
        }
        for entry in opened.catalogue.files
    ]
    if json:
        print(json_.dumps(rows, indent=1))
        return
    if not rows:
        raise UserError(f"The lake {lake} is empty. Import data first: perpscope import list names the formats.")
    for instrument in opened.instruments():
        print(f"{instrument.venue} {instrument.symbol} ({instrument.kind.name.lower()})")
        for stream in opened.streams(instrument.venue, instrument.symbol):
            found = opened.gather(instrument.venue, instrument.symbol, stream)
            first, last = opened.span(instrument.venue, instrument.symbol, stream)
            shares = ", ".join(f"{origin} {n}" for origin, n in found.shares.items())
            print(f"  {stream:24s} {len(found.table):>9d} rows  {format_ts(first)} .. {format_ts(last)}  from {shares}")
            for hole in found.holes[:3]:
                print(f"  {'':24s} hole {format_ts(hole.start)} .. {format_ts(hole.end)}")
            if len(found.holes) > 3:
                print(f"  {'':24s} and {len(found.holes) - 3} more holes")


def _pairs(pairs: list[str]) -> dict[str, str]:
    mapped = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours or not theirs:
            raise UserError(f"'{pair}' is not a pair. Write name=value, such as --column price=px.")
        mapped[ours] = theirs
    return mapped
