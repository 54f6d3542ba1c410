"""Answers: by hand, and by a slow program that walks the rows one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.lake.coverage import Continuity, Stretches, clip, cover, holes, inside, union

IDS, QUIET, STEP, ANY = Continuity("ids"), Continuity("silence", 10), Continuity("step", 5), Continuity("any")


def _marks(*rows: tuple[int, int]) -> Stretches:
    return np.array([(ts, ts, i, i) for ts, i in rows], np.int64).reshape(-1, 4)


def _slow(rows: list[tuple[int, int]], rule: Continuity) -> list[list[int]]:
    stretches: list[list[int]] = []
    for ts, i in sorted(rows, key=lambda r: r[1] if rule.rule == "ids" else r[0]):
        last = stretches[-1] if stretches else None
        joined = last is not None and {
            "ids": i - last[3] <= 1, "silence": ts - last[1] <= rule.ns, "step": ts - last[1] <= rule.ns, "any": True,
        }[rule.rule]  # fmt: skip
        if last is not None and joined:
            last[0], last[1] = min(last[0], ts), max(last[1], ts)
            last[2], last[3] = min(last[2], i), max(last[3], i)
        else:
            stretches.append([ts, ts, i, i])
    return sorted(stretches, key=lambda s: s[0])


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), max_size=25), st.sampled_from([IDS, QUIET, STEP, ANY]))
def test_coverage_equals_a_slow_walk(rows: list[tuple[int, int]], rule: Continuity) -> None:
    got = sorted(cover(_marks(*rows), rule).tolist())
    assert got == sorted(_slow(rows, rule))


@given(st.lists(st.integers(0, 200), min_size=1, max_size=30), st.integers(0, 30))
def test_coverage_of_parts_joined_is_the_coverage_of_the_whole(times: list[int], at: int) -> None:
    rows = [(ts, -1) for ts in sorted(times)]
    first, second = cover(_marks(*rows[:at]), QUIET), cover(_marks(*rows[at:]), QUIET)
    assert np.array_equal(cover(np.concatenate([first, second]), QUIET), cover(_marks(*rows), QUIET))


def test_consecutive_ids_prove_a_silence_quiet() -> None:
    rows = _marks((0, 1), (10**15, 2))
    assert len(cover(rows, IDS)) == 1
    assert len(cover(rows, QUIET)) == 2


def test_a_second_id_space_is_a_stretch_of_its_own() -> None:
    # the first rows of a recording may come from REST with other ids
    got = cover(_marks((1, 900), (2, 901), (6, 40), (7, 41)), IDS)
    assert got.tolist() == [[1, 2, 900, 901], [6, 7, 40, 41]]
    assert holes(got, IDS).tolist() == [[3, 6, 1]]


@pytest.mark.parametrize(
    ("rows", "rule", "expected"),
    [
        (((0, 1), (4, 2), (9, 5)), IDS, [[5, 9, 1]]),
        (((7, 1), (7, 3)), IDS, [[7, 8, 1]]),
        (((0, -1), (11, -1)), QUIET, [[1, 11, 0]]),
        (((0, -1), (5, -1), (20, -1)), STEP, [[10, 20, 0]]),
        (((0, -1),), QUIET, []),
    ],
)
def test_holes_by_hand(rows: tuple[tuple[int, int], ...], rule: Continuity, expected: list[list[int]]) -> None:
    assert holes(cover(_marks(*rows), rule), rule).tolist() == expected


def test_what_is_covered_later_is_not_known_yet() -> None:
    stretches = cover(_marks((0, -1), (5, -1), (30, -1), (35, -1)), QUIET)
    assert clip(stretches, 33, 30).tolist() == [[0, 5, -1, -1], [30, 30, -1, -1]]
    assert clip(stretches, 20, 5).tolist() == [[0, 5, -1, -1]]


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 12)), max_size=12), st.integers(0, 99))
def test_inside_a_union_means_inside_any_part(spans: list[tuple[int, int]], at: int) -> None:
    parts = [np.array([[a, a + n, -1, -1]]) for a, n in spans]
    merged = union(parts)
    expected = any(a <= at <= a + n for a, n in spans)
    assert bool(inside(np.array([at]), merged)[0]) is expected
    assert all(merged[i, 1] < merged[i + 1, 0] for i in range(len(merged) - 1))
