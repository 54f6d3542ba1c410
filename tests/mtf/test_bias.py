"""Answers from STRUCTURE.md (ST14, ST18), worked there by hand."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR
from perpscope.mtf.bias import Bias, Lean
from perpscope.mtf.frame_bias import FRAME_BIAS, FrameBias

INSTRUMENT = Instrument("demo", "X")


def frame_rows(known: list[int], *parts: tuple[float, float, float, float]) -> Table:
    columns = np.array(parts).T
    names = ("part_price", "part_averages", "part_slope", "part_structure")
    return Table.of(
        FRAME_BIAS, ref_ts=known, known_ts=known, **dict(zip(names, columns, strict=True)), score=columns.mean(axis=0)
    )


def test_the_worked_example_of_three_frames() -> None:
    at = [10 * DAY]
    batch = {
        "frame_bias@1d": frame_rows(at, (1, 1, 0.8, 1)),
        "frame_bias@4h": frame_rows(at, (1, 1, -0.2, 1)),
        "frame_bias@1h": frame_rows(at, (-1, 1, -0.5, -1)),
    }
    fold = Bias()
    row = next(fold.fold(fold.start(INSTRUMENT), Batch(10 * DAY, batch)).rows())
    assert row["score"] == pytest.approx(0.645833, abs=1e-6)
    assert row["agreement"] == pytest.approx(0.833333, abs=1e-6)
    assert row["side"] == "long"


def test_a_missing_frame_counts_against_agreement_and_a_stale_one_is_missing() -> None:
    fold = Bias()
    state = fold.start(INSTRUMENT)
    whole = (1.0, 1.0, 1.0, 1.0)
    daily = Batch(10 * DAY, {"frame_bias@1d": frame_rows([10 * DAY], whole)})
    assert fold.fold(state, daily)["agreement"].tolist() == [0.5]
    # two daily bars later only the hour is fresh
    hourly = frame_rows([12 * DAY, 12 * DAY + HOUR], whole, whole)
    rows = fold.fold(state, Batch(13 * DAY, {"frame_bias@1h": hourly}))
    assert rows["weight_known"] == pytest.approx([4 / 6, 1 / 6])
    assert rows["side"].tolist() == [Lean.LONG, Lean.NONE]


def test_rows_that_arrive_together_are_decided_once() -> None:
    fold = Bias()
    up, down = (1.0, 1.0, 1.0, 1.0), (-1.0, -1.0, -1.0, -1.0)
    batch = Batch(10 * DAY, {"frame_bias@1d": frame_rows([10 * DAY], up), "frame_bias@1h": frame_rows([10 * DAY], down)})
    rows = fold.fold(fold.start(INSTRUMENT), batch)
    assert rows["score"].tolist() == [0.5]


def test_weights_must_match_the_frames() -> None:
    with pytest.raises(UserError, match="one positive weight for each frame"):
        Bias(Bias.Params(frames=("1d",), weights=(1.0, 2.0)))


def test_a_hole_forgets_the_last_break() -> None:
    from perpscope.features.structure.average_stack import AVERAGE_STACK
    from perpscope.features.structure.breaks import BREAKS

    at = np.array([1, 2, 5]) * HOUR  # nothing at 3 and 4
    flat = np.full(3, 100.0)
    bars = Table.filled(BARS, ref_ts=at - HOUR, known_ts=at, open=flat, high=flat, low=flat, close=flat, complete=[True] * 3)
    enums = {c.name: np.ones(3, c.dtype) for c in AVERAGE_STACK.columns if c.unit in ("enum", "flag")}
    stack = Table.filled(
        AVERAGE_STACK,
        ref_ts=at - HOUR,
        known_ts=at,
        ema_50=flat + 1,
        ema_200=flat,
        distance_200=flat * 0 - 2,
        slope_50=flat * 0 - 3,
        **enums,
    )
    kinds = {c.name: np.ones(1, c.dtype) for c in BREAKS.columns if c.unit in ("enum", "flag")}
    broken = Table.filled(BREAKS, ref_ts=[0], known_ts=[HOUR], **{**kinds, "direction": np.array([2])})
    fold = FrameBias()
    rows = fold.fold(fold.start(INSTRUMENT), Batch(9 * HOUR, {"bars": bars, "average_stack": stack, "breaks": broken}))
    assert rows["part_structure"].tolist() == [-1.0, -1.0, 0.0]
    assert rows["score"].tolist() == [(-1 + 1 - 1 - 1) / 4, (-1 + 1 - 1 - 1) / 4, (-1 + 1 - 1) / 4]
