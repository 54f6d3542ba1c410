"""Declared bad luck: stops that do not work, prices that jump through them, a venue that takes a profitable position.

Nothing here is measured. Each scenario says when, how often and how badly, and every time it strikes a ledger line of the
kind `scenario` says so. The draw for an order (or a leg) at an instant depends on the seed and on nothing else, so the same
run meets the same luck however it is cut into batches.
"""

from __future__ import annotations

from perpscope.account.layout import ADL, GAP_THROUGH, STOP_MAY_FAIL, Memory
from perpscope.account.ledger import FREE, book
from perpscope.core.orders import LedgerKind, Note
from perpscope.numeric.jit import njit

_SCENARIO = int(LedgerKind.SCENARIO)
_STOP_FAILED = int(Note.STOP_FAILED)
_GAP_THROUGH = int(Note.GAP_THROUGH)
_PRIME = 2_147_483_647
MINUTE = 60_000_000_000


@njit
def draw(seed: int, number: int, ts: int) -> float:
    """A number in 0..1 that depends on its arguments only: integer mixing modulo 2**31 - 1.

    Example:
        >>> draw.python(0, 1, 2) == draw.python(0, 1, 2), draw.python(0, 1, 2) == draw.python(1, 1, 2)
        (True, False)
    """
    h = 12_345
    for part in (seed, number, ts // 1_000_000, ts % 1_000_000):
        h = (h + part % _PRIME) % _PRIME
        for factor in (48_271, 742_938_285, 950_706_376):
            h = ((h ^ (h >> 15)) + 1) % _PRIME * factor % _PRIME
    return h / _PRIME


@njit
def in_force(m: Memory, i: int, kind: int, sign: float, ts: int) -> bool:
    """Whether scenario `i` is of a kind, meets a position of this sign, and its window holds a time."""
    s = m.scenarios[i]
    return s.kind == kind and s.start_ts <= ts < s.end_ts and (s.sign == 0 or s.sign * sign > 0.0)


@njit
def next_deleveraging(m: Memory) -> int:
    """From when on the account has to be looked at because a venue may take positions; never: 2**62."""
    soonest = 2**62
    for i in range(m.rules.scenarios):
        s = m.scenarios[i]
        if s.kind == ADL and m.wallet.now < s.end_ts:
            soonest = min(soonest, max(s.start_ts, m.wallet.now))
    return soonest


@njit
def dead(m: Memory, place: int, ts: int) -> bool:
    """Whether an order is a stop that failed and does not work yet."""
    return m.orders[place].dead_until_ts > ts


@njit
def strike(m: Memory, place: int, ts: int) -> bool:
    """A stop was reached: True if it fails now. One that works may still be jumped through: its fill gets worse.

    One draw per stop and bar (or event), from when the bar was known, so that both paths inside a bar meet the same luck.
    """
    o = m.orders[place]
    failed = False
    for i in range(m.rules.scenarios):
        s = m.scenarios[i]
        sign = -float(o.sign)
        if in_force(m, i, STOP_MAY_FAIL, sign, ts) and draw(s.seed + i, o.id, m.wallet.known) < s.probability:
            o.dead_until_ts = max(o.dead_until_ts, ts + s.delay)
            failed = True
            book(m, o.spot, -1, FREE, _SCENARIO, 0, m.spots[o.spot].last, o.quantity, s.probability, o.id, o.bracket,
                 _STOP_FAILED)  # fmt: skip
    if failed:
        return True
    for i in range(m.rules.scenarios):
        s = m.scenarios[i]
        sign = -float(o.sign)
        if in_force(m, i, GAP_THROUGH, sign, ts) and draw(s.seed + i, o.id, m.wallet.known) < s.probability:
            o.worse = max(o.worse, s.distance)
            book(m, o.spot, -1, FREE, _SCENARIO, 0, m.spots[o.spot].last, o.quantity, s.distance, o.id, o.bracket,
                 _GAP_THROUGH)  # fmt: skip
    return False


@njit
def jumped(m: Memory, place: int, price: float) -> float:
    """The price a taker meets after a jump; the jump is used up."""
    o = m.orders[place]
    worse = o.worse
    o.worse = 0.0
    return price * (1.0 + o.sign * worse)
