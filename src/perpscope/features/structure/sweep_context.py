"""What happened to positions while a pool was swept: forced closes and open interest over the bars of the sweep."""

from __future__ import annotations

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, quantity, row_schema
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import Extreme
from perpscope.numeric.jit import njit

SWEEP_CONTEXT = row_schema(
    "sweep_context",
    Column("pool_id", "id", "the pool that was swept", "int64"),
    choice("side", Extreme, "high: stops above were taken; low: stops below", mirror="flip"),
    quantity("long_liquidated", "longs closed by force during the sweep, base units; NaN if unknown", "swap:short_liquidated"),
    quantity("short_liquidated", "shorts closed by force during the sweep, base units; NaN if unknown", "swap:long_liquidated"),
    quantity("open_interest_change", "over the bars of the sweep, base units; NaN without a snapshot inside"),
)

_DEPTH = 64


class SweepContext(Feature):
    """Liquidations and the change of open interest in the bars of each sweep.

    Definition: the bars of a sweep run from the first that trades beyond the pool to the one whose close returns. Summed
    are the liquidation totals that lie within them; the change of open interest is the last snapshot by the returning
    close minus the last by the open of the first bar, and absent when they are the same snapshot. Totals of a longer
    frame than the bars cannot be placed and leave the sums absent. Disputed: how many liquidations a feed shows; see
    the `feed` of `liquidation_totals` (one event per second at most on some venues, so bursts are undercounted).
    Units: base units. `ref_ts` = that of the sweep, `known_ts` = the returning close. A hole in the bars restarts.
    Source: STRUCTURE ST7, ST26, ST31.

    Example:
        >>> SweepContext().inputs
        ('bars', 'sweeps', 'liquidation_totals?', 'open_interest?')
    """

    spec = FeatureSpec(
        name="sweep_context",
        title="Positions in a sweep",
        inputs=("bars", "sweeps", "liquidation_totals?", "open_interest?"),
        output=SWEEP_CONTEXT,
        source="STRUCTURE ST7",
    )

    def start(self, instrument: Instrument) -> State:
        return {
            "meta": np.array([NULL_TS, 0, 0]),  # last close, bars in the ring, longest stretch of a total
            # longs and shorts closed by force so far, and the last snapshot: now, at the last close, at the open of each bar
            "now": np.array([0.0, 0.0, np.nan]),
            "last": np.full(3, np.nan),
            "ring": np.full((3, _DEPTH), np.nan),
            "now_ts": np.full(1, NULL_TS),  # when the snapshot was taken, likewise
            "last_ts": np.full(1, NULL_TS),
            "ring_ts": np.full(_DEPTH, NULL_TS),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, sweeps = batch["bars"], batch["sweeps"]
        totals, interest = _columns(batch)
        values = np.empty((3, len(sweeps)))
        _context_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], *totals, *interest, sweeps["known_ts"], sweeps["bars_beyond"],
            "liquidation_totals" in batch, state["meta"], state["now"], state["last"], state["ring"],
            state["now_ts"], state["last_ts"], state["ring_ts"], values,
        )  # fmt: skip
        if not len(sweeps):
            return SWEEP_CONTEXT.empty()
        same = {name: sweeps[name] for name in ("ref_ts", "known_ts", "pool_id", "side")}
        return Table.of(
            SWEEP_CONTEXT, **same, long_liquidated=values[0], short_liquidated=values[1], open_interest_change=values[2]
        )


_NO_TIMES, _NO_VALUES = np.empty(0, np.int64), np.empty(0)


def _columns(batch: Batch) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """(ref_ts, known_ts, long, short) of the totals and (exchange_ts, open_interest); empty where there is no stream."""
    totals: tuple[Array, ...] = (_NO_TIMES, _NO_TIMES, _NO_VALUES, _NO_VALUES)
    interest: tuple[Array, ...] = (_NO_TIMES, _NO_VALUES)
    if "liquidation_totals" in batch:
        rows = batch["liquidation_totals"]
        totals = (rows["ref_ts"], rows["known_ts"], rows["long_quantity"], rows["short_quantity"])
    if "open_interest" in batch:
        rows = batch["open_interest"]
        interest = (rows["exchange_ts"], rows["open_interest"])
    return totals, interest


@njit
def _context_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, t_ref: Array, t_known: Array, t_long: Array, t_short: Array,
    i_ts: Array, i_value: Array, w_known: Array, w_bars: Array, counted: bool,
    meta: Array, now: Array, last: Array, ring: Array, now_ts: Array, last_ts: Array, ring_ts: Array, values: Array,
) -> None:  # fmt: skip
    t, s, w = 0, 0, 0
    for i in range(ref_ts.size + 1):
        over = i == ref_ts.size
        if not over and complete[i]:
            whole = meta[0] != -(2**63) and ref_ts[i] == meta[0]
            meta[1] = meta[1] if whole else 0
            at = meta[1] % ring_ts.size
            # what was known at the last close is what is known at this open; after a hole nobody can say
            if not whole:
                last[:] = np.nan
            ring[:, at], ring_ts[at] = last, last_ts[0]
            meta[1] += 1
            meta[0] = known_ts[i]
        while t < t_known.size and (over or t_known[t] <= known_ts[i]):
            now[0] += t_long[t]
            now[1] += t_short[t]
            meta[2] = max(meta[2], t_known[t] - t_ref[t])
            t += 1
        while s < i_ts.size and (over or i_ts[s] <= known_ts[i]):
            now[2], now_ts[0] = i_value[s], i_ts[s]
            s += 1
        if over:
            return
        last[:], last_ts[0] = now, now_ts[0]
        while w < w_known.size and w_known[w] <= known_ts[i]:
            values[0, w], values[1, w], values[2, w] = np.nan, np.nan, np.nan
            back = np.int64(w_bars[w])
            if back <= min(meta[1], ring_ts.size):
                first = (meta[1] - back) % ring_ts.size
                if counted and meta[2] <= known_ts[i] - ref_ts[i]:
                    values[0, w], values[1, w] = now[0] - ring[0, first], now[1] - ring[1, first]
                if now_ts[0] != ring_ts[first]:
                    values[2, w] = now[2] - ring[2, first]
            w += 1
