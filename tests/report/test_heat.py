"""The raster against a slow replay: a dictionary of cells that is told one row after the other, asked at every column."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.features.liquidation.heatmap import HEATMAP
from perpscope.features.liquidation.map import newest_cells
from perpscope.report.heat import ahead, raster, scale_usd

HEIGHT = 1.001


def rows_of(changes: list[tuple[int, int, int, float, float]]) -> Table:
    """(hour, side, bin, USD, share not older than a day), by hour."""
    changes = sorted(changes, key=lambda c: c[0])
    hour, side, bins, usd, young = (np.array(column) for column in zip(*changes, strict=True))
    low = 100.0 * HEIGHT ** bins.astype(float)
    return Table.of(
        HEATMAP, ref_ts=(hour - 1) * HOUR, known_ts=hour * HOUR, side=side, bin=bins, price_low=low, price_high=low * HEIGHT,
        quantity=usd / low, notional=usd, young_fraction=young / 2, day_fraction=young / 2, leverage=np.full(len(hour), 10.0),
        full=np.zeros(len(hour), bool), flags=np.zeros(len(hour), int),
    )  # fmt: skip


def replayed(rows: Table, at: int) -> dict[tuple[int, int], tuple[float, float]]:
    held: dict[tuple[int, int], tuple[float, float]] = {}
    for row in rows.rows():
        if row["known_ts"] <= at:
            share = row["young_fraction"] + row["day_fraction"]
            held[row["side"], row["bin"]] = (row["notional"] * share, row["notional"] * (1 - share))
    return held


changes = st.lists(
    st.tuples(st.integers(1, 30), st.integers(1, 2), st.integers(0, 12), st.floats(0, 1e6), st.sampled_from([0.0, 0.25, 1.0])),
    min_size=1,
    max_size=60,
)


@given(changes, st.integers(0, 12))
def test_every_column_shows_what_was_known_when_it_began(made: list[tuple[int, int, int, float, float]], start: int) -> None:
    rows = rows_of(made)
    edges = np.arange(start, 31) * HOUR
    heat = raster(rows, edges, 1, 1.0, 1e4)
    for column, edge in enumerate(edges[:-1].tolist()):
        held = replayed(rows, edge)
        for part, cells in ((0, heat.supported if heat else None), (1, heat.old if heat else None)):
            seen = {} if heat is None or cells is None else {
                round(float(np.log(p / 100.0) / np.log(HEIGHT))): cells[i, column] for i, p in enumerate(heat.prices[:-1])
            }  # fmt: skip
            for number in range(13):
                expected = sum(held.get((side, number), (0.0, 0.0))[part] for side in ("long", "short"))
                assert np.isclose(seen.get(number, 0.0), expected, rtol=1e-12, atol=1e-9)


@given(changes)
def test_a_pooled_column_shows_its_largest_value(made: list[tuple[int, int, int, float, float]]) -> None:
    rows, edges = rows_of(made), np.arange(0, 31) * HOUR
    fine, coarse = raster(rows, edges, 1, 1.0, 1e4), raster(rows, edges, 7, 1.0, 1e4)
    if fine is None or coarse is None:
        assert fine is coarse
        return
    assert coarse.edges_ts.tolist() == [0, 7 * HOUR, 14 * HOUR, 21 * HOUR, 28 * HOUR, 30 * HOUR]
    for j in range(5):
        assert (coarse.old[:, j] == fine.old[:, 7 * j : 7 * j + 7].max(axis=1)).all()


@given(changes, st.integers(0, 31))
def test_what_holds_now_is_the_newest_row_of_each_side_and_bin(
    made: list[tuple[int, int, int, float, float]], hour: int
) -> None:
    rows = rows_of(made)
    newest = {}
    for row in rows.rows():
        if row["known_ts"] <= hour * HOUR:
            newest[row["side"], row["bin"]] = row["notional"]
    expected = {key: usd for key, usd in newest.items() if usd > 0}
    assert {(r["side"], r["bin"]): r["notional"] for r in newest_cells(rows, hour * HOUR).rows()} == expected


def test_a_full_statement_forgets_what_it_does_not_repeat() -> None:
    rows = rows_of([(1, 1, 3, 5.0, 1.0), (2, 1, 4, 7.0, 1.0)])
    rows = rows.with_columns(full=[False, True])
    assert newest_cells(rows, 2 * HOUR)["bin"].tolist() == [4]


def test_longs_ahead_lie_below_the_mark_and_shorts_above_it() -> None:
    rows = rows_of([(1, 1, 0, 1.0, 1.0), (1, 1, 9, 1.0, 1.0), (1, 2, 0, 1.0, 1.0), (1, 2, 9, 1.0, 1.0)])
    kept = ahead(rows, 100.0 * HEIGHT**5)
    assert list(zip(kept["side"].tolist(), kept["bin"].tolist(), strict=True)) == [(1, 0), (2, 9)]


@given(st.floats(1e5, 1e12))
def test_the_colour_scale_is_a_rung_and_moves_only_with_the_size_of_the_contract(interest: float) -> None:
    rung = scale_usd(interest)
    assert str(int(rung))[0] in "13"
    assert set(str(int(rung))[1:]) <= {"0"}
    assert 0.5 < rung / (0.005 * interest) < 2.0


def test_the_colour_scale_stays_put_when_open_interest_moves_by_a_quarter() -> None:
    assert {scale_usd(x) for x in (4.0e9, 5.0e9, 6.3e9, 8.0e9)} == {3e7}
