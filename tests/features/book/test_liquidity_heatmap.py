"""Answers: ORDERFLOW OF17 by hand, and a book of dictionaries whose depth is summed bin by bin between messages."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.book.made import MS, SECOND, TICK, book, diff, gap, run, slow_books, snap
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.features.book.liquidity_heatmap import LiquidityHeatmap
from perpscope.market.liquidity_grid import liquidity_grid, max_pool

BIN = LiquidityHeatmap.Params(step_ticks=1, band=0.5)


def cells(rows: Table, side: int = 1) -> dict[tuple[int, float], float]:
    mine = rows[rows["side"] == side]
    return dict(
        zip(
            zip((mine["ref_ts"] // SECOND).tolist(), mine["bottom"].tolist(), strict=True),
            mine["quantity"].tolist(),
            strict=True,
        )
    )


def test_a_cell_is_the_mean_over_time() -> None:
    """10 for 400 ms, 30 for 500 ms, 0 for 100 ms: 19."""
    start = snap(0, [(99.0, 10.0), (98.0, 1.0)], [(100.0, 1.0)])
    rows = run(
        LiquidityHeatmap(BIN), book(start, diff(400, [(99.0, 30.0)]), diff(900, [(99.0, 0.0)]), diff(1010, [(98.0, 2.0)]))
    )
    assert cells(rows)[0, 99.0] == pytest.approx(19.0)
    assert cells(rows)[0, 98.0] == pytest.approx(1.0)
    assert rows["known_ts"].tolist() == [1010 * MS] * len(rows)
    assert set(rows["valid_fraction"].tolist()) == {1.0}


def test_the_mean_is_over_the_valid_part() -> None:
    """Invalid in the last 100 ms: 19000 / 900 = 21.111."""
    messages = [snap(0, [(99.0, 10.0), (98.0, 1.0)], [(100.0, 1.0)]), diff(400, [(99.0, 30.0)])]
    rows = run(LiquidityHeatmap(BIN), book(*messages), gaps=gap(900, 1500))
    assert cells(rows)[0, 99.0] == pytest.approx(19000 / 900)
    assert rows["valid_fraction"][0] == pytest.approx(0.9)
    assert (rows["known_ts"] == 1500 * MS).all()


def test_time_while_the_book_is_crossed_does_not_count() -> None:
    start = snap(0, [(99.0, 10.0), (98.0, 1.0)], [(100.0, 1.0)])
    rows = run(
        LiquidityHeatmap(BIN), book(start, diff(300, [(101.0, 5.0)]), diff(700, [(101.0, 0.0)]), diff(1000, [(98.0, 1.0)]))
    )
    assert rows["valid_fraction"][0] == pytest.approx(0.6)
    assert cells(rows) == pytest.approx({(0, 99.0): 10.0, (0, 98.0): 1.0})


def test_a_column_that_a_gap_closed_is_not_opened_again() -> None:
    start = [(99.0, 10.0)], [(100.0, 1.0)]
    rows = run(LiquidityHeatmap(BIN), book(snap(0, *start), snap(600, *start), diff(2100, [(99.0, 1.0)])), gaps=gap(300, 500))
    assert (rows["ref_ts"] // SECOND).tolist() == [0, 0, 1, 1]
    assert rows["valid_fraction"].tolist() == pytest.approx([0.3, 0.3, 1.0, 1.0])


def test_a_quiet_book_tells_every_column_when_the_next_message_proves_it() -> None:
    rows = run(LiquidityHeatmap(BIN), book(snap(0, [(99.0, 10.0)], [(100.0, 1.0)]), diff(3500, [(99.0, 1.0)])))
    assert cells(rows) == pytest.approx({(0, 99.0): 10.0, (1, 99.0): 10.0, (2, 99.0): 10.0})
    assert (rows["known_ts"] == 3500 * MS).all()


def test_bins_are_anchored_at_zero_and_told_within_the_band() -> None:
    start = snap(0, [(99.9, 1.0), (99.6, 2.0), (99.4, 4.0), (80.0, 8.0)], [(100.1, 3.0)])
    rows = run(LiquidityHeatmap(LiquidityHeatmap.Params(step_ticks=5, band=0.01)), book(start, diff(1000, [(99.9, 1.0)])))
    mine = rows[rows["side"] == 1]
    assert mine["bin"].tolist() == [198, 199]
    assert mine["bottom"].tolist() == [99.0, 99.5]
    assert mine["top"].tolist() == [99.4, 99.9]
    assert mine["quantity"].tolist() == pytest.approx([4.0, 3.0])
    assert mine["beyond"].tolist() == [False, False]


def test_what_the_snapshot_did_not_reach_is_a_lower_bound() -> None:
    rows = run(
        LiquidityHeatmap(BIN), book(snap(0, [(99.0, 1.0)], [(100.0, 1.0)]), diff(1, [(98.9, 2.0)]), diff(1000, [(99.0, 1.0)]))
    )
    mine = rows[rows["side"] == 1]
    assert dict(zip(mine["bottom"].tolist(), mine["beyond"].tolist(), strict=True)) == {98.9: True, 99.0: False}


def test_a_venue_that_repeats_the_whole_book_gives_the_same_map_as_its_updates() -> None:
    levels = {99.0: 10.0, 98.9: 4.0, 98.7: 2.0}
    told, updates = [snap(0, list(levels.items()), [(100.0, 1.0)])], [snap(0, list(levels.items()), [(100.0, 1.0)])]
    for k in range(1, 40):
        price, quantity = (99.0, 98.9, 98.8)[k % 3], float(k % 7)
        levels = {p: q for p, q in {**levels, price: quantity}.items() if q}
        bids = sorted(levels.items(), reverse=True)
        told.append(snap(k * 70, bids, [(100.0, 1.0)]))
        updates.append(diff(k * 70, [(price, quantity)]))
    whole, parts = (run(LiquidityHeatmap(BIN), book(*m)) for m in (told, updates))
    assert cells(whole) == pytest.approx(cells(parts))


def slow_cells(rows: Table, step: int, column: int) -> dict[tuple[int, int, int], float]:
    books, times = slow_books(rows), dict(zip(rows["sequence"].tolist(), rows["exchange_ts"].tolist(), strict=True))
    area: dict[tuple[int, int, int], float] = defaultdict(float)
    valid: dict[int, float] = defaultdict(float)
    for k, (sequence, bids, asks) in enumerate(books[:-1]):
        begin, end = times[sequence], times[books[k + 1][0]]
        for c in range(begin // column, end // column + 1):
            length = min(end, (c + 1) * column) - max(begin, c * column)
            valid[c] += length
            for side, levels in ((1, bids), (2, asks)):
                for tick, quantity in levels.items():
                    area[c, side, tick // step] += quantity * length
    return {key: value / valid[key[0]] for key, value in area.items() if value}


@settings(max_examples=15)
@given(
    step=st.integers(1, 7),
    edits=st.lists(
        st.tuples(st.integers(0, 900), st.integers(1, 2), st.integers(0, 30), st.integers(0, 9)), min_size=1, max_size=60
    ),
)
def test_cells_are_those_of_a_slow_program(step: int, edits: list[tuple[int, int, int, int]]) -> None:
    messages, ms = [snap(50, [(510.0, 2.0), (509.0, 3.0)], [(510.1, 4.0), (511.0, 1.0)])], 50
    for wait, side, out, quantity in edits:
        ms += wait
        level = [
            (
                round(510.0 - out * TICK, 1) if side == 1 else round(510.1 + out * TICK, 1),
                float(quantity if out else quantity + 1),
            )
        ]
        messages.append(diff(ms, level if side == 1 else (), level if side == 2 else ()))
    rows = book(*messages)
    out_rows = run(LiquidityHeatmap(LiquidityHeatmap.Params(step_ticks=step, band=0.5)), rows)
    keys = zip((out_rows["ref_ts"] // SECOND).tolist(), out_rows["side"].tolist(), out_rows["bin"].tolist(), strict=True)
    fast = dict(zip(keys, out_rows["quantity"].tolist(), strict=True))
    complete = ms * MS // SECOND
    slow = {k: v for k, v in slow_cells(rows, step, SECOND).items() if k[0] < complete}
    assert fast == pytest.approx(slow, rel=1e-9)


def test_the_map_upside_down_with_bins_of_one_tick() -> None:
    """About 100.0, where the middle lies, a bid at 100 - d is an ask at 100 + d."""
    rng = np.random.default_rng(3)
    plain, turned = [snap(0, [(99.0, 1.0)], [(101.0, 1.0)])], [snap(0, [(99.0, 1.0)], [(101.0, 1.0)])]
    for k in range(1, 200):
        d, q, ask = rng.integers(11, 40) / 10, float(rng.integers(0, 5)), bool(rng.integers(0, 2))
        low, high = [(round(100 - d, 1), q)], [(round(100 + d, 1), q)]
        plain.append(diff(k * 30, () if ask else low, high if ask else ()))
        turned.append(diff(k * 30, low if ask else (), () if ask else high))
    fold = LiquidityHeatmap(LiquidityHeatmap.Params(step_ticks=1, band=0.05))
    a, b = run(fold, book(*plain)), run(fold, book(*turned))
    one = {(t, s, round(p, 1)): q for t, s, p, q in zip(a["ref_ts"], a["side"], a["bottom"], a["quantity"], strict=True)}
    two = {
        (t, 3 - s, round(200 - p, 1)): q for t, s, p, q in zip(b["ref_ts"], b["side"], b["bottom"], b["quantity"], strict=True)
    }
    assert one == pytest.approx(two)


def test_zoom_keeps_the_largest_and_its_edges_do_not_move() -> None:
    assert max_pool(np.array([[19.0, 3.0], [4.0, 8.0]]), 2).tolist() == [[19.0]]
    messages = [snap(0, [(99.0 - k * 0.1, 1.0 + k) for k in range(9)], [(100.0, 5.0)])] + [
        diff(k * 500, [(98.5, float(k))]) for k in range(1, 30)
    ]
    rows = run(LiquidityHeatmap(BIN), book(*messages))
    whole = liquidity_grid(rows, SECOND, TICK, 0, 16 * SECOND, 97.6, 100.8, level=2)
    part = liquidity_grid(rows, SECOND, TICK, 5 * SECOND, 9 * SECOND, 98.5, 99.3, level=2)
    assert (part.column_ns, part.since, round(part.bottom, 6)) == (4 * SECOND, 4 * SECOND, 98.4)
    c, b = (part.since - whole.since) // whole.column_ns, round((part.bottom - whole.bottom) / whole.height)
    assert np.array_equal(whole.bids[c : c + part.bids.shape[0], b : b + part.bids.shape[1]], part.bids, equal_nan=True)
    fine = liquidity_grid(rows, SECOND, TICK, 0, 16 * SECOND, 97.6, 100.8)
    assert np.isnan(fine.bids[15]).all()
    assert fine.bids[3, 14] == pytest.approx(cells(rows)[3, 99.0])


def test_wrong_parameters_are_told_in_a_sentence() -> None:
    with pytest.raises(UserError, match="band"):
        LiquidityHeatmap.Params(band=0.0)
    with pytest.raises(UserError, match="step_ticks"):
        LiquidityHeatmap.Params(step_ticks=0)
    with pytest.raises(UserError, match="stretch"):
        liquidity_grid(run(LiquidityHeatmap(BIN), book()), SECOND, TICK, 5, 5, 1.0, 2.0)
