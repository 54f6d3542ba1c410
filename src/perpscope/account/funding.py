"""Funding at its stamps: what each leg pays or receives, from which purse, and whether a stamp was missing."""

from __future__ import annotations

import math

from perpscope.account.layout import Memory
from perpscope.account.ledger import FREE, book
from perpscope.account.margin import side_sign
from perpscope.account.money import quanta
from perpscope.account.position import cover_deficit
from perpscope.contract import kernels
from perpscope.core.orders import LedgerKind
from perpscope.core.time import NULL_TS
from perpscope.numeric.jit import njit

_FUNDING = int(LedgerKind.FUNDING)
_LONGEST = 8 * 3_600_000_000_000 + 60_000_000_000
"""A venue's longest interval is 8 h; a longer silence between two stamps is a hole."""


@njit
def settle_funding(m: Memory, k: int, ts: int, price: float, rate: float, note: int) -> None:
    """Book one stamp on both legs of an instrument. A rate of zero makes no line."""
    spot = m.spots[k]
    hole = spot.last_funding != NULL_TS and ts - spot.last_funding > _LONGEST
    for j in range(2 * k, 2 * k + 2):
        leg = m.legs[j]
        if not leg.quantity > 0.0:
            continue
        if hole and leg.open_ts < ts - _LONGEST:
            m.wallet.funding_holes += 1
            leg.gap = 1
        amount = quanta(kernels.funding_payment(m.terms[k].kind, side_sign(j), leg.quantity, price, rate))
        if amount == 0 or math.isnan(price):
            continue
        if not m.terms[k].isolated:
            book(m, k, j, FREE, _FUNDING, amount, price, leg.quantity, rate, -1, leg.bracket, note)
            cover_deficit(m, j, -1, leg.bracket)
        elif m.rules.funding_from_free and m.wallet.free + amount >= 0:
            book(m, k, j, FREE, _FUNDING, amount, price, leg.quantity, rate, -1, leg.bracket, note)
        else:
            book(m, k, j, j, _FUNDING, amount, price, leg.quantity, rate, -1, leg.bracket, note)
    spot.last_funding = ts
