"""`perpscope sessions`: the clock of the market at one moment, and what the clock has been worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.mtf import At
from perpscope.cli.options import AsJson, FrameName, LakeDir, OutDir, VenueName


def sessions(
    symbol: Annotated[str, typer.Argument(help="The venue's spelling, such as BTCUSDT.")],
    lake: LakeDir,
    venue: VenueName = "binance",
    at: At = None,
    timeframe: FrameName = "15m",
    lookback: Annotated[str, typer.Option(help="Length of the picture, such as 4d.")] = "4d",
    start: Annotated[
        str | None, typer.Option("--from", help="Where the history of season and statistics begins; default: the data.")
    ] = None,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Also measure what sessions did over the history: sessions-study.json.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    out: OutDir = Path("out/sessions"),
    json: AsJson = False,
) -> None:
    """What is open and next, ranges, opens, levels and the season of the day: sessions.json, sessions.png and tables."""
    from rich.console import Console

    from perpscope import api
    from perpscope.core.time import parse_span
    from perpscope.report.views.files import to_json, write_view
    from perpscope.report.views.session_picture import draw_sessions_view
    from perpscope.report.views.session_words import session_sheets
    from perpscope.report.views.terminal import print_sheets

    length = parse_span(lookback)
    view, snap = api.make_sessions(lake, symbol, venue=venue, at=at, timeframe=timeframe, start=start, seed=seed)
    written = write_view(view, draw_sessions_view(view, snap, length), "sessions", out)
    lines: list[str] = []
    if statistics:
        from perpscope.research.session_statistics.study import to_json as study_json
        from perpscope.research.session_statistics.words import told

        study = api.study_sessions(lake, symbol, venue=venue, end=at, timeframe=timeframe, start=start, seed=seed)
        path = out / "sessions-study.json"
        path.write_bytes(study_json(study))
        written.append(path)
        lines = told(study)
    if json:
        print(to_json(view).decode(), end="")
        return
    console = Console()
    print_sheets(session_sheets(view, snap.instrument.tick_size), console)
    for line in lines:
        print(line)
    for path in written:
        console.print(f"wrote {path}", highlight=False)
