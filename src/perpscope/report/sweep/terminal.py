"""A sweep in a terminal: the verdict first, then the variants from best to worst."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perpscope.report.sweep.words import told
from perpscope.research.sweep.study import SweepResult

SHOWN = 20
COLUMNS = ("growth", "max_drawdown", "round_trips", "expectancy")


def print_sweep(result: SweepResult, console: Console) -> None:
    """Print what was found and the first variants by Sharpe ratio; all of them are in the files.

    Parameters that do not vary are left out.
    """
    for line in told(result):
        console.print(Text(line))
    table = Table(box=None, pad_edge=False)
    names = [
        name for name in result.sweep.variants[0].parameters if len({v.parameters[name] for v in result.sweep.variants}) > 1
    ]
    for name in (*names, "Sharpe a year", *COLUMNS):
        heading = name.rpartition(".")[2].replace("_", " ")
        table.add_column(Text(heading), justify="left" if name in names else "right", header_style="cyan")
    ranked = sorted(result.measured, key=lambda m: -(m.metrics.get("sharpe_per_day") or -math.inf))
    for one in ranked[:SHOWN]:
        sharpe = one.metrics.get("sharpe_per_day")
        cells = [str(one.parameters[name]) for name in names]
        cells.append("-" if sharpe is None else f"{sharpe * math.sqrt(365.0):.2f}")
        cells += ["-" if (value := one.metrics.get(name)) is None else f"{value:.3g}" for name in COLUMNS]
        table.add_row(*map(Text, cells))
    console.print()
    console.print(table)
    if len(ranked) > SHOWN:
        console.print(Text(f"and {len(ranked) - SHOWN} more in the files", style="dim"))
