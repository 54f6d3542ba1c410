"""Market makers: ladders of resting orders around the outside price, leaning against what they had to take.

A maker quotes around index * exp(skew). The skew falls with the inventory it could not yet hedge elsewhere (which
fades with `hedge_seconds`) and, much less, with its whole position: the price of warehousing one-sided demand, which
is the premium that funding later pays for. Rungs that drifted less than a quarter of their own distance stay, so
that a calm book keeps its queue.
"""

from __future__ import annotations

import math

from perpscope.numeric.jit import njit
from perpscope.synthetic.chance import uniform
from perpscope.synthetic.orderbook import NO_ASK, NO_BID, place, remove
from perpscope.synthetic.records import BLOCK, RUNGS, World


@njit
def lean(w: World, k: int) -> None:
    """Let the unhedged inventory fade and set the maker's skew."""
    m, p, maker = w.market, w.params, w.makers[k]
    maker.inventory *= math.exp(-(m.second - maker.refreshed) / p.hedge_seconds)
    maker.refreshed = m.second
    account = w.accounts[maker.account]
    held = account.quantity - account.home
    maker.skew = p.basis - p.skew_per_lot * maker.inventory - p.carry_per_lot * held


@njit
def quote(w: World, k: int) -> None:
    """Move the rungs that are out of place or eaten up."""
    m, maker = w.market, w.makers[k]
    lean(w, k)
    centre = m.index * math.exp(maker.skew)
    stress = w.stress[m.second % BLOCK]
    generous = (0.5 + uniform(w)) / stress
    for rung in range(RUNGS):
        distance = w.rung_offset[rung] * centre * stress
        lots = max(1, int(w.rung_lots[rung] * generous))
        for side in (1, -1):
            row = 0 if side > 0 else 1
            wanted = round(centre - side * distance)
            number = w.rungs[k, row, rung]
            if number >= 0:
                order = w.orders[number]
                if abs(order.tick - wanted) <= 0.25 * distance and 3 * order.lots >= lots:
                    continue
                remove(w, number)
                w.rungs[k, row, rung] = -1
            if side > 0 and m.best_ask != NO_ASK:
                wanted = min(wanted, m.best_ask - 1)
            if side < 0 and m.best_bid != NO_BID:
                wanted = max(wanted, m.best_bid + 1)
            number = place(w, side, wanted, lots, maker.account)
            w.orders[number].rung = rung
            w.rungs[k, row, rung] = number


@njit
def fair(w: World) -> float:
    """The makers' common opinion of the price, in ticks, with the newest index."""
    total = 0.0
    for k in range(w.market.makers):
        total += w.makers[k].skew
    return w.market.index * math.exp(total / w.market.makers)
