"""A schedule of weights is one file that holds every re-estimate with its date, and that notices when it was changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpscope.core.errors import DataError, UserError
from perpscope.core.time import DAY
from perpscope.setups.schedule import read_schedule, write_schedule
from perpscope.setups.weights import write_weights
from setups.test_weights import START, some

SOONER, LATER = some(), some(effective_ts=START + 9 * DAY, weights=(0.1, 0.2))


def test_a_schedule_comes_back_in_order_of_force_and_the_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    path = write_schedule([LATER, SOONER], tmp_path / "out" / "weights.json")
    assert read_schedule(path) == (SOONER, LATER)
    again = write_schedule([SOONER, LATER], tmp_path / "again.json")
    assert again.read_bytes() == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.json", "out"]


def test_a_folder_of_single_files_is_read_as_a_schedule(tmp_path: Path) -> None:
    for one in (LATER, SOONER):
        write_weights(one, tmp_path)
    assert read_schedule(tmp_path) == (SOONER, LATER)


def test_a_changed_or_damaged_schedule_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = write_schedule([SOONER, LATER], tmp_path / "weights.json")
    path.write_text(path.read_text().replace("-0.25", "-0.75"))
    with pytest.raises(DataError, match="it was changed"):
        read_schedule(path)
    path.write_text("{}")
    with pytest.raises(DataError, match="holds no schedule"):
        read_schedule(path)


def test_what_cannot_be_stored_or_found_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no weights to store"):
        write_schedule([], tmp_path / "w.json")
    with pytest.raises(UserError, match="at the same time"):
        write_schedule([SOONER, some(base=0.5)], tmp_path / "w.json")
    with pytest.raises(UserError, match="name a file"):
        write_schedule([SOONER], tmp_path)
    with pytest.raises(UserError, match="perpscope weights learn"):
        read_schedule(tmp_path / "none.json")
