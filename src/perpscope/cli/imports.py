"""`perpscope import` and `perpscope catalog`: what goes into the lake, and what is there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, LakeDir, progress_bar
from perpscope.core.errors import UserError


def import_(
    preset: Annotated[str, typer.Argument(help="Format of the files: 'perpscope import list' names all.")],
    files: Annotated[list[Path] | None, typer.Argument(help="Files or folders.", show_default=False)] = None,
    lake: Annotated[
        Path | None, typer.Option("--lake", help="Folder of the lake; made when missing.", show_default=False)
    ] = None,
    venue: Annotated[str | None, typer.Option(help="Venue, where the format does not say it.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Symbol, where the file name does not say it.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Bar length, where neither stamps nor path say it.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="For csv: our column = theirs, such as price=px.")] = None,
    json: AsJson = False,
) -> None:
    """Import recorded data. Importing the same file twice changes nothing; a broken file leaves the lake as it was."""
    from perpscope.lake import PRESETS, import_files

    if preset == "list":
        for name, source in PRESETS.items():
            print(f"{name:20s} {source.title}")
        return
    if lake is None or not files:
        raise UserError("Say which files and which lake: perpscope import PRESET FILE... --lake DIR.")
    with progress_bar(quiet=json) as progress:
        done = import_files(
            lake,
            preset,
            files,
            venue=venue,
            symbol=symbol,
            frame=timeframe,
            column_map=_column_map(column or []),
            now=time.time_ns(),
            progress=progress,
        )
    print(done.to_json() if json else done.to_text())


def catalog(lake: LakeDir, json: AsJson = False) -> None:
    """What the lake holds: streams, ranges, rows, gaps, origins, checksums."""
    from perpscope.lake import Lake

    opened = Lake(lake)
    print(opened.describe_json() if json else opened.describe_text())


def _column_map(pairs: list[str]) -> dict[str, str] | None:
    mapped = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours or not theirs:
            raise UserError(f"'{pair}' is no column map. Write ours=theirs, such as --column price=px.")
        mapped[ours] = theirs
    return mapped or None
