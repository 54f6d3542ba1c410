"""`perpscope sweep`: one backtest many times, every variant counted, the best judged by how many were tried."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.backtest import read_config
from perpscope.cli.options import AsJson, LakeDir, OutDir, progress_bar


def sweep(
    config: Annotated[Path, typer.Argument(help="TOML file of a backtest with a [sweep] table.", show_default=False)],
    lake: LakeDir,
    out: OutDir = Path("out/sweep"),
    runner: Annotated[str, typer.Option("--runner", help="Where variants run: processes, threads, ray.")] = "processes",
    workers: Annotated[int, typer.Option("--workers", help="How many at once; 0 takes one per core.")] = 0,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="Trial ledger; default: trials.jsonl beside the lake's catalogue.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Measure every combination of settings, count each as a trial, and say how much of the best is luck."""
    from rich.console import Console

    from perpscope.api import open_lake
    from perpscope.report.sweep import print_sweep, write_sweep
    from perpscope.research.sweep.plan import sweep_of
    from perpscope.research.sweep.runners import runner as runner_of
    from perpscope.research.sweep.runners import workers_here
    from perpscope.research.sweep.study import run_sweep
    from perpscope.research.trials import Ledger

    plan = sweep_of(read_config(config))
    open_lake(lake)
    chosen, count = runner_of(runner, os.environ.get("RAY_ADDRESS")), workers or workers_here()
    with progress_bar(quiet=json) as progress:
        result = run_sweep(
            lake, plan, out, ledger=Ledger(ledger or lake / "trials.jsonl"), run=chosen, workers=count, date=time.time_ns(),
            progress=progress,
        )  # fmt: skip
    written = write_sweep(result, out)
    if json:
        print((out / "sweep.json").read_text(encoding="utf-8"), end="")
        return
    console = Console()
    print_sweep(result, console)
    for path in written:
        console.print(f"wrote {path}", highlight=False)
