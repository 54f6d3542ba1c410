"""Order books for the made market: recorded for some seconds every twelve hours, each time from a snapshot, with prints
that take from the touch, levels that come back, walls that go when price nears, and messages that cross nothing.

Ticks of 0.5 and quantities of 1/8, as in the rest of the market, so that mirror and scale are exact.
"""

from __future__ import annotations

import numpy as np

from perpscope.core.events import BOOK_DELTA
from perpscope.core.table import Table
from perpscope.core.time import HOUR

BID, ASK = 0, 1
EVERY = 12 * HOUR
MS = 1_000_000

Print = tuple[int, int, float, int]


def made_books(rng: np.random.Generator, at: np.ndarray, ticks: np.ndarray, end: int) -> tuple[Table, list[Print]]:
    """Book rows, and the prints (time, tick, quantity, aggressor) that go with them."""
    rows: list[tuple[int, int, int, int, float, bool]] = []
    prints: list[Print] = []
    start, number = int(at[0]) // HOUR * HOUR + HOUR // 2, 0
    for begin in range(start, end - HOUR, EVERY):
        last = max(0, int(np.searchsorted(at, begin)) - 1)
        number = _session(rng, begin, int(ticks[last]), number, rows, prints)
    ts, sequence, side, tick, quantity, snapshot = zip(*rows, strict=True)
    table = Table.filled(
        BOOK_DELTA,
        exchange_ts=ts,
        sequence=sequence,
        side=np.array(side) + 1,
        price=np.array(tick) * 0.5,
        quantity=quantity,
        snapshot=snapshot,
    )
    return table, prints


def _session(rng: np.random.Generator, ts: int, middle: int, number: int, rows: list, prints: list[Print]) -> int:
    bid = middle
    book: list[dict[int, float]] = [
        {bid - k: float(rng.integers(8, 80)) / 8 for k in range(12)},
        {bid + 1 + k: float(rng.integers(8, 80)) / 8 for k in range(12)},
    ]
    number += 1
    told = [(side, t, q) for side in (BID, ASK) for t, q in sorted(book[side].items(), reverse=side == BID)]
    rows += [(ts, number, side, t, q, k == 0) for k, (side, t, q) in enumerate(told)]
    for _ in range(90):
        ts += int(rng.integers(20, 400)) * MS
        number += 1
        changed: list[dict[int, float]] = [{}, {}]
        if rng.random() < 0.4:
            _hit(rng, ts, book, changed, prints)
        for _ in range(int(rng.integers(1, 4))):
            side = int(rng.integers(0, 2))
            _edit(rng, book, changed, side)
        for side in (BID, ASK):
            rows += [(ts, number, side, t, q, False) for t, q in sorted(changed[side].items(), reverse=side == BID)]
    return number


def _hit(
    rng: np.random.Generator, ts: int, book: list[dict[int, float]], changed: list[dict[int, float]], prints: list[Print]
) -> None:
    """An aggressive order takes the touch and sometimes the level behind; half of the time the touch comes straight back."""
    side = int(rng.integers(0, 2))
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        if len(book[side]) < 4:
            return
        touch = max(book[BID]) if side == BID else min(book[ASK])
        rest = book[side][touch]
        taken = rest if rng.random() < 0.5 else max(0.125, np.floor(rest * 4) / 8)
        prints.append((ts - int(rng.integers(0, 2)) * 3 * MS, touch, float(taken), 1 if side == ASK else 2))
        left = rest if rng.random() < 0.4 else rest - taken
        book[side][touch] = changed[side][touch] = float(left)
        if left == 0:
            del book[side][touch]


def _edit(rng: np.random.Generator, book: list[dict[int, float]], changed: list[dict[int, float]], side: int) -> None:
    """A level is placed, changed or pulled, never across the other side."""
    best = max(book[BID]) if side == BID else min(book[ASK])
    other = min(book[ASK]) if side == BID else max(book[BID])
    sign = 1 if side == BID else -1
    tick = best - sign * int(rng.integers(-1, 14))
    if (other - tick) * sign <= 0:
        return
    pulled = rng.random() < 0.35 and len(book[side]) > 5
    if pulled and tick in book[side]:
        del book[side][tick]
        changed[side][tick] = 0.0
    elif not pulled:
        size = 8.0 if rng.random() < 0.06 else 1.0
        book[side][tick] = changed[side][tick] = size * float(rng.integers(4, 80)) / 8
