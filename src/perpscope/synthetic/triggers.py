"""What a move of the mark sets off: liquidations, stops, targets, and margin added in time."""

from __future__ import annotations

import math

from perpscope.numeric.jit import njit
from perpscope.synthetic.liquidator import liquidate
from perpscope.synthetic.matching import cancel, market_order
from perpscope.synthetic.positions import after_fill, set_levels
from perpscope.synthetic.records import BINS, Exit, MarginMode, World

_BY_STOP = int(Exit.STOP)
_BY_TARGET = int(Exit.TARGET)
_ISOLATED = int(MarginMode.ISOLATED)


@njit
def fire(w: World, previous: float) -> None:
    """Everything the mark's last move from `previous` has reached, nearest bin first."""
    m, width, last = w.market, w.params.bin_ticks, BINS - 1
    here = min(int(m.mark / width), last)
    bucket = min(int(max(previous, m.mark) / width), last)
    while bucket >= here:
        visit(w, w.below, bucket)
        bucket -= 1
    bucket = min(int(min(previous, m.mark) / width), last)
    while bucket <= here:
        visit(w, w.above, bucket)
        bucket += 1


@njit
def visit(w: World, lists: World, bucket: int) -> None:
    """Let every account of a bin act whose price is reached; the list changes meanwhile, so it is read anew."""
    i = lists.head[bucket]
    while i >= 0:
        if reached(w, i):
            act(w, i)
            i = lists.head[bucket]
        else:
            i = lists.next[i]


@njit
def reached(w: World, i: int) -> bool:
    """Whether the mark has reached any of the account's trigger prices. NaN is never reached."""
    a, mark = w.accounts[i], w.market.mark
    if a.quantity > 0:
        return mark <= a.liquidation_tick or mark <= a.stop_tick or mark <= a.top_up_tick or mark >= a.target_tick
    return mark >= a.liquidation_tick or mark >= a.stop_tick or mark >= a.top_up_tick or mark <= a.target_tick


@njit
def act(w: World, i: int) -> None:
    """Liquidate, stop, add margin or take profit: the first of these that is due."""
    m, a = w.market, w.accounts[i]
    m.now += w.params.order_gap
    sign = 1 if a.quantity > 0 else -1
    if (m.mark - a.liquidation_tick) * sign <= 0:
        liquidate(w, i)
        return
    stopped = (m.mark - a.stop_tick) * sign <= 0
    if not stopped and (m.mark - a.top_up_tick) * sign <= 0:
        add_margin(w, i)
        return
    # a trigger fires once: what the book cannot take now is left to liquidation or to the holding time
    if stopped:
        a.exit = _BY_STOP
        a.stop_tick = math.nan
    else:
        a.exit = _BY_TARGET
        a.target_tick = math.nan
    cancel(w, i)
    if market_order(w, i, -sign, abs(a.quantity)) == 0:
        after_fill(w, i)


@njit
def add_margin(w: World, i: int) -> None:
    """The trader brings a part of the initial margin from outside, and the liquidation price retreats."""
    m, a = w.market, w.accounts[i]
    extra = math.ceil(abs(a.cost) / a.effective * w.params.top_up_size)
    if a.mode == _ISOLATED:
        a.margin += extra
    else:
        a.wallet += extra
    a.deposited += extra
    m.deposits += extra
    a.top_ups -= 1
    set_levels(w, i)
