"""What the account needs against what it has: maintenance, the excess of a cross account, liquidation levels.

The liquidation price itself is `contract.kernels.liquidation_price`; here it is only asked for the account's legs.
"""

from __future__ import annotations

import math

from perpscope.account.layout import Memory
from perpscope.account.money import units
from perpscope.contract import kernels
from perpscope.numeric.jit import njit


@njit
def side_sign(j: int) -> float:
    """+1.0 for a long leg (even place), -1.0 for a short one."""
    return 1.0 - 2.0 * (j % 2)


@njit
def maintenance(m: Memory, j: int, mark: float) -> float:
    """Maintenance margin of a leg at a mark: of its mark notional, or of its entry notional where the venue does so."""
    leg = m.legs[j]
    k = j // 2
    regime = m.regimes[m.spots[k].regime]
    price = mark
    if regime.valuation == kernels.ENTRY_VALUED:
        price = leg.entry
    value = kernels.notional(m.terms[k].kind, leg.quantity, price)
    a, b = regime.tiers_from, regime.tiers_to
    return kernels.maintenance_margin(value, m.cap[a:b], m.rate[a:b], m.amount[a:b])


@njit
def tier_of(m: Memory, j: int, mark: float) -> int:
    """The place of a leg's tier in its table, lowest 0, by mark notional."""
    leg = m.legs[j]
    regime = m.regimes[m.spots[j // 2].regime]
    value = kernels.notional(m.terms[j // 2].kind, leg.quantity, mark)
    return kernels.tier_index(value, m.cap[regime.tiers_from : regime.tiers_to])


@njit
def isolated_excess(m: Memory, j: int, mark: float) -> float:
    """Isolated margin plus open profit minus maintenance; liquidated at zero or below."""
    leg = m.legs[j]
    profit = kernels.pnl(m.terms[j // 2].kind, side_sign(j), leg.quantity, leg.entry, mark)
    return units(leg.margin) + profit - maintenance(m, j, mark)


@njit
def cross_excess(m: Memory, k: int, mark: float) -> float:
    """Free money plus open profit minus maintenance of all cross legs, instrument `k` at `mark`, others where they are.

    Along one price it is concave (maintenance grows faster tier by tier), so if it is positive at both ends of a
    stretch it is positive in between.
    """
    total = units(m.wallet.free)
    for j in range(2 * m.wallet.instruments):
        leg = m.legs[j]
        other = j // 2
        if leg.quantity > 0.0 and not m.terms[other].isolated:
            price = m.spots[other].mark
            if other == k:
                price = mark
            total += kernels.pnl(m.terms[other].kind, side_sign(j), leg.quantity, leg.entry, price)
            total -= maintenance(m, j, price)
    return total


@njit
def available(m: Memory, k: int) -> float:
    """What a new position may use: free money, in cross mode plus open profit minus initial margins of cross legs."""
    total = units(m.wallet.free)
    for j in range(2 * m.wallet.instruments):
        leg = m.legs[j]
        other = j // 2
        if leg.quantity > 0.0 and not m.terms[other].isolated:
            mark = m.spots[other].mark
            total += kernels.pnl(m.terms[other].kind, side_sign(j), leg.quantity, leg.entry, mark)
            total -= kernels.notional(m.terms[other].kind, leg.quantity, mark) / leg.leverage
    return total


@njit
def most_leverage(m: Memory, k: int, value: float) -> float:
    """The highest leverage the tiers allow at a notional: NaN where unknown, 0 beyond the table."""
    regime = m.regimes[m.spots[k].regime]
    a, b = regime.tiers_from, regime.tiers_to
    if value > m.cap[b - 1]:
        return 0.0
    return m.max_leverage[a + kernels.tier_index(value, m.cap[a:b])]


@njit
def find_levels(m: Memory, k: int) -> None:
    """Liquidation prices of an instrument's legs, and its marks between which none is reached.

    A cross leg has a fixed level only while it is alone; otherwise its level moves with every other price, is NaN
    here, and the account's excess is checked at every bar instead.
    """
    spot = m.spots[k]
    terms = m.terms[k]
    regime = m.regimes[spot.regime]
    a, b = regime.tiers_from, regime.tiers_to
    spot.mark_low, spot.mark_high = -math.inf, math.inf
    spot.held = 0
    for j in range(2 * k, 2 * k + 2):
        leg = m.legs[j]
        leg.liquidation_price = math.nan
        leg.worst_mark = math.nan
        if not leg.quantity > 0.0:
            continue
        spot.held = 1
        margin = units(leg.margin)
        if not terms.isolated:
            if m.wallet.cross_legs != 1:
                continue
            margin = units(m.wallet.free)
        price = kernels.liquidation_price(
            terms.kind, regime.valuation, side_sign(j), leg.quantity, leg.entry, margin, m.cap[a:b], m.rate[a:b], m.amount[a:b]
        )
        leg.liquidation_price = price
        if not math.isnan(price):
            if j == 2 * k:
                spot.mark_low = max(spot.mark_low, price)
            else:
                spot.mark_high = min(spot.mark_high, price)
        elif (terms.isolated and isolated_excess(m, j, spot.mark) <= 0.0) or (
            not terms.isolated and cross_excess(m, k, spot.mark) <= 0.0
        ):
            # no price solves the equation because the margin is spent at every price
            leg.liquidation_price = math.inf if j == 2 * k else 0.0
            spot.mark_low = math.inf


@njit
def count_cross(m: Memory) -> None:
    count = 0
    for j in range(2 * m.wallet.instruments):
        if m.legs[j].quantity > 0.0 and not m.terms[j // 2].isolated:
            count += 1
    m.wallet.cross_legs = count
