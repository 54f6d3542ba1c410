"""`perpscope demo`: a simulated market, end to end, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import OutDir, progress_bar


def demo(
    out: OutDir = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="Another seed, another market.")] = 7,
    days: Annotated[int, typer.Option(min=3, max=60, help="Length of the simulated market.")] = 21,
) -> None:
    """Simulate a market whose every position is known, import it, analyse it, and draw true against estimated levels."""
    from rich.console import Console

    from perpscope.demo import run_demo, summary
    from perpscope.report import print_report

    console = Console()
    console.print(
        "THIS DATA IS SIMULATED: an invented market, made to show the tool. It says nothing about real markets.",
        style="bold yellow",
    )
    with progress_bar(quiet=False) as progress:
        result = run_demo(out, seed=seed, days=days, progress=progress)
    print_report(result.report, console)
    for line in summary(result):
        console.print(line, highlight=False)
    for path in result.written:
        console.print(f"wrote {path}", highlight=False)
