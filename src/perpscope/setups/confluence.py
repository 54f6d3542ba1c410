"""A first confluence: named lines of evidence, added with equal weights, every part visible."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import ProgrammerError
from perpscope.core.fold import Fold, FoldSpec, State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS, Timeframe
from perpscope.mtf.align import align
from perpscope.setups.base import Floats, score_schema
from perpscope.setups.factors import FACTORS

CONFLUENCE = score_schema("confluence", FACTORS)


class Confluence(Fold):
    """The sum of the lines of evidence at each bar close, and every line of it.

    Definition: score = sum over factors of part in -1..1, equal weights; a factor that is unknown, or whose last
    row is older than two bars, adds nothing and is counted as unknown. It is no probability: that is claimed only
    once it is measured, and until then each line is unproven. Units: points, long positive.
    One row per bar, known at its close. A hole in the bars forgets what was known before it.
    Source: own; additive so that nothing hides (STRUCTURE ST18, BACKTEST on confluence).

    Example:
        >>> Confluence.spec.output.names[2:5]
        ('part_frames', 'part_trend', 'part_flow')
    """

    spec = FoldSpec(
        name="confluence",
        title="Confluence of the evidence",
        inputs=("bars", *(f"{factor.feature}?" for factor in FACTORS)),
        output=CONFLUENCE,
        source="own",
        shape="histogram",
        pane="bias",
    )

    exempt: ClassVar = {
        "mirror": "equal bins tie in the volume profile, whose rule is not symmetric; each factor's own mirror is tested alone",
        "gap": "the funding percentile and yesterday's value survive a hole, as their features declare",
    }

    def start(self, instrument: Instrument) -> State:
        return {"last_close": NULL_TS, "rows": {}}

    def fold(self, state: State, batch: Batch) -> Table:
        if self.frame is None:
            raise ProgrammerError("A confluence needs a time frame.")
        own, bars = Timeframe.parse(self.frame), batch["bars"]
        at = bars.clock
        since = self._unbroken_since(state, bars)
        columns: dict[str, Floats] = {}
        for factor in FACTORS:
            part = np.full(len(at), np.nan)
            if factor.feature in batch:
                held = state["rows"].get(factor.name)
                new = batch[factor.feature]
                rows = new if held is None else Table.concat([held, new])
                pace = max(own, Timeframe.parse(factor.pace)) if factor.pace else own
                found = align(rows, pace, at)
                if len(rows):
                    fresh = (found >= 0) & (rows.clock[found] > since)
                    part = np.where(fresh, factor.read(rows)[found], np.nan)
                    state["rows"][factor.name] = rows[-1:]
            columns[f"part_{factor.name}"] = part
        if not len(at):
            return CONFLUENCE.empty()
        parts = np.stack(list(columns.values()))
        return Table.of(
            CONFLUENCE,
            ref_ts=bars["ref_ts"],
            known_ts=at,
            **columns,
            score=np.nansum(parts, axis=0),
            known=(~np.isnan(parts)).sum(axis=0),
        )

    def _unbroken_since(self, state: State, bars: Table) -> np.ndarray:
        """For each bar the start of the unbroken run of bars that it ends."""
        if not len(bars):
            return np.empty(0, np.int64)
        before = np.concatenate([[state["last_close"]], bars["known_ts"][:-1]])
        start = np.where(bars["ref_ts"] != before, bars["ref_ts"], np.iinfo(np.int64).min)
        start[0] = max(start[0], state.get("since", NULL_TS))
        run = np.maximum.accumulate(start)
        state["last_close"], state["since"] = int(bars["known_ts"][-1]), int(run[-1])
        return run
