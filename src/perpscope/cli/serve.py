"""`perpscope serve`: the page over a lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import LakeDir


def serve(
    lake: LakeDir,
    host: Annotated[str, typer.Option(help="Address; any but loopback asks for a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65_535)] = 8600,
    token_file: Annotated[
        Path | None, typer.Option(help="File of the token, made at the first start; default: ~/.config/perpscope/token.")
    ] = None,
    evidence: Annotated[Path | None, typer.Option(help="Folder that perpscope evidence wrote: verdicts and pages.")] = None,
    backtests: Annotated[Path | None, typer.Option(help="Folder with results of perpscope backtest.")] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Open as a replay: history as it was known then.")] = False,
    allow_host: Annotated[list[str] | None, typer.Option(help="Another name that browsers may use; repeatable.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Serve the page over a lake: heatmap under the candles, flow, time frames, signals with their reasons, replay."""
    from perpscope.core.errors import UserError

    if not lake.is_dir():
        raise UserError(f"There is no lake at {lake}. Make one: perpscope import list, or perpscope demo.")
    from rich.console import Console

    from perpscope.web.serve import serving

    console = Console()
    ready = serving(
        lake, host, port, token_file, evidence, backtests, mode="replay" if replay else "history", names=allow_host or ()
    )
    for note in ready.notes:
        console.print(note, highlight=False, soft_wrap=True)
    console.print(f"serving {lake} at {ready.url} (Ctrl+C ends it)", highlight=False, soft_wrap=True)
    if open_page:
        import webbrowser

        webbrowser.open(ready.url)
    ready.desk.executor.submit(ready.desk.warm)
    ready.run()
