"""Bars of trades in exact decimals, for the dialects that have no merged trades."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from perpscope.replay.market import Deal


class Bar(NamedTuple):
    """`open_ts` in ns; volume in base units, value in quote."""

    open_ts: int
    open: str
    high: str
    low: str
    close: str
    volume: Decimal
    value: Decimal
    trades: int


def bars(deals: Sequence[Deal], step: int) -> list[Bar]:
    """Bars of `step` ns in order; an interval without a trade has none.

    Example:
        >>> [(b.open_ts, b.high, str(b.volume)) for b in bars([Deal(5, 1, "9", "1", True), Deal(7, 2, "10", "2", False)], 10)]
        [(0, '10', '3')]
    """
    out: list[Bar] = []
    for d in deals:
        opened = d.ts // step * step
        quantity = Decimal(d.quantity)
        value = quantity * Decimal(d.price)
        if out and out[-1].open_ts == opened:
            b = out[-1]
            high = d.price if float(d.price) > float(b.high) else b.high
            low = d.price if float(d.price) < float(b.low) else b.low
            out[-1] = Bar(opened, b.open, high, low, d.price, b.volume + quantity, b.value + value, b.trades + 1)
        else:
            out.append(Bar(opened, d.price, d.price, d.price, d.price, quantity, value, 1))
    return out


def known(deals: Sequence[Deal], now: int) -> Sequence[Deal]:
    """The trades up to a time."""
    return deals[: bisect_right(deals, now, key=lambda d: d.ts)]


def closed(deals: Sequence[Deal], step: int) -> list[tuple[int, Bar]]:
    """Finished bars with the time they are told, their end. The last stays open."""
    return [(bar.open_ts + step, bar) for bar in bars(deals, step)[:-1]]
