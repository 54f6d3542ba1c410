"""`perpscope liquidations`: learn the leverage mix from reported liquidations, and measure what the map is worth."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, LakeDir, OutDir, VenueName, progress_bar

app = typer.Typer(
    help="The liquidation map: learn its leverage mix, and measure its skill.", no_args_is_help=True, rich_markup_mode=None
)

SymbolName = Annotated[str, typer.Option("--symbol", help="The venue's spelling, such as BTCUSDT.")]
Start = Annotated[str | None, typer.Option("--from", help="First time; default: where liquidations begin.")]
End = Annotated[str | None, typer.Option("--to", help="Last time; default: where they end.")]
Interest = Annotated[
    str, typer.Option("--warmup-interest", help="Venue whose open interest fills the books before the own begins; auto, none.")
]
Seed = Annotated[int, typer.Option(help="Seed of the bootstrap.")]


@app.command()
def calibrate(
    lake: LakeDir,
    out: Annotated[Path, typer.Option("--out", help="File or folder of the artefact; never overwritten.", show_default=False)],
    symbol: SymbolName = "BTCUSDT",
    venue: VenueName = "binance",
    start: Start = None,
    end: End = None,
    prior: Annotated[Path | None, typer.Option("--prior", help="Artefact of a parent whose mix is the prior.")] = None,
    warmup_interest: Interest = "auto",
    seed: Seed = 0,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="Trial ledger; default: trials.jsonl beside the lake's catalogue.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Learn from reported liquidations how opens are shared among leverages; write what was learned, and how sure it is."""
    import msgspec

    from perpscope.core.errors import UserError
    from perpscope.core.time import parse_ts
    from perpscope.lake import Lake
    from perpscope.research.calibration.artefact import read_artefact, write_artefact
    from perpscope.research.calibration.calibrate import calibrate_lake
    from perpscope.research.calibration.counted import count
    from perpscope.research.calibration.words import told
    from perpscope.research.trials import Ledger

    if out.is_file():
        raise UserError(f"{out} exists, and artefacts are never overwritten. Give another name, or a folder.")
    parent = None if prior is None else tuple(read_artefact(prior).pi)
    with progress_bar(quiet=json) as bar:
        made = calibrate_lake(
            Lake(lake),
            venue,
            symbol,
            created_ts=time.time_ns(),
            start=None if start is None else parse_ts(start),
            end=None if end is None else parse_ts(end),
            prior=parent,
            warmup_interest=warmup_interest,
            seed=seed,
            progress=bar,
        )
    path = write_artefact(made, out)
    count(Ledger(ledger or lake / "trials.jsonl"), made)
    if json:
        print(msgspec.json.encode(read_artefact(path)).decode())
        return
    print("\n".join(told(made)))
    print(f"wrote {path}")


@app.command()
def skill(
    lake: LakeDir,
    symbol: SymbolName = "BTCUSDT",
    venue: VenueName = "binance",
    out: OutDir = Path("out/skill"),
    start: Start = None,
    end: End = None,
    interval: Annotated[
        str | None,
        typer.Option("--interval", help="Length of the liquidation totals, such as 1h; default: the shortest."),
    ] = None,
    warmup_interest: Interest = "auto",
    json: AsJson = False,
) -> None:
    """Measure what the map is worth against price and volume alone, public algorithms and placebos; good or bad, it is told."""
    from perpscope.core.time import parse_ts
    from perpscope.lake import Lake
    from perpscope.research.skill.run import measure_lake
    from perpscope.research.skill.words import told
    from perpscope.research.skill.write import write_skill

    with progress_bar(quiet=json) as bar:
        result = measure_lake(
            Lake(lake),
            venue,
            symbol,
            created_ts=time.time_ns(),
            start=None if start is None else parse_ts(start),
            end=None if end is None else parse_ts(end),
            interval=interval,
            warmup_interest=warmup_interest,
            progress=bar,
        )
        written = write_skill(result, out)
    if json:
        print((out / "skill.json").read_text(encoding="utf-8"), end="")
        return
    print("\n".join(told(result.report)))
    for path in written:
        print(f"wrote {path}")
