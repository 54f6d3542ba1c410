"""`perpscope fetch`: history into the lake, from a venue's archives and its REST interface."""

from __future__ import annotations

import json as json_
import time
from dataclasses import asdict
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, LakeDir, progress_bar


def fetch(
    venue: Annotated[str, typer.Argument(help="binance, binance_coinm, binance_spot, bybit, okx or hyperliquid.")],
    symbol: Annotated[str, typer.Argument(help="Symbol in the venue's spelling, such as BTCUSDT.")],
    lake: LakeDir,
    from_: Annotated[str, typer.Option("--from", help="First day, such as 2024-08-01.", show_default=False)],
    to: Annotated[str | None, typer.Option("--to", help="The day after the last; now if left out.", show_default=False)] = None,
    kinds: Annotated[str, typer.Option(help="Of bars, trades, oi, funding, mark, liquidations.")] = "bars,funding,mark",
    timeframe: Annotated[str, typer.Option(help="Length of bars and mark bars.")] = "1m",
    base_url: Annotated[str | None, typer.Option(help="Another archive server with the same layout.")] = None,
    rest_url: Annotated[str | None, typer.Option(help="Another REST server that speaks the venue's protocol.")] = None,
    no_rest: Annotated[bool, typer.Option("--no-rest", help="Archives only.")] = False,
    json: AsJson = False,
) -> None:
    """Bring history into the lake. Interrupted at any instant, the same command goes on where it was."""
    from perpscope.core.errors import unknown_name
    from perpscope.core.time import parse_ts
    from perpscope.lake import Lake
    from perpscope.lake.fetch import fetch as bring
    from perpscope.lake.fetch.archive import BASE, ROOTS
    from perpscope.lake.fetch.download import Site
    from perpscope.venues.history import VENUES, VenueHistory

    if venue not in VENUES:
        raise unknown_name("venue", venue, VENUES)
    now = time.time_ns()
    site = Site(base_url or BASE, time.sleep) if venue in ROOTS else None
    with progress_bar(quiet=json) as bar:
        report = bring(
            Lake(lake),
            venue,
            symbol,
            [k.strip() for k in kinds.split(",") if k.strip()],
            parse_ts(from_),
            now if to is None else parse_ts(to),
            frame=timeframe,
            site=site,
            history=None if no_rest else VenueHistory(venue, rest_url),
            now=now,
            progress=bar,
        )
    print(json_.dumps(asdict(report), indent=1) if json else "\n".join(report.sentences()))
