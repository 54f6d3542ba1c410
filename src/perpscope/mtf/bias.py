"""Do the time frames agree? One score over several, with its parts and the share that agrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.fold import Fold, FoldSpec, State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, choice, row_schema
from perpscope.core.time import HOUR, MINUTE, YEAR, Timeframe
from perpscope.mtf.align import align
from perpscope.mtf.frame_bias import FRAME_BIAS

Floats = npt.NDArray[np.float64]


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
        score, agreement, known, side = agreement_of(scores, np.array(p.weights), p.least_score, p.least_agreement)
        return Table.of(BIAS, ref_ts=at, known_ts=at, score=score, agreement=agreement, weight_known=known, side=side)


def agreement_of(
    scores: Floats, weights: Floats, least_score: float = 0.3, least_agreement: float = 2.0 / 3.0
) -> tuple[Floats, Floats, Floats, Floats]:
    """What several frames say together: score, agreement, share of the weight that is known, and the `Lean`.

    Inputs: scores (frames, n), -1..1, NaN where a frame is not known; weights (frames,), positive.
    Returns: four arrays (n,); the score is NaN where no frame is known, and then the lean is NONE.

    Example:
        >>> score, agreement, known, side = agreement_of(np.array([[0.95], [0.7], [-0.375]]), np.array([3.0, 2.0, 1.0]))
        >>> score.round(6).tolist(), agreement.round(6).tolist(), Lean(int(side[0])).name
        ([0.645833], [0.833333], 'LONG')
    """
    heavy = weights[:, None]
    known = ~np.isnan(scores)
    known_weight = (heavy * known).sum(axis=0)
    score = (heavy * np.where(known, scores, 0.0)).sum(axis=0) / np.where(known_weight > 0, known_weight, np.nan)
    agreement = (heavy * (np.sign(scores) == np.sign(score)) * known).sum(axis=0) / heavy.sum()
    sure = (np.abs(score) >= least_score) & (agreement >= least_agreement - 1e-12)
    side = np.where(~sure, Lean.NONE, np.where(score > 0, Lean.LONG, Lean.SHORT))
    return score, agreement, known_weight / heavy.sum(), side


HORIZONS: dict[str, tuple[int, int]] = {
    "long": (4 * HOUR, YEAR),
    "medium": (15 * MINUTE, 4 * HOUR),
    "short": (MINUTE, 15 * MINUTE),
}
"""Shortest and longest frame of the three views of a trader, both included: 4h and 15m belong to two of them."""


def horizon_weights(frames: Sequence[str], horizon: str) -> tuple[list[str], Floats]:
    """The frames of a horizon, coarsest first, with weights n, n-1, .., 1.

    Example:
        >>> horizon_weights(("5m", "1d", "1h", "4h", "15m"), "medium")
        (['4h', '1h', '15m'], array([3., 2., 1.]))
    """
    low, high = HORIZONS[horizon]
    lengths = sorted({Timeframe.parse(f) for f in frames}, reverse=True)
    mine = [f.name for f in lengths if low <= f.ns <= high]
    return mine, np.arange(len(mine), 0, -1).astype(float)
