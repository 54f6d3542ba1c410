"""`perpscope report`: one analysis of one instrument at one moment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, FrameName, LakeDir, OutDir, VenueName, progress_bar


def report(
    symbol: Annotated[str, typer.Argument(help="The venue's spelling, such as BTCUSDT.")],
    lake: LakeDir,
    venue: VenueName = "binance",
    at: Annotated[
        str | None, typer.Option(help="Moment, such as 2024-08-05T14:00Z; nothing later is used. Default: the end of the data.")
    ] = None,
    timeframe: FrameName = "1h",
    lookback: Annotated[str, typer.Option(help="Length of the picture, such as 14d.")] = "14d",
    mix: Annotated[
        Path | None,
        typer.Option("--mix", help="Calibration of this instrument (liquidations calibrate); default: the shipped prior."),
    ] = None,
    verdicts: Annotated[
        Path | None,
        typer.Option("--verdicts", help="Folder of evidence: what each line had been found worth by then; default: unproven."),
    ] = None,
    out: OutDir = Path("out/report"),
    json: AsJson = False,
) -> None:
    """Analyse an instrument as it was known at a moment: report.json, .png and .html, the page as one file, a summary."""
    from rich.console import Console

    from perpscope import api
    from perpscope.cli.page_file import page_file
    from perpscope.report import print_report, write_report

    with progress_bar(quiet=json) as progress:
        made = api.make_report(
            lake, symbol, venue=venue, at=at, timeframe=timeframe, lookback=lookback, progress=progress, mix=mix,
            verdicts=verdicts,
        )  # fmt: skip
        written = write_report(made, out)
        page, note = page_file(made, out)
        written += page
    if note:
        Console(stderr=True).print(note, highlight=False, soft_wrap=True)
    if json:
        print((out / "report.json").read_text(encoding="utf-8"), end="")
        return
    console = Console()
    print_report(made, console)
    for path in written:
        console.print(f"wrote {path}", highlight=False)
