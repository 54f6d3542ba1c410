"""Change of open interest per bar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, flag, quantity, row_schema, ts
from perpscope.core.time import NULL_TS, WEEK, Timeframe, parse_span
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.numeric.jit import njit
from perpscope.numeric.window import deviation, moments_state, push_moments

OPEN_INTEREST_DELTA = row_schema(
    "open_interest_delta",
    quantity("open_interest", "last one known at the bar's close, base units, one side; NaN when stale"),
    Column("open_interest_notional", "notional", "as the venue gave it with that snapshot; NaN where absent"),
    quantity("delta", "change since the last bar that had a snapshot; NaN where none came in this bar"),
    Column("delta_fraction", "fraction", "delta / open interest before it"),
    Column("z", "sigma", "delta against the mean and deviation of the deltas of the 7 days before it"),
    ts("snapshot_ts", "the venue's time of the snapshot used; NULL_TS where none"),
    flag("quarantined", "it jumped by more than the limit in a bar without trades, so delta is withheld"),
)


class OpenInterestDelta(Feature):
    """How many contracts were opened or closed, in base units, bar by bar.

    Definition: open interest at a bar is the last snapshot with exchange_ts <= close; a snapshot stamped with the
    close itself counts, because it describes that instant. One older than `max_age` (or one bar, if longer) is stale: NaN.
    `delta` = this minus that of the last bar with a snapshot, so it may cover several bars (`snapshot_ts` shows it);
    a bar in which no snapshot came has none, since no change was observed. `z` compares delta with the deltas of
    the 7 days before it, from `z_min` of them on. A jump above `jump_limit` in a bar without trades is a listing
    change or an error: `quarantined`. Signals use base units: the dollar value moves with the price and would
    copy the candle's sign. A hole in the bars starts everything again.
    Units: base coin, one side. One row per bar, known at its close.
    Source: own; STRUCTURE ST26 gives the reasons.

    Example:
        >>> OpenInterestDelta(frame="1h").lookback
        169
    """

    @dataclass(frozen=True)
    class Params:
        max_age: str = "15m"
        z_min: int = 30
        jump_limit: float = 0.2

    spec = FeatureSpec(
        name="open_interest_delta",
        title="Change of open interest",
        inputs=("bars", "open_interest"),
        output=OPEN_INTEREST_DELTA,
        source="own",
        shape="histogram",
        pane="open_interest",
    )

    @property
    def frame_ns(self) -> int:
        return Timeframe.parse(self.frame or "1h").ns

    @property
    def lookback(self) -> int:
        return max(WEEK // self.frame_ns, self.params.z_min) + 1

    def start(self, instrument: Instrument) -> State:
        ring, stats = moments_state(self.lookback - 1)
        ints = np.array([NULL_TS, NULL_TS, 0], np.int64)
        return {"ints": ints, "held": np.full(3, np.nan), "ring": ring, "stats": stats}

    def fold(self, state: State, batch: Batch) -> Table:
        bars, snapshots, p = batch["bars"], batch["open_interest"], self.params
        n = len(bars)
        out, seen, odd = np.empty((5, n)), np.empty(n, np.int64), np.empty(n, np.bool_)
        _interest_kernel(
            snapshots["exchange_ts"], snapshots["open_interest"], snapshots["open_interest_notional"],
            bars["ref_ts"], bars["known_ts"], bars["volume"], max(parse_span(p.max_age), self.frame_ns), p.z_min, p.jump_limit,
            state["ints"], state["held"], state["ring"], state["stats"], out, seen, odd,
        )  # fmt: skip
        if not n:
            return OPEN_INTEREST_DELTA.empty()
        return Table.of(
            OPEN_INTEREST_DELTA,
            ref_ts=bars["ref_ts"],
            known_ts=bars["known_ts"],
            open_interest=out[0],
            open_interest_notional=out[1],
            delta=out[2],
            delta_fraction=out[3],
            z=out[4],
            snapshot_ts=seen,
            quarantined=odd,
        )


@njit
def _interest_kernel(
    ts: Array, interest: Array, notional: Array, ref: Array, known: Array, volume: Array, max_age: int, z_min: int,
    jump: float, ints: Array, held: Array, ring: Array, stats: Array, out: Array, seen: Array, odd: Array,
) -> None:  # fmt: skip
    """ints: [expected open, stamp of the held snapshot, a new one came since the last bar]; held: [oi, notional, base]."""
    i = 0
    for b in range(ref.size + 1):
        last = b == ref.size
        while i < ts.size and (last or ts[i] <= known[b]):
            held[0], held[1] = interest[i], notional[i]
            ints[1], ints[2] = ts[i], 1
            i += 1
        if last:
            return
        if ints[0] != ref[b]:
            held[2] = np.nan
            ring[:], stats[:] = np.nan, 0.0
            if ints[1] < ref[b]:
                held[0], held[1] = np.nan, np.nan
                ints[1], ints[2] = NULL_TS, 0
        ints[0] = known[b]
        out[:, b], odd[b], seen[b] = np.nan, False, ints[1]
        delta = np.nan
        if ints[1] != NULL_TS and known[b] - ints[1] <= max_age:
            out[0, b], out[1, b] = held[0], held[1]
            if ints[2] == 1:
                delta = held[0] - held[2]
                if volume[b] == 0 and abs(delta) > jump * held[2]:
                    odd[b], delta = True, np.nan
                out[2, b] = delta
                out[3, b] = delta / held[2] if held[2] > 0 else np.nan
                spread = deviation(stats)
                if stats[1] >= z_min and spread > 0:
                    out[4, b] = (delta - stats[2]) / spread
                held[2] = held[0]
        push_moments(delta, ring, stats)
        ints[2] = 0
