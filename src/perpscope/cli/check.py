"""`perpscope check`: does a feature look ahead on your data?"""

from __future__ import annotations

import json as json_
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, FrameName, LakeDir, VenueName, progress_bar
from perpscope.core.time import format_ts


def check(
    feature: Annotated[str, typer.Argument(help="Feature name.")],
    lake: LakeDir,
    symbol: Annotated[str, typer.Option(help="The venue's spelling.")] = "BTCUSDT",
    venue: VenueName = "binance",
    timeframe: FrameName = "1h",
    cuts: Annotated[int, typer.Option(min=1, max=5000, help="How many times the data is cut.")] = 20,
    start: Annotated[str | None, typer.Option("--from", help="First time; default: the beginning.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last time; default: the end.")] = None,
    json: AsJson = False,
) -> None:
    """Run the split, truncation and known-time laws on your own data: where does a look-ahead show? Exit code 1 if one does."""
    from perpscope import api

    with progress_bar(quiet=json) as bar:
        progress = None if bar is None else (lambda done, total: bar(f"checking {feature}", done, total))
        found = api.check_feature(
            lake, symbol, feature, venue=venue, timeframe=timeframe, cuts=cuts, start=start, end=end, progress=progress
        )
    if json:
        violations = [{"law": v.law, "at": format_ts(v.at), "what": v.what} for v in found.violations]
        print(
            json_.dumps(
                {"feature": found.fold, "rows": found.rows, "cuts": len(found.cuts), "violations": violations}, indent=1
            )
        )
    elif found.violations:
        print(f"{found.fold}: {len(found.violations)} violations over {found.rows} rows and {len(found.cuts)} cuts")
        for violation in found.violations:
            print(f"  {violation}")
    else:
        print(
            f"{found.fold}: no look-ahead found in {found.rows} rows and {len(found.cuts)} cuts; "
            "split, truncation and known time hold."
        )
    if found.violations:
        raise typer.Exit(1)
