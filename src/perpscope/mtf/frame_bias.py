"""Which way one time frame leans, in four parts that stay visible."""

from __future__ import annotations

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.fold import Fold, FoldSpec, State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, row_schema
from perpscope.core.time import NULL_TS
from perpscope.numeric.asof import asof_index

FRAME_BIAS = row_schema(
    "frame_bias",
    Column("part_price", "score", "sign of close - EMA200", mirror="negate"),
    Column("part_averages", "score", "sign of EMA50 - EMA200", mirror="negate"),
    Column("part_slope", "score", "slope of EMA50 over 10 bars in ATR, clipped to -1..1", mirror="negate"),
    Column("part_structure", "score", "direction of the last structure break; 0 before the first", mirror="negate"),
    Column("score", "score", "mean of the four parts, -1..1", mirror="negate"),
)


class FrameBias(Fold):
    """The lean of one time frame.

    Definition: the mean of sign(close - EMA200), sign(EMA50 - EMA200), clip(slope of EMA50 over 10 bars / ATR)
    and the trend of the last break of structure (up 1, down -1, none 0). Units: scores in -1..1, long positive.
    One row per bar once EMA200 is there, known at the bar's close; a hole in the bars forgets the last break.
    Source: STRUCTURE ST18; the choice of parts is ours, and unproven until the evidence says otherwise.

    Example:
        >>> FrameBias(frame="4h").inputs
        ('bars', 'average_stack', 'breaks?')
    """

    spec = FoldSpec(
        name="frame_bias",
        title="Lean of one time frame",
        inputs=("bars", "average_stack", "breaks?"),
        output=FRAME_BIAS,
        source="STRUCTURE ST18",
        shape="line",
        pane="bias",
    )

    @property
    def warmup(self) -> int:
        return 200

    def start(self, instrument: Instrument) -> State:
        return {"last_close": NULL_TS, "hole": NULL_TS, "break_ts": NULL_TS, "trend": 0.0}

    def fold(self, state: State, batch: Batch) -> Table:
        bars, stack = batch["bars"], batch["average_stack"]
        holes, trend_at, trends = self._histories(state, bars, batch)
        rows = FRAME_BIAS.empty()
        if len(stack):
            at = stack.clock
            broken = asof_index(trend_at, at)
            structure = np.where(trend_at[broken] > holes[asof_index(holes, at)], trends[broken], 0.0)
            parts = np.stack(
                [
                    np.sign(stack["distance_200"]),
                    np.sign(stack["ema_50"] - stack["ema_200"]),
                    np.clip(stack["slope_50"], -1.0, 1.0),
                    structure,
                ]
            )
            names = ("part_price", "part_averages", "part_slope", "part_structure")
            rows = Table.of(
                FRAME_BIAS,
                ref_ts=stack["ref_ts"],
                known_ts=at,
                **dict(zip(names, parts, strict=True)),
                score=parts.mean(axis=0),
            )
        state["hole"], state["break_ts"], state["trend"] = int(holes[-1]), int(trend_at[-1]), float(trends[-1])
        return rows

    def _histories(self, state: State, bars: Table, batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Starts of holes, and times and directions of breaks, each led by the last one remembered."""
        holes = np.array([state["hole"]])
        if len(bars):
            before = np.concatenate([[state["last_close"]], bars["known_ts"][:-1]])
            missing = (before != NULL_TS) & (bars["ref_ts"] != before)
            holes = np.concatenate([holes, bars["ref_ts"][missing]])
            state["last_close"] = int(bars["known_ts"][-1])
        trend_at, trends = np.array([state["break_ts"]]), np.array([state["trend"]])
        if "breaks" in batch and len(batch["breaks"]):
            breaks = batch["breaks"]
            trend_at = np.concatenate([trend_at, breaks.clock])
            trends = np.concatenate([trends, np.where(breaks["direction"] == 1, 1.0, -1.0)])
        return holes, trend_at, trends
