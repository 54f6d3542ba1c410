"""Preset `binance-recording`: combined-stream messages of Binance as received, one a line, gzip or plain.

A line is the local receive time (ns), a blank, and a JSON object: {"stream": "btcusdt@trade", "data": {...}}, or the
one REST snapshot of the book {"lastUpdateId": ..., "bids": [...], "asks": [...]}. Several files of one instrument are
read in the order of their first stamp and joined: the second of a pair has no snapshot of its own.

Trades: `T` is the time, `m` true means that the buyer was the maker, so the aggressor SOLD. Only X = MARKET (or no X,
as on spot) are trades of the market; insurance fund and ADL prints are counted and left out, but their ids count as
seen. A missing id is a hole.

Book: every applied diff becomes one row a level with `sequence` = `u`; the snapshot comes just before the diff that
bridges it, wherever its line stood (the bridging diff usually precedes it). Diffs that the snapshot already contains
are left out: u < lastUpdateId on futures, u <= lastUpdateId on spot. A broken chain (`pu` != last `u`; on spot U !=
last u + 1) is a hole. An update cannot take effect before the one it follows, so times of updates never run back.

Coin-margined quantities are contracts; base = contracts x contract size / price. Source: shared data catalogue,
section 2.1; Binance "How to manage a local order book correctly" (USD-M, COIN-M and spot pages).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from perpscope.core.errors import DataError
from perpscope.core.events import BOOK_DELTA, BookSide
from perpscope.core.table import Table
from perpscope.core.units import ContractKind
from perpscope.lake.coverage import Continuity
from perpscope.lake.instruments import contract_of
from perpscope.lake.sources.base import Floats, Parsed, Preset, Request
from perpscope.lake.sources.files import read_bytes
from perpscope.lake.sources.rows import trades

ORIGIN = "recording"
_MS = 1_000_000
_BY_ID = Continuity("ids")
Level = tuple[float, float]


class _Trade(msgspec.Struct):
    """Decoded without strictness, because prices and quantities come as text."""

    T: int
    t: int
    p: float
    q: float
    m: bool
    X: str = "MARKET"


class _Diff(msgspec.Struct):
    E: int
    U: int
    u: int
    b: list[Level]
    a: list[Level]
    T: int | None = None
    pu: int | None = None


class _TradeLine(msgspec.Struct):
    data: _Trade


class _DiffLine(msgspec.Struct):
    data: _Diff


class _Snapshot(msgspec.Struct):
    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]
    T: int | None = None


@dataclass
class _Update:
    """A change of the book: a diff or a snapshot. `first_id` is the id after the one it must follow."""

    path: Path
    ts: int
    received: int
    first_id: int
    last_id: int
    bids: list[Level]
    asks: list[Level]
    snapshot: bool = False


@dataclass
class _Messages:
    """The messages of one file, by kind."""

    path: Path
    first_stamp: int = 0
    trades: list[tuple[int, _Trade]] = field(default_factory=list)
    book: list[_Update] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def read(request: Request) -> Iterator[Parsed]:
    files = sorted((messages(path) for path in request.paths), key=lambda m: m.first_stamp)
    kind, size = contract_of(request.venue, request.symbol)
    face = size if kind is ContractKind.INVERSE else None
    for file in files:
        yield _tape(file, face)
    yield from _books(files, face)


def messages(path: Path) -> _Messages:
    """The trades and book changes of a recording, in the order received.

    Raises:
        DataError: if a line is no stamp and JSON object, with the line.
    """
    found = _Messages(path)
    as_trade, as_diff = msgspec.json.Decoder(_TradeLine, strict=False), msgspec.json.Decoder(_DiffLine, strict=False)
    as_snapshot = msgspec.json.Decoder(_Snapshot, strict=False)
    for number, line in enumerate(read_bytes(path).splitlines(), 1):
        if not line.strip():
            continue
        stamp, _, body = line.partition(b" ")
        try:
            received = int(stamp)
            found.first_stamp = found.first_stamp or received
            channel = body[:80].partition(b'"data"')[0]
            if b"@trade" in channel:
                found.trades.append((received, as_trade.decode(body).data))
            elif b"@depth" in channel:
                found.book.append(_diff(path, received, as_diff.decode(body).data))
            elif body.startswith(b'{"lastUpdateId"'):
                found.book.append(_snapshot(path, received, as_snapshot.decode(body)))
            else:
                msgspec.json.decode(body, type=dict[str, msgspec.Raw])
                found.left_out["messages of other channels"] += 1
        except (ValueError, msgspec.MsgspecError):
            raise DataError(f"{path.name}, line {number}: it is no stamp followed by a message.", line[:200]) from None
    return found


def _diff(path: Path, received: int, d: _Diff) -> _Update:
    first = d.U if d.pu is None else d.pu + 1
    return _Update(path, (d.E if d.T is None else d.T) * _MS, received, first, d.u, d.b, d.a)


def _snapshot(path: Path, received: int, s: _Snapshot) -> _Update:
    ts = s.T * _MS if s.T is not None else 0
    return _Update(path, ts, received, s.last_update_id, s.last_update_id, s.bids, s.asks, snapshot=True)


def _tape(file: _Messages, face: float | None) -> Parsed:
    rows = [(received, t) for received, t in file.trades if t.X == "MARKET"]
    price = np.array([t.p for _, t in rows], np.float64)
    table = trades(
        np.array([t.T for _, t in rows], np.int64) * _MS,
        price,
        _base(np.array([t.q for _, t in rows], np.float64), price, face),
        np.array([not t.m for _, t in rows], np.bool_),
        np.array([t.t for _, t in rows], np.int64),
        np.array([received for received, _ in rows], np.int64),
    )
    ts = np.array([t.T for _, t in file.trades], np.int64) * _MS
    ids = np.array([t.t for _, t in file.trades], np.int64)
    others = Counter(f"prints with X={t.X}" for _, t in file.trades if t.X != "MARKET")
    return Parsed(
        file.path, "trade", table, ORIGIN, _BY_ID, np.column_stack([ts, ts, ids, ids]), counts={**file.left_out, **others}
    )


def _books(files: list[_Messages], face: float | None) -> Iterator[Parsed]:
    updates, dropped = _joined([u for file in files for u in file.book])
    latest = 0
    for file in files:
        mine = [u for u in updates if u.path == file.path]
        ts = np.maximum.accumulate(np.array([latest, *(u.ts for u in mine)], np.int64))[1:]
        latest = int(ts[-1]) if len(ts) else latest
        first = np.array([u.first_id for u in mine], np.int64)
        last = np.array([u.last_id for u in mine], np.int64)
        counts = {"book updates that the snapshot contains": dropped[file.path]}
        marks = np.column_stack([ts, ts, first, last])
        yield Parsed(file.path, "book_delta", _book_rows(mine, ts, face), ORIGIN, _BY_ID, marks, counts=counts)


def _joined(updates: list[_Update]) -> tuple[list[_Update], Counter[Path]]:
    """Each snapshot before the first diff that it does not contain; what lies before the first snapshot is dropped."""
    dropped: Counter[Path] = Counter()
    diffs = [u for u in updates if not u.snapshot]
    out = list(diffs)
    shots = [u for u in updates if u.snapshot]
    for shot in reversed(shots):
        # a spot diff that ends at the snapshot's own id is contained in it; a futures one bridges it
        needed = shot.last_id + (1 if shot.ts == 0 else 0)
        at = next((i for i, d in enumerate(out) if d.last_id >= needed), len(out))
        bridge = out[at].ts if at < len(out) else out[-1].ts if out else shot.ts
        out.insert(at, _Update(shot.path, min(shot.ts or bridge, bridge), shot.received, shot.first_id, shot.last_id,
                               shot.bids, shot.asks, snapshot=True))  # fmt: skip
    if shots:
        start = next(i for i, u in enumerate(out) if u.snapshot)
        dropped.update(u.path for u in out[:start])
        out = out[start:]
    return out, dropped


def _book_rows(updates: list[_Update], ts: np.ndarray, face: float | None) -> Table:
    """One row a level, bids before asks, the first row of a snapshot flagged."""
    counts = np.array([len(u.bids) + len(u.asks) for u in updates], np.int64)
    levels = [level for u in updates for level in (*u.bids, *u.asks)]
    price = np.array([p for p, _ in levels], np.float64)
    quantity = np.array([q for _, q in levels], np.float64)
    bid, ask = int(BookSide.BID), int(BookSide.ASK)
    side = np.array([s for u in updates for s in ([bid] * len(u.bids) + [ask] * len(u.asks))], np.int8)
    flags = np.zeros(len(levels), np.bool_)
    starts = np.cumsum(counts) - counts
    flags[[int(s) for s, u in zip(starts, updates, strict=True) if u.snapshot]] = True
    received = np.array([u.received for u in updates], np.int64)
    sequence = np.array([u.last_id for u in updates], np.int64)
    return Table.of(
        BOOK_DELTA, exchange_ts=np.repeat(ts, counts), receive_ts=np.repeat(received, counts),
        sequence=np.repeat(sequence, counts), side=side, price=price, quantity=_base(quantity, price, face), snapshot=flags,
    )  # fmt: skip


def _base(quantity: Floats, price: Floats, face: float | None) -> Floats:
    """Base units; contracts of `face` USD are divided by the price."""
    return quantity if face is None else quantity * face / price


PRESET = Preset("binance-recording", "recorded Binance stream messages: trades and the order book", read)
