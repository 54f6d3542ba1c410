"""Train and test rows that cannot leak into each other: purged walk-forward, purged k-fold, combinatorial (CPCV).

A row is known at `ref_ts` and its label is settled at `label_end_ts`; the label spans the half-open interval
(ref_ts, label_end_ts]. *Purge*: a row is dropped from training if its label's span overlaps any test label's span.
*Embargo*: training resumes only `embargo` after a test label's end, because features remember. Units are free (ns or bar
numbers) but the same for all three. Rows may share a time (several symbols); they must be sorted by it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.time import SECOND, to_datetime
from perpscope.stats.inputs import Floats, Integers, integers, same_length, times


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row numbers to learn from and row numbers to be judged on, both int64 and ascending."""

    train: Integers
    test: Integers


def purged_train(ref_ts: npt.ArrayLike, label_end_ts: npt.ArrayLike, test: npt.ArrayLike, embargo: int = 0) -> Integers:
    """The rows that may be learned from when `test` is judged.

    Definition: all rows outside `test` whose label span overlaps no test label span, and whose `ref_ts` does not lie in
    [e, e + embargo) after the end e of any unbroken stretch of test label spans.
    Disputed: some programs count the embargo from the bar after the label's end and drop one row more.

    Raises:
        UserError: if the columns differ in length, times go back, or a label ends before its row.
    Source: Lopez de Prado 2018, sections 7.4.1 and 7.4.2.

    Example:
        >>> t = np.arange(20)
        >>> purged_train(t, t + 3, np.arange(8, 12), embargo=2)
        array([ 0,  1,  2,  3,  4,  5, 16, 17, 18, 19])
    """
    begins, ends = _labels(ref_ts, label_end_ts)
    judged = np.unique(integers(test, "test"))
    if len(judged) and not 0 <= judged[0] <= judged[-1] < len(begins):
        raise UserError(f"Test rows must be row numbers from 0 to {len(begins) - 1}.")
    return _free_of(begins, ends, judged, embargo)


def walk_forward(
    ref_ts: npt.ArrayLike,
    label_end_ts: npt.ArrayLike,
    edges: npt.ArrayLike,
    *,
    embargo: int = 0,
    train_span: int | None = None,
) -> list[Split]:
    """Learn from the past, judge on the next window, move on.

    Definition: window j is [edges[j], edges[j+1]); its training rows have `label_end_ts + embargo <= edges[j]`, so that the
    last label is settled, and the embargo over, before the first test row. Anchored (all of the past) unless `train_span`
    limits it to rows with `ref_ts >= edges[j] - train_span`. Windows without test rows (a hole in the data) give no split.

    Raises:
        UserError: as `purged_train`, if the edges do not rise, or a window with test rows has nothing to learn from.
    Source: Pardo 2008; purge as Lopez de Prado 2018.

    Example:
        >>> t = np.arange(10)
        >>> for split in walk_forward(t, t + 2, [6, 8, 10]):
        ...     print(split.train, split.test)
        [0 1 2 3 4] [6 7]
        [0 1 2 3 4 5 6] [8 9]
    """
    begins, ends = _labels(ref_ts, label_end_ts)
    marks = integers(edges, "edges")
    _check_embargo(embargo)
    if len(marks) < 2 or np.any(np.diff(marks) <= 0):
        raise UserError("edges must be at least two rising times: the beginning of every test window and the end of the last.")
    splits = []
    for start, stop in itertools.pairwise(marks.tolist()):
        test = np.flatnonzero((begins >= start) & (begins < stop))
        if len(test) == 0:
            continue
        usable = (begins < start) & (ends <= start - embargo)
        if train_span is not None:
            usable &= begins >= start - train_span
        if not usable.any():
            raise UserError(f"No row is settled before the test window at {start}. Begin the test windows later.")
        splits.append(Split(np.flatnonzero(usable), test))
    return splits


def purged_k_fold(ref_ts: npt.ArrayLike, label_end_ts: npt.ArrayLike, folds: int, *, embargo: int = 0) -> list[Split]:
    """Each of `folds` stretches of rows (equal in number, in time order) is judged once; the rest, purged, is learned from.

    Raises:
        UserError: as `purged_train`, or if there are fewer rows than folds.

    Example:
        >>> t = np.arange(6)
        >>> [(split.train.tolist(), split.test.tolist()) for split in purged_k_fold(t, t + 2, 3)]
        [([3, 4, 5], [0, 1]), ([0, 5], [2, 3]), ([0, 1, 2], [4, 5])]
    """
    return combinatorial(ref_ts, label_end_ts, groups=folds, test_groups=1, embargo=embargo).splits


@dataclass(frozen=True, slots=True, eq=False)
class Combinatorial:
    """Combinatorial purged splits, and how their test parts join into whole paths.

    Attributes:
        splits: one per choice of test groups, in lexicographic order.
        groups: int64 (rows,), the group of every row.
        paths: int64 (paths, groups): path p takes the judgement of group g from `splits[paths[p, g]]`.
    """

    splits: list[Split]
    groups: Integers
    paths: Integers

    def join(self, judged: Sequence[npt.ArrayLike]) -> Floats:
        """Join what each split gave on its test rows into whole paths: float64 (paths, rows).

        Measure every path (its Sharpe ratio, say) and report the 5%, 50% and 95% of them, never the best.

        Args:
            judged: one column per split, a value (return) per row of its `test`.
        Raises:
            UserError: if a column does not fit its split.

        Example:
            >>> t = np.arange(6)
            >>> cpcv = combinatorial(t, t + 1, groups=3, test_groups=2)
            >>> cpcv.join([split.test * 10.0 + number for number, split in enumerate(cpcv.splits)])
            array([[ 0., 10., 20., 30., 41., 51.],
                   [ 1., 11., 22., 32., 42., 52.]])
        """
        if len(judged) != len(self.splits):
            raise UserError(f"There are {len(self.splits)} splits and {len(judged)} columns of results.")
        joined = np.full((len(self.paths), len(self.groups)), np.nan)
        for number, (split, column) in enumerate(zip(self.splits, judged)):
            values = np.asarray(column, dtype=np.float64)
            if values.shape != split.test.shape:
                raise UserError(f"Split {number} judges {len(split.test)} rows, and {values.size} results were given.")
            for path in range(len(self.paths)):
                mine = self.paths[path, self.groups[split.test]] == number
                joined[path, split.test[mine]] = values[mine]
        return joined


def combinatorial(
    ref_ts: npt.ArrayLike, label_end_ts: npt.ArrayLike, groups: int = 10, test_groups: int = 2, *, embargo: int = 0
) -> Combinatorial:
    """Combinatorial purged cross-validation (CPCV).

    Definition: the rows are cut into N groups, equal in number and in time order; every choice of k groups is judged once:
    C(N, k) splits. Each group is judged C(N-1, k-1) times, which makes as many paths over all rows; path p takes for each
    group its p-th judgement.

    Raises:
        UserError: as `purged_train`; if k is not between 1 and N - 1, or there are fewer rows than groups.
    Source: Lopez de Prado 2018, chapter 12.

    Example:
        >>> t = np.arange(60)
        >>> cpcv = combinatorial(t, t + 1, groups=6, test_groups=2)
        >>> len(cpcv.splits), len(cpcv.paths)
        (15, 5)
    """
    begins, ends = _labels(ref_ts, label_end_ts)
    if not 1 <= test_groups < groups:
        raise UserError(f"{test_groups} test groups of {groups}: at least one group must be judged and one learned from.")
    if len(begins) < groups:
        raise UserError(f"{len(begins)} rows cannot be cut into {groups} groups.")
    parts = np.array_split(np.arange(len(begins), dtype=np.int64), groups)
    number = np.repeat(np.arange(groups, dtype=np.int64), [len(part) for part in parts])
    splits: list[Split] = []
    judged_in: list[list[int]] = [[] for _ in range(groups)]
    for choice in itertools.combinations(range(groups), test_groups):
        test = np.concatenate([parts[g] for g in choice])
        for g in choice:
            judged_in[g].append(len(splits))
        splits.append(Split(_free_of(begins, ends, test, embargo), test))
    return Combinatorial(splits, number, np.array(judged_in, dtype=np.int64).T.copy())


def month_edges(first_ts: int, last_ts: int, months: int = 3) -> Integers:
    """Edges of windows of whole calendar months (UTC, ns), from `first_ts`'s month on, the last one at or after `last_ts`.

    Raises:
        UserError: if `months` is not positive or the range is empty.

    Example:
        >>> from perpscope.core.time import format_ts, parse_ts
        >>> [format_ts(int(edge))[:10] for edge in month_edges(parse_ts("2024-01-15"), parse_ts("2024-08-01"))]
        ['2024-01-01', '2024-04-01', '2024-07-01', '2024-10-01']
    """
    if months < 1 or last_ts <= first_ts:
        raise UserError("Windows need a positive number of months and a range that ends after it begins.")
    begin = to_datetime(first_ts)
    count = begin.year * 12 + begin.month - 1
    edges: list[int] = []
    while not edges or edges[-1] < last_ts:
        edges.append(int(datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC).timestamp()) * SECOND)
        count += months
    return np.array(edges, dtype=np.int64)


def _labels(ref_ts: npt.ArrayLike, label_end_ts: npt.ArrayLike) -> tuple[Integers, Integers]:
    begins, ends = times(ref_ts, "ref_ts"), integers(label_end_ts, "label_end_ts")
    same_length(ref_ts=begins, label_end_ts=ends)
    if np.any(ends < begins):
        raise UserError(f"The label of row {int(np.argmax(ends < begins))} ends before the row itself.")
    return begins, ends


def _check_embargo(embargo: int) -> None:
    if embargo < 0:
        raise UserError(f"An embargo is a length of time, not {embargo}.")


def _free_of(begins: Integers, ends: Integers, test: Integers, embargo: int) -> Integers:
    """Rows outside `test` (ascending row numbers) whose span misses the union of the test spans and its embargoes."""
    _check_embargo(embargo)
    free = np.ones(len(begins), dtype=np.bool_)
    free[test] = False
    spans = test[ends[test] > begins[test]]
    if len(spans):
        # the union of the test spans as disjoint stretches (from, to]: a new one begins where all before have ended
        reach = np.maximum.accumulate(ends[spans])
        fresh = np.concatenate([[True], begins[spans][1:] > reach[:-1]])
        first = begins[spans][fresh]
        last = reach[np.concatenate([fresh[1:], [True]])]
        # the first stretch that ends after a row begins is the only one its span can meet first
        meets = np.minimum(np.searchsorted(last, begins, side="right"), len(last) - 1)
        overlaps = (first[meets] < ends) & (last[meets] > begins)
        before = np.searchsorted(last, begins, side="right") - 1
        embargoed = (before >= 0) & (begins < last[np.maximum(before, 0)] + embargo)
        free &= ~(overlaps | embargoed)
    return np.flatnonzero(free)
