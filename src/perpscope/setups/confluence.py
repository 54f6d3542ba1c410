"""Confluence: named lines of evidence, added, every line visible; weighted once weights have been learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import ProgrammerError, UserError
from perpscope.core.fold import Fold, FoldSpec, State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table
from perpscope.core.time import NULL_TS, Timeframe, format_ts
from perpscope.mtf.align import align
from perpscope.numeric.asof import asof_index
from perpscope.setups.base import Floats, score_schema
from perpscope.setups.factors import FACTORS
from perpscope.setups.rulings import Ruling, checked, proven
from perpscope.setups.vetoes import VETOES, take_gaps, veto_state, vetoes
from perpscope.setups.weights import Weights, in_order

CONFLUENCE = score_schema(
    "confluence",
    FACTORS,
    Column("proven", "score", "sum of the known parts that are PROVEN: all that may ever add size", mirror="negate"),
    *(Column(f"log_{f.name}", "score", f"{f.title}: weight x part, log-odds; NaN without weights") for f in FACTORS),
    Column("log_base", "score", "log-odds where no line is known; NaN without weights"),
    Column("log_odds", "score", "sum of the log_ columns: that the close is higher at the horizon; NaN without weights"),
    Column("probability", "fraction", "the same as a calibrated probability; NaN without forecasts that were judged"),
    Column("weights_ts", "ns", "since when the weights are in force; NULL_TS without", "int64"),
    *VETOES,
)


class Confluence(Fold):
    """The sum of the lines of evidence at each bar close, and every line of it.

    Definition: score = sum over factors of part in -1..1, one point each; a factor that is unknown, or whose last
    row is older than two bars, adds nothing and is counted as unknown. With `weights` (learned walk-forward, see
    `setups.learning`): log_odds = log_base + sum of weight x part, an unknown part adding nothing, by the weights in force
    at the bar's close: the last whose `effective_ts` is not after it. `probability` only where those weights carry a
    calibration from forecasts that were judged. `proven` adds the parts that a ruling in force at the close calls PROVEN
    (`setups.rulings`; without rulings none is). Vetoes are flags beside the score and change no number: stale (a line
    that spoke since the last hole is too old), gap (24 bars after a hole or the beginning), book (the order book lost its
    sequence in the bar), thin (volume of 12 bars below a quarter of that of 7 days). Units: points and log-odds, long positive.
    One row per bar, known at its close. A hole in the bars forgets what was known before it.
    Source: own; additive so that nothing hides (STRUCTURE ST18, BACKTEST on confluence).

    Example:
        >>> Confluence.spec.output.names[2:5]
        ('part_frames', 'part_trend', 'part_flow')
    """

    @dataclass(frozen=True)
    class Params:
        weights: tuple[Weights, ...] = ()
        rulings: tuple[Ruling, ...] = ()

        def __post_init__(self) -> None:
            checked(self.rulings, FACTORS)
            for one in in_order(self.weights):
                unknown = sorted(set(one.factors) - {f.name for f in FACTORS})
                if unknown:
                    raise UserError(
                        f"Weights {one.name} in force from {format_ts(one.effective_ts)} name factors that do not exist: "
                        f"{', '.join(unknown)}. Estimate them anew."
                    )

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

    @property
    def lookback(self) -> int:
        return len(veto_state(self._own().ns)["ring"])

    def _own(self) -> Timeframe:
        return Timeframe.parse(self.frame or "1h")

    def start(self, instrument: Instrument) -> State:
        for one in self.params.weights:
            if one.frame != self._own().name:
                raise UserError(f"Weights {one.name} were learned on {one.frame} bars and say nothing of {self.frame} bars.")
        return {"last_close": NULL_TS, "rows": {}, "vetoes": veto_state(self._own().ns)}

    def fold(self, state: State, batch: Batch) -> Table:
        if self.frame is None:
            raise ProgrammerError("A confluence needs a time frame.")
        own, bars = self._own(), batch["bars"]
        at = bars.clock
        take_gaps(state["vetoes"], batch["gap"])
        since, broken = self._unbroken_since(state, bars)
        columns: dict[str, Floats] = {}
        stale = np.zeros(len(at), np.bool_)
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
                    spoke = asof_index(rows.clock, at)
                    stale |= ~fresh & (spoke >= 0) & (rows.clock[spoke] > since)
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
            proven=np.nansum(np.where(proven(self.params.rulings, FACTORS, at), parts, 0.0), axis=0),
            **self._odds(parts, at),
            **vetoes(state["vetoes"], bars, broken, stale),
        )

    def _odds(self, parts: Array, at: Array) -> dict[str, Array]:
        """The weighted columns, by the weights in force at each close."""
        logs, base = np.full(parts.shape, np.nan), np.full(len(at), np.nan)
        probability, dated = base.copy(), np.full(len(at), NULL_TS)
        ordered = in_order(self.params.weights)
        force = np.searchsorted([w.effective_ts for w in ordered], at, side="right") - 1
        for k, one in enumerate(ordered):
            mine = force == k
            if not mine.any():
                continue
            by_name = dict(zip(one.factors, one.weights, strict=True))
            slopes = np.array([by_name.get(f.name, 0.0) for f in FACTORS])
            logs[:, mine] = slopes[:, None] * np.nan_to_num(parts[:, mine])
            base[mine], dated[mine] = one.base, one.effective_ts
            if one.calibration is not None:
                raw = base[mine] + logs[:, mine].sum(axis=0)
                probability[mine] = 1.0 / (1.0 + np.exp(-(one.calibration.base + one.calibration.slope * raw)))
        named = {f"log_{f.name}": logs[k] for k, f in enumerate(FACTORS)}
        total = base + logs.sum(axis=0)
        return {**named, "log_base": base, "log_odds": total, "probability": probability, "weights_ts": dated}

    def _unbroken_since(self, state: State, bars: Table) -> tuple[Array, Array]:
        """For each bar the start of the unbroken run of bars that it ends, and whether it begins one."""
        if not len(bars):
            return np.empty(0, np.int64), np.empty(0, np.bool_)
        before = np.concatenate([[state["last_close"]], bars["known_ts"][:-1]])
        broken = bars["ref_ts"] != before
        start = np.where(broken, bars["ref_ts"], np.iinfo(np.int64).min)
        start[0] = max(start[0], state.get("since", NULL_TS))
        run = np.maximum.accumulate(start)
        state["last_close"], state["since"] = int(bars["known_ts"][-1]), int(run[-1])
        return run, broken
