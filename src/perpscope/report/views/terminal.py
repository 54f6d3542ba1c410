"""Tables of a view in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perpscope.report.grids import Sheet


def print_sheets(sheets: Sequence[Sheet], console: Console) -> None:
    """Titles, sentences and tables; colours only where the console can show them."""
    for sheet in sheets:
        console.print(Text(f"\n{sheet.title}", style="bold cyan"))
        for note in sheet.notes:
            console.print(Text(note, style="dim"))
        for grid in sheet.grids:
            if grid.title:
                console.print(Text(grid.title, style="italic"))
            table = Table(box=None, pad_edge=False)
            for i, heading in enumerate(grid.headings):
                table.add_column(
                    Text(heading), justify="right" if i in grid.numeric else "left", header_style="cyan", overflow="fold"
                )
            for row in grid.rows:
                table.add_row(*(Text(cell, style=_style(cell)) for cell in row))
            console.print(table)


def _style(cell: str) -> str:
    word = cell.split(" ")[0]
    return {"up": "green", "long": "green", "bull": "green", "down": "red", "short": "red", "bear": "red"}.get(word, "")
