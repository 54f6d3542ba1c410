"""`perpscope structure`: trend, breaks, sweeps and the level map of one instrument at one moment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.mtf import At, Beside
from perpscope.cli.options import AsJson, FrameName, LakeDir, OutDir, VenueName


def structure(
    symbol: Annotated[str, typer.Argument(help="The venue's spelling, such as BTCUSDT.")],
    lake: LakeDir,
    venue: VenueName = "binance",
    at: At = None,
    timeframe: FrameName = "1h",
    lookback: Annotated[str, typer.Option(help="Length of the picture, such as 10d.")] = "10d",
    tolerance: Annotated[float, typer.Option(help="Levels within this many daily sigma coincide.")] = 0.1,
    companion: Beside = None,
    out: OutDir = Path("out/structure"),
    json: AsJson = False,
) -> None:
    """Trend, breaks, sweeps, divergences and every level in one ranked map: structure.json, structure.png and tables."""
    from rich.console import Console

    from perpscope import api
    from perpscope.core.time import parse_span
    from perpscope.report.views.files import to_json, write_view
    from perpscope.report.views.levels_picture import draw_levels_view
    from perpscope.report.views.levels_words import levels_sheets
    from perpscope.report.views.terminal import print_sheets

    length = parse_span(lookback)
    view, snap = api.make_structure(
        lake, symbol, venue=venue, at=at, timeframe=timeframe, tolerance_sigma=tolerance, companions=companion or []
    )
    written = write_view(view, draw_levels_view(view, snap, length), "structure", out)
    if json:
        print(to_json(view).decode(), end="")
        return
    console = Console()
    print_sheets(levels_sheets(view, snap.instrument.tick_size), console)
    for path in written:
        console.print(f"wrote {path}", highlight=False)
