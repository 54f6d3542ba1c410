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
from perpscope.lake.coverage import ANY, NOTHING, Continuity, Stretches, clip, cover, holes, inside, union, without

BEGINNING = int(np.iinfo(np.int64).min)
NO_GAPS = GAP.empty()


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

    declared: Table = NO_GAPS
    """The holes that a recorder declared, as far as no other origin fills them; they are among `holes`."""


def gather(
    stream: str,
    schema: Schema,
    entries: Sequence[FileEntry],
    read: Callable[[FileEntry], Table],
    start: int,
    end: int,
    order: Sequence[str],
    declared: Table = NO_GAPS,
) -> Gathered:
    """Rows of a stream from the files of its origins; `order` names the origins, the most trusted first. `declared` are the
    gap rows of the instrument: they cut what a recorder's origin covers."""
    gaps = _of_kind(declared, stream, end)
    cuts = np.column_stack([gaps["ref_ts"], gaps["end_ts"]])
    tables, covered, rules = [], [], []
    for origin in order:
        mine = sorted((e for e in entries if e.origin == origin and e.first_clock <= end), key=lambda e: e.period)
        parts = [read(e).between(start, end) for e in mine if e.last_clock > start]
        table = Table.concat([schema.empty(), *parts]).sorted()
        rule = mine[-1].continuity if mine else ANY
        tables.append(table)
        rules.append(rule)
        whole = _coverage(mine, rule, table, start, end)
        covered.append(without(whole, cuts) if rule.rule == "declared" else whole)
    if stream_kind(stream) in merge.BY_STRETCH:
        merged, shares = _by_stretch(tables, covered, schema)
    else:
        merged, shares = _by_row(tables, schema)
    found, known = _holes(stream, covered, rules, end)
    patience = max((rule.ns for rule in rules), default=0)
    by_origin = {o: n for o, n in zip(order, shares, strict=True) if n}
    if not len(gaps):
        return Gathered(stream, merged, by_origin, found, known, patience)
    others = [c for c, rule in zip(covered, rules, strict=True) if rule.rule != "declared"]
    still = _unfilled(gaps, union(others))
    holes_, known_ = _with_declared(stream, found, known, still)
    return Gathered(stream, merged, by_origin, holes_, known_, patience, still)


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
        said = list(zip(*(one.declared[n].tolist() for n in GAP.names), strict=True))
        rows += [row for row in said if start < row[1] <= end]
        told = {(ref, stop, known) for ref, known, stop, _, _ in said}
        for hole, known in zip(one.holes, one.known, strict=True):
            if (hole.start, hole.end, known) in told:
                continue
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


def _of_kind(declared: Table, stream: str, end: int) -> Table:
    name = stream_kind(stream).upper()
    if not len(declared) or name not in GapKind.__members__:
        return GAP.empty()
    return declared[(declared["kind"] == int(GapKind[name])) & (declared["known_ts"] <= end)]


def _unfilled(gaps: Table, filled: Stretches) -> Table:
    """The gap rows, as they are where nothing fills them, else what is left of them."""
    if not len(filled):
        return gaps
    spans = np.column_stack([filled[:, 0], filled[:, 1] + 1])
    rows = []
    for ref, known, stop, kind, cause in zip(*(gaps[n].tolist() for n in GAP.names), strict=True):
        for first, last, _, _ in without(np.array([[ref, stop - 1, -1, -1]]), spans).tolist():
            rows.append((first, known, last + 1, kind, cause))
    columns = np.array(rows, np.int64).reshape(-1, 5).T
    return Table.of(GAP, **dict(zip(GAP.names, columns, strict=True)))


def _with_declared(
    stream: str, found: tuple[Hole, ...], known: tuple[int, ...], declared: Table
) -> tuple[tuple[Hole, ...], tuple[int, ...]]:
    """Holes found and holes declared, each stretch of time told once, by start."""
    spans = np.column_stack([declared["ref_ts"], declared["end_ts"]])
    whole = []
    for hole, seen in zip(found, known, strict=True):
        for first, last, _, _ in without(np.array([[hole.start, hole.end - 1, -1, -1]]), spans).tolist():
            whole.append((Hole(stream, first, last + 1, hole.cause), seen))
    for ref, seen, stop, _, cause in zip(*(declared[n].tolist() for n in GAP.names), strict=True):
        whole.append((Hole(stream, ref, stop, GapCause(cause)), seen))
    whole.sort(key=lambda pair: pair[0].start)
    return tuple(hole for hole, _ in whole), tuple(seen for _, seen in whole)


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
    if rule.rule not in ("step", "declared") and end - last > rule.ns:
        found.append(Hole(stream, last + 1, end, GapCause.STALE))
        known.append(end)
    return tuple(found), tuple(known)
