"""Weights: stored under their own hash, learned only from what was settled, and found where they were planted.

Planted: bars whose next close is higher with the log-odds of known weights. The null: the same parts, coin-flip closes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perpscope.core.errors import DataError, UserError
from perpscope.core.events import BARS
from perpscope.core.table import Column, Table, row_schema
from perpscope.core.time import DAY, HOUR, parse_ts
from perpscope.setups.learning import learn_weights, outcomes_of
from perpscope.setups.weights import Calibration, Weights, in_order, read_weights, weights_in, write_weights

START = parse_ts("2024-01-01T00:00Z")
PARTS = row_schema("parts", *(Column(f"part_{n}", "score", "", mirror="negate") for n in "abc"))
TRUE = np.array([1.5, -0.8, 0.0])
EDGES = [START + d * DAY for d in (60, 90, 120)]


def planted(seed: int, weights: np.ndarray, n: int = 24 * 120, turn: int | None = None) -> tuple[Table, Table]:
    """Rows with parts, and bars whose next close follows them; from bar `turn` on by the opposite weights."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 3))
    odds = x @ weights
    if turn is not None:
        odds[turn:] *= -1
    up = rng.random(n) < 1 / (1 + np.exp(-odds))
    close = 1000.0 + np.concatenate([[0.0], np.cumsum(np.where(up, 0.5, -0.5))[:-1]])
    known = START + np.arange(1, n + 1) * HOUR
    bars = Table.filled(BARS, ref_ts=known - HOUR, known_ts=known, close=close, complete=np.ones(n, bool))
    return Table.of(PARTS, ref_ts=known - HOUR, known_ts=known, part_a=x[:, 0], part_b=x[:, 1], part_c=x[:, 2]), bars


def learned(rows: Table, bars: Table, **more: Any) -> list[Weights]:
    settings: dict[str, Any] = {"frame": "1h", "horizon_bars": 1, "ridge": 1.0, **more}
    return learn_weights(rows, bars, EDGES, **settings)


def test_planted_weights_are_found_and_their_forecasts_calibrate() -> None:
    found = learned(*planted(0, TRUE))
    assert [w.effective_ts for w in found] == EDGES
    for one in found:
        assert np.array(one.weights) == pytest.approx(TRUE, abs=0.35)
        assert one.last_ts <= one.effective_ts
        assert one.rows == one.independent
    assert found[0].calibration is None  # nothing had been foretold before the first window
    told = found[2].calibration
    assert told is not None
    # one forecast an hour from the first edge on, the last of them settled at the third edge
    assert told.rows == (EDGES[2] - EDGES[0]) // HOUR
    assert told.slope == pytest.approx(1.0, abs=0.25)
    assert told.brier < told.brier_base - 0.02


def test_equal_weights_are_one_number() -> None:
    found = learned(*planted(1, np.array([1.0, 1.0, 1.0])), method="equal")
    assert len(set(found[-1].weights)) == 1
    assert found[-1].weights[0] == pytest.approx(1.0, abs=0.25)


def test_nothing_is_found_in_coin_flips_and_no_probability_beats_the_base_rate() -> None:
    for seed in range(5):
        last = learned(*planted(seed, np.zeros(3)))[-1]
        assert np.abs(last.weights).max() < 0.35
        assert last.calibration is None or last.calibration.brier > last.calibration.brier_base - 0.005


def test_re_estimation_follows_a_market_that_turns() -> None:
    """The effect turns on day 60; a window of 30 days knows only the new side by day 120, and by day 60 only the old."""
    found = learned(*planted(2, TRUE, turn=24 * 60), train_span=30 * DAY)
    assert found[0].weights[0] == pytest.approx(1.5, abs=0.5)
    assert found[2].weights[0] == pytest.approx(-1.5, abs=0.5)


def test_what_happens_after_an_edge_cannot_change_the_weights_of_that_edge() -> None:
    rows, bars = planted(3, TRUE)
    whole = learned(rows, bars)[1]
    cut = int(np.searchsorted(bars.clock, EDGES[1], side="right"))
    part = learn_weights(rows[:cut], bars[:cut], EDGES[:2], frame="1h", horizon_bars=1, ridge=1.0)[1]
    assert part == whole
    assert part.name == whole.name


def test_labels_that_overlap_an_edge_or_its_embargo_are_not_learned_from() -> None:
    rows, bars = planted(4, TRUE)
    one = learned(rows, bars, horizon_bars=24, embargo=12 * HOUR)[0]
    assert one.last_ts <= EDGES[0] - 12 * HOUR
    assert 57 <= one.independent <= 59  # 59.5 days hold at most 59 days that do not overlap; equal closes drop some rows


def test_an_outcome_across_a_hole_or_of_equal_closes_is_none() -> None:
    known = np.array([1, 2, 3, 5, 6]) * HOUR
    bars = Table.filled(BARS, ref_ts=known - HOUR, known_ts=known, close=[5.0, 6.0, 6.0, 7.0, 5.0], complete=np.ones(5, bool))
    ends, higher = outcomes_of(bars, 1)
    assert np.array_equal(higher, [1.0, np.nan, np.nan, 0.0, np.nan], equal_nan=True)
    assert ends.tolist() == [2 * HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 6 * HOUR]


def test_bad_requests_are_refused_in_a_sentence() -> None:
    rows, bars = planted(5, TRUE, 24 * 70)
    with pytest.raises(UserError, match="equal or ridge, not by 'magic'"):
        learned(rows, bars, method="magic")
    with pytest.raises(UserError, match="do not close together"):
        learned(rows, bars[::2])
    with pytest.raises(UserError, match="at least one bar ahead"):
        learned(rows, bars, horizon_bars=0)
    with pytest.raises(UserError, match="carry no parts"):
        learned(bars, bars)


def some(**change: Any) -> Weights:
    fields: dict[str, Any] = {
        "method": "ridge", "factors": ("flow", "trend"), "weights": (0.5, -0.25), "base": 0.1, "ridge": 1.0, "frame": "1h",
        "horizon_bars": 4, "first_ts": START, "last_ts": START + DAY, "effective_ts": START + 2 * DAY, "rows": 24,
        "independent": 6, "data_sha256": "00", **change,
    }  # fmt: skip
    return Weights(**fields)


def test_weights_come_back_from_their_file_and_a_changed_file_is_refused(tmp_path: Path) -> None:
    one = some(calibration=Calibration(1.0, 0.0, 600, 0.24, 0.25, START, START + DAY))
    path = write_weights(one, tmp_path)
    assert path.name == f"weights-2024-01-03-{one.name}.json"
    assert write_weights(one, tmp_path) == path
    assert read_weights(path) == one
    path.write_text(path.read_text().replace("0.5", "0.6"))
    with pytest.raises(DataError, match="it was changed"):
        read_weights(path)
    path.write_text("{")
    with pytest.raises(DataError, match="holds no weights"):
        read_weights(path)
    with pytest.raises(UserError, match="no file of weights"):
        read_weights(tmp_path / "weights-none.json")


def test_a_folder_of_weights_is_read_in_order_of_force(tmp_path: Path) -> None:
    later, sooner = some(effective_ts=START + 9 * DAY), some()
    for one in (later, sooner):
        write_weights(one, tmp_path)
    assert weights_in(tmp_path) == (sooner, later)
    with pytest.raises(UserError, match="holds no weights"):
        weights_in(tmp_path / "empty")
    with pytest.raises(UserError, match="at the same time"):
        in_order([some(), some(base=0.2)])


def test_weights_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(DataError, match="each factor once"):
        some(factors=("flow", "flow"))
    with pytest.raises(DataError, match="no number"):
        some(weights=(float("nan"), 0.0))
