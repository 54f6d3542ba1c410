"""The life of a position: its number, the prices at which it breaks, stops, gets more margin or takes profit; its end."""

from __future__ import annotations

import math

from perpscope.contract import kernels as contract
from perpscope.numeric.jit import njit
from perpscope.synthetic.buckets import link, unlink
from perpscope.synthetic.records import BINS, WHEEL, Exit, Group, MarginMode, World

_RETAIL = int(Group.RETAIL)
_CROSS = int(MarginMode.CROSS)
_NEVER = int(MarginMode.NEVER)
_STILL_OPEN = int(Exit.OPEN)
_BY_LIQUIDATION = int(Exit.LIQUIDATION)


@njit
def begin(w: World, i: int) -> None:
    """Give a trader's first fill its number and its time."""
    m, a = w.market, w.accounts[i]
    if a.position >= 0:
        return
    a.position = m.opened
    m.opened += 1
    a.opened_ts = m.now
    a.opened_lots, a.opened_value, a.closed_lots, a.closed_value = 0, 0, 0, 0
    a.planned_stop, a.planned_target, a.effective = math.nan, math.nan, math.nan
    if a.group == _RETAIL:
        a.holding_due = m.second + max(1, a.holding)
        link(w.holding_timer, i, a.holding_due % WHEEL)


@njit
def after_fill(w: World, i: int) -> None:
    """Bring a trader's levels up to date, or end the position when nothing is left of it."""
    a = w.accounts[i]
    if a.group != _RETAIL:
        return
    if a.quantity != 0:
        set_levels(w, i)
        return
    unlink(w.below, i)
    unlink(w.above, i)
    if a.position >= 0 and not math.isnan(a.liquidation_tick):
        a.liquidation_tick = math.nan
        note_level(w, i)
    if a.order < 0:
        leave(w, i)


@njit
def money_behind(w: World, i: int) -> int:
    """What a position can lose before its account is bankrupt: its margin, or with cross margin the whole wallet."""
    a = w.accounts[i]
    if a.mode == _CROSS:
        return a.wallet
    return a.margin


@njit
def set_levels(w: World, i: int) -> None:
    """Compute the trigger prices of a position and enter it in the lists of triggers."""
    m, a = w.market, w.accounts[i]
    held = abs(a.quantity)
    sign = 1.0 if a.quantity > 0 else -1.0
    entry = abs(a.cost) / held
    broken = math.nan
    if a.mode != _NEVER:
        behind = float(money_behind(w, i))
        if a.closed_lots == 0:
            a.effective = held * entry / max(behind, 1.0)
        broken = contract.liquidation_price(
            contract.LINEAR, contract.MARK_VALUED, sign, float(held), entry, behind,
            w.tier_cap[: m.tiers], w.tier_rate[: m.tiers], w.tier_amount[: m.tiers],
        )  # fmt: skip
    # ln of a negative price does not exist: an account that is bankrupt at any price is liquidated at once
    way = math.log(broken / entry)
    if a.closed_lots == 0 and a.exit == _STILL_OPEN:
        # a growing entry moves its stop and target along; without a liquidation price the way is that of 1 / leverage
        plan = -sign / a.leverage if math.isnan(way) else way
        a.planned_stop = a.stop_tick = entry * math.exp(plan * a.stop_fraction)
        a.planned_target = a.target_tick = entry * math.exp(-plan * a.target_fraction)
    a.liquidation_tick = broken
    a.top_up_tick = entry * math.exp(way * w.params.top_up_at) if a.top_ups > 0 else math.nan
    note_level(w, i)
    guard = nearer(nearer(broken, a.stop_tick, sign), a.top_up_tick, sign)
    if sign > 0:
        enter(w, i, guard, a.target_tick)
    else:
        enter(w, i, a.target_tick, guard)


@njit
def nearer(a: float, b: float, sign: float) -> float:
    """Of two prices on the losing side the one that is reached first; NaN where there is none."""
    if math.isnan(a) or (b - a) * sign > 0.0:
        return b
    return a


@njit
def enter(w: World, i: int, below: float, above: float) -> None:
    """Put an account into the bins of its two trigger prices; one that is already passed waits at the mark."""
    mark = w.market.mark
    width, last = w.params.bin_ticks, BINS - 1
    if math.isnan(below):
        unlink(w.below, i)
    else:
        link(w.below, i, min(int(min(below, mark) / width), last))
    if math.isnan(above):
        unlink(w.above, i)
    else:
        link(w.above, i, min(int(max(above, mark) / width), last))


@njit
def note_level(w: World, i: int) -> None:
    """Write the position's new liquidation price and quantity into the truth."""
    m, a = w.market, w.accounts[i]
    if m.levels >= w.levels.size:
        m.ended = -3
        return
    row = w.levels[m.levels]
    m.levels += 1
    row.ts = m.now
    row.liquidation_tick = a.liquidation_tick
    row.position = a.position
    row.lots = abs(a.quantity)


@njit
def leave(w: World, i: int) -> None:
    """A trader without position or order takes the money and goes.

    What a liquidation left of the margin, and any debt, is the insurance fund's.
    """
    m, a = w.market, w.accounts[i]
    if a.position >= 0:
        write_position(w, i, m.now)
    if a.wallet < 0 or a.exit == _BY_LIQUIDATION:
        w.accounts[w.params.first_insurance].wallet += a.wallet
        a.wallet = 0
    m.deposits -= a.wallet
    a.wallet = 0
    unlink(w.holding_timer, i)
    unlink(w.order_timer, i)
    a.group = 0
    a.position = -1
    a.next_free = m.free_account
    m.free_account = i


@njit
def write_position(w: World, i: int, closed_ts: int) -> None:
    """Write an account's position into the truth."""
    m, a = w.market, w.accounts[i]
    if m.positions >= w.positions.size:
        m.ended = -2
        return
    row = w.positions[m.positions]
    m.positions += 1
    row.opened_ts = a.opened_ts
    row.closed_ts = closed_ts
    row.opened_lots = a.opened_lots
    row.opened_value = a.opened_value
    row.closed_lots = a.closed_lots
    row.closed_value = a.closed_value
    row.deposited = a.deposited
    row.leverage = a.leverage
    row.effective = a.effective
    row.stop_tick = a.planned_stop
    row.target_tick = a.planned_target
    row.position = a.position
    row.account = i
    row.side = a.side
    row.group = a.group
    row.mode = a.mode
    row.exit = a.exit
