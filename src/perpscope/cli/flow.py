"""`perpscope flow`: the order flow of a stretch of time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, LakeDir, OutDir, VenueName, progress_bar
from perpscope.core.errors import UserError


def flow(
    symbol: Annotated[str, typer.Argument(help="The venue's spelling, such as BTCUSDT.")],
    lake: LakeDir,
    start: Annotated[str, typer.Option("--from", help="First moment, such as 2024-08-08T23:54Z.")],
    end: Annotated[str, typer.Option("--to", help="Last moment; nothing later is used.")],
    venue: VenueName = "binance",
    timeframe: Annotated[str, typer.Option("--timeframe", help="Bar length of the footprint: 1m, 5m, 15m, 1h.")] = "1m",
    tick: Annotated[float | None, typer.Option("--tick", help="Tick size, where the lake guessed wrongly.")] = None,
    out: OutDir = Path("out/flow"),
    json: AsJson = False,
) -> None:
    """Draw what was traded and what rested: flow.png, flow.json, and one Parquet file for each fold."""
    from rich.console import Console

    from perpscope import api
    from perpscope.core.time import TimeRange, format_ts, parse_ts
    from perpscope.report.flow import build_flow, history_start, print_flow, write_flow

    first, last = parse_ts(start), parse_ts(end)
    if last <= first:
        raise UserError(f"The window ends ({format_ts(last)}) before it begins ({format_ts(first)}). Swap --from and --to.")
    if tick is not None and not tick > 0:
        raise UserError(f"A tick size is positive, not {tick:g}.")
    opened = api.open_lake(lake)
    offered = opened.streams(venue, symbol, last)
    streams = [s for s in ("trade", "book_delta") if s in offered]
    if "trade" not in streams:
        raise UserError(
            f"The lake has no trades of {venue} {symbol} by {format_ts(last)}; order flow needs a tape. It has: "
            f"{', '.join(offered) or 'nothing'}. 'perpscope import list' names the formats of tapes."
        )
    with progress_bar(quiet=json) as progress:
        source = opened.source(venue, symbol, streams, start=history_start(first), end=last)
        made = build_flow(source, TimeRange(first, last), timeframe, tick, progress)
        written = write_flow(made, out)
    if json:
        print((out / "flow.json").read_text(encoding="utf-8"), end="")
        return
    console = Console()
    print_flow(made, console)
    shown = [path for path in written if path.suffix != ".parquet"]
    for path in shown:
        console.print(f"wrote {path}", highlight=False)
    console.print(f"wrote {len(written) - len(shown)} Parquet files of rows beside them", highlight=False)
