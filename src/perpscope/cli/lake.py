"""`perpscope lake`: look after a lake: check it, list its holes, seal, repair, compact, delete what is old, export."""

from __future__ import annotations

import json as json_
import time
from pathlib import Path
from typing import Annotated

import typer

from perpscope.cli.options import AsJson, LakeDir, progress_bar
from perpscope.core.errors import UserError

app = typer.Typer(
    help="Look after a lake: check, gaps, seal, repair, compact, retain, export.", no_args_is_help=True, add_completion=False
)

OneVenue = Annotated[str | None, typer.Option("--venue", help="Only this venue; default: all.", show_default=False)]


@app.command("check")
def check(lake: LakeDir, json: AsJson = False) -> None:
    """Read and re-hash everything, sealed or not; changes nothing. Exit code 1 if something is wrong."""
    from perpscope.lake.health import health

    found = health(lake)
    if json:
        print(json_.dumps({"streams": [row.__dict__ for row in found.rows], "faults": found.faults}, indent=1))
    else:
        print(f"{'venue':<14}{'symbol':<16}{'stream':<20}{'files':>6}{'rows':>12}{'unsealed':>10}{'gaps':>6}{'bytes':>14}")
        for row in found.rows:
            head = f"{row.venue:<14}{row.symbol:<16}{row.stream:<20}"
            print(f"{head}{row.files:>6}{row.rows:>12}{row.unsealed:>10}{row.gaps:>6}{row.bytes:>14}")
        for fault in found.faults:
            print(f"FAULT  {fault}")
        print(f"{len(found.faults)} faults." if found.faults else "Every checksum holds.")
    if found.faults:
        raise typer.Exit(1)


@app.command("gaps")
def gaps(
    lake: LakeDir,
    venue: OneVenue = None,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol; default: all.", show_default=False)] = None,
    json: AsJson = False,
) -> None:
    """Every hole: what a recorder declared, and what lies between what was imported."""
    from perpscope.core.time import format_ts
    from perpscope.lake.health import every_hole

    rows = [
        {
            "venue": where.venue, "symbol": where.symbol, "stream": hole.stream, "cause": hole.cause.name.lower(),
            "start": format_ts(hole.start), "end": format_ts(hole.end), "seconds": round((hole.end - hole.start) / 1e9, 3),
        }
        for where, hole in every_hole(lake, venue, symbol)
    ]  # fmt: skip
    if json:
        print(json_.dumps(rows, indent=1))
        return
    for row in rows:
        name = f"{row['venue']} {row['symbol']} {row['stream']}"
        print(f"{name:<40} {row['start']} .. {row['end']}  {row['seconds']:>12} s  {row['cause']}")
    print(f"{len(rows)} holes." if rows else "No holes.")


@app.command("seal")
def seal(
    lake: LakeDir,
    venue: OneVenue = None,
    until: Annotated[str | None, typer.Option(help="Seal what was recorded by then; default: now.", show_default=False)] = None,
    json: AsJson = False,
) -> None:
    """Turn what was recorded into Parquet files, all of it or nothing; may run beside the recorder."""
    from perpscope.core.time import parse_ts
    from perpscope.lake.hot import seal as sealing

    now = time.time_ns()
    done = [sealing.seal(lake, one, now if until is None else parse_ts(until), now) for one in _recorded(lake, venue)]
    if json:
        print(json_.dumps([report.__dict__ for report in done], indent=1))
        return
    for report in done:
        print(
            f"{report.venue}: {report.until - report.after} commits sealed, {report.kept} rows kept of {report.rows} "
            f"({report.duplicates} told twice, {report.late} late), {report.gaps} gaps declared, "
            f"{report.damaged} damaged batches, {report.deleted} day files deleted."
        )


@app.command("repair")
def repair(lake: LakeDir, json: AsJson = False) -> None:
    """Put right what a crash or a bad disk left; every loss becomes a declared gap. The recorders must not run."""
    from perpscope.lake.repair import repair as mend

    told = mend(lake, time.time_ns)
    if json:
        print(json_.dumps(told, indent=1))
    else:
        print("\n".join(told) if told else "Nothing to repair.")


@app.command("compact")
def compact(lake: LakeDir, json: AsJson = False) -> None:
    """Merge the hours of finished days into one file a day."""
    from perpscope.lake.compact import compact as merge

    done = merge(lake, time.time_ns())
    if json:
        print(json_.dumps(done.__dict__, indent=1))
    else:
        shown = f"{done.files_before} files became {done.files_after}, {done.bytes_before} bytes {done.bytes_after}."
        print(shown if done.days else "Nothing to compact.")


@app.command("retain")
def retain(
    lake: LakeDir,
    kind: Annotated[list[str], typer.Option(help="Kind of rows to delete, such as book_delta.")],
    older_than: Annotated[str, typer.Option(help="Age, such as 30d or 12w.")],
    venue: OneVenue = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json: AsJson = False,
) -> None:
    """Delete sealed files of some kinds that are older than an age."""
    from perpscope.core.time import parse_span
    from perpscope.lake.compact import retain as keep
    from perpscope.lake.compact import sentence

    gone = keep(lake, time.time_ns() - parse_span(older_than), tuple(kind), venue, dry_run)
    if json:
        print(json_.dumps([str(entry.path) for entry in gone], indent=1))
        return
    for entry in gone:
        print(sentence(entry))
    print(f"{len(gone)} files {'would go' if dry_run else 'deleted'}, {sum(entry.bytes for entry in gone)} bytes.")


@app.command("export")
def export(
    lake: LakeDir,
    to: Annotated[str, typer.Option(help="Folder, or an address such as s3://bucket/lake.")],
    stream: Annotated[list[str] | None, typer.Option(help="Only this stream; default: all.", show_default=False)] = None,
    option: Annotated[list[str] | None, typer.Option(help="Option of the store, such as AWS_REGION=eu-west-1.")] = None,
    json: AsJson = False,
) -> None:
    """Bring Delta Lake tables to what is sealed; exporting twice changes nothing. Needs the extra 'export'."""
    from perpscope.lake import Lake
    from perpscope.lake.export import export as write

    storage = {}
    for pair in option or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"'{pair}' is no option. Write NAME=VALUE, such as AWS_REGION=eu-west-1.")
        storage[name] = value
    with progress_bar(quiet=json) as bar:
        done = write(Lake(lake), to, stream, storage, None if bar is None else (lambda n, total, label: bar(label, n, total)))
    if json:
        print(json_.dumps([one.__dict__ for one in done], indent=1))
        return
    for one in done:
        print(f"{one.stream}: {one.added} files ({one.rows} rows) added, {one.removed} replaced, version {one.version}")
    print(f"{len(done)} tables changed." if done else "Nothing to export: the tables have it all.")


def _recorded(lake: Path, venue: str | None) -> list[str]:
    from perpscope.core.errors import unknown_name
    from perpscope.lake.hot.day import venues

    known = venues(lake)
    if not known:
        raise UserError(f"Nothing has been recorded into {lake}. Record first: perpscope record.")
    if venue is not None and venue not in known:
        raise unknown_name("recorded venue", venue, known)
    return known if venue is None else [venue]
