"""`perpscope monitor`: what factors did after their verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, LakeDir, progress_bar


def monitor(
    verdicts: Annotated[Path, typer.Option(help="Folder that perpscope evidence wrote.")] = Path("out/evidence"),
    lake: LakeDir = Path(),
    until: Annotated[str | None, typer.Option(help="Follow to this day; the end of the data where none is given.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 1,
    json: AsJson = False,
) -> None:
    """Follow every verdict on the data since; one that fell short of its promise is demoted in the file, with the date."""
    import msgspec

    from perpscope.core.time import parse_ts
    from perpscope.lake import Lake
    from perpscope.research.evidence.follow import follow
    from perpscope.research.evidence.verdicts import read_verdict_file, write_verdicts

    opened, held = Lake(lake), read_verdict_file(verdicts)
    last = max(opened.span(held.venue, s, stream)[1] for s in held.symbols for stream in opened.streams(held.venue, s))
    with progress_bar(quiet=json) as progress:
        found, after = follow(opened, verdicts, last if until is None else parse_ts(until), seed=seed, progress=progress)
    write_verdicts(verdicts, after)
    if json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
        return
    for one in found:
        if one.outcome:
            mean = "-" if one.mean is None else f"{one.mean:.3g}"
            told = f"promised {one.promised:.3g}, {one.seen} since: {mean}; {one.words}"
            print(f"{one.name:28s} {one.verdict:10s} {one.outcome:10s} {told}")
    silent = sum(not one.outcome for one in found)
    print(f"{len(found) - silent} followed, {sum(bool(one.demoted_at) for one in found)} demoted, {silent} promised nothing")
