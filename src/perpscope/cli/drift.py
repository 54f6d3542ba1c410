"""`perpscope drift`: the newest window beside the one before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, FrameName, LakeDir, OutDir, VenueName, progress_bar
from perpscope.core.errors import UserError


def drift(
    factor: Annotated[str, typer.Argument(help="A factor, several with commas, or 'all'.")] = "all",
    lake: LakeDir = Path(),
    out: OutDir = Path("out/drift"),
    venue: VenueName = "binance",
    symbol: Annotated[list[str] | None, typer.Option(help="Symbols; all of the venue where none is given.")] = None,
    timeframe: FrameName = "1h",
    span: Annotated[str, typer.Option(help="Length of each window, such as 365d.")] = "365d",
    end: Annotated[str, typer.Option(help="The newer window ends before this day.")] = "2026-03-01",
    seed: Annotated[int, typer.Option(help="Of everything that is drawn; the same seed gives the same bytes.")] = 1,
    processes: Annotated[int, typer.Option(help="Workers; the results do not depend on their number.")] = 1,
    json: AsJson = False,
) -> None:
    """Measure every factor in the newest window and in the one before, and say which differences are more than noise."""
    import msgspec

    from perpscope.cli.evidence import symbols_of
    from perpscope.core.time import Timeframe, format_ts, parse_span, parse_ts
    from perpscope.lake import Lake
    from perpscope.report.files import write_files
    from perpscope.research.evidence.collect import Window
    from perpscope.research.evidence.drift import Change, DriftReport, drift_page, drifts_of
    from perpscope.research.evidence.gates import gates
    from perpscope.research.evidence.run import run
    from perpscope.research.evidence.table import TABLE, adapter

    if processes < 1 or seed < 0:
        raise UserError("--processes must be at least 1, and --seed not negative.")
    adapters = list(TABLE) if factor == "all" else [adapter(name.strip()) for name in factor.split(",")]
    opened, frame, length, last = Lake(lake), Timeframe.parse(timeframe).name, parse_span(span), parse_ts(end)
    symbols = tuple(symbol) if symbol else symbols_of(opened, venue)
    named = "".join(f" --symbol {s}" for s in symbols)
    command = (
        f"perpscope drift {factor} --lake LAKE --out OUT --venue {venue}{named} --timeframe {frame} --span {span} "
        f"--end {end} --seed {seed}"
    )
    pages, days = [], []
    with progress_bar(quiet=json) as progress:
        for name, start in (("before", last - 2 * length), ("after", last - length)):
            window = Window(venue, symbols, frame, start, start + length)
            days.append((format_ts(window.start)[:10], format_ts(window.end)[:10]))
            found, _ = run(
                opened, adapters, window, out / name,
                seed=seed, date=days[-1][1], command=command, processes=processes, progress=progress,
            )  # fmt: skip
            pages.append(found)
    report = DriftReport(
        venue=venue,
        symbols=list(symbols),
        timeframe=frame,
        before=days[0],
        after=days[1],
        data=(pages[0][0].data_hash, pages[1][0].data_hash),
        false_discovery=gates().false_discovery,
        drifts=drifts_of(pages[0], pages[1], gates()),
        command=command,
    )
    raw = msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
    written = write_files(out, {"drift.json": raw, "drift.md": drift_page(report).encode()}, "The drift report")
    if json:
        print(raw.decode(), end="")
        return
    for one in report.drifts:
        if one.change not in (Change.NOT_SHOWN, Change.UNKNOWN):
            print(f"{one.factor:28s} {one.outcome:12s} {one.change}: {one.before} -> {one.after}")
    compared = sum(one.change is not Change.UNKNOWN for one in report.drifts)
    print(f"{compared} outcomes compared, {len(report.drifts) - compared} without an interval; {written[-1]}")
