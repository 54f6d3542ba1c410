"""What the venue does with a position that no longer bears its maintenance margin: five procedures.

    forfeit      isolated: the whole isolated margin is lost; cross: the whole free wallet. The default: while the
                 liquidation fee exceeds the maintenance rate, a partial liquidation cannot cure the account
    binance      orders cancelled, the position closed at the market, a fee on the liquidated notional as far as margin
                 is left; what a fill beyond bankruptcy costs is paid by the insurance fund
    bybit        reduced to the cap of the next lower tier, tier by tier; in the lowest it is settled at bankruptcy
    okx          from the third tier on reduced by two tiers at a time; then settled at bankruptcy
    hyperliquid  above 100,000 of notional a fifth first, all of it if that did not help or within 30 s; no clearance
                 fee; below 2/3 of maintenance the backstop takes position and margin

The mark triggers; the market (last price, with slippage) fills. Reductions pay the taker fee. A cross account is worked
off from the leg with the largest maintenance. Sources: docs/definitions/account.md.
"""

from __future__ import annotations

import math

from perpscope.account.fills import whole_lots
from perpscope.account.layout import BINANCE, BYBIT, FORFEIT, HYPERLIQUID, OKX, Memory
from perpscope.account.ledger import FREE, book, value_spot
from perpscope.account.margin import cross_excess, isolated_excess, maintenance, side_sign, tier_of
from perpscope.account.money import quanta, units
from perpscope.account.position import close_leg, cover_deficit
from perpscope.account.resting import cancel_orders, clear_flat
from perpscope.account.slippage import slipped
from perpscope.contract import kernels
from perpscope.core.orders import ExitReason, LedgerKind, Note, OrderEnd, OrderRole
from perpscope.numeric.jit import njit

_LIQUIDATION = int(LedgerKind.LIQUIDATION)
_LIQUIDATION_FEE = int(LedgerKind.LIQUIDATION_FEE)
_FORCED = int(Note.FORCED)
_REASON = int(ExitReason.LIQUIDATION)
_LIQUIDATED = int(OrderEnd.LIQUIDATED)
_ROLE = int(OrderRole.LIQUIDATION)
_COOLDOWN = 30_000_000_000
_LARGE = 100_000.0
_FIFTH = 0.2
_BACKSTOP = 2.0 / 3.0
_STEPS = 64


@njit
def liquidate(m: Memory, k: int) -> bool:
    """Check one instrument's isolated legs and the cross account at the present marks; work off what is due."""
    acted = False
    if m.terms[k].isolated:
        for j in range(2 * k, 2 * k + 2):
            if m.legs[j].quantity > 0.0 and isolated_due(m, j, m.spots[k].mark):
                _work_off_isolated(m, j)
                acted = True
    elif m.wallet.cross_legs > 0 and cross_due(m, k, m.spots[k].mark):
        _work_off_cross(m, k)
        acted = True
    return acted


@njit
def isolated_due(m: Memory, j: int, mark: float) -> bool:
    """Whether the mark has reached the leg's liquidation price (`find_levels` must be current)."""
    price = m.legs[j].liquidation_price
    if math.isnan(price):
        return False
    return mark <= price if j % 2 == 0 else mark >= price


@njit
def cross_due(m: Memory, k: int, mark: float) -> bool:
    """Whether the cross account is at or below its maintenance with instrument `k` at `mark`.

    A single leg is compared with its liquidation price, as an isolated one is, so that the price which stopped a path
    is also the price which liquidates.
    """
    if m.wallet.cross_legs == 1:
        for j in range(2 * k, 2 * k + 2):
            if m.legs[j].quantity > 0.0:
                return isolated_due(m, j, mark)
    return cross_excess(m, k, mark) <= 0.0


@njit
def _close(m: Memory, j: int, quantity: float, price: float, fee_rate: float) -> None:
    close_leg(m, j, quantity, price, price, math.nan, fee_rate, 0, 1, _FORCED, -1, -1, m.legs[j].bracket, _ROLE,
              _LIQUIDATION, _REASON)  # fmt: skip


@njit
def _market(m: Memory, j: int, quantity: float) -> float:
    k = j // 2
    return slipped(m, k, -side_sign(j), m.spots[k].last, quantity)


@njit
def _settle(m: Memory, j: int) -> None:
    """Close at the price at which the leg's isolated margin is spent; in cross mode at mark, and the wallet is lost."""
    k = j // 2
    leg, terms, w = m.legs[j], m.terms[k], m.wallet
    if terms.isolated:
        price = kernels.bankruptcy_price(terms.kind, side_sign(j), leg.quantity, leg.entry, units(leg.margin))
        if math.isnan(price):
            price = m.spots[k].mark
        # the amount is the margin to the quantum, whatever the rounding of the price
        _forfeit_margin(m, j, price)
    else:
        last = w.cross_legs == 1
        bracket = leg.bracket
        if last:
            profit = quanta(kernels.pnl(terms.kind, side_sign(j), leg.quantity, leg.entry, m.spots[k].mark))
            if w.free + profit > 0:
                book(m, k, j, FREE, _LIQUIDATION, -(w.free + profit), m.spots[k].mark, leg.quantity, math.nan, -1, bracket,
                     _FORCED)  # fmt: skip
        _close(m, j, leg.quantity, m.spots[k].mark, 0.0)


@njit
def _forfeit_margin(m: Memory, j: int, price: float) -> None:
    leg = m.legs[j]
    kind = m.terms[j // 2].kind
    profit = quanta(kernels.pnl(kind, side_sign(j), leg.quantity, leg.entry, price))
    rest = -leg.margin - profit
    if rest != 0:
        book(m, j // 2, j, FREE, _LIQUIDATION, rest, price, leg.quantity, math.nan, -1, leg.bracket, _FORCED)
    _close(m, j, leg.quantity, price, 0.0)


@njit
def _close_with_fee(m: Memory, j: int) -> None:
    """At the market, then a liquidation fee as far as money is left (binance)."""
    k = j // 2
    leg, terms, w = m.legs[j], m.terms[k], m.wallet
    quantity, bracket = leg.quantity, leg.bracket
    price = _market(m, j, quantity)
    profit = quanta(kernels.pnl(terms.kind, side_sign(j), quantity, leg.entry, price))
    purse = leg.margin if terms.isolated else w.free
    fee = min(quanta(kernels.notional(terms.kind, quantity, price) * terms.liquidation_fee), max(0, purse + profit))
    if fee > 0:
        book(m, k, j, FREE, _LIQUIDATION_FEE, -fee, price, quantity, terms.liquidation_fee, -1, bracket, _FORCED)
    _close(m, j, quantity, price, 0.0)


@njit
def _to_tier(m: Memory, j: int, tier: int) -> bool:
    """Reduce at the market until the mark notional is the cap of a tier. False if that would leave the quantity as it is."""
    k = j // 2
    leg, spot, terms = m.legs[j], m.spots[k], m.terms[k]
    cap = m.cap[m.regimes[spot.regime].tiers_from + tier]
    keep = cap * spot.mark if terms.kind == kernels.INVERSE else cap / spot.mark
    keep = whole_lots(m, k, keep)
    quantity = leg.quantity - keep
    if not quantity > 0.0 or not keep > 0.0:
        return False
    _close(m, j, quantity, _market(m, j, quantity), terms.taker_fee)
    return True


@njit
def _step(m: Memory, j: int, backstop: bool) -> None:
    """One step of the venue's procedure on one leg; it reduces the leg or ends it."""
    k = j // 2
    w, leg, spot = m.wallet, m.legs[j], m.spots[k]
    profile = m.rules.profile
    tier = tier_of(m, j, spot.mark)
    if profile == BINANCE:
        _close_with_fee(m, j)
    elif profile == BYBIT and tier > 0:
        if not _to_tier(m, j, tier - 1):
            _settle(m, j)
    elif profile == OKX and tier >= 2:
        if not _to_tier(m, j, tier - 2):
            _settle(m, j)
    elif profile == HYPERLIQUID and not backstop:
        large = kernels.notional(m.terms[k].kind, leg.quantity, spot.mark) > _LARGE
        quantity = leg.quantity
        if large and w.now >= w.cooldown_ts:
            quantity = max(whole_lots(m, k, _FIFTH * leg.quantity), m.terms[k].lot)
            w.cooldown_ts = w.now + _COOLDOWN
        _close(m, j, quantity, _market(m, j, quantity), m.terms[k].taker_fee)
    else:
        _settle(m, j)


@njit
def _work_off_isolated(m: Memory, j: int) -> None:
    k = j // 2
    m.wallet.liquidations += 1
    cancel_orders(m, k, -1, _LIQUIDATED)
    for _ in range(_STEPS):
        mark = m.spots[k].mark
        backstop = isolated_excess(m, j, mark) < (_BACKSTOP - 1.0) * maintenance(m, j, mark)
        _step(m, j, backstop)
        if not m.legs[j].quantity > 0.0 or isolated_excess(m, j, m.spots[k].mark) > 0.0:
            break
    clear_flat(m, j)
    value_spot(m, k)


@njit
def _work_off_cross(m: Memory, k: int) -> None:
    w = m.wallet
    w.liquidations += 1
    for other in range(m.wallet.instruments):
        if not m.terms[other].isolated:
            cancel_orders(m, other, -1, _LIQUIDATED)
    for _ in range(_STEPS):
        heaviest, most, total = -1, -1.0, 0.0
        for j in range(2 * m.wallet.instruments):
            if m.legs[j].quantity > 0.0 and not m.terms[j // 2].isolated:
                need = maintenance(m, j, m.spots[j // 2].mark)
                total += need
                if need > most:
                    heaviest, most = j, need
        if heaviest < 0:
            break
        profile = m.rules.profile
        backstop = profile == HYPERLIQUID and cross_excess(m, k, m.spots[k].mark) < (_BACKSTOP - 1.0) * total
        if profile == FORFEIT or backstop:
            _settle(m, heaviest)
        else:
            _step(m, heaviest, False)
            if w.cross_legs == 0 or cross_excess(m, k, m.spots[k].mark) > 0.0:
                break
    for other in range(m.wallet.instruments):
        value_spot(m, other)
    for j in range(2 * m.wallet.instruments):
        clear_flat(m, j)
        if w.cross_legs == 0 and w.free < 0:
            cover_deficit(m, j, -1, -1)
