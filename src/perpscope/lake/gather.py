"""One stream out of many files and origins, as it was knowable at an instant.

Nothing later than `end` may change the answer: rows by their clock, coverage clipped to the last row by then, a hole
only once data has come again. A silence still open at `end` is declared up to `end`, because at that moment it was a
silence; whether it would later prove quiet, nobody could know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from perpscope.core.events import GAP, GapCause, GapKind, stream_kind
from perpscope.core.table import Schema, Table
from perpscope.core.time import DAY
from perpscope.lake import merge
from perpscope.lake.catalogue import FileEntry
from perpscope.lake.coverage import ANY, NOTHING, Continuity, Stretches, clip, cover, holes, inside, union

BEGINNING = int(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class Hole:
    """A stretch [start, end) in which rows of a stream are known or suspected to be absent."""

    stream: str
    start: int
    end: int
    cause: GapCause


@dataclass(frozen=True)
class Gathered:
    """A stream's rows with start < clock <= end, the rows that each origin gave, and every hole known by `end`."""

    stream: str
    table: Table
    shares: dict[str, int]
    holes: tuple[Hole, ...]
    known: tuple[int, ...]
    """When each hole became known."""

    patience: int
    """The longest silence, ns, that is no hole."""


def gather(
    stream: str,
    schema: Schema,
    entries: Sequence[FileEntry],
    read: Callable[[FileEntry], Table],
    start: int,
    end: int,
    order: Sequence[str],
) -> Gathered:
    """Rows of a stream from the files of its origins; `order` names the origins, the most trusted first."""
    tables, covered, rules = [], [], []
    for origin in order:
        mine = sorted((e for e in entries if e.origin == origin and e.first_clock <= end), key=lambda e: e.period)
        parts = [read(e).between(start, end) for e in mine if e.last_clock > start]
        table = Table.concat([schema.empty(), *parts]).sorted()
        rule = mine[-1].continuity if mine else ANY
        tables.append(table)
        rules.append(rule)
        covered.append(_coverage(mine, rule, table, start, end))
    if stream_kind(stream) in merge.BY_STRETCH:
        merged, shares = _by_stretch(tables, covered, schema)
    else:
        merged, shares = _by_row(tables, schema)
    found, known = _holes(stream, covered, rules, end)
    patience = max((rule.ns for rule in rules), default=0)
    return Gathered(stream, merged, {o: n for o, n in zip(order, shares, strict=True) if n}, found, known, patience)


def gap_rows(gathered: Sequence[Gathered], start: int, end: int) -> Table:
    """The holes of point kinds as rows of the `gap` stream, known in (start, end].

    A hole that lasts is declared in pieces, at every UTC midnight by which it was a silence longer than the stream
    allows: otherwise years between two recordings would hold back every watermark of the other streams.
    """
    rows: list[tuple[int, int, int, int, int]] = []
    for one in gathered:
        name = stream_kind(one.stream).upper()
        if name not in GapKind.__members__:
            continue
        for hole, known in zip(one.holes, one.known, strict=True):
            for begin, stop in _pieces(hole, one.patience):
                seen = known if stop == hole.end else stop - 1
                if start < seen <= end:
                    rows.append((begin, seen, stop, int(GapKind[name]), int(hole.cause)))
    rows.sort(key=lambda row: row[1])
    columns = np.array(rows, np.int64).reshape(-1, 5).T
    return Table.of(GAP, **dict(zip(("ref_ts", "known_ts", "end_ts", "kind", "cause"), columns, strict=True)))


def _pieces(hole: Hole, patience: int) -> list[tuple[int, int]]:
    """Cut right after midnight, so that a watermark at midnight has the whole of what it promises declared."""
    first = -(-(hole.start + patience) // DAY) * DAY
    edges = [hole.start, *(midnight + 1 for midnight in range(first, hole.end - 1, DAY)), hole.end]
    return list(pairwise(edges))


def hole_count(entries: Sequence[FileEntry]) -> int:
    """The holes that the files of one origin leave, from the catalogue alone."""
    if not entries or entries[-1].continuity.rule == "any":
        return 0
    rule = entries[-1].continuity
    parts = [np.array(e.coverage, np.int64).reshape(-1, 4) for e in entries]
    return len(holes(cover(np.concatenate([NOTHING, *parts]), rule), rule))


def _coverage(entries: Sequence[FileEntry], rule: Continuity, table: Table, start: int, end: int) -> Stretches:
    """What an origin covered as far as known at `end`, its files joined where one continues the other."""
    parts = [np.array(e.coverage, np.int64).reshape(-1, 4) for e in entries]
    joined = cover(np.concatenate([NOTHING, *parts]), rule)
    if rule.rule == "step":
        # a bar is known one step after its open
        return clip(joined, end - rule.ns, end - rule.ns)
    return clip(joined, end, int(table.clock[-1]) if len(table) else start)


def _by_row(tables: list[Table], schema: Schema) -> tuple[Table, list[int]]:
    full = [t for t in tables if len(t)]
    if len(full) <= 1 or schema.name not in merge.KEYS:
        return Table.concat([schema.empty(), *full]).sorted(), [len(t) for t in tables]
    merged = merge.by_key(tables)
    return merged.table, np.bincount(merged.part, minlength=len(tables)).tolist()


def _by_stretch(tables: list[Table], covered: list[Stretches], schema: Schema) -> tuple[Table, list[int]]:
    taken: list[Stretches] = []
    kept = []
    for table, stretches in zip(tables, covered, strict=True):
        if taken and len(table):
            table = table[~inside(table.clock, union(taken))]
        kept.append(table)
        taken.append(stretches)
    return Table.concat([schema.empty(), *kept]).sorted(), [len(t) for t in kept]


def _holes(
    stream: str, covered: list[Stretches], rules: list[Continuity], end: int
) -> tuple[tuple[Hole, ...], tuple[int, ...]]:
    telling = [i for i, stretches in enumerate(covered) if len(stretches)]
    if not telling:
        return (), ()
    rule = rules[telling[0]]
    if rule.rule == "any":
        return (), ()
    parts = [covered[i] for i in telling]
    if rule.rule == "step":
        whole = cover(np.concatenate(parts), rule)
    else:
        whole = parts[0] if len(parts) == 1 else union(parts)
    found, known = [], []
    for (start, stop, counted), after in zip(holes(whole, rule).tolist(), whole[1:, 0].tolist(), strict=True):
        cause = GapCause.SEQUENCE if counted and rule.rule == "ids" else GapCause.MISSING
        found.append(Hole(stream, start, stop, cause))
        known.append(after + (rule.ns if rule.rule == "step" else 0))
    last = int(whole[:, 1].max())
    if rule.rule != "step" and end - last > rule.ns:
        found.append(Hole(stream, last + 1, end, GapCause.STALE))
        known.append(end)
    return tuple(found), tuple(known)
