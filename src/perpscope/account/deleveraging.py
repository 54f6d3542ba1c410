"""Auto-deleveraging as a declared scenario: the venue closes our profitable position at a counterparty's bankruptcy price."""

from __future__ import annotations

import math

from perpscope.account.layout import ADL, Memory
from perpscope.account.margin import find_levels, side_sign
from perpscope.account.position import close_leg
from perpscope.account.resting import cancel_orders, clear_flat
from perpscope.account.scenario import MINUTE, draw, in_force
from perpscope.contract import kernels
from perpscope.core.orders import ExitReason, FillModel, LedgerKind, Note, OrderEnd, OrderRole
from perpscope.numeric.jit import njit

_ADL_LINE = int(LedgerKind.ADL)
_DELEVERAGED = int(Note.DELEVERAGED)
_ENDED = int(OrderEnd.DELEVERAGED)
_REASON = int(ExitReason.ADL)
_ROLE = int(OrderRole.LIQUIDATION)
_BAR = int(FillModel.BAR)


@njit
def deleverage(m: Memory, k: int, ts: int) -> bool:
    """Close the legs of an instrument that a scenario takes at this time; True if any was.

    Only a leg with open profit at the mark is taken. Its orders are cancelled; it is closed at mark x (1 - side x distance),
    the counterparty's bankruptcy price, with the taker fee. One draw per leg and minute.
    """
    acted = False
    for i in range(m.rules.scenarios):
        s = m.scenarios[i]
        for j in range(2 * k, 2 * k + 2):
            leg, sign, mark = m.legs[j], side_sign(j), m.spots[k].mark
            if not leg.quantity > 0.0 or not in_force(m, i, ADL, sign, ts):
                continue
            if not kernels.pnl(m.terms[k].kind, sign, leg.quantity, leg.entry, mark) > 0.0:
                continue
            if draw(s.seed + i, j, ts // MINUTE) >= s.probability:
                continue
            cancel_orders(m, k, -1, _ENDED)
            price = mark * (1.0 - sign * s.distance)
            close_leg(m, j, leg.quantity, price, mark, math.nan, m.terms[k].taker_fee, 0, _BAR, _DELEVERAGED, -1, -1,
                      leg.bracket, _ROLE, _ADL_LINE, _REASON)  # fmt: skip
            clear_flat(m, j)
            acted = True
    if acted:
        find_levels(m, k)
    return acted
