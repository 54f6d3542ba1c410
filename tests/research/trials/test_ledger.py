"""The trial ledger. Answers by hand: counts of rows that were entered, bytes cut off or changed by the test itself."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import DataError, UserError
from perpscope.research.trials import Ledger, Trial, data_hash


def trial(horizon: str, *, family: str = "gaps", result: float | None = None, date: int = 0, data: str = "d1") -> Trial:
    return Trial(family, f"event_study {family}", {"horizon": horizon}, data, date, "evidence", "effect_bps", result)


def enter_many(path: str, name: str, count: int) -> None:
    for i in range(count):
        Ledger(Path(path)).append([trial(f"{name}{i}"), trial("shared")])


def test_an_absent_file_is_an_empty_ledger(tmp_path: Path) -> None:
    reading = Ledger(tmp_path / "none.jsonl").read()
    assert reading.count() == 0
    assert reading.trials == reading.warnings == ()


def test_the_same_variant_on_the_same_data_counts_once_whenever_and_why_it_was_run(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "t.jsonl")
    ledger.append([trial("1h"), trial("4h"), trial("1h", date=5, result=2.0), trial("1h", family="blocks")])
    ledger.append([trial("1h", data="d2")])
    reading = ledger.read()
    assert len(reading.trials) == 5
    assert reading.families() == {"blocks": 1, "gaps": 3}
    assert reading.count() == 4
    assert reading.results("gaps", "effect_bps") == [2.0]


def test_the_order_in_which_parameters_are_named_does_not_matter() -> None:
    def make(parameters: dict[str, str | int | float | bool | None]) -> str:
        return Trial("f", "w", parameters, "d", 0, "sweep", "m").key

    assert make({"a": 1, "b": "x"}) == make({"b": "x", "a": 1})
    assert make({"a": 1, "b": "x"}) != make({"a": 2, "b": "x"})


def test_the_key_is_the_sha256_of_canonical_json() -> None:
    text = json.dumps(["event_study gaps", {"horizon": "1h"}, "d1"], separators=(",", ":"))
    assert trial("1h").key == hashlib.sha256(text.encode()).hexdigest()


@given(st.integers(1, 400), st.booleans())
def test_a_half_line_is_skipped_with_a_sentence_and_the_next_append_goes_on(tmp_path_factory, cut: int, twice: bool) -> None:
    path = tmp_path_factory.mktemp("ledger") / "t.jsonl"
    ledger = Ledger(path)
    ledger.append([trial("1h")])
    whole = path.read_bytes()
    ledger.append([trial("4h")])
    both = path.read_bytes()
    kept = max(len(both) - cut, len(whole) + 1)
    path.write_bytes(both[:kept])
    complete = kept == len(both) - 1  # only the line break is missing: the row itself is whole
    before = ledger.read()
    assert before.count("gaps") == (2 if complete else 1)
    assert len(before.warnings) == (0 if complete else 1)
    for _ in range(1 + twice):
        ledger.append([trial("8h")])
    after = ledger.read()
    assert {t.parameters["horizon"] for t in after.trials} == ({"1h", "4h", "8h"} if complete else {"1h", "8h"})
    if not complete:
        assert after.warnings[0].startswith("Line 2 of t.jsonl is incomplete")


def test_a_changed_removed_or_reordered_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    ledger = Ledger(path)
    ledger.append([trial("1h", result=1.0), trial("4h", result=2.0), trial("8h", result=3.0)])
    lines = path.read_bytes().splitlines(keepends=True)
    for forged in (
        [lines[0].replace(b"1.0", b"9.0"), *lines[1:]],
        [lines[0], lines[2]],
        [lines[1], lines[0], lines[2]],
    ):
        path.write_bytes(b"".join(forged))
        with pytest.raises(DataError, match="changed after it was written"):
            ledger.read()
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b"3.0", b"9.0")]))
    with pytest.raises(DataError, match="changed"):
        ledger.append([trial("1d")])


def test_two_processes_that_append_at_once_lose_nothing_and_keep_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=enter_many, args=(str(path), name, 60)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    reading = Ledger(path).read()
    assert len(reading.trials) == 240
    assert reading.count("gaps") == 121
    assert reading.warnings == ()


def test_long_rows_do_not_hide_the_last_line_from_the_next_append(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "t.jsonl")
    ledger.append([Trial("f", "w", {"long": "x" * 200_000}, "d", 0, "sweep", "m")])
    ledger.append([trial("1h")])
    assert ledger.read().count() == 2


def test_a_trial_that_could_not_be_counted_is_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "t.jsonl")
    with pytest.raises(UserError, match="data_hash"):
        ledger.append([trial("1h", data="")])
    with pytest.raises(UserError, match="finite"):
        ledger.append([trial("1h", result=float("nan"))])
    assert not ledger.path.exists()


def test_the_data_hash_changes_with_any_file() -> None:
    assert data_hash(["a", "b"]) != data_hash(["a", "c"])
    assert data_hash(iter(["a", "b"])) == data_hash(["b", "a"])
