"""Mark price over index, bar by bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, price, row_schema, ts
from perpscope.core.time import NULL_TS, WEEK, Timeframe, parse_span
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.window import deviation, moments_state, push_moments

BASIS = row_schema(
    "basis",
    price("mark_price", "last one known at the bar's close; NaN when stale"),
    price("index_price", "of the same stamp; NaN where the source has none"),
    price("basis", "mark_price - index_price", mirror="negate"),
    Column("basis_fraction", "fraction", "basis / index_price"),
    Column("z", "sigma", "basis_fraction against the 7 days before it"),
    ts("stamp_ts", "the venue's time of the prices used; NULL_TS where none"),
)


class Basis(Feature):
    """How far the perpetual's mark lies from its index.

    Definition: mark - index of the last stamp with exchange_ts <= close (one at the close counts: it describes that
    instant), and the same over the index. Older than `max_age`, or one bar if longer, is stale: NaN. `z` compares with mean
    and deviation of the 7 days before, from `z_min` bars on. Some vendors turn the sign; here positive means that the
    perpetual is dearer. A hole in the bars restarts.
    Units: price, fraction, sigma. One row per bar, known at its close.
    Source: own; STRUCTURE ST30.

    Example:
        >>> Basis(frame="4h").lookback
        43
    """

    @dataclass(frozen=True)
    class Params:
        max_age: str = "15m"
        z_min: int = 30

        def __post_init__(self) -> None:
            at_least("basis.z_min", self.z_min, 2)

    spec = FeatureSpec(
        name="basis",
        title="Basis: mark over index",
        inputs=("bars", "mark_price"),
        output=BASIS,
        source="own",
        shape="line",
        pane="funding",
    )
    exempt: ClassVar = {
        "mirror": "a fraction of the index is not odd under p -> C - p; tests/features/derivatives swaps mark and index"
    }

    @property
    def frame_ns(self) -> int:
        return Timeframe.parse(self.frame or "1h").ns

    @property
    def lookback(self) -> int:
        return max(WEEK // self.frame_ns, self.params.z_min) + 1

    def start(self, instrument: Instrument) -> State:
        ring, stats = moments_state(self.lookback - 1)
        return {"ints": np.array([NULL_TS, NULL_TS], np.int64), "held": np.full(2, np.nan), "ring": ring, "stats": stats}

    def fold(self, state: State, batch: Batch) -> Table:
        bars, marks, p = batch["bars"], batch["mark_price"], self.params
        n = len(bars)
        out, seen = np.empty((5, n)), np.empty(n, np.int64)
        _basis_kernel(
            marks["exchange_ts"], marks["mark_price"], marks["index_price"], bars["ref_ts"], bars["known_ts"],
            max(parse_span(p.max_age), self.frame_ns), p.z_min, state["ints"], state["held"], state["ring"], state["stats"],
            out, seen,
        )  # fmt: skip
        if not n:
            return BASIS.empty()
        names = ("mark_price", "index_price", "basis", "basis_fraction", "z")
        values = {name: out[k] for k, name in enumerate(names)}
        return Table.of(BASIS, ref_ts=bars["ref_ts"], known_ts=bars["known_ts"], stamp_ts=seen, **values)


@njit
def _basis_kernel(
    ts: Array, mark: Array, index: Array, ref: Array, known: Array, max_age: int, z_min: int,
    ints: Array, held: Array, ring: Array, stats: Array, out: Array, seen: Array,
) -> None:  # fmt: skip
    """ints: [expected open, stamp of the held prices]; held: [mark, index]."""
    i = 0
    for b in range(ref.size + 1):
        last = b == ref.size
        while i < ts.size and (last or ts[i] <= known[b]):
            held[0], held[1], ints[1] = mark[i], index[i], ts[i]
            i += 1
        if last:
            return
        if ints[0] != ref[b]:
            ring[:], stats[:] = np.nan, 0.0
            if ints[1] < ref[b]:
                ints[1] = NULL_TS
        ints[0] = known[b]
        seen[b] = ints[1]
        for c in range(5):
            out[c, b] = np.nan
        fraction = np.nan
        if ints[1] != NULL_TS and known[b] - ints[1] <= max_age:
            out[0, b], out[1, b], out[2, b] = held[0], held[1], held[0] - held[1]
            fraction = (held[0] - held[1]) / held[1]
            out[3, b] = fraction
            spread = deviation(stats)
            if stats[1] >= z_min and spread > 0:
                out[4, b] = (fraction - stats[2]) / spread
        push_moments(fraction, ring, stats)
