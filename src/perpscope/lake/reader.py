"""The lake as its readers see it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perpscope.core.errors import DataError, UserError, unknown_name
from perpscope.core.events import GAP, KINDS, stream_frame, stream_kind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Schema, Table
from perpscope.core.time import Timeframe, format_ts
from perpscope.lake import catalogue as catalogues
from perpscope.lake import instruments, queries, writer
from perpscope.lake.catalogue import Catalogue, FileEntry, InstrumentEntry
from perpscope.lake.gather import BEGINNING, Gathered, Hole, gap_rows, gather
from perpscope.lake.hot.unsealed import Unsealed
from perpscope.lake.merge import rank
from perpscope.lake.source import Source
from perpscope.lake.sources.base import RISK_TIER

if TYPE_CHECKING:
    import duckdb
    import polars

END_OF_TIME = 2**63 - 1


class Lake:
    """Sealed files under one folder, and what they hold.

    Opening reads the catalogue only. Times are ns UTC; ranges by clock are (start, end]: what became knowable after
    `start` and by `end`; None leaves a side open.

    Raises:
        UserError: if `path` is a file.
        DataError: if the catalogue is damaged.

    Example:
        >>> Lake("no/such/folder").instruments()
        []
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.refresh()

    def refresh(self) -> None:
        """Look again, after another process has imported, recorded or sealed."""
        self.catalogue: Catalogue = catalogues.load(self.path)
        self._unsealed: Unsealed | None = None
        self._gaps: dict[tuple[str, str], Table] = {}

    def instruments(self) -> list[Instrument]:
        """Every instrument that has any stream, with what was declared of it (no rows are read)."""
        sealed = {(f.venue, f.symbol) for f in self.catalogue.files if _fed(f.stream)}
        recorded = {key for key, streams in self._hot().contents.items() if any(map(_fed, streams))}
        return [instruments.instrument(self.catalogue, venue, symbol) for venue, symbol in sorted(sealed | recorded)]

    def streams(self, venue: str, symbol: str, end: int | None = None) -> list[str]:
        """The streams with at least one row known by `end`: "bars@5m", "trade", "open_interest", ...

        Raises:
            UserError: if the instrument is not in the lake.
        """
        until = END_OF_TIME if end is None else end
        sealed = {f.stream for f in self._files(venue, symbol) if f.rows and f.first_clock <= until}
        recorded = {s for s, found in self._hot().streams(venue, symbol).items() if found.first_clock <= until}
        return sorted(filter(_fed, sealed | recorded))

    def span(self, venue: str, symbol: str, stream: str) -> tuple[int, int]:
        """The clocks of the first and the last row of a stream.

        Raises:
            UserError: if the lake has no such stream.
        """
        files = [f for f in self._entries(venue, symbol, stream) if f.rows]
        return min(f.first_clock for f in files), max(f.last_clock for f in files)

    def read(
        self,
        venue: str,
        symbol: str,
        stream: str,
        start: int | None = None,
        end: int | None = None,
        origins: Sequence[str] | None = None,
    ) -> Table:
        """The rows of a stream with start < clock <= end, merged over its origins.

        Where several origins tell the same bar, the one with `buy_volume` is taken, else the first in the declared order
        (`lake.merge.rank`, or `origins`, which also leaves the others out). Trades, book updates and polled values are
        taken from one origin a stretch of time.

        Returns: a table of the stream's schema, ordered by clock.

        Raises:
            UserError: if the instrument, stream or origin is not in the lake.
            DataError: if a file is damaged.
        """
        return self.gather(venue, symbol, stream, start, end, origins).table

    def gather(
        self,
        venue: str,
        symbol: str,
        stream: str,
        start: int | None = None,
        end: int | None = None,
        origins: Sequence[str] | None = None,
    ) -> Gathered:
        """As `read`, with the share of every origin and the holes known by `end`."""
        entries = self._entries(venue, symbol, stream)
        have = {f.origin for f in entries}
        for origin in origins or ():
            if origin not in have:
                raise unknown_name(f"origin of {venue} {symbol} {stream}", origin, have)
        order = list(origins) if origins else sorted(have, key=lambda o: rank(o, venue))
        low, high = BEGINNING if start is None else start, END_OF_TIME if end is None else end
        if high == END_OF_TIME:
            told = self._declared(venue, symbol).clock
            high = max(*(f.last_clock for f in entries), int(told[-1]) if len(told) else low)
        return gather(stream, schema_of(stream), entries, self._table, low, high, order, self._declared(venue, symbol))

    def holes(self, venue: str, symbol: str, stream: str, end: int | None = None) -> list[Hole]:
        """Every hole of a stream known by `end`, from the catalogue and, for the last stretch, the rows.

        Raises:
            UserError: if the lake has no such stream.
        """
        return list(self.gather(venue, symbol, stream, None, end).holes)

    def source(
        self,
        venue: str,
        symbol: str,
        streams: Sequence[str] | None = None,
        start: int | None = None,
        end: int | None = None,
        step: int | None = None,
    ) -> Source:
        """Batches of the streams in order: one long batch, or cut every `step` ns, never inside a gap.

        `streams` defaults to everything offered by `end`. A stream that has no rows in the range is delivered empty.

        Raises:
            UserError: if the instrument or a stream is not offered by `end`, the range is empty, or `step` is not positive.
            DataError: if a file is damaged.
        """
        if step is not None and step <= 0:
            raise UserError("The step between batches must be positive.")
        if start is not None and end is not None and end <= start:
            raise UserError(f"The range ends ({format_ts(end)}) before it begins ({format_ts(start)}).")
        offered = self.streams(venue, symbol, end)
        chosen = offered if streams is None else [s for s in dict.fromkeys(streams) if s != "gap"]
        for stream in chosen:
            if stream not in offered:
                raise unknown_name(f"stream of {venue} {symbol}", stream, offered)
        if not chosen:
            raise UserError(f"Nothing about {venue} {symbol} was known by {format_ts(end or 0)}. Choose a later end.")
        until = max(self.span(venue, symbol, s)[1] for s in chosen) if end is None else end
        gathered = [self.gather(venue, symbol, s, start, until) for s in chosen]
        low = BEGINNING if start is None else start
        return Source(
            instrument=self.instrument(venue, symbol, until, {g.stream: g.table for g in gathered}),
            offered=frozenset(offered),
            tables={g.stream: g.table for g in gathered},
            gaps=gap_rows(gathered, low, until),
            holes={g.stream: g.holes for g in gathered},
            origins={g.stream: g.shares for g in gathered},
            start=start,
            end=until,
            step=step,
        )

    def instrument(self, venue: str, symbol: str, end: int | None = None, tables: dict[str, Table] | None = None) -> Instrument:
        """The instrument as known at `end`: declared facts, margin tables dated by then, steps estimated from rows.

        Raises:
            UserError: if the instrument is not in the lake.
        """
        files = self._files(venue, symbol)
        tiers = RISK_TIER.empty()
        source = "unknown"
        if any(f.stream == RISK_TIER.name for f in files):
            found = self.gather(venue, symbol, RISK_TIER.name, None, end)
            tiers, source = found.table, ", ".join(found.shares)
        return instruments.instrument(self.catalogue, venue, symbol, tables or {}, tiers, source)

    def declare(self, instrument: Instrument) -> None:
        """Write down what is known of an instrument (kind, coins, steps, contract size), in place of the guess.

        Raises:
            UserError: if another process is writing.
        """
        with writer.writing(self.path) as transaction:
            self.catalogue = transaction.commit([], [InstrumentEntry.of(instrument)])

    def scan(self, venue: str, symbol: str, stream: str) -> polars.LazyFrame:
        """All sealed rows of all origins as a polars frame, for research by hand (`lake.queries`)."""
        return queries.scan(self.path, [f for f in self._entries(venue, symbol, stream) if f.sha256])

    def sql(self) -> duckdb.DuckDBPyConnection:
        """A duckdb connection with one view per stream (`bars_5m`, `trade`) over the sealed files, for research by
        hand (`lake.queries`)."""
        return queries.connect(self.path, self.catalogue.files)

    def check(self) -> list[str]:
        """Read and re-hash everything; each fault is one sentence, none means that the lake is sound."""
        faults = []
        for entry in self.catalogue.files:
            try:
                writer.read_entry(self.path, entry, schema_of(entry.stream))
            except DataError as error:
                faults.append(str(error))
        named = {self.path / entry.path for entry in self.catalogue.files}
        for path in sorted(self.path.rglob("*.parquet")) if self.path.is_dir() else ():
            if path not in named:
                faults.append(f"{path.relative_to(self.path)} is not in the catalogue.")
        return faults

    def _files(self, venue: str, symbol: str) -> list[FileEntry]:
        files = [f for f in self.catalogue.files if f.venue == venue and f.symbol == symbol]
        hot = self._hot()
        if not files and (venue, symbol) not in hot.contents:
            known = {f"{f.venue} {f.symbol}" for f in self.catalogue.files} | {f"{v} {s}" for v, s in hot.contents}
            if not known:
                raise UserError(f"The lake {self.path} is empty. Import data first.")
            raise unknown_name("instrument", f"{venue} {symbol}", known)
        return files

    def _entries(self, venue: str, symbol: str, stream: str) -> list[FileEntry]:
        files = self._files(venue, symbol)
        found = {f.key: f for f in files if f.stream == stream}
        hot = self._hot()
        try:
            found |= {f.key: f for f in hot.entries(venue, symbol, stream)}
        except DataError:
            self._raise_if_changed()
            raise
        if not found:
            raise unknown_name(f"stream of {venue} {symbol}", stream, {f.stream for f in files} | {*hot.streams(venue, symbol)})
        return list(found.values())

    def _hot(self) -> Unsealed:
        if self._unsealed is None:
            self._unsealed = Unsealed(self.path, self.catalogue)
        return self._unsealed

    def _declared(self, venue: str, symbol: str) -> Table:
        """Every gap that a recorder declared for the instrument."""
        if (venue, symbol) not in self._gaps:
            sealed = {f.key: f for f in self.catalogue.files if (f.venue, f.symbol, f.stream) == (venue, symbol, GAP.name)}
            found = sealed | {f.key: f for f in self._hot().entries(venue, symbol, GAP.name)}
            tables = [self._table(found[key]) for key in sorted(found)]
            self._gaps[venue, symbol] = Table.concat([GAP.empty(), *tables]).sorted()
        return self._gaps[venue, symbol]

    def _raise_if_changed(self) -> None:
        if catalogues.load(self.path).generation != self.catalogue.generation:
            self.refresh()
            raise UserError("An import changed the lake while it was being read. Read again.") from None

    def _table(self, entry: FileEntry) -> Table:
        if not entry.sha256:
            return self._hot().table(entry)
        try:
            return writer.read_entry(self.path, entry, schema_of(entry.stream))
        except DataError:
            self._raise_if_changed()
            raise


def schema_of(stream: str) -> Schema:
    """The schema of a stream or of a margin table.

    Raises:
        UserError: if there is no such kind, or its time frame is none.
    """
    kind, frame = stream_kind(stream), stream_frame(stream)
    if kind == RISK_TIER.name:
        return RISK_TIER
    if kind not in KINDS:
        raise unknown_name("stream", stream, KINDS)
    if frame is not None:
        Timeframe.parse(frame)
    return KINDS[kind]


def _fed(stream: str) -> bool:
    """Whether a stream is offered: margin tables are part of the instrument, declared gaps of every stream."""
    return stream_kind(stream) in KINDS and stream != GAP.name
