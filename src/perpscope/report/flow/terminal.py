"""The order flow in a terminal: the minute's reading, then the largest orders."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from perpscope.report.flow.build import Flow


def print_flow(flow: Flow, console: Console) -> None:
    """Print a summary; colours only where the console can show them."""
    document = flow.document
    meta = document.meta
    head = f"{meta.symbol}  {meta.venue}  {meta.timeframe}  {meta.start:%Y-%m-%d %H:%M:%S} .. {meta.end:%Y-%m-%d %H:%M:%S} UTC"
    console.print(Panel(Text("\n".join(document.summary)), title=escape(head), title_align="left", border_style="cyan"))
    for warning in document.warnings[:8]:
        console.print(Text(f"! {warning}", style="yellow"))
    if len(document.warnings) > 8:
        console.print(Text(f"! and {len(document.warnings) - 8} more", style="yellow"))
    for name, why in document.absent.items():
        console.print(Text(f"- {name.replace('_', ' ')}: {why}", style="dim"))
    table = Table(box=None, pad_edge=False, title="Largest orders (fills of one stamp and side together)", title_justify="left")
    for heading, right in (("time UTC", False), ("side", False), ("quantity", True), ("average price", True), ("fills", True)):
        table.add_column(heading, justify="right" if right else "left", header_style="cyan")
    for order in document.largest:
        at = f"{order.at:%H:%M:%S.%f}"[:-3]
        table.add_row(at, order.side, f"{order.quantity:,.3f}", f"{order.vwap:,.2f}", f"{order.fills:,}")
    console.print(table)
