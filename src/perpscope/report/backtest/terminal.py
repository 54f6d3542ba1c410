"""A backtest in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perpscope.backtest.result import BacktestResult
from perpscope.report.backtest.tables import sheets


def print_backtest(result: BacktestResult, console: Console) -> None:
    """Print what a reader looks at first, then every warning."""
    config = result.run.config
    names = ", ".join(h.instrument.symbol for h in result.run.histories)
    console.print(
        Text(f"{config.name}: {names} on {config.data.venue}, {config.data.start} to {config.data.end} UTC", style="bold")
    )
    for sheet in sheets(result):
        console.print(Text(f"\n{sheet.title}", style="bold cyan"))
        table = Table(box=None, pad_edge=False)
        for k, heading in enumerate(sheet.headings):
            table.add_column(Text(heading), justify="right" if k else "left", header_style="cyan")
        for row in sheet.rows:
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
    console.print()
    for warning in result.warnings:
        console.print(Text(f"! {warning}", style="yellow"))
