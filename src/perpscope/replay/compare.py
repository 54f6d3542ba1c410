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
    by_id = bool(JUDGED[kind]) and any(e.last != NO_ID or e.ids for e in group)
    times: dict[int, int] = {}
    counts: Counter[int] = Counter()
    kept_back: set[int] = set()
    seen_sent: set[int] = set()
    for entry in group:
        for number in _numbers(entry, kind) if by_id else [entry.exchange_ts]:
            times[number] = entry.exchange_ts
            counts[number] = 1 if by_id else max(counts[number], entry.events)
            (seen_sent if entry.sent else kept_back).add(number)
    rows = tables.get((symbol, kind))
    stored_at = _stored(rows, JUDGED[kind] if by_id else "", kind)
    stored = {n for n in times if n in stored_at}
    first = _first_snapshot(rows) if kind == "book_delta" and by_id else NO_ID
    missing = [n for n in times if n not in stored]
    contained = [n for n in missing if n <= first]
    spans = _gaps(tables.get((symbol, "gap")), kind)
    rest = [n for n in missing if n > first]
    declared = [n for n in rest if any(a <= times[n] < b for a, b in spans)]
    lost = sorted(set(rest) - set(declared))
    foreign = [n for n in stored_at if n not in times] if times else []
    low, high = (min(times), max(times)) if times else (0, 0)
    return Loss(
        symbol, channel, kind, len(times), len(kept_back - seen_sent), len(stored), len(contained), len(declared), len(lost),
        sum(low <= n <= high for n in foreign), tuple(lost[:5]),
    )  # fmt: skip


def _numbers(entry: Entry, kind: str) -> Iterable[int]:
    if entry.ids:
        return entry.ids
    return [entry.last] if kind == "book_delta" else range(entry.first, entry.last + 1)


def _stored(rows: Table | None, column: str, kind: str) -> set[int]:
    if rows is None:
        return set()
    return set(np.asarray(rows[column or KINDS[kind].clock]).tolist())


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
