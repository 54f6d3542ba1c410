"""The catalogue: the only truth about what a lake holds.

One JSON file, replaced as a whole by an atomic rename, with a checksum of itself. A sealed file that it does not name
does not exist for readers; that is why an interrupted import changes nothing. Everything but the list of imported
sources can be rebuilt from the sealed files, because each carries its own entry in its header.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from perpscope.core.errors import DataError, PerpscopeError, UserError
from perpscope.core.instrument import Instrument
from perpscope.core.units import ContractKind
from perpscope.lake import codec
from perpscope.lake.coverage import Continuity
from perpscope.lake.layout import CATALOGUE, TEMPORARY, check_names, file_name, folder, is_sealed

FORMAT = 1


@dataclass(frozen=True)
class FileEntry:
    """One sealed file. Clocks and coverage in ns; `coverage` as in `lake.coverage`."""

    venue: str
    symbol: str
    stream: str
    period: str
    origin: str
    generation: int
    rows: int
    first_clock: int
    last_clock: int
    continuity: Continuity
    coverage: tuple[tuple[int, int, int, int], ...]
    bytes: int = 0
    sha256: str = ""

    @property
    def path(self) -> Path:
        """Relative to the lake; made from the names, so that no catalogue can point outside."""
        check_names(self.venue, self.symbol, self.origin)
        return folder(self.venue, self.stream, self.symbol, self.period) / file_name(self.origin, self.generation)

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        return (self.venue, self.symbol, self.stream, self.period, self.origin)

    @property
    def day_key(self) -> tuple[str, str, str, str, str]:
        """The key of the day that hours are compacted into."""
        return (self.venue, self.symbol, self.stream, self.period[:10], self.origin)

    def header(self) -> dict[str, Any]:
        """What the file says of itself: the entry without the facts that only the finished file has."""
        plain = asdict(self)
        del plain["bytes"], plain["sha256"]
        return {"format": FORMAT, "entry": plain}


@dataclass(frozen=True)
class SourceEntry:
    """A file that was imported, known again by its content and by what was asked of it."""

    sha256: str
    name: str
    request: str
    rows: int


@dataclass(frozen=True)
class InstrumentEntry:
    """What an import or the user declared about an instrument; NaN steps are estimated from the rows when read."""

    venue: str
    symbol: str
    kind: ContractKind
    base: str
    quote: str
    contract_size: float = 1.0
    tick_size: float | None = None
    lot_size: float | None = None
    oi_sides: int = 1

    @classmethod
    def of(cls, instrument: Instrument) -> InstrumentEntry:
        i = instrument
        return cls(i.venue, i.symbol, i.kind, i.base, i.quote, i.contract_size, i.tick_size, i.lot_size, i.oi_sides)


@dataclass(frozen=True)
class SealedEntry:
    """Every commit of a venue's hot log up to `seq` is in the files of this catalogue."""

    venue: str
    seq: int


@dataclass(frozen=True)
class Catalogue:
    """Everything a lake holds, at one generation."""

    format: int = FORMAT
    generation: int = 0
    files: tuple[FileEntry, ...] = ()
    sources: tuple[SourceEntry, ...] = ()
    instruments: tuple[InstrumentEntry, ...] = ()
    sealed: tuple[SealedEntry, ...] = ()

    def sealed_until(self, venue: str) -> int:
        """The last commit of the venue's hot log that the files hold; 0 where none is."""
        return next((s.seq for s in self.sealed if s.venue == venue), 0)

    def by_key(self) -> dict[tuple[str, str, str, str, str], FileEntry]:
        return {entry.key: entry for entry in self.files}


@dataclass(frozen=True)
class _Envelope:
    sha256: str
    catalogue: msgspec.Raw


def load(root: Path) -> Catalogue:
    """The catalogue of the lake at `root`; empty where there is no lake; rebuilt where only the catalogue is lost.

    Raises:
        DataError: if the catalogue is damaged.
        UserError: if it was written by a newer perpscope.
    """
    path = root / CATALOGUE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return rebuild(root)
    except NotADirectoryError:
        raise UserError(f"{root} is a file, not a lake. Name a folder.") from None
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
        if hashlib.sha256(envelope.catalogue).hexdigest() != envelope.sha256:
            raise DataError(f"{path} does not match its own checksum.")
        version = msgspec.json.decode(envelope.catalogue).get("format")
        if version != FORMAT:
            raise UserError(f"{path} has format {version}, this perpscope reads {FORMAT}. Update perpscope.")
        return msgspec.json.decode(envelope.catalogue, type=Catalogue)
    except (msgspec.MsgspecError, UnicodeDecodeError, DataError) as error:
        raise DataError(
            f"The catalogue of the lake is damaged ({error}). Delete {path.name}; it is rebuilt from the sealed files."
        ) from None


def save(root: Path, catalogue: Catalogue) -> None:
    """Put the catalogue in the place of the old one: all of it or nothing."""
    body = msgspec.json.encode(catalogue)
    envelope = _Envelope(hashlib.sha256(body).hexdigest(), msgspec.Raw(body))
    write_durably(root / CATALOGUE, msgspec.json.encode(envelope))
    sync_folder(root)


def rebuild(root: Path) -> Catalogue:
    """The catalogue that the sealed files themselves tell: the newest generation of every period and origin, and no hours of
    a day that was compacted.

    Sources and declared instruments are not in the files; importing a source again finds its rows present. What of the hot
    log is sealed is told by its own marks, which follow the catalogue and never run ahead of it.

    Raises:
        DataError: if a file with the name of a sealed one is not readable.
    """
    newest: dict[tuple[str, str, str, str, str], FileEntry] = {}
    for path in sorted(root.rglob("*.parquet")) if root.is_dir() else ():
        if not is_sealed(path):
            continue
        entry = entry_of(root, path)
        if entry.key not in newest or newest[entry.key].generation < entry.generation:
            newest[entry.key] = entry
    from perpscope.lake.hot.day import sealed_marks

    files = tuple(e for _, e in sorted(newest.items()) if "T" not in e.period or e.day_key not in newest)
    sealed = tuple(SealedEntry(venue, seq) for venue, seq in sealed_marks(root)) if files else ()
    return Catalogue(generation=max((f.generation for f in files), default=0), files=files, sealed=sealed)


def entry_of(root: Path, path: Path) -> FileEntry:
    """The entry of a sealed file, from the file alone.

    Raises:
        DataError: if it is damaged, or does not lie where its header says.
    """
    data = path.read_bytes()
    shown = path.relative_to(root)
    try:
        header = codec.read_header(data)
        entry = msgspec.convert(header["entry"], FileEntry)
        entry = replace(entry, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        placed = root / entry.path == path
    except (KeyError, msgspec.MsgspecError, PerpscopeError):
        raise DataError(f"{shown} is damaged or no sealed file. Move it out of the lake.") from None
    if not placed:
        raise DataError(f"{shown} says that it is {entry.path}. Move it there, or out of the lake.")
    return entry


def write_durably(path: Path, data: bytes) -> None:
    """Write beside the target, force it to the disk, rename: readers see the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{TEMPORARY}{path.name}")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)  # a full disk must not be fuller for it
        raise


def sync_folder(path: Path) -> None:
    """Force a rename to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
