"""Merged trades, as the venue's aggTrade channel prints them.

Definition: consecutive market prints of one aggressor side and one price, none later than 100 ms after the first, become one
row with `a` one above the row before. Insurance fund and ADL prints (X other than MARKET) are merged into nothing, so `f..l`
has holes while `a` has none. Our choices, which the venue does not publish: a row ends with a minute (so that bars made of
rows equal bars made of prints), `T` is the time of the last print, `a` begins at half the first trade id.
Source: Binance USDT-M "Aggregate Trade Streams".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from perpscope.replay.frames import MS, Frame, Track

if TYPE_CHECKING:
    from perpscope.replay.binance.tape import Print

WINDOW_MS = 100
MINUTE_MS = 60_000


class AggTrade(msgspec.Struct):
    """A merged trade in the venue's own letters: id, price, quantity, first and last trade id, time, buyer is maker."""

    a: int
    p: str
    q: str
    f: int
    l: int
    T: int
    m: bool


def merged(prints: Sequence[Print], track: Track) -> tuple[list[AggTrade], Track]:
    """The merged rows and their track; each is sent with the last print it holds.

    Example:
        >>> from perpscope.replay.binance.tape import Print
        >>> told = [Print(5, 10, "9.5", "1.5", True), Print(7, 11, "9.5", "2", True), Print(7, 12, "9.6", "1", False)]
        >>> frames = [Frame(p.time * MS, k, b"", p.time * MS) for k, p in enumerate(told)]
        >>> rows, _ = merged(told, Track("x@trade", "trade", "trade", "X", frames))
        >>> [(r.a, r.q, r.f, r.l) for r in rows]
        [(5, '3.5', 10, 11), (6, '1', 12, 12)]
    """
    rows: list[AggTrade] = []
    ends: list[int] = []
    first_time = 0
    total = Decimal(0)
    for k, p in enumerate(prints):
        if p.kind != "MARKET":
            continue
        row = rows[-1] if rows else None
        if (
            row is not None
            and row.p == p.price
            and row.m == p.maker
            and p.time - first_time <= WINDOW_MS
            and p.time // MINUTE_MS == first_time // MINUTE_MS
        ):
            total += Decimal(p.quantity)
            row.q, row.l, row.T = str(total), p.trade_id, p.time
            ends[-1] = k
            continue
        first_time, total = p.time, Decimal(p.quantity)
        number = row.a + 1 if row is not None else p.trade_id // 2
        rows.append(AggTrade(number, p.price, p.quantity, p.trade_id, p.trade_id, p.time, p.maker))
        ends.append(k)
    out = Track(track.topic.replace("@trade", "@aggTrade"), "aggTrade", "trade", track.symbol)
    for row, end in zip(rows, ends, strict=True):
        source = track.frames[end]
        body = {"e": "aggTrade", "E": source.at // MS, "a": row.a, "s": track.symbol, "p": row.p, "q": row.q}
        body |= {"f": row.f, "l": row.l, "T": row.T, "m": row.m}
        out.frames.append(Frame(source.at, source.order, msgspec.json.encode(body), row.T * MS, row.a, row.a))
    return rows, out
