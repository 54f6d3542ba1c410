"""Bursts of aggression that run through several prices at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import GapKind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema
from perpscope.core.time import NULL_TS
from perpscope.core.units import AggressorSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.seasonality import one_season, season_add, season_arrays, season_factor, season_minutes, season_state
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.window import nearest_rank, push_sorted, quantile_state

MILLISECOND = 1_000_000
MOST_LEVELS = 258
"""Room for 256 distinct prices of a burst; beyond them no more are counted."""

TAPE_SWEEPS = row_schema(
    "tape_sweeps",
    choice("aggressor_side", AggressorSide, "who swept", mirror="flip"),
    Column("fills", "count", "public fills of the burst"),
    Column("levels", "count", "distinct prices it printed at; a sparse book is jumped, so these are not levels of the book"),
    Column("span", "ticks", "from its first to its last price"),
    quantity("quantity", "base units, all fills"),
    price("first_price", "of its first fill"),
    price("last_price", "of its last fill"),
    price("vwap", "average price paid"),
    price("cost", "vwap against the first price, in the taker's disfavour", mirror="same"),
    quantity("threshold", "the quantile of bursts it reached, for its minute of the week"),
)


class TapeSweeps(Feature):
    """Somebody takes three or more prices within a blink, with a size that is unusual.

    Definition: consecutive fills of one side, each at most `merge_ms` after the one before and none of the other side
    between, are a burst. It is a sweep when it printed at least `least_levels` distinct prices and its quantity reaches the
    rolling `quantile` of the bursts before it (nearest rank on the last `window`, none below `n_min`; sizes divided by what is
    usual at their minute of the week, `season`). Disputed: traded prices are not levels of the book, and without the book the
    cost is counted from the first fill, so it is a lower bound. A gap of the trades ends the burst and restarts the window.
    Liquidations are sweeps too; join the rows by time to tell them apart.
    Units: base units, prices, ticks. `ref_ts` = the first fill; `known_ts` = the fill that ended it, or `merge_ms` after
    its last one.
    Source: own; ORDERFLOW OF15. Bookmap's sweeps are of the book.

    Example:
        >>> TapeSweeps().params.least_levels
        3
    """

    @dataclass(frozen=True)
    class Params:
        merge_ms: int = 50
        least_levels: int = 3
        quantile: float = 0.95
        window: int = 5000
        n_min: int = 500
        season: str = "new_york"

        def __post_init__(self) -> None:
            one_season("season of tape_sweeps", self.season)
            at_least("tape_sweeps.merge_ms", self.merge_ms, 1)
            at_least("tape_sweeps.least_levels", self.least_levels, 1)
            at_least("tape_sweeps.n_min", self.n_min, 1)
            at_least("tape_sweeps.window", self.window, self.n_min)

    spec = FeatureSpec(
        name="tape_sweeps",
        title="Sweeps of the tape",
        inputs=("trade",),
        output=TAPE_SWEEPS,
        source="own",
        shape="marker",
        pane="price",
        wakes="watermark",
        framed=False,
    )

    def start(self, instrument: Instrument) -> State:
        ring, ordered, counts = quantile_state(self.params.window)
        return {
            "ints": np.array([NULL_TS, 0, 0, 0, 0], np.int64),
            "floats": np.zeros(2),
            "seen": np.zeros(MOST_LEVELS, np.int64),
            "ring": ring,
            "ordered": ordered,
            "counts": counts,
            "season": season_state(self.params.season),
            "tick": instrument.tick_size,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        trades, gaps, p, tick = batch["trade"], batch["gap"], self.params, state["tick"]
        if not len(trades) and state["ints"][0] == NULL_TS and not len(gaps):
            return TAPE_SWEEPS.empty()
        ends = np.sort(gaps["end_ts"][gaps["kind"] == GapKind.TRADE])
        ts = trades["exchange_ts"]
        out, values = np.empty((len(trades) + 1, 7), np.int64), np.empty((len(trades) + 1, 3))
        n = _sweep_kernel(
            ts, season_minutes(ts, p.season), trades["price"], trades["quantity"], trades["aggressor_side"], ends,
            batch.watermark_ts, int(p.merge_ms) * MILLISECOND, p.least_levels, p.quantile, p.n_min, tick,
            state["ints"], state["floats"], state["seen"], state["ring"], state["ordered"], state["counts"],
            *season_arrays(state["season"]), out, values,
        )  # fmt: skip
        if not n:
            return TAPE_SWEEPS.empty()
        ref, known, side, fills, levels, first, last = out[:n].T
        quantity, vwap, threshold = values[:n].T
        begin = first * tick
        against = np.where(side == AggressorSide.BUY, vwap - begin, begin - vwap)
        return Table.of(
            TAPE_SWEEPS,
            ref_ts=ref,
            known_ts=known,
            aggressor_side=side,
            fills=fills,
            levels=levels,
            span=np.abs(last - first),
            quantity=quantity,
            first_price=begin,
            last_price=last * tick,
            vwap=vwap,
            cost=against,
            threshold=threshold,
        )


@njit
def _sweep_kernel(
    ts: Array, minutes: Array, price: Array, quantity: Array, side: Array, gap_ends: Array, watermark: int, merge: int,
    least_levels: int, quantile: float, n_min: int, tick: float,
    ints: Array, floats: Array, seen: Array, ring: Array, ordered: Array, counts: Array,
    past: Array, running: Array, factor: Array, marks: Array, out: Array, values: Array,
) -> int:  # fmt: skip
    """ints: [first fill (NULL_TS: no burst), last fill, side, fills, minute]; floats: [quantity, vwap]; seen: distinct ticks,
    their number in front, the first price next and the last price at the end."""
    n, g = 0, 0
    for i in range(ts.size + 1):
        last = i == ts.size
        now = watermark if last else ts[i]
        hole = g < gap_ends.size and gap_ends[g] <= now
        quiet = now >= ints[1] + merge if last else now > ints[1] + merge or side[i] != ints[2]
        if ints[0] != NULL_TS and (hole or quiet):
            usual = season_factor(ints[4], past, running, factor, marks)
            known = min(now, ints[1] + merge)
            if hole:
                known = min(known, gap_ends[g])
            if counts[1] >= n_min:
                bound = nearest_rank(ordered, counts[1], quantile) * usual
                if seen[0] >= least_levels and floats[0] >= bound:
                    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = ints[0], known, ints[2], ints[3]
                    out[n, 4], out[n, 5], out[n, 6] = seen[0], seen[1], seen[seen.size - 1]
                    values[n, 0], values[n, 1], values[n, 2] = floats[0], floats[1], bound
                    n += 1
            push_sorted(floats[0] / usual, ring, ordered, counts)
            season_add(ints[4], floats[0], past, running, factor, marks)
            ints[0] = NULL_TS
        while g < gap_ends.size and gap_ends[g] <= now:
            ring[:], ordered[:], counts[:] = np.nan, np.nan, 0
            g += 1
        if last:
            return n
        k = np.int64(np.rint(price[i] / tick))
        if ints[0] == NULL_TS:
            ints[0], ints[2], ints[3], ints[4] = ts[i], side[i], 0, minutes[i]
            floats[0], floats[1] = 0.0, 0.0
            seen[0], seen[1] = 0, k
        ints[1] = ts[i]
        ints[3] += 1
        floats[0] += quantity[i]
        floats[1] += (price[i] - floats[1]) * (quantity[i] / floats[0])
        seen[seen.size - 1] = k
        j = seen[0]
        while j >= 1 and seen[j] != k:
            j -= 1
        if j == 0 and seen[0] + 2 < seen.size:
            seen[0] += 1
            seen[seen[0]] = k
    return n
