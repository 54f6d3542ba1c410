"""What is wrong with a hot log, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perpscope.core.errors import DataError, UserError
from perpscope.lake.hot import witness
from perpscope.lake.hot.day import DayReader, days, folder
from perpscope.lake.hot.read import BEYOND

NOTHING: Mapping[Path, Path] = {}


@dataclass(frozen=True)
class Fault:
    """A fault of a day file, or, where `path` is None, of what the files say together: commits `lost` (first, last)."""

    path: Path | None
    what: str
    lost: tuple[int, int] = (0, -1)


def faults(root: Path, venue: str, after: int, deep: bool, instead: Mapping[Path, Path] = NOTHING) -> list[Fault]:
    """Every fault in the commits beyond `after`; `deep` looks at all commits and at SQLite's own structure too. `instead` names
    files that are about to take the place of day files."""
    told = witness.told(folder(root, venue))  # before the files: what is acknowledged meanwhile is not missed
    found: list[Fault] = []
    since = 0 if deep else after
    expected = 0
    known_lost: list[tuple[int, int]] = []
    for original in days(root, venue):
        path = instead.get(original, original)
        seqs: list[int] = []
        try:
            found += [Fault(path, what) for what in _of_file(path, since, deep)]
            with DayReader(path) as reader:
                seqs = [entry.seq for entry, _, _ in reader.entries()]
                known_lost += reader.lost()
        except (DataError, UserError) as error:
            if isinstance(error, UserError):
                raise  # a newer perpscope wrote it: nothing is wrong with it
            found.append(Fault(path, str(error)))
        for seq in seqs:
            if expected and seq > expected:
                found.append(Fault(None, "", (expected, seq - 1)))
            expected = seq + 1
    if told is not None and told[0] >= max(expected, after + 1):
        found.append(Fault(None, "", (max(expected, after + 1), told[0])))
    jumps = [f for f in found if f.path is None]
    missed = [r for f in jumps for r in _without(f.lost, known_lost)]
    sentences = [Fault(None, f"{venue}: the commits {a} to {b} were acknowledged and are gone.", (a, b)) for a, b in missed]
    return [f for f in found if f.path is not None] + sentences


def _of_file(path: Path, after: int, deep: bool) -> list[str]:
    if not path.stat().st_size and not Path(f"{path}-wal").exists():
        return [f"{path.name} has zero length."]
    found = []
    with DayReader(path) as reader:
        if deep:
            found += [f"{path.name}: {what}" for what in reader.structure()]
        streams = reader.streams()
        counts = reader.counts(after)
        for entry, sound, dropped in reader.entries():
            if entry.seq <= after or dropped:
                continue
            here = tuple(counts[table].pop(entry.seq, 0) for table in ("batch", "gap", "raw"))
            if not sound or here != entry[2:]:
                found.append(f"{path.name}: the commit {entry.seq} is not whole.")
        if any(counts.values()) and not any(dropped for _, _, dropped in reader.entries()):
            found.append(f"{path.name} holds rows of commits that it does not know.")
        numbers = [None] if deep else list(streams)
        for number in numbers:
            for batch, sound in reader.batches(number, after, BEYOND):
                if not sound or batch.stream not in streams:
                    found.append(f"{path.name}: a batch of the commit {batch.seq} is damaged.")
        found += [
            f"{path.name}: a gap row of the commit {gap.seq} is damaged." for gap, ok in reader.gaps(after, BEYOND) if not ok
        ]
        found += [f"{path.name}: a raw frame of the commit {seq} is damaged." for seq, _, ok in reader.raws(after) if not ok]
        reader.lost()
    return found


def _without(span: tuple[int, int], known: list[tuple[int, int]]) -> list[tuple[int, int]]:
    left = [span]
    for a, b in known:
        left = [
            piece
            for first, last in left
            for piece in ((first, min(last, a - 1)), (max(first, b + 1), last))
            if piece[0] <= piece[1] and not (a <= piece[0] and piece[1] <= b)
        ]
        left = sorted(set(left))
    return left
