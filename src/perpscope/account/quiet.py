"""Bars in which nothing can happen, many at a time: what changes is kept in local variables, so that memory is touched once.

Most bars of a history are quiet: no order, liquidation level, funding stamp, intent or change of rules lies in them. They do
what `path.pass_by` and `ledger.balance` do bar by bar, in the same order of arithmetic, to the last bit.
"""

from __future__ import annotations

import math
from typing import Any

from perpscope.account.layout import Memory
from perpscope.account.ledger import wallet_balance
from perpscope.account.money import units
from perpscope.contract import kernels
from perpscope.core.time import NULL_TS
from perpscope.numeric.jit import njit


@njit
def pass_quiet(
    m: Memory, curve: Any, open_ts: Any, close_ts: Any, h: Any, l: Any, c: Any, mo: Any, mh: Any, ml: Any, mc: Any,
    marked: bool, funding_ts: Any, intents: Any, first: int,
) -> int:  # fmt: skip
    """Pass by quiet bars of the only instrument from `first`; returns the first bar that is not quiet.

    Not for two legs at once, nor for slippage that measures its day: those bars are taken one by one.
    """
    spot, w = m.spots[0], m.wallet
    kind = m.terms[0].kind
    long_held, short_held = m.legs[0].quantity > 0.0, m.legs[1].quantity > 0.0
    if (long_held and short_held) or m.terms[0].impact_model == 1:
        return first
    j = 1 if short_held else 0
    held = long_held or short_held
    if spot.held != (1 if held else 0):
        return first
    leg = m.legs[j]
    sign = 1.0 - 2.0 * j
    quantity, entry, level = leg.quantity, leg.entry, leg.liquidation_price
    lowest, highest, worst, distance = leg.low, leg.high, leg.worst_mark, leg.distance
    low_watch, high_watch, mark_low, mark_high = spot.low_watch, spot.high_watch, spot.mark_low, spot.mark_high
    next_ts, last_close = spot.next_ts, spot.last_close
    stamp = 2**62
    if spot.funding_at < spot.funding_end:
        stamp = funding_ts[spot.funding_at]
    decided, active = 2**62, 2**62
    if spot.intent_at < spot.intent_end:
        decided, active = intents[spot.intent_at].decided_ts, intents[spot.intent_at].active_ts
    wallet, every = units(wallet_balance(m)), m.rules.sample
    peak, trough, drawdown = w.peak, w.trough, w.drawdown
    equity_sum, gross_sum, at = w.equity_sum, w.gross_sum, w.balances
    unrealized, net, gross = spot.unrealized, spot.notional, spot.gross
    times, wallets, totals, grosses, nets = curve
    last_mark = math.nan
    i, total_bars = first, len(close_ts)
    while i < total_bars:
        start, end = open_ts[i], close_ts[i]
        high, low = h[i], l[i]
        mark_top, mark_bottom, mark = high, low, c[i]
        if marked and not math.isnan(mo[i]):
            mark_top, mark_bottom, mark = mh[i], ml[i], mc[i]
        quiet = (
            low > low_watch
            and high < high_watch
            and mark_bottom > mark_low
            and mark_top < mark_high
            and start < next_ts
            and stamp >= end
            and (decided > start or active >= end)
            and low > 0.0
        )
        if not quiet or (held and last_close != NULL_TS and start - last_close > 2 * (end - start)):
            break
        last_close = end
        if held:
            lowest, highest = min(lowest, low), max(highest, high)
            if j == 0:
                if not mark_bottom >= worst:
                    worst = mark_bottom
                    gap = 1.0 - level / mark_bottom
                    if not distance <= gap:
                        distance = gap
            elif not mark_top <= worst:
                worst = mark_top
                gap = level / mark_top - 1.0
                if not distance <= gap:
                    distance = gap
            gross = kernels.notional(kind, quantity, mark)
            unrealized = kernels.pnl(kind, sign, quantity, entry, mark)
            net = sign * gross
        last_mark = mark
        total = wallet + unrealized
        if total > peak:
            if peak > 0.0:
                drawdown = max(drawdown, 1.0 - trough / peak)
            peak, trough = total, total
        elif total < trough:
            trough = total
        equity_sum += total
        gross_sum += gross
        if every == 1 or (every > 0 and end % every == 0):
            times[at] = end
            wallets[at], totals[at], grosses[at], nets[at] = wallet, total, gross, net
            at += 1
        i += 1
    if i > first:
        spot.bars += i - first
        spot.last, spot.mark, spot.last_close, w.known = c[i - 1], last_mark, last_close, last_close
        if held:
            leg.low, leg.high, leg.worst_mark, leg.distance = lowest, highest, worst, distance
            spot.unrealized, spot.notional, spot.gross = unrealized, net, gross
        w.peak, w.trough, w.drawdown = peak, trough, drawdown
        w.equity_sum, w.gross_sum, w.balances = equity_sum, gross_sum, at
    return i
