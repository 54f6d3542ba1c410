"""What becomes of proposals, bar by bar: the one life that all setups share.

One proposal lives per variant and side; a draft that comes while it lives is ignored (or adjusts it, where the setup
says so). Inside a bar the worse comes first: the stop before the target, and a target counts in the bar of the entry
only behind a stop entry, because the path to it led through the entry.
"""

from __future__ import annotations

import numpy as np

from perpscope.core.fold import State
from perpscope.core.table import Array
from perpscope.numeric.jit import njit
from perpscope.setups.signal import (
    BAR,
    ENTRY,
    EXIT,
    EXPIRE,
    EXPOSURE,
    INVALIDATION,
    KIND,
    PARTS,
    STOP,
    TARGET,
    VARIANT,
)

L_ACTIVE, L_ENTERED, L_REF, L_ID, L_VARIANT, L_KIND, L_EXPIRE, L_EXIT, L_REST = range(9)
R_REF, R_KNOWN, R_ID, R_EVENT, R_VARIANT, R_SIDE, R_KIND, R_EXPIRE, R_EXIT, R_CAUSE = range(10)
_OPENED, _TRIGGERED, _ADJUSTED, _STOPPED, _REACHED, _INVALIDATED, _MISSED, _EXPIRED = range(1, 9)
_MARKET, _LIMIT, _STOP_ENTRY = 1, 2, 3
_AGE, _GAP = 1, 3
NEWS = 0.2
"""An adjustment is told when the exposure changed by this share of what it was."""


def life_state(variants: int, parts: int) -> State:
    """No proposal alive: slots are (side, variant)."""
    return {"ints": np.zeros((2 * variants, 9), np.int64), "floats": np.full((2 * variants, PARTS + parts), np.nan)}


@njit
def live(
    ref: Array, known: Array, high: Array, low: Array, close: Array, broken: Array, withdrawn: Array,
    drafts: Array, values: Array, sides: Array, rest: int, adjusts: bool,
    alive: Array, held: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    """Advance the living over the bars and open the drafts; returns the number of rows written.

    drafts (5, n), values (PARTS + parts, n) and sides (n,; 0 long, 1 short) are ordered by bar; prices and parts are as the
    market shows them, not mirrored. `broken[i]`: the bar does not follow the one before it. `withdrawn[side, i]`: the
    evidence is gone at the close of bar i. `rest`: bars after an end without a new proposal.
    """
    n, d = 0, 0
    variants = alive.shape[0] // 2
    for i in range(ref.size):
        for slot in range(alive.shape[0]):
            one = alive[slot]
            if broken[i]:
                one[L_REST] = 0
            one[L_REST] = max(0, one[L_REST] - 1)
            if one[L_ACTIVE]:
                if broken[i]:
                    n = _say(n, ints, floats, one, held[slot], slot // variants, known[i], _EXPIRED, _GAP)
                    one[L_ACTIVE] = 0
                else:
                    n = _advance(n, ints, floats, one, held[slot], slot // variants, known[i], high[i], low[i], close[i],
                                 withdrawn[slot // variants, i])  # fmt: skip
                if not one[L_ACTIVE]:
                    one[L_REST] = rest
        while d < drafts.shape[1] and drafts[BAR, d] == i:
            slot = sides[d] * variants + drafts[VARIANT, d] - 1
            one, had = alive[slot], held[slot]
            if one[L_ACTIVE] and adjusts:
                n = _adjust(n, ints, floats, one, had, values[:, d], sides[d], known[i])
            elif not one[L_ACTIVE] and one[L_REST] == 0 and not withdrawn[sides[d], i]:
                one[L_ACTIVE], one[L_ENTERED], one[L_REF] = 1, drafts[KIND, d] == _MARKET, ref[i]
                one[L_ID] = ref[i] // 1_000_000 * 8 + slot
                one[L_VARIANT], one[L_KIND] = drafts[VARIANT, d], drafts[KIND, d]
                one[L_EXPIRE], one[L_EXIT] = drafts[EXPIRE, d], drafts[EXIT, d]
                had[:] = values[:, d]
                n = _say(n, ints, floats, one, had, sides[d], known[i], _OPENED, 0)
            d += 1
    return n


@njit
def _advance(
    n: int, ints: Array, floats: Array, one: Array, had: Array, side: int, known: int,
    high: float, low: float, close: float, withdrawn: bool,
) -> int:  # fmt: skip
    """One bar in the life of a proposal."""
    s = 1.0 - 2.0 * side
    top, bottom, last = (high, low, close) if side == 0 else (-low, -high, -close)
    entry, stop, target, wrong = s * had[ENTRY], s * had[STOP], s * had[TARGET], s * had[INVALIDATION]
    fresh = False
    if not one[L_ENTERED]:
        stop_entry = one[L_KIND] == _STOP_ENTRY
        if (stop_entry and top >= entry) or (not stop_entry and bottom < entry):
            one[L_ENTERED], fresh = 1, True
            n = _say(n, ints, floats, one, had, side, known, _TRIGGERED, 0)
    event = 0
    if one[L_ENTERED]:
        if bottom <= stop:
            event = _STOPPED
        elif top >= target and not (fresh and one[L_KIND] == _LIMIT):
            event = _REACHED
    elif top >= target:
        event = _MISSED
    if not event:
        if last < wrong or withdrawn:
            event = _INVALIDATED
        elif known >= (one[L_EXIT] if one[L_ENTERED] else one[L_EXPIRE]) and (not one[L_ENTERED] or one[L_EXIT] != -(2**63)):
            event = _EXPIRED
    if event:
        n = _say(n, ints, floats, one, had, side, known, event, _AGE if event == _EXPIRED else 0)
        one[L_ACTIVE] = 0
    return n


@njit
def _adjust(n: int, ints: Array, floats: Array, one: Array, had: Array, new: Array, side: int, known: int) -> int:
    """Take over a renewed exposure and a tighter stop; told when either is news."""
    s = 1.0 - 2.0 * side
    tighter = s * new[STOP] > s * had[STOP]
    if not (abs(new[EXPOSURE] - had[EXPOSURE]) > NEWS * abs(had[EXPOSURE]) or tighter):
        return n
    had[EXPOSURE], had[PARTS:] = new[EXPOSURE], new[PARTS:]
    if tighter:
        had[STOP] = new[STOP]
        if s * had[INVALIDATION] < s * had[STOP]:
            had[INVALIDATION] = had[STOP]
    return _say(n, ints, floats, one, had, side, known, _ADJUSTED, 0)


@njit
def _say(n: int, ints: Array, floats: Array, one: Array, had: Array, side: int, known: int, event: int, cause: int) -> int:
    ints[R_REF, n], ints[R_KNOWN, n], ints[R_ID, n], ints[R_EVENT, n] = one[L_REF], known, one[L_ID], event
    ints[R_VARIANT, n], ints[R_SIDE, n], ints[R_KIND, n] = one[L_VARIANT], side + 1, one[L_KIND]
    ints[R_EXPIRE, n], ints[R_EXIT, n], ints[R_CAUSE, n] = one[L_EXPIRE], one[L_EXIT], cause
    floats[:, n] = had
    return n + 1
