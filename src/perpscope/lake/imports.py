"""Bringing files into the lake: all files of a call, or none of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from perpscope.core.errors import DataError, UserError, unknown_name
from perpscope.core.events import stream_frame, stream_kind
from perpscope.core.table import Table
from perpscope.core.time import DAY, Timeframe, format_ts
from perpscope.lake import checks, instruments, merge
from perpscope.lake.catalogue import Catalogue, SourceEntry
from perpscope.lake.coverage import Continuity, Stretches, marks_of
from perpscope.lake.gather import hole_count
from perpscope.lake.reader import Lake
from perpscope.lake.sources.base import Floats, Parsed, Preset, Request, Times, preset
from perpscope.lake.writer import Transaction, Written, writing
from perpscope.numeric.asof import asof_values

Progress = Callable[[int, int, str], None]

BUFFERED_ROWS = 4_000_000
"""Rows held before they are sealed: enough that a month of daily files makes one write, little enough for a small machine."""


@dataclass(frozen=True)
class SourceReport:
    """One file given: its content's hash, the rows taken from it, whether it had been imported before."""

    name: str
    sha256: str
    rows: int
    already: bool


@dataclass(frozen=True)
class StreamReport:
    """What became of the rows of one stream. `rows` were read; `added` are new in the lake; `holes` are those that all
    files of this origin leave after the import."""

    venue: str
    symbol: str
    stream: str
    origin: str
    rows: int = 0
    added: int = 0
    duplicates: int = 0
    revised: int = 0
    covered: int = 0
    unsorted: bool = False
    holes: int = 0
    first_clock: int | None = None
    last_clock: int | None = None


@dataclass(frozen=True)
class ImportReport:
    """The outcome of an import. `left_out` counts rows that a preset did not take, by reason; `notes` are sentences."""

    preset: str
    sources: tuple[SourceReport, ...]
    streams: tuple[StreamReport, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return any(s.added or s.revised for s in self.streams)

    def sentences(self) -> list[str]:
        """The report for people, one line a fact."""
        lines = [f"{s.name}: imported before, nothing to do." for s in self.sources if s.already]
        for s in self.streams:
            if s.first_clock is None:
                lines.append(f"{s.venue} {s.symbol} {s.stream} from {s.origin}: no rows.")
                continue
            span = f"{format_ts(s.first_clock)} .. {format_ts(s.last_clock or 0)}"
            line = f"{s.venue} {s.symbol} {s.stream} from {s.origin}: {s.rows} rows read, {s.added} new, {span}."
            details = {"duplicates dropped": s.duplicates, "revised": s.revised, "in time already covered": s.covered}
            line += "".join(f" {n} {what}." for what, n in details.items() if n)
            line += f" {s.holes} hole{'' if s.holes == 1 else 's'}." if s.holes else ""
            lines.append(line + (" The rows were unordered and have been sorted." if s.unsorted else ""))
        lines += [f"Left out: {n} {why}." for why, n in self.left_out.items() if n]
        return lines + list(self.notes)


def import_files(
    lake: Lake,
    preset_name: str,
    paths: Iterable[str | Path],
    *,
    venue: str,
    symbol: str,
    frame: str | None = None,
    column_map: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    now: int | None = None,
) -> ImportReport:
    """Import files with a preset. A file imported before with the same request changes nothing.

    `frame` is the bars' time frame where the files do not tell it, `column_map` maps our column names to the file's (preset
    csv), `options` are the preset's own, `now` (ns) makes rows of the future an error, `progress(done, total, label)` is called
    as bytes are read and rows sealed. The symbol '*' takes every symbol of a
    file that holds many, or the one that the file name begins with. A folder stands for the files in it.

    Raises:
        UserError: if a preset, option, path, column or name is wrong, or another import is running.
        DataError: if a file is broken or its rows cannot be what they claim. The lake is then as it was.
    """
    chosen = preset(preset_name)
    for option in options or {}:
        if option not in chosen.options:
            raise unknown_name(f"option of the preset {preset_name}", option, chosen.options)
    files = _expand(paths)
    hashes = {path: _hash(path) for path in files}
    request = Request(
        paths=tuple(dict.fromkeys(files)), venue=venue, symbol=symbol,
        frame=Timeframe.parse(frame) if frame else None, column_map=dict(column_map or {}), options=dict(options or {}),
        close_at=lambda times: _close_at(lake, venue, symbol, times),
    )  # fmt: skip
    asked = request_text(chosen, request)
    with writing(lake.path) as transaction:
        lake.refresh()
        seen = {(s.sha256, s.request) for s in lake.catalogue.sources}
        fresh = tuple(p for p in request.paths if (hashes[p], asked) not in seen)
        already = tuple(SourceReport(p.name, hashes[p], 0, True) for p in request.paths if p not in fresh)
        if not fresh:
            return ImportReport(chosen.name, already)
        run = _Run(chosen, replace(request, paths=fresh), transaction, now, progress)
        run.read()
        sources = [SourceEntry(hashes[p], p.name, asked, run.rows[p]) for p in fresh]
        declared = {(i.venue, i.symbol) for i in lake.catalogue.instruments}
        news = [instruments.guess(venue, s) for s in sorted(run.symbols) if (venue, s) not in declared]
        lake.catalogue = transaction.commit(sources, news)
        run.finished(lake.catalogue)
    reports = (*already, *(SourceReport(p.name, hashes[p], run.rows[p], False) for p in fresh))
    return ImportReport(chosen.name, reports, tuple(run.reports.values()), dict(run.left_out), tuple(dict.fromkeys(run.notes)))


class _Run:
    """One pass over the files: parsed, checked, sorted, buffered, staged."""

    def __init__(
        self, chosen: Preset, request: Request, transaction: Transaction, now: int | None, progress: Progress | None
    ) -> None:
        self.chosen, self.request, self.transaction, self.now, self.progress = chosen, request, transaction, now, progress
        self.rows: Counter[Path] = Counter()
        self.left_out: Counter[str] = Counter()
        self.notes: list[str] = []
        self.symbols: set[str] = set()
        self.reports: dict[tuple[str, str, str], StreamReport] = {}
        self._buffer: dict[tuple[str, str, str, Continuity], list[tuple[Table, Stretches]]] = {}
        self._buffered = 0
        sizes = {p: max(p.stat().st_size, 1) for p in request.paths}
        self._sizes, self._total, self._done, self._read = sizes, 2 * sum(sizes.values()), 0, dict.fromkeys(sizes, False)

    def read(self) -> None:
        for parsed in self.chosen.read(self.request):
            self._take(parsed)
            if self._buffered >= BUFFERED_ROWS:
                self._seal()
        self._seal()

    def finished(self, after: Catalogue) -> None:
        for (symbol, stream, origin), report in self.reports.items():
            key = (self.request.venue, symbol, stream, origin)
            mine = [f for f in after.files if (f.venue, f.symbol, f.stream, f.origin) == key]
            self.reports[symbol, stream, origin] = replace(report, holes=hole_count(mine))
        self._say(self._total, "done")

    def _take(self, parsed: Parsed) -> None:
        table, name = parsed.table, parsed.path.name
        checks.check(table, name, self.now)
        clock = table.clock
        unsorted = bool((clock[1:] < clock[:-1]).any())
        table = _ordered(table, parsed.continuity)
        duplicates = 0
        if merge.has_key(table):
            merged = merge.by_key([table])
            if merged.revised:
                raise DataError(f"{name} says two different things of the same {table.schema.name}.", merged.clash)
            table, duplicates = merged.table, merged.duplicates
        symbol = parsed.symbol or self.request.symbol
        if symbol in ("*", ""):
            raise UserError(f"{name} does not tell its symbol. Name it.")
        marks = marks_of(table) if parsed.marks is None else parsed.marks
        self._buffer.setdefault((symbol, parsed.stream, parsed.origin, parsed.continuity), []).append((table, marks))
        self._buffered += len(table)
        self.rows[parsed.path] += len(parsed.table)
        self.left_out.update(parsed.counts)
        self.notes.extend(parsed.notes)
        self.symbols.add(symbol)
        self._report(symbol, parsed, table, duplicates, unsorted)
        for path in self._sizes:
            # a file is read when the preset has moved on to it or past it
            if not self._read[path]:
                self._read[path] = True
                self._say(self._done + self._sizes[path], f"read {path.name}")
            if path == parsed.path:
                break

    def _report(self, symbol: str, parsed: Parsed, table: Table, duplicates: int, unsorted: bool) -> None:
        key = (symbol, parsed.stream, parsed.origin)
        old = self.reports.get(key) or StreamReport(self.request.venue, symbol, parsed.stream, parsed.origin)
        clocks = [c for c in (old.first_clock, old.last_clock) if c is not None]
        clocks += table.clock[[0, -1]].tolist() if len(table) else []
        self.reports[key] = replace(
            old, rows=old.rows + len(parsed.table), duplicates=old.duplicates + duplicates, unsorted=old.unsorted or unsorted,
            first_clock=min(clocks, default=None), last_clock=max(clocks, default=None),
        )  # fmt: skip

    def _seal(self) -> None:
        share = (self._total - self._done) / max(self._buffered, 1) / 2
        for (symbol, stream, origin, continuity), parts in self._buffer.items():
            table, repeated = _join([t for t, _ in parts])
            marks = np.concatenate([m for _, m in parts])
            label = f"seal {symbol} {stream}"
            written = self.transaction.add(
                self.request.venue, symbol, stream, origin, table, continuity, marks,
                partial(self._sealed, label, share),
            )  # fmt: skip
            self._count(symbol, stream, origin, written + repeated)
        self._buffer.clear()
        self._buffered = 0

    def _sealed(self, label: str, share: float, rows: int) -> None:
        self._say(self._done + int(share * rows), label)

    def _count(self, symbol: str, stream: str, origin: str, written: Written) -> None:
        old = self.reports[symbol, stream, origin]
        self.reports[symbol, stream, origin] = replace(
            old, added=old.added + written.rows, duplicates=old.duplicates + written.duplicates,
            revised=old.revised + written.revised, covered=old.covered + written.covered,
        )  # fmt: skip

    def _say(self, done: int, label: str) -> None:
        self._done = min(done, self._total)
        if self.progress is not None:
            self.progress(self._done, self._total, label)


def _join(tables: list[Table]) -> tuple[Table, Written]:
    """Tables of several files as one; what two files both say is kept once, the later file's word where they differ."""
    if len(tables) == 1:
        return tables[0], Written()
    if all(merge.has_key(t) for t in tables):
        merged = merge.by_key(tables[::-1])
        return merged.table, Written(0, merged.duplicates, merged.revised)
    return Table.concat(tables).sorted(), Written()


def _ordered(table: Table, continuity: Continuity) -> Table:
    """By clock; rows of one instant by id where ids count up, else in the order of the file."""
    if continuity.rule == "ids" and "trade_id" in table.schema.by_name:
        ids, clock = table["trade_id"], table.clock
        if bool(((clock[1:] < clock[:-1]) | ((clock[1:] == clock[:-1]) & (ids[1:] < ids[:-1]))).any()):
            return table[np.lexsort((ids, clock))]
    return table.sorted()


def _expand(paths: Iterable[str | Path]) -> list[Path]:
    """The files named, a folder standing for the files in it (not for those of its folders)."""
    files: list[Path] = []
    for path in map(Path, paths):
        inside = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".") if path.is_dir() else [path]
        if not inside:
            raise UserError(f"The folder {path} holds no files.")
        files += inside
    if not files:
        raise UserError("No file was named to import.")
    return files


def _hash(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Check the path.") from None


def request_text(chosen: Preset, request: Request) -> str:
    """What was asked of a file, as text: a second import differs when any of it does."""
    parts = [chosen.name, request.venue, request.symbol, str(request.frame or "")]
    parts += [f"{k}={v}" for mapping in (request.column_map, request.options) for k, v in sorted(mapping.items())]
    return "|".join(parts)


def _close_at(lake: Lake, venue: str, symbol: str, times: Times) -> Floats:
    """The close of the newest bar known at each instant, of the finest bars in the lake; NaN without one or a day later.

    Raises:
        UserError: if the lake has no bars of the instrument.
    """
    found = {f.stream for f in lake.catalogue.files if f.venue == venue and f.symbol == symbol}
    framed = sorted((s for s in found if stream_kind(s) == "bars"), key=lambda s: Timeframe.parse(str(stream_frame(s))).ns)
    if not framed:
        raise UserError(
            f"This source states dollars. Import bars of {venue} {symbol} first, so that they can be turned into coins."
        )
    table = lake.read(venue, symbol, framed[0], None, int(times.max()) if len(times) else 0)
    return asof_values(table.clock, table["close"], times, max_age=DAY)
