"""Long/short ratios as the venue counts them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import RatioKind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, row_schema
from perpscope.core.time import NULL_TS, WEEK, Timeframe
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.window import deviation, moments_state, push_moments

RATIOS = row_schema(
    "ratios",
    choice("ratio_kind", RatioKind, "which accounts are counted; kinds are never mixed"),
    Column("long_fraction", "fraction", "share of longs", mirror="swap:short_fraction"),
    Column("short_fraction", "fraction", "share of shorts", mirror="swap:long_fraction"),
    Column("change", "fraction", "of the long share since the row before of this kind; NaN across a hole", mirror="negate"),
    Column("z", "sigma", "long share against the 7 days before it", mirror="negate"),
)


class Ratios(Feature):
    """The share of accounts, or of their positions, that is long: level, change, and how unusual it is.

    Definition: per kind (all accounts, top accounts, top positions) the long share r / (1 + r) of the venue's ratio r, its
    change, and z against mean and deviation of the rows of the 7 days before, from `z_min` rows on. Account ratios
    count heads: in size longs always equal shorts. A row that does not begin where the last of its kind ended
    restarts that kind.
    Units: fractions, sigma. One row per input row, known when it is.
    Source: own; STRUCTURE ST30. No test of its worth was found.

    Example:
        >>> Ratios(frame="1h").lookback
        169
    """

    @dataclass(frozen=True)
    class Params:
        z_min: int = 30

        def __post_init__(self) -> None:
            at_least("ratios.z_min", self.z_min, 2)

    spec = FeatureSpec(
        name="ratios",
        title="Long/short ratios",
        inputs=("long_short_ratio",),
        output=RATIOS,
        source="own",
        shape="line",
        pane="open_interest",
    )

    @property
    def lookback(self) -> int:
        return max(WEEK // Timeframe.parse(self.frame or "1h").ns, self.params.z_min) + 1

    def start(self, instrument: Instrument) -> State:
        kinds = len(RatioKind) + 1
        ring, stats = moments_state(self.lookback - 1)
        return {
            "ints": np.full(kinds, NULL_TS, np.int64),
            "last": np.full(kinds, np.nan),
            "rings": np.tile(ring, (kinds, 1)),
            "stats": np.tile(stats, (kinds, 1)),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        rows = batch["long_short_ratio"]
        out = np.empty((2, len(rows)))
        _ratio_kernel(
            rows["ref_ts"], rows["known_ts"], rows["ratio_kind"], rows["long_fraction"], rows["short_fraction"],
            self.params.z_min, state["ints"], state["last"], state["rings"], state["stats"], out,
        )  # fmt: skip
        names = ("ref_ts", "known_ts", "ratio_kind", "long_fraction", "short_fraction")
        return Table.of(RATIOS, change=out[0], z=out[1], **{name: rows[name] for name in names})


@njit
def _ratio_kernel(
    ref: Array, known: Array, kind: Array, longs: Array, shorts: Array, z_min: int,
    ints: Array, last: Array, rings: Array, stats: Array, out: Array,
) -> None:  # fmt: skip
    """Everything per kind. What is measured is long - short, which the mirror only negates; it is twice the long share
    less one, so half of it serves for both columns."""
    for i in range(ref.size):
        k = kind[i]
        if ints[k] != ref[i]:
            last[k] = np.nan
            rings[k, :], stats[k, :] = np.nan, 0.0
        ints[k] = known[i]
        lean = (longs[i] - shorts[i]) * 0.5
        spread = deviation(stats[k])
        out[0, i] = lean - last[k]
        out[1, i] = (lean - stats[k, 2]) / spread if stats[k, 1] >= z_min and spread > 0 else np.nan
        push_moments(lean, rings[k], stats[k])
        last[k] = lean
