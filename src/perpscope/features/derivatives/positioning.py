"""Price, open interest and delta read together: who is likely building, who leaving."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, flag, row_schema
from perpscope.core.time import NULL_TS, WEEK, Timeframe, parse_span
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.numeric.jit import njit
from perpscope.numeric.window import nearest_rank, push_sorted, quantile_state


class Positioning(IntEnum):
    """The four corners of price and open interest, and the dead centre."""

    LONG_BUILD = 1
    SHORT_BUILD = 2
    SHORT_COVER = 3
    LONG_UNWIND = 4
    FLAT = 5

    @property
    def opposite(self) -> Positioning:
        """The corner of the market upside down: the same change of open interest, the other direction of price."""
        return _OPPOSITES[self]


_OPPOSITES = {
    Positioning.LONG_BUILD: Positioning.SHORT_BUILD,
    Positioning.SHORT_BUILD: Positioning.LONG_BUILD,
    Positioning.SHORT_COVER: Positioning.LONG_UNWIND,
    Positioning.LONG_UNWIND: Positioning.SHORT_COVER,
    Positioning.FLAT: Positioning.FLAT,
}

POSITIONING = row_schema(
    "positioning",
    choice("state", Positioning, "the corner; absent while a scale is unknown", mirror="flip"),
    Column("price_z", "sigma", "change of the close, in its past deviations", mirror="negate"),
    Column("open_interest_z", "sigma", "change of open interest, in its past deviations"),
    Column("delta_z", "sigma", "sum of delta, in its past deviations; NaN where taker volume is absent", mirror="negate"),
    flag("absorbed", "the aggressor's side disagrees with the price"),
    flag("forced", "liquidations exceed the quantile of their own past"),
    Column("span", "count", "bars since the last row, which the changes cover"),
)


class PositioningState(Feature):
    """The quadrant of price and open interest, with the aggressor beside it.

    Definition: over the bars since the last one with a snapshot of open interest, take the change of close, of open
    interest, and the sum of delta; divide each by the root of its past mean square (exponential, half-life 7 days,
    strictly before; no mean is subtracted). |z| <= dead_zone is flat. Price up + OI up: long_build; up + down:
    short_cover; down + up: short_build; down + down: long_unwind; either flat: flat. `absorbed`: |delta_z| is
    beyond the dead zone against the price. `forced`: base units liquidated in these bars exceed the
    0.95 quantile of the same sums over 7 days before. Every contract has a long and a short: "long build" only
    says that the price rose while contracts were opened. Rows begin after `n_min` past changes and come at bars
    with a snapshot; a hole in the bars starts everything again.
    Units: past deviations (sigma). Known at the bar's close. Price changes are differences, not logarithms, so
    that up and down are alike.
    Source: own; the names are the field's.

    Example:
        >>> Positioning.SHORT_COVER.opposite.name
        'LONG_UNWIND'
    """

    @dataclass(frozen=True)
    class Params:
        half_life: str = "7d"
        dead_zone: float = 0.5
        n_min: int = 48
        forced_quantile: float = 0.95
        forced_min: int = 48

    spec = FeatureSpec(
        name="positioning",
        title="Positioning: price x open interest x delta",
        inputs=("bars", "open_interest_delta", "delta?", "liquidation_totals?", "liquidation?"),
        output=POSITIONING,
        source="own",
        shape="marker",
        pane="open_interest",
    )

    @property
    def frame_ns(self) -> int:
        return Timeframe.parse(self.frame or "1h").ns

    @property
    def warmup(self) -> int:
        return int(self.params.n_min) + 2

    @property
    def lookback(self) -> int:
        return max(WEEK // self.frame_ns, self.params.forced_min, self.warmup)

    def start(self, instrument: Instrument) -> State:
        ring, ordered, counts = quantile_state(max(WEEK // self.frame_ns, self.params.forced_min))
        return {
            "ints": np.array([NULL_TS, 0, 0], np.int64),
            "held": np.array([np.nan, 0.0, 0.0]),
            "scales": np.zeros((3, 3)),
            "ring": ring,
            "ordered": ordered,
            "counts": counts,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, p = batch["bars"], self.params
        n = len(bars)
        interest = batch["open_interest_delta"]["delta"]
        delta = batch["delta"]["delta"] if "delta" in batch else np.full(n, np.nan)
        forced_ref, forced_ts, forced = _forced(batch)
        out, states, marks = np.empty((4, n)), np.empty(n, np.int8), np.empty((2, n), np.bool_)
        rows = np.empty(n, np.int64)
        decay = 0.5 ** (self.frame_ns / parse_span(p.half_life))
        made = _positioning_kernel(
            forced_ref, forced_ts, forced, bars["ref_ts"], bars["known_ts"], bars["close"], interest, delta,
            decay, p.dead_zone, p.n_min, p.forced_quantile, p.forced_min,
            state["ints"], state["held"], state["scales"], state["ring"], state["ordered"], state["counts"],
            out, states, marks, rows,
        )  # fmt: skip
        if not made:
            return POSITIONING.empty()
        rows = rows[:made]
        return Table.of(
            POSITIONING,
            ref_ts=bars["ref_ts"][rows],
            known_ts=bars["known_ts"][rows],
            state=states[:made],
            price_z=out[0, :made],
            open_interest_z=out[1, :made],
            delta_z=out[2, :made],
            absorbed=marks[0, :made],
            forced=marks[1, :made],
            span=out[3, :made],
        )


def _forced(batch: Batch) -> tuple[Array, Array, Array]:
    """Start, end and base units of every forced closing in the batch; totals where offered, else single events."""
    if "liquidation_totals" in batch:
        totals = batch["liquidation_totals"]
        return totals["ref_ts"], totals["known_ts"], totals["long_quantity"] + totals["short_quantity"]
    if "liquidation" in batch:
        events = batch["liquidation"]
        return events["exchange_ts"], events["exchange_ts"], events["quantity"]
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)


@njit
def _scaled(value: float, decay: float, n_min: int, scale: Array) -> float:
    """value / root of the past mean square, which then takes it in. scale: [sum of squares, sum of weights, count]."""
    z = np.nan
    if value == value:
        if scale[2] >= n_min and scale[0] > 0:
            z = value / np.sqrt(scale[0] / scale[1])
        scale[0] = scale[0] * decay + value * value
        scale[1] = scale[1] * decay + 1.0
        scale[2] += 1.0
    return z


@njit
def _positioning_kernel(
    forced_ref: Array, forced_ts: Array, forced: Array, ref: Array, known: Array, close: Array, interest: Array,
    delta: Array, decay: float, dead: float, n_min: int, quantile: float, forced_min: int,
    ints: Array, held: Array, scales: Array, ring: Array, ordered: Array, counts: Array,
    out: Array, states: Array, marks: Array, rows: Array,
) -> int:  # fmt: skip
    """ints: [expected open, bars since the base, liquidations were seen]; held: [base close, delta sum, forced sum]."""
    n, i = 0, 0
    for b in range(ref.size + 1):
        last = b == ref.size
        while i < forced_ts.size and (last or forced_ts[i] <= known[b]):
            # a total that reaches back over more than the present bar cannot be shared out among bars
            if forced_ref[i] >= ints[0]:
                held[2] += forced[i]
                ints[2] = 1
            i += 1
        if last:
            return n
        if ints[0] != ref[b]:
            held[0], held[1] = np.nan, 0.0
            if ints[0] != NULL_TS:
                held[2] = 0.0
            ints[1] = 0
            scales[:] = 0.0
            ring[:], ordered[:], counts[:] = np.nan, np.nan, 0
        ints[0] = known[b]
        ints[1] += 1
        held[1] += delta[b]
        if interest[b] != interest[b]:
            if held[0] != held[0]:
                held[0], held[1], held[2], ints[1], ints[2] = close[b], 0.0, 0.0, 0, 0
            continue
        price_z = _scaled(close[b] - held[0], decay, n_min, scales[0])
        interest_z = _scaled(interest[b], decay, n_min, scales[1])
        delta_z = _scaled(held[1], decay, n_min, scales[2])
        total = held[2] if ints[2] == 1 else np.nan
        pressed = counts[1] >= forced_min and total > nearest_rank(ordered, counts[1], quantile)
        push_sorted(total, ring, ordered, counts)
        if price_z == price_z and interest_z == interest_z:
            up, down = price_z > dead, price_z < -dead
            if abs(interest_z) <= dead or not (up or down):
                states[n] = 5
            elif interest_z > dead:
                states[n] = 1 if up else 2
            else:
                states[n] = 3 if up else 4
            marks[0, n] = (up and delta_z < -dead) or (down and delta_z > dead)
            marks[1, n] = pressed
            out[0, n], out[1, n], out[2, n], out[3, n] = price_z, interest_z, delta_z, ints[1]
            rows[n] = b
            n += 1
        held[0], held[1], held[2], ints[1], ints[2] = close[b], 0.0, 0.0, 0, 0
    return n
