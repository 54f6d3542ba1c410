"""`perpscope mtf`: several time frames of one instrument at one moment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, LakeDir, OutDir, VenueName

At = Annotated[
    str | None,
    typer.Option("--at", help="Moment, such as 2024-08-05T14:00Z; nothing later is used. Default: the end of the bars."),
]
Beside = Annotated[
    list[str] | None,
    typer.Option("--companion", help="A second instrument: other=binance:ETHUSDT, spot=venue:symbol or venue=bybit:BTCUSDT."),
]


def mtf(
    symbol: Annotated[str, typer.Argument(help="The venue's spelling, such as BTCUSDT.")],
    lake: LakeDir,
    frames: Annotated[str, typer.Option(help="Time frames, separated by commas.")] = "1d,4h,1h,15m,5m",
    venue: VenueName = "binance",
    at: At = None,
    out: OutDir = Path("out/mtf"),
    json: AsJson = False,
) -> None:
    """Trend, momentum, volatility and lean of each time frame, and what they say together: mtf.json, mtf.png and tables."""
    from rich.console import Console

    from perpscope import api
    from perpscope.report.views.files import to_json, write_view
    from perpscope.report.views.frames_picture import draw_frames
    from perpscope.report.views.frames_words import frames_sheets
    from perpscope.report.views.terminal import print_sheets

    view, snap = api.make_mtf(lake, symbol, frames.split(","), venue=venue, at=at)
    written = write_view(view, draw_frames(view, snap), "mtf", out)
    if json:
        print(to_json(view).decode(), end="")
        return
    console = Console()
    print_sheets(frames_sheets(view, snap.instrument.tick_size), console)
    for path in written:
        console.print(f"wrote {path}", highlight=False)
