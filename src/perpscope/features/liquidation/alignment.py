"""Which mark prices, liquidations and open interest belong to which bar, and since when is that known?"""

from __future__ import annotations

import numpy as np

from perpscope.core.table import Array
from perpscope.core.time import NULL_TS
from perpscope.features.liquidation.flags import Flag
from perpscope.numeric.jit import njit

# a bar with what belongs to it
HIGH, LOW, CLOSE, VOLUME, BUY, MARK_HIGH, MARK_LOW, MARK_CLOSE, FORCED_LONG, FORCED_SHORT = range(10)
BAR_FLOATS = 10
BAR_COLUMNS = ("high", "low", "close", "volume", "buy_volume")
"""The columns of bars that come first."""

# what is remembered: the last stamp of the open interest and the time between the last two
LAST_STAMP, SPACING = range(2)

_GAP, _USD = int(Flag.OI_GAP), int(Flag.OI_USD)


@njit
def marks_of_bars(
    ref: Array, known: Array, mark_ref: Array, mark_known: Array, high: Array, low: Array, close: Array, rows: Array
) -> int:
    """Extremes and last of the mark bars that tile each bar wholly. Returns how many mark bars are spent."""
    j = 0
    for i in range(ref.size):
        while j < mark_ref.size and mark_ref[j] < ref[i]:
            j += 1
        edge, top, bottom, last = ref[i], -np.inf, np.inf, np.nan
        while j < mark_ref.size and mark_known[j] <= known[i]:
            if mark_ref[j] == edge:
                top, bottom, last, edge = max(top, high[j]), min(bottom, low[j]), close[j], mark_known[j]
            j += 1
        if edge == known[i]:
            rows[i, MARK_HIGH], rows[i, MARK_LOW], rows[i, MARK_CLOSE] = top, bottom, last
    return j


@njit
def forced_in_bars(ref: Array, known: Array, from_ts: Array, to_ts: Array, longs: Array, shorts: Array, rows: Array) -> int:
    """Sums of the liquidation totals that lie inside each bar. Returns how many totals are spent."""
    j = 0
    for i in range(ref.size):
        while j < from_ts.size and from_ts[j] < ref[i]:
            j += 1
        while j < from_ts.size and to_ts[j] <= known[i]:
            if rows[i, FORCED_LONG] != rows[i, FORCED_LONG]:
                rows[i, FORCED_LONG], rows[i, FORCED_SHORT] = 0.0, 0.0
            rows[i, FORCED_LONG] += longs[j]
            rows[i, FORCED_SHORT] += shorts[j]
            j += 1
    return j


@njit
def interest_of_bars(
    spans: Array, closes: Array, stamps: Array, interest: Array, watermark: int, inverse: bool, lateness: int, stamp: Array,
    first: bool, known: Array, values: Array, flags: Array,
) -> tuple[int, int]:  # fmt: skip
    """Which open interest belongs to each bar, and since when is it known? Returns bars decided and stamps spent.

    `values` gets the open interest at the bar's close and, for the very first bar, at its open; NaN where there is none.
    """
    spent = 0
    for i in range(spans.shape[0]):
        ref, close = spans[i, 0], spans[i, 1]
        wait = min(lateness, (close - ref) // 2)
        values[i, 0], values[i, 1] = np.nan, np.nan
        while first and spent < stamps.size and stamps[spent] <= ref:  # what the very first bar began with
            if stamps[spent] > ref - (close - ref):
                values[i, 1], _ = _in_units(interest[spent], closes[i], inverse)
                stamp[LAST_STAMP] = stamps[spent]
            spent += 1
        j, at = spent, close
        while j < stamps.size and stamps[j] <= close:
            j += 1
        found = j - 1 if j > spent else -1
        if found < 0 or stamps[found] < close:
            last = stamps[found] if found >= 0 else stamp[LAST_STAMP]
            if stamp[SPACING] > 0 and last + stamp[SPACING] <= close + wait:  # the next one is due: wait for it
                if j < stamps.size and stamps[j] <= close + wait:
                    found, at = j, stamps[j]
                elif watermark >= close + wait:
                    at = close + wait
                else:
                    return i, spent
        known[i] = at
        if found < 0:
            continue
        values[i, 0], in_quote = _in_units(interest[found], closes[i], inverse)
        if in_quote:
            flags[i] |= _USD
        first = False
        if stamp[LAST_STAMP] != NULL_TS:
            silence = stamps[found] - stamp[LAST_STAMP]
            if 0 < 2 * stamp[SPACING] < silence:
                flags[i] |= _GAP
            stamp[SPACING] = silence
        stamp[LAST_STAMP] = stamps[found]
        spent = found + 1
    return spans.shape[0], spent


@njit
def _in_units(interest: Array, price: float, inverse: bool) -> tuple[float, bool]:
    """Open interest in position units, and whether it had to be made from the quote value."""
    base, notional = interest[0], interest[1]
    if inverse:
        return notional if notional == notional else base * price, False
    if base == base:
        return base, False
    return notional / price, True
