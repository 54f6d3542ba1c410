"""One fetch: archives file by file, what they lack by REST, and a sentence for everything that nobody has.

The catalogue of the lake is the memory: a file whose published checksum is there was imported, one whose name is there with
another checksum was replaced by the venue since. A process killed at any instant leaves whole imports and parts of downloads;
the same command goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Protocol

import numpy as np

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, Timeframe, format_ts, to_datetime
from perpscope.lake import checks, instruments
from perpscope.lake.coverage import NOTHING, Continuity, Stretches, cover, framed, marks_of
from perpscope.lake.fetch.archive import Archive, archives
from perpscope.lake.fetch.download import Site
from perpscope.lake.imports import import_files, request_text
from perpscope.lake.reader import Lake
from perpscope.lake.sources.base import Request, preset
from perpscope.lake.writer import writing

PRESET = "binance-vision"
REST = "rest"
"""The origin of rows that a venue's REST interface told; archives are believed before them."""

KINDS = ("bars", "trades", "oi", "funding", "mark", "liquidations")
_ROWS = 100_000
"""Rows of REST pages that are written at once."""

Progress = Callable[[str, float, float], None]

_PATIENCE = {"trade": 10 * MINUTE, "open_interest": 10 * MINUTE, "funding": 9 * HOUR}
"""How long after its start the first row of a stretch may come; one frame for bars."""


class History(Protocol):
    """What a venue tells of its past by REST: `venues.history`."""

    def offers(self, kind: str) -> bool: ...

    def reaches_back(self, kind: str, now: int) -> int:
        """The earliest instant that the venue still tells of."""
        ...

    def pages(self, kind: str, symbol: str, frame: Timeframe, start: int, end: int) -> Iterator[Table]: ...


@dataclass
class FetchReport:
    """What became of a fetch. `absent` are stretches that nobody told: (kind, start, end, why)."""

    fetched: list[str] = field(default_factory=list)
    already: int = 0
    changed: list[str] = field(default_factory=list)
    added: dict[str, int] = field(default_factory=dict)
    rest: dict[str, int] = field(default_factory=dict)
    absent: list[tuple[str, int, int, str]] = field(default_factory=list)
    holes: list[tuple[str, int, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """The report for people, one line a fact."""
        lines = [f"{len(self.fetched)} archive files fetched, {self.already} were in the lake already."]
        lines += [f"{name} was replaced by the venue since it was imported: imported again." for name in self.changed]
        lines += [f"{stream}: {rows} new rows." for stream, rows in sorted(self.added.items())]
        lines += [f"{stream}: {rows} rows by REST." for stream, rows in sorted(self.rest.items())]
        lines += [f"No {kind} {format_ts(a)} .. {format_ts(b)}: {why}" for kind, a, b, why in self.absent]
        shown = self.holes[:20]
        lines += [f"{stream}: hole {format_ts(a)} .. {format_ts(b)}." for stream, a, b in shown]
        lines += [f"and {len(self.holes) - len(shown)} more holes."] if len(self.holes) > len(shown) else []
        return lines + list(dict.fromkeys(self.notes))


def fetch(
    lake: Lake,
    venue: str,
    symbol: str,
    kinds: Sequence[str],
    start: int,
    end: int,
    *,
    frame: str = "1m",
    site: Site | None = None,
    history: History | None = None,
    now: int,
    progress: Progress | None = None,
) -> FetchReport:
    """Bring [start, end) of a symbol into the lake; whole days of archives are taken.

    `site` is the archive server (None: do without), `history` the venue's REST interface (None: do without). `now` (ns) cuts
    off what has not happened.

    Raises:
        UserError: if a name is wrong, the dates run backwards, or a server cannot be reached. What was imported stays.
        DataError: if an archive is broken.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise unknown_name("kind to fetch", kind, KINDS)
    if not start < min(end, now):
        raise UserError(
            f"There is nothing to fetch between {format_ts(start)} and {format_ts(min(end, now))}. Check the dates."
        )
    run = _Run(lake, venue, symbol, Timeframe.parse(frame), start, min(end, now), site, history, now, progress)
    for kind in dict.fromkeys(kinds):
        run.kind(kind)
    run.gaps()
    return run.report


class _Run:
    def __init__(
        self, lake: Lake, venue: str, symbol: str, frame: Timeframe, start: int, end: int, site: Site | None,
        history: History | None, now: int, progress: Progress | None,
    ) -> None:  # fmt: skip
        self.lake, self.venue, self.symbol, self.frame, self.start, self.end = lake, venue, symbol, frame, start, end
        self.site, self.history, self.now, self.progress = site, history, now, progress
        self.report = FetchReport()
        self.cache = lake.path / ".fetch" / venue / symbol
        self.streams: set[str] = set()

    def kind(self, kind: str) -> None:
        if kind == "liquidations":
            self.report.notes.append(
                f"Nobody offers past liquidations of {self.venue}. "
                f"Record them live: perpscope record {self.venue}:{self.symbol}."
            )
            return
        planned = archives(self.venue, self.symbol, kind, str(self.frame), self.start, self.end) if self.site else []
        missing: list[tuple[int, int]] = []
        done = 0
        together = "%Y-%m-%d" if kind == "trades" else "%Y-%m"
        for _, group in groupby(planned, key=lambda a: to_datetime(a.start).strftime(together)):
            month = list(group)
            missing += self._archives(kind, month, done, len(planned))
            done += len(month)
        if not planned:
            missing = [(self.start, self.end)]
        for begin, stop in _joined(missing):
            self._rest(kind, max(begin, self.start), min(stop, self.end))

    def _archives(self, kind: str, wanted: Iterable[Archive], done: int, total: int) -> list[tuple[int, int]]:
        """Fetch and import a few files at once; the stretches that the archive does not have."""
        site = self.site
        if site is None:
            return []
        missing, paths, options = [], [], {}
        queue = list(wanted)
        folder = self.cache / kind
        while queue:
            one = queue.pop(0)
            if one.start >= self.now:
                continue
            self._say(f"{kind} {one.name}", done, total)
            sha = site.checksum(one.path)
            if sha is None and one.days:
                queue = [*one.days, *queue]  # the month is not out yet, its days may be
                continue
            done += 1
            if sha is None:
                missing.append((one.start, one.end))
                continue
            options = dict(one.options)
            known = self._known(one)
            if sha in known:
                self.report.already += 1
                continue
            if known:
                self.report.changed.append(one.name)
            got = partial(self._got, f"{kind} {one.name}", done - 1, total)
            paths.append(site.download(one.path, sha, folder, got))
        if paths:
            self._import(paths, options)
        return missing

    def _got(self, label: str, done: int, total: int, received: int, size: int) -> None:
        self._say(label, done + received / max(size, received, 1), total)

    def _import(self, paths: list[Path], options: dict[str, str]) -> None:
        told = import_files(
            self.lake, PRESET, paths, venue=self.venue, symbol=self.symbol, options=options, now=self.now
        )  # fmt: skip
        for stream in told.streams:
            self.streams.add(stream.stream)
            self.report.added[stream.stream] = self.report.added.get(stream.stream, 0) + stream.added
        self.report.notes += [*told.notes, *(f"Left out: {n} {why}." for why, n in told.left_out.items() if n)]
        self.report.fetched += [p.name for p in paths]
        for path in paths:
            path.unlink()

    def _known(self, one: Archive) -> set[str]:
        """The checksums under which a file of this name was imported with the same request."""
        request = request_text(preset(PRESET), Request((), self.venue, self.symbol, options=one.options))
        return {s.sha256 for s in self.lake.catalogue.sources if s.name == one.name and s.request == request}

    def _rest(self, kind: str, start: int, end: int) -> None:
        history = self.history
        if start >= end:
            return
        if history is None or not history.offers(kind):
            self.report.absent.append((kind, start, end, f"{self.venue} does not offer them in its archive or by REST."))
            return
        oldest = history.reaches_back(kind, self.now)
        if start < oldest:
            why = f"the archive has no such file, and by REST {self.venue} reaches back to {format_ts(oldest)} only."
            self.report.absent.append((kind, start, min(end, oldest), why))
            start = oldest
        if start >= end:
            return
        stream = {
            "bars": f"bars@{self.frame}",
            "mark": f"mark_bars@{self.frame}",
            "oi": "open_interest",
            "trades": "trade",
        }.get(kind, kind)
        start = self._reached(stream, start, end)
        self._say(f"{kind} by REST", 0, 1)
        held: list[Table] = []
        for page in history.pages(kind, self.symbol, self.frame, start, end):
            held.append(page)
            if len(page):
                self._say(f"{kind} by REST", (int(page.clock[-1]) - start) / (end - start), 1)
            if sum(map(len, held)) >= _ROWS:
                self._write(stream, held)
                held = []
        self._write(stream, held)

    def _reached(self, stream: str, start: int, end: int) -> int:
        """Where an earlier REST fetch from `start` on, perhaps killed, got to without a hole."""
        mine = (self.venue, self.symbol, stream, REST)
        files = [f for f in self.lake.catalogue.files if (f.venue, f.symbol, f.stream, f.origin) == mine]
        parts = [np.array(f.coverage, np.int64).reshape(-1, 4) for f in files]
        rule = _rule(stream)
        for first, last, *_ in cover(np.concatenate([NOTHING, *parts]), rule).tolist():
            if last > start:
                reached = last + (rule.ns if rule.rule == "step" else 0)  # a bar is known by its open
                return min(reached, end) if first <= start + _PATIENCE.get(stream, self.frame.ns) else start
        return start

    def _write(self, stream: str, pages: list[Table]) -> None:
        full = [p for p in pages if len(p)]
        if not full:
            return
        table = Table.concat(full).sorted()
        checks.check(table, f"{self.venue} {stream} by REST", self.now)
        marks = np.concatenate([self._neighbour(table), marks_of(table)]) if stream == "trade" else marks_of(table)
        with writing(self.lake.path) as transaction:
            self.lake.refresh()
            written = transaction.add(self.venue, self.symbol, stream, REST, table, _rule(stream), marks)
            declared = {(i.venue, i.symbol) for i in self.lake.catalogue.instruments}
            news = [] if (self.venue, self.symbol) in declared else [instruments.guess(self.venue, self.symbol)]
            self.lake.catalogue = transaction.commit([], news)
        self.lake.refresh()
        self.streams.add(stream)
        self.report.rest[stream] = self.report.rest.get(stream, 0) + written.rows

    def _neighbour(self, trades: Table) -> Stretches:
        """The trade before, where an archive has it: its id proves that nothing lies between, so that the seam is no hole."""
        if "trade" not in {f.stream for f in self.lake.catalogue.files if (f.venue, f.symbol) == (self.venue, self.symbol)}:
            return NOTHING
        first, ident = int(trades.clock[0]), int(trades["trade_id"][0])
        before = self.lake.read(self.venue, self.symbol, "trade", first - DAY, first)
        mine = before[before["trade_id"] == ident - 1]
        return marks_of(mine[-1:])

    def gaps(self) -> None:
        """The holes inside what was asked for."""
        self.lake.refresh()
        for stream in sorted(self.streams):
            for hole in self.lake.holes(self.venue, self.symbol, stream, self.end):
                if hole.end > self.start and hole.start < self.end:
                    self.report.holes.append((stream, max(hole.start, self.start), min(hole.end, self.end)))

    def _say(self, label: str, done: float, total: float) -> None:
        if self.progress is not None:
            self.progress(label, done, total)


def _rule(stream: str) -> Continuity:
    """How two REST rows of a stream are neighbours."""
    if stream == "trade":
        return Continuity("ids")
    return Continuity("silence", 5 * MINUTE * 3 // 2) if stream == "open_interest" else framed(stream)


def _joined(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring stretches as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
