"""Answers: oracles E11 and E12 of the evidence specification, the definitions of purge and embargo checked pair by pair."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.core.time import parse_ts
from perpscope.stats.splits import combinatorial, month_edges, purged_k_fold, purged_train, walk_forward


@st.composite
def labelled_rows(draw):
    """Irregular times with ties and holes, and labels of any length."""
    n = draw(st.integers(6, 40))
    steps = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    spans = draw(st.lists(st.integers(0, 12), min_size=n, max_size=n))
    ref = np.cumsum(steps)
    return ref, ref + np.array(spans)


def overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether (a0, a1] and (b0, b1] share a moment."""
    return a[0] < b[1] and b[0] < a[1]


def test_purge_and_embargo_give_oracle_E11():
    t = np.arange(20)
    assert purged_train(t, t + 3, np.arange(8, 12)).tolist() == [*range(6), *range(14, 20)]
    assert purged_train(t, t + 3, np.arange(8, 12), embargo=2).tolist() == [*range(6), *range(16, 20)]


@pytest.mark.parametrize(("groups", "test_groups", "splits", "paths"), [(6, 2, 15, 5), (10, 2, 45, 9), (12, 2, 66, 11)])
def test_cpcv_counts_are_oracle_E12(groups, test_groups, splits, paths):
    t = np.arange(200)
    found = combinatorial(t, t + 1, groups, test_groups)
    assert (len(found.splits), len(found.paths)) == (splits, paths)


@given(labelled_rows(), st.integers(0, 6), st.data())
def test_training_never_leaks_into_any_set_of_test_rows(rows, embargo, data):
    ref, end = rows
    test = np.array(sorted(data.draw(st.sets(st.integers(0, len(ref) - 1), min_size=1, max_size=len(ref)))))
    train = purged_train(ref, end, test, embargo)
    inside = set(test.tolist())
    # the union of the test spans, moment by moment: m is in it if some test label spans (m-1, m]
    spanned = {m for j in inside for m in range(ref[j] + 1, end[j] + 1)}
    ends = {m for m in spanned if m + 1 not in spanned}
    for i in range(len(ref)):
        touches = bool(spanned & set(range(ref[i] + 1, end[i] + 1)))
        waiting = any(e <= ref[i] < e + embargo for e in ends)
        in_the_middle = ref[i] in spanned and ref[i] + 1 in spanned
        if i in inside or touches or waiting:
            assert i not in train
        elif not in_the_middle:
            assert i in train


@given(labelled_rows(), st.integers(0, 6))
def test_no_train_label_overlaps_a_test_label_in_any_scheme(rows, embargo):
    ref, end = rows
    splits = [*purged_k_fold(ref, end, 3, embargo=embargo), *combinatorial(ref, end, 5, 2, embargo=embargo).splits]
    for split in splits:
        assert not set(split.train) & set(split.test)
        for i, j in itertools.product(split.train, split.test):
            if end[i] > ref[i] and end[j] > ref[j]:
                assert not overlap((ref[i], end[i]), (ref[j], end[j]))


@given(labelled_rows(), st.integers(0, 6))
def test_walk_forward_learns_only_from_what_was_settled_before(rows, embargo):
    ref, end = rows
    first = int(end[0]) + embargo + 1
    edges = np.arange(first, max(first + 4, int(ref[-1]) + 4), 4)
    if len(edges) < 2:
        return
    judged: list[int] = []
    for split in walk_forward(ref, end, edges, embargo=embargo):
        start = edges[np.searchsorted(edges, ref[split.test[0]], side="right") - 1]
        assert (end[split.train] + embargo <= start).all()
        assert (ref[split.train] < start).all()
        assert (ref[split.test] >= start).all()
        assert (ref[split.test] < start + 4).all()
        judged.extend(split.test.tolist())
    assert judged == np.flatnonzero((ref >= edges[0]) & (ref < edges[-1])).tolist()


def test_a_rolling_walk_forward_forgets():
    t = np.arange(30)
    for split in walk_forward(t, t + 1, [12, 18, 24], train_span=6):
        assert split.train.min() == split.test.min() - 6
        assert split.train.max() == split.test.min() - 1


def test_a_window_in_a_hole_of_the_data_gives_no_split():
    t = np.concatenate([np.arange(10), np.arange(40, 50)])
    found = walk_forward(t, t + 1, [5, 10, 20, 40, 50])
    assert [split.test.tolist() for split in found] == [[5, 6, 7, 8, 9], list(range(10, 20))]


@given(labelled_rows())
def test_every_row_is_judged_once_on_every_path(rows):
    ref, end = rows
    found = combinatorial(ref, end, 6, 2)
    assert len(found.paths) == math.comb(5, 1)
    for path in found.paths:
        judged = np.concatenate(
            [np.intersect1d(found.splits[s].test, np.flatnonzero(found.groups == g)) for g, s in enumerate(path)]
        )
        assert judged.tolist() == list(range(len(ref)))
    used = [(int(s), g) for path in found.paths for g, s in enumerate(path)]
    assert len(set(used)) == len(used)


def test_joined_paths_take_every_value_of_every_split_once():
    t = np.arange(37)
    found = combinatorial(t, t + 2, 6, 3)
    joined = found.join([split.test + 1000.0 * number for number, split in enumerate(found.splits)])
    assert joined.shape == (10, 37)
    assert (joined % 1000 == t).all()
    values = sorted(v for number, split in enumerate(found.splits) for v in (split.test + 1000.0 * number).tolist())
    assert sorted(joined.ravel().tolist()) == values
    with pytest.raises(UserError, match="20 splits and 1 columns"):
        found.join([np.zeros(3)])
    with pytest.raises(UserError, match="Split 0 judges"):
        found.join([np.zeros(3)] * 20)


def test_folds_cover_every_row_once():
    t = np.arange(23)
    assert np.concatenate([split.test for split in purged_k_fold(t, t + 4, 5)]).tolist() == list(range(23))


def test_two_symbols_at_the_same_time_are_purged_together():
    t = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    assert purged_train(t, t + 1, np.array([2])).tolist() == [0, 1, 4, 5, 6, 7]


def test_month_edges_are_calendar_months_and_cover_the_range():
    found = month_edges(parse_ts("2023-11-05"), parse_ts("2024-03-01"), months=1)
    assert found.tolist() == [parse_ts(f"{m}-01") for m in ("2023-11", "2023-12", "2024-01", "2024-02", "2024-03")]


def test_impossible_splits_are_refused():
    t = np.arange(10)
    with pytest.raises(UserError, match="goes back at row 2"):
        purged_train([0, 5, 3], [1, 6, 4], [0])
    with pytest.raises(UserError, match="ends before the row"):
        purged_train(t, t - 1, [0])
    with pytest.raises(UserError, match="row numbers from 0 to 9"):
        purged_train(t, t + 1, [10])
    with pytest.raises(UserError, match="embargo"):
        purged_train(t, t + 1, [1], embargo=-1)
    with pytest.raises(UserError, match="Begin the test windows later"):
        walk_forward(t, t + 5, [2, 5])
    with pytest.raises(UserError, match="rising"):
        walk_forward(t, t + 1, [5, 5])
    with pytest.raises(UserError, match="at least one group"):
        combinatorial(t, t + 1, 5, 5)
    with pytest.raises(UserError, match="cannot be cut"):
        purged_k_fold(t, t + 1, 11)
    with pytest.raises(UserError, match="positive number of months"):
        month_edges(0, 100, months=0)
