"""The venue's book as we see it: displayed quantities by tick, less what we took ourselves until the level's next update.

A taker order consumes levels from the touch; its price is the quantity-weighted mean. What lies beyond the known book
stays unfilled, or is filled at the last level worsened by a stress.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perpscope.account.layout import Memory
from perpscope.numeric.jit import njit

WIDTH = 8_192
"""Ticks that are kept around the middle; what lies farther out is not seen."""

BOOK = np.dtype(
    (np.record, [("base", "i8"), ("known", "i8"), ("best_bid", "i8"), ("best_ask", "i8"),
                 ("bids", "f8", (WIDTH,)), ("asks", "f8", (WIDTH,))])
)  # fmt: skip


@njit
def clear(b: Any) -> None:
    """Forget every level: a snapshot begins, or the feed has a gap."""
    b.known, b.best_bid, b.best_ask = 0, -1, WIDTH
    b.bids[:] = 0.0
    b.asks[:] = 0.0


@njit
def shift(b: Any, base: int) -> None:
    """Move the window so that it begins at tick `base`; levels that leave it are forgotten."""
    by = base - b.base
    for side in (b.bids, b.asks):
        if by > 0:
            for i in range(WIDTH):
                side[i] = side[i + by] if i + by < WIDTH else 0.0
        else:
            for i in range(WIDTH - 1, -1, -1):
                side[i] = side[i + by] if i + by >= 0 else 0.0
    b.base = base
    b.best_bid, b.best_ask = -1, WIDTH
    for i in range(WIDTH):
        if b.bids[i] > 0.0:
            b.best_bid = i
    for i in range(WIDTH - 1, -1, -1):
        if b.asks[i] > 0.0:
            b.best_ask = i


@njit
def set_level(b: Any, bid: bool, tick: int, quantity: float) -> None:
    """A level shows `quantity` from now on; 0 removes it. The window follows the touch; ticks outside it are not seen."""
    if not b.known:
        clear(b)
        b.base, b.known = tick - WIDTH // 2, 1
    at = tick - b.base
    inward = quantity > 0.0 and ((bid and at >= WIDTH) or (not bid and at < 0))
    if inward:
        shift(b, tick - WIDTH // 2)
        at = tick - b.base
    if at < 0 or at >= WIDTH:
        return
    if bid:
        b.bids[at] = quantity
        if quantity > 0.0:
            b.best_bid = max(b.best_bid, at)
        elif at == b.best_bid:
            while b.best_bid >= 0 and not b.bids[b.best_bid] > 0.0:
                b.best_bid -= 1
    else:
        b.asks[at] = quantity
        if quantity > 0.0:
            b.best_ask = min(b.best_ask, at)
        elif at == b.best_ask:
            while b.best_ask < WIDTH and not b.asks[b.best_ask] > 0.0:
                b.best_ask += 1


@njit
def displayed(b: Any, bid: bool, tick: int) -> float:
    """What a level shows; 0 outside the window."""
    at = tick - b.base
    if not b.known or at < 0 or at >= WIDTH:
        return 0.0
    return b.bids[at] if bid else b.asks[at]


@njit
def touch_price(b: Any, buy: bool, tick_size: float) -> float:
    """The best price a taker meets; NaN where that side is empty."""
    if buy and b.known and b.best_ask < WIDTH:
        return (b.base + b.best_ask) * tick_size
    if not buy and b.known and b.best_bid >= 0:
        return (b.base + b.best_bid) * tick_size
    return math.nan


@njit
def walk_book(b: Any, buy: bool, quantity: float, limit: float, tick_size: float) -> tuple[float, float, float]:
    """Take `quantity` from the touch outward, not beyond `limit` (NaN: no limit); consumed levels leave our view.

    Returns the quantity taken, its mean price (NaN for none) and the last price touched (NaN for none).
    """
    left, value, last = quantity, 0.0, math.nan
    while left > 1e-12 * quantity:
        price = touch_price(b, buy, tick_size)
        if math.isnan(price):
            break
        slack = 1e-9 * price
        if not math.isnan(limit) and ((buy and price > limit + slack) or (not buy and price < limit - slack)):
            break
        side = b.asks if buy else b.bids
        at = b.best_ask if buy else b.best_bid
        part = min(left, side[at])
        value += part * price
        left -= part
        last = price
        set_level(b, not buy, b.base + at, side[at] - part)
    done = quantity - left
    if not done > 0.0:
        return 0.0, math.nan, math.nan
    return done, value / done, last


@njit
def cost_to_walk(b: Any, buy: bool, quantity: float) -> float:
    """What taking `quantity` would cost over the mid, as a fraction of it; nothing is taken. NaN beyond what is shown."""
    if not b.known or b.best_bid < 0 or b.best_ask >= WIDTH:
        return math.nan
    middle = 0.5 * (b.best_bid + b.best_ask) + b.base
    left, value = quantity, 0.0
    at, step = (b.best_ask, 1) if buy else (b.best_bid, -1)
    while left > 1e-12 * quantity and at >= 0 and at < WIDTH:
        shown = b.asks[at] if buy else b.bids[at]
        part = min(left, shown)
        value += part * (b.base + at)
        left -= part
        at += step
    if left > 1e-12 * quantity:
        return math.nan
    return abs(value / quantity - middle) / middle


@njit
def queue_step(model: int, ahead: float, print_quantity: float, before: float, after: float) -> float:
    """The quantity ahead of a resting order after a print at its price, or after its level changed from `before` to `after`.

    risk_averse (2): prints shrink it, and it is never more than the level shows. proportional (3): cancels too, in
    proportion, which is optimistic. Below zero: by so much did prints exceed the queue.
    """
    if print_quantity > 0.0:
        return ahead - print_quantity
    if model == 2 and after < before:
        return min(ahead, after)
    if model == 3 and after < before and before > 0.0:
        return ahead * after / before
    return ahead


@njit
def whole_tick(m: Memory, k: int, price: float) -> int:
    """The index of a price on the instrument's ticks."""
    return math.floor(price / m.terms[k].tick + 0.5)
