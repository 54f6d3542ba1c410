"""`perpscope evidence`: what each factor has been worth, after costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perpscope.cli.options import AsJson, FrameName, LakeDir, OutDir, VenueName, progress_bar
from perpscope.core.errors import UserError

if TYPE_CHECKING:
    from perpscope.lake import Lake


def evidence(
    factor: Annotated[str, typer.Argument(help="A factor, several with commas, 'all', or 'list'.")],
    lake: LakeDir = Path(),
    out: OutDir = Path("out/evidence"),
    venue: VenueName = "binance",
    symbol: Annotated[list[str] | None, typer.Option(help="Symbols; all of the venue where none is given.")] = None,
    timeframe: FrameName = "1h",
    start: Annotated[str, typer.Option(help="First day of the window; earlier data is read for warm-up only.")] = "2023-01-01",
    end: Annotated[str, typer.Option(help="The window ends before this day.")] = "2026-03-01",
    date: Annotated[str | None, typer.Option(help="Date of the verdicts; the end of the window where none is given.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn; the same seed gives the same bytes.")] = 1,
    processes: Annotated[int, typer.Option(help="Workers; the results do not depend on their number.")] = 1,
    runner: Annotated[str, typer.Option(help="processes of this machine, or ray (extra cluster).")] = "processes",
    json: AsJson = False,
) -> None:
    """Measure factors against matched placebos, judge them by fixed rules, and write a page for each; run again to resume."""
    from perpscope.core.time import Timeframe, parse_ts
    from perpscope.lake import Lake
    from perpscope.research.evidence.baseline_table import baseline_table
    from perpscope.research.evidence.collect import Window
    from perpscope.research.evidence.run import run
    from perpscope.research.evidence.summary import counts
    from perpscope.research.evidence.table import TABLE, adapter
    from perpscope.research.evidence.write import write_evidence

    if factor == "list":
        for one in TABLE:
            print(f"{one.name:28s} {one.title}")
        return
    adapters = list(TABLE) if factor == "all" else [adapter(name.strip()) for name in factor.split(",")]
    if processes < 1 or seed < 0:
        raise UserError("--processes must be at least 1, and --seed not negative.")
    opened, frame = Lake(lake), Timeframe.parse(timeframe).name
    symbols = tuple(symbol) if symbol else symbols_of(opened, venue)
    window = Window(venue, symbols, frame, parse_ts(start), parse_ts(end))
    if window.end <= window.start:
        raise UserError(f"The window ends ({end}) before it begins ({start}). Choose a later --end.")
    dated = date or end
    parse_ts(dated)
    named = "".join(f" --symbol {s}" for s in symbols)
    command = (
        f"perpscope evidence {factor} --lake LAKE --out OUT --venue {venue}{named} --timeframe {frame} "
        f"--start {start} --end {end} --date {dated} --seed {seed}"
    )
    with progress_bar(quiet=json) as progress:
        pages, verdicts = run(
            opened, adapters, window, out,
            seed=seed, date=dated, command=command, processes=processes, runner=runner, progress=progress,
        )  # fmt: skip
        beside = baseline_table(opened, window)
        written = write_evidence(pages, verdicts, out, progress, beside)
    if json:
        print((out / "verdicts.json").read_text(encoding="utf-8"), end="")
        return
    for page in pages:
        print(f"{page.name:28s} {page.verdict:10s} {page.sentence}")
    print(f"{counts(pages)}; {len(written)} files in {out}")


def symbols_of(lake: Lake, venue: str) -> tuple[str, ...]:
    found = [i.symbol for i in lake.instruments() if i.venue == venue]
    if not found:
        raise UserError(f"The lake has no instrument of {venue}. Import data first: perpscope import list names the formats.")
    return tuple(sorted(found))
