"""The report in a terminal: the minute's reading first, then the tables a trader looks at."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from perpscope.report.build import Report
from perpscope.report.grids import Grid
from perpscope.report.sheets import sheets
from perpscope.report.words import at_text

_SHOWN = ("Setups and their evidence", "Where leverage breaks (estimated)", "Time frames", "Structure")
"""Sheets printed in full; the others are in the summary and, whole, on the page."""


def print_report(report: Report, console: Console) -> None:
    """Print a summary of the report; colours only where the console can show them."""
    document = report.document
    meta = document.meta
    head = f"{meta.symbol}  {meta.venue}  {meta.timeframe}  known at {at_text(meta.at)}"
    lines = Text("\n".join(document.summary))
    console.print(Panel(lines, title=escape(head), title_align="left", border_style="cyan"))
    for warning in document.warnings:
        console.print(Text(f"! {warning}", style="yellow"))
    for sheet in sheets(document):
        if sheet.title not in _SHOWN:
            continue
        console.print(Text(f"\n{sheet.title}", style="bold"))
        for note in sheet.notes:
            console.print(Text(note, style="dim"))
        for grid in (g for g in sheet.grids if g.brief):
            console.print(Text(f"\n{grid.title}" if grid.title else "", style="italic"))
            console.print(_table(grid))


def _table(grid: Grid) -> Table:
    table = Table(box=None, pad_edge=False)
    for i, heading in enumerate(grid.headings):
        table.add_column(Text(heading), justify="right" if i in grid.numeric else "left", header_style="cyan")
    for row in grid.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
