"""Options that several commands share, and the progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

LakeDir = Annotated[Path, typer.Option("--lake", help="Folder of the lake.", show_default=False)]
OutDir = Annotated[Path, typer.Option("--out", help="Folder to write to; made when missing.")]
VenueName = Annotated[str, typer.Option("--venue", help="Venue, such as binance, bybit, hyperliquid.")]
FrameName = Annotated[str, typer.Option("--timeframe", help="Bar length: 1m, 5m, 15m, 1h, 4h, 1d.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of text.")]

Progress = Callable[[str, float, float], None]


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress | None]:
    """A bar on stderr while work goes on; nothing when quiet or when stderr is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def update(label: str, done: float, total: float) -> None:
            bar.update(task, completed=done, total=total, description=label)

        yield update
