"""Do the time frames agree? One score over several, with its parts and the share that agrees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.fold import Fold, FoldSpec, State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, choice, row_schema
from perpscope.core.time import Timeframe
from perpscope.mtf.align import align
from perpscope.mtf.frame_bias import FRAME_BIAS


class Lean(IntEnum):
    """The side that the frames together lean to."""

    LONG = 1
    SHORT = 2
    NONE = 3


BIAS = row_schema(
    "bias",
    Column("score", "score", "weighted mean of the frames' scores, -1..1", mirror="negate"),
    Column("agreement", "fraction", "share of all weight whose sign equals the score's"),
    Column("weight_known", "fraction", "share of all weight whose frame has a current row"),
    choice("side", Lean, "long or short when score and agreement are high enough", mirror="flip"),
)


class Bias(Fold):
    """The lean of several time frames together.

    Definition: score = weighted mean of `frame_bias` over the frames that are known and not stale; agreement =
    share of the weight of *all* frames whose sign equals the score's, so that a missing frame counts against it.
    Long when score >= 0.3 and agreement >= 2/3, short by mirror, else none. Units: scores -1..1, fractions.
    A row whenever a frame's row arrives, known then; rows that arrive together are taken together.
    Source: STRUCTURE ST18, weights 3, 2, 1 for 1d, 4h, 1h; unproven until the evidence says otherwise.

    Example:
        >>> Bias(Bias.Params(frames=("4h", "1h"), weights=(2.0, 1.0))).inputs
        ('frame_bias@4h?', 'frame_bias@1h?')
    """

    @dataclass(frozen=True)
    class Params:
        frames: tuple[str, ...] = ("1d", "4h", "1h")
        weights: tuple[float, ...] = (3.0, 2.0, 1.0)
        least_score: float = 0.3
        least_agreement: float = 2.0 / 3.0

    spec = FoldSpec(
        name="bias",
        title="Agreement of the time frames",
        inputs=("frame_bias@1d?", "frame_bias@4h?", "frame_bias@1h?"),
        output=BIAS,
        source="STRUCTURE ST18",
        shape="line",
        pane="bias",
        framed=False,
    )

    def __init__(self, params: Params | None = None, frame: str | None = None) -> None:
        super().__init__(params, None)
        p: Bias.Params = self.params
        if len(p.frames) != len(p.weights) or not p.frames or min(p.weights) <= 0:
            raise UserError(f"bias needs one positive weight for each frame, not {p.weights} for {p.frames}.")
        self.frames = tuple(Timeframe.parse(f) for f in p.frames)

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(f"frame_bias@{frame.name}?" for frame in self.frames)

    def start(self, instrument: Instrument) -> State:
        return {frame.name: FRAME_BIAS.empty() for frame in self.frames}

    def fold(self, state: State, batch: Batch) -> Table:
        arrived, histories = [], []
        for frame in self.frames:
            name = f"frame_bias@{frame.name}"
            new = batch[name] if name in batch else FRAME_BIAS.empty()
            arrived.append(new.clock)
            histories.append(Table.concat([state[frame.name], new]))
            state[frame.name] = histories[-1][-1:]
        at = np.unique(np.concatenate(arrived))
        if not len(at):
            return BIAS.empty()
        scores = np.full((len(self.frames), len(at)), np.nan)
        for i, (frame, rows) in enumerate(zip(self.frames, histories, strict=True)):
            found = align(rows, frame, at)
            if len(rows):
                scores[i] = np.where(found >= 0, rows["score"][found], np.nan)
        return self._rows(at, scores)

    def _rows(self, at: np.ndarray, scores: np.ndarray) -> Table:
        p: Bias.Params = self.params
        weights = np.array(p.weights)[:, None]
        known = ~np.isnan(scores)
        known_weight = (weights * known).sum(axis=0)
        score = (weights * np.where(known, scores, 0.0)).sum(axis=0) / known_weight
        agreement = (weights * (np.sign(scores) == np.sign(score)) * known).sum(axis=0) / weights.sum()
        sure = (np.abs(score) >= p.least_score) & (agreement >= p.least_agreement - 1e-12)
        side = np.where(~sure, Lean.NONE, np.where(score > 0, Lean.LONG, Lean.SHORT))
        return Table.of(
            BIAS, ref_ts=at, known_ts=at, score=score, agreement=agreement, weight_known=known_weight / weights.sum(), side=side
        )
