"""What a lake holds and what is wrong with it, read only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perpscope.core.errors import DataError, UserError, unknown_name
from perpscope.core.instrument import Instrument
from perpscope.lake.gather import Hole
from perpscope.lake.hot.day import venues
from perpscope.lake.hot.faults import faults
from perpscope.lake.hot.unsealed import Unsealed
from perpscope.lake.reader import Lake


@dataclass(frozen=True)
class StreamHealth:
    """One stream of one instrument: sealed files, rows and bytes; rows not sealed yet; declared gaps and other holes."""

    venue: str
    symbol: str
    stream: str
    files: int
    rows: int
    unsealed: int
    gaps: int
    bytes: int


@dataclass(frozen=True)
class Health:
    """Every stream, and each fault as one sentence."""

    rows: list[StreamHealth]
    faults: list[str]


def health(root: str | Path) -> Health:
    """Re-hash every sealed file, compare every checksum of the hot log, and count.

    Raises:
        UserError: if there is no lake, or it was written by a newer perpscope.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"There is no lake at {root}. Import or record first.")
    try:
        lake = Lake(root)
    except DataError as fault:
        return Health([], [str(fault)])
    wrong = lake.check()
    for venue in venues(root):
        wrong += [f"{venue}: {fault.what}" for fault in faults(root, venue, lake.catalogue.sealed_until(venue), True)]
    rows: list[StreamHealth] = []
    try:
        hot = Unsealed(root, lake.catalogue)
    except DataError as fault:
        return Health(rows, [*wrong, str(fault)])
    keys = {(f.venue, f.symbol, f.stream) for f in lake.catalogue.files}
    keys |= {(venue, symbol, stream) for (venue, symbol), streams in hot.contents.items() for stream in streams}
    for venue, symbol, stream in sorted(keys):
        files = [f for f in lake.catalogue.files if (f.venue, f.symbol, f.stream) == (venue, symbol, stream)]
        found = hot.streams(venue, symbol).get(stream)
        try:
            holes = len(lake.holes(venue, symbol, stream))
        except DataError:
            holes = -1  # it is among the faults
        rows.append(
            StreamHealth(
                venue, symbol, stream, len(files), sum(f.rows for f in files), found.rows if found else 0, holes,
                sum(f.bytes for f in files),
            )
        )  # fmt: skip
    return Health(rows, wrong)


def every_hole(root: str | Path, venue: str | None, symbol: str | None) -> Iterator[tuple[Instrument, Hole]]:
    """Every hole of every stream, by instrument, stream and time.

    Raises:
        UserError: if the lake is empty or has no such venue or symbol.
    """
    lake = Lake(root)
    instruments = lake.instruments()
    if not instruments:
        raise UserError(f"The lake {root} is empty. Import or record first.")
    for name, given, known in (
        ("venue", venue, {i.venue for i in instruments}),
        ("symbol", symbol, {i.symbol for i in instruments}),
    ):
        if given is not None and given not in known:
            raise unknown_name(name, given, known)
    for one in instruments:
        if venue in (None, one.venue) and symbol in (None, one.symbol):
            for stream in lake.streams(one.venue, one.symbol):
                for hole in lake.holes(one.venue, one.symbol, stream):
                    yield one, hole
