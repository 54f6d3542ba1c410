"""The running sum of delta as candles, begun anew at an hour of your choice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import session, windows
from perpscope.core.table import Array, Column, Table, flag, quantity, row_schema
from perpscope.core.time import DAY, NULL_TS, WEEK, parse_ts
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import one_of
from perpscope.numeric.calendar import floor_week
from perpscope.numeric.jit import njit

CVD = row_schema(
    "cvd",
    quantity("open", "running sum before the bar; NaN where not known", mirror="negate"),
    quantity("close", "running sum after the bar", mirror="negate"),
    quantity("reach_up", "how far it ran above its open inside the bar; high = open + reach_up", mirror="swap:reach_down"),
    quantity("reach_down", "how far it ran below its open inside the bar; low = open - reach_down", mirror="swap:reach_up"),
    Column("segment", "id", "counts the beginnings; differences across segments mean nothing", "int64"),
    flag("anchored", "the sum holds every bar since its regular beginning"),
)

_NO_PERIOD = -1
RESETS = ("utc_day", "week", "session", "anchor", "none")


class Cvd(Feature):
    """Aggressive buys minus sells, summed since the last reset, with its extremes inside each bar.

    Definition: `close = open + buy_volume - sell_volume`; the sum begins at 0 with the first bar that opens at or after a
    reset: `reset = "utc_day"`, "week" (Monday 00:00 UTC), "session" (each opening of `session`), "anchor" (once, at `anchor`;
    nothing is known before it) or "none". A bar that is missing, incomplete or without taker volume ends the segment: with
    `on_gap = "restart"` a new one begins at 0 and is not `anchored` until the next reset; with "hold" the sum is NaN until
    then. It is never drawn across missing trades. What a chart begins at its left edge is a subtraction in the view.
    Units: base units. One row per bar, known at its close; extremes are NaN where the bars have none (klines).
    Source: own; ORDERFLOW OF4. Products differ mainly in when they reset, and most do not say that data were missing.

    Example:
        >>> Cvd.with_settings({"reset": "session", "session": "new_york"}).params.on_gap
        'restart'
    """

    @dataclass(frozen=True)
    class Params:
        reset: str = "utc_day"
        session: str = "new_york"
        anchor: str = ""
        on_gap: str = "restart"

        def __post_init__(self) -> None:
            one_of("reset of cvd", self.reset, RESETS)
            one_of("way of cvd with a gap", self.on_gap, ("restart", "hold"))
            if self.reset == "session":
                session(self.session)
            if self.reset == "anchor":
                parse_ts(self.anchor)

    spec = FeatureSpec(
        name="cvd",
        title="CVD candles",
        inputs=("bars",),
        output=CVD,
        source="own",
        shape="line",
        pane="delta",
    )

    def start(self, instrument: Instrument) -> State:
        return {"ints": np.array([NULL_TS, NULL_TS, 0, 0, 0], np.int64), "sum": np.zeros(1)}

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        n = len(bars)
        out, segment, anchored = np.empty((4, n)), np.empty(n, np.int64), np.empty(n, np.bool_)
        _cvd_kernel(
            bars["ref_ts"], bars["known_ts"], self.begun(bars["ref_ts"]), bars["buy_volume"] - bars["sell_volume"],
            bars["max_delta"], bars["min_delta"], bars["complete"], self.params.on_gap == "hold",
            state["ints"], state["sum"], out, segment, anchored,
        )  # fmt: skip
        names = ("open", "close", "reach_up", "reach_down")
        return Table.of(
            CVD,
            ref_ts=bars["ref_ts"],
            known_ts=bars["known_ts"],
            segment=segment,
            anchored=anchored,
            **{name: out[k] for k, name in enumerate(names)},
        )

    def begun(self, ref: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """When the period of each bar began; NULL_TS before an anchor."""
        p = self.params
        if p.reset == "utc_day" or not len(ref):
            return ref // DAY * DAY
        if p.reset == "week":
            return np.array([floor_week(int(t)) for t in ref], np.int64)
        if p.reset == "none":
            return np.full(len(ref), _NO_PERIOD)
        if p.reset == "anchor":
            anchor = parse_ts(p.anchor)
            return np.where(ref >= anchor, anchor, NULL_TS)
        opens = windows(session(p.session), int(ref[0]) - 2 * WEEK, int(ref[-1]) + 1)[0]
        return opens[np.searchsorted(opens, ref, side="right") - 1]


@njit
def _cvd_kernel(
    ref: Array, known: Array, begun: Array, delta: Array, most: Array, least: Array, complete: Array, hold: bool,
    ints: Array, total: Array, out: Array, segment: Array, anchored: Array,
) -> None:  # fmt: skip
    """ints: [expected open, period's beginning, segment, anchored, silent until the next reset]."""
    for i in range(ref.size):
        regular = begun[i] != ints[1]
        broken = ints[0] != ref[i]
        if regular or broken:
            ints[2] += 0 if ints[1] == NULL_TS and ints[0] == NULL_TS else 1
            total[0] = 0.0
            # a sum is whole only from a bar that opens with its period; without periods the first bar is as good as any
            ints[3] = 1 if begun[i] == ref[i] or (begun[i] == _NO_PERIOD and ints[2] == 0) else 0
            ints[4] = 1 if hold and ints[3] == 0 else 0
        ints[1] = begun[i]
        valid = complete[i] and delta[i] == delta[i] and begun[i] != NULL_TS
        ints[0] = known[i] if valid else NULL_TS
        segment[i] = ints[2]
        if not valid or ints[4] == 1:
            out[:, i] = np.nan
            anchored[i] = False
            continue
        out[0, i] = total[0]
        total[0] += delta[i]
        out[1, i], out[2, i], out[3, i] = total[0], most[i], -least[i]
        anchored[i] = ints[3] == 1
