"""`perpscope metrics`: the derivatives metrics of one instrument at one moment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.mtf import At, Beside
from perpscope.cli.options import AsJson, FrameName, LakeDir, OutDir, VenueName


def metrics(
    symbol: Annotated[str, typer.Argument(help="The venue's spelling, such as BTCUSDT.")],
    lake: LakeDir,
    venue: VenueName = "binance",
    at: At = None,
    timeframe: FrameName = "1h",
    lookback: Annotated[str, typer.Option(help="Length of the picture, such as 14d.")] = "14d",
    companion: Beside = None,
    out: OutDir = Path("out/metrics"),
    json: AsJson = False,
) -> None:
    """Open interest, quadrants, funding, premium, basis, ratios, liquidations, venues: metrics.json, metrics.png and tables."""
    from rich.console import Console

    from perpscope import api
    from perpscope.core.time import parse_span
    from perpscope.report.views.files import to_json, write_view
    from perpscope.report.views.metrics_picture import draw_metrics
    from perpscope.report.views.metrics_words import metrics_sheets
    from perpscope.report.views.terminal import print_sheets

    length = parse_span(lookback)
    view, snap = api.make_metrics(
        lake, symbol, venue=venue, at=at, timeframe=timeframe, lookback=lookback, companions=companion or []
    )
    written = write_view(view, draw_metrics(view, snap, length), "metrics", out)
    if json:
        print(to_json(view).decode(), end="")
        return
    console = Console()
    print_sheets(metrics_sheets(view, snap.instrument.base), console)
    for path in written:
        console.print(f"wrote {path}", highlight=False)
