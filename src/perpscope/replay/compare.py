"""The judge: what the venue sent, less what the lake holds, less the gaps it declares, is undeclared loss.

Definition, per symbol and channel. *Told* are the events of the ledger from the first subscription on, sent or withheld, each
once; what nobody was connected for after the last message sent is after the recording. An event is *stored* if the lake has a
row with its id (its time where the channel has no ids), *contained* if it is a book update not newer than the first snapshot
stored, *declared* if its time lies in a gap of its kind. The rest is undeclared loss. *Foreign* are rows of the lake, within
the times told, that the ledger does not know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from perpscope.core.events import KINDS, GapKind
from perpscope.core.table import Array, Table
from perpscope.lake import Lake
from perpscope.replay.frames import NO_ID
from perpscope.replay.ledger import Entry, entries

JUDGED = {"trade": "trade_id", "book_delta": "sequence", "mark_price": "", "liquidation": "", "open_interest": ""}
Tables = dict[tuple[str, str], Table]
"""(symbol, stream) -> rows."""


@dataclass(frozen=True)
class Loss:
    """One line of the judgment. Counts are events by id (or time); `examples` are undeclared ids or times."""

    symbol: str
    channel: str
    kind: str
    told: int
    withheld: int
    stored: int
    contained: int
    declared: int
    undeclared: int
    foreign: int
    examples: tuple[int, ...]


def compare(ledger: Path, lake: Path, venue: str) -> list[Loss]:
    """The judgment over a ledger and the lake of whoever recorded it (sealed rows and rows still in the hot log).

    Raises:
        UserError: if the ledger is missing.
        DataError: if one of the two is damaged.
    """
    told = list(entries(ledger))
    symbols = sorted({e.symbol for e in told if e.symbol})
    return judge(told, _lake_tables(lake, venue, symbols))


def judge(told: Sequence[Entry], tables: Tables) -> list[Loss]:
    """The judgment over entries of a ledger and rows by (symbol, stream), "gap" among them."""
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in told:
        if entry.kind in JUDGED and entry.symbol and entry.events > 0:
            groups.setdefault((entry.symbol, entry.channel, entry.kind), []).append(entry)
    return [_judged(key, group, tables) for key, group in sorted(groups.items())]


def _judged(key: tuple[str, str, str], group: Sequence[Entry], tables: Tables) -> Loss:
    symbol, channel, kind = key
    sent = [k for k, e in enumerate(group) if e.sent]
    group = group[: sent[-1] + 1] if sent else []
    rows = tables.get((symbol, kind))
    spans = _gaps(tables.get((symbol, "gap")), kind)
    by_id = bool(JUDGED[kind]) and any(e.last != NO_ID or e.ids for e in group)
    events = _by_id(group, kind) if by_id else _by_time(group, kind)
    stored = _stored(rows, JUDGED[kind] if by_id else "", kind, once=by_id or kind == "book_delta")
    first = _first_snapshot(rows) if kind == "book_delta" and by_id else NO_ID
    missing = {n: max(0, e.number - stored[n]) for n, e in events.items()}
    contained = sum(c for n, c in missing.items() if by_id and n <= first)
    rest = {n: c for n, c in missing.items() if c and not (by_id and n <= first)}
    declared = {n for n in rest if any(a <= events[n].ts < b for a, b in spans)}
    lost = sorted(set(rest) - declared)
    low, high = (min(events), max(events)) if events else (0, 0)
    near = {n: c for n, c in stored.items() if low <= n <= high and n != first}
    foreign = sum(max(0, c - (events[n].number if n in events else 0)) for n, c in near.items())
    told = sum(e.number for e in events.values())
    return Loss(
        symbol, channel, kind, told, sum(e.number for e in events.values() if not e.sent), told - sum(missing.values()),
        contained, sum(rest[n] for n in declared), sum(rest[n] for n in lost), foreign, tuple(lost[:5]),
    )  # fmt: skip


class _Event(NamedTuple):
    """What was told under one id or at one time: event time, how many, whether any connection was sent it."""

    ts: int
    number: int
    sent: bool


def _by_id(group: Iterable[Entry], kind: str) -> dict[int, _Event]:
    events: dict[int, _Event] = {}
    for entry in group:
        for number in _numbers(entry, kind):
            before = events.get(number)
            events[number] = _Event(entry.exchange_ts, 1, entry.sent or (before is not None and before.sent))
    return events


def _by_time(group: Iterable[Entry], kind: str) -> dict[int, _Event]:
    """Channels without ids: each frame of the tape once, however often it was sent; a book is one event."""
    frames: dict[int, _Event] = {}
    for entry in group:
        before = frames.get(entry.order)
        count = 1 if kind == "book_delta" else entry.events
        frames[entry.order] = _Event(entry.exchange_ts, count, entry.sent or (before is not None and before.sent))
    events: dict[int, _Event] = {}
    for frame in frames.values():
        before = events.get(frame.ts, _Event(frame.ts, 0, False))
        count = 1 if kind == "book_delta" else before.number + frame.number
        events[frame.ts] = _Event(frame.ts, count, before.sent or frame.sent)
    return events


def _numbers(entry: Entry, kind: str) -> Iterable[int]:
    if entry.ids:
        return entry.ids
    return [entry.last] if kind == "book_delta" else range(entry.first, entry.last + 1)


def _stored(rows: Table | None, column: str, kind: str, once: bool) -> Counter[int]:
    if rows is None:
        return Counter()
    values = np.asarray(rows[column or KINDS[kind].clock]).tolist()
    return Counter(set(values) if once else values)


def _first_snapshot(rows: Table | None) -> int:
    if rows is None or not rows["snapshot"].any():
        return NO_ID
    return int(rows["sequence"][int(np.argmax(rows["snapshot"]))])


def _gaps(rows: Table | None, kind: str) -> list[tuple[int, int]]:
    names = {k.name.lower(): k for k in GapKind}
    if rows is None or kind not in names:
        return []
    mine: Array = rows["kind"] == names[kind]
    return list(zip(rows["ref_ts"][mine].tolist(), rows["end_ts"][mine].tolist(), strict=True))


def _lake_tables(root: Path, venue: str, symbols: Sequence[str]) -> Tables:
    from perpscope.lake.hot import read_hot

    lake, out = Lake(root), {}
    have = {(f.symbol, f.stream) for f in lake.catalogue.files if f.venue == venue}
    for symbol in symbols:
        for stream in (*JUDGED, "gap"):
            parts = [lake.read(venue, symbol, stream)] if (symbol, stream) in have else []
            hot = read_hot(root, venue, symbol, stream)
            parts += [hot] if len(hot) else []
            if parts:
                out[symbol, stream] = Table.concat(parts)
    return out
