"""Answers: ORDERFLOW OF16 by hand, and a book of dictionaries kept one row at a time (`made.slow_books`)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.book.made import TENTH, TICK, book, diff, gap, run, slow_books, snap
from perpscope.core.batch import Batch, cut
from perpscope.core.errors import DataError
from perpscope.core.events import GAP, GapKind
from perpscope.core.table import Table
from perpscope.features.book.book_state import BookCondition, BookState
from perpscope.market.book import COUNT, FAR, FORGOTTEN, IGNORED, NO_TICK, WINDOW

LIVE, CROSSED, ONE_SIDED, EMPTY, STALE = (int(c) for c in BookCondition)
START = snap(100, [(99.0, 5.0), (98.0, 4.0)], [(100.0, 3.0), (101.0, 6.0)])


def best(rows: Table) -> list[tuple[float, ...]]:
    return list(zip(*(rows[n].tolist() for n in ("bid_price", "bid_quantity", "ask_price", "ask_quantity")), strict=True))


def test_the_book_of_the_specification() -> None:
    rows = run(BookState(), book(START, diff(103, [(99.0, 2.0)], [(100.0, 0.0)]), diff(106, asks=[(100.0, 1.0)])))
    assert best(rows) == [(99.0, 5.0, 100.0, 3.0), (99.0, 2.0, 101.0, 6.0), (99.0, 2.0, 100.0, 1.0)]
    assert rows["feed_interval"].tolist()[1:] == [3_000_000, 3_000_000]
    assert rows["visible_low"].tolist() == [98.0] * 3
    assert rows["visible_high"].tolist() == [101.0] * 3


def test_a_gap_empties_the_book_until_the_next_snapshot() -> None:
    after = [diff(112, [(99.0, 9.0)]), snap(200, [(97.0, 1.0)], [(98.0, 2.0)])]
    rows = run(BookState(), book(START, *after), gaps=gap(105, 112))
    assert rows["condition"].tolist() == [LIVE, EMPTY, LIVE]
    assert (rows["ref_ts"] // 1_000_000).tolist() == [100, 105, 200]
    assert (rows["known_ts"] // 1_000_000).tolist() == [100, 112, 200]
    assert best(rows)[2] == (97.0, 1.0, 98.0, 2.0)
    assert np.isnan(rows["bid_price"][1])


def test_a_gap_of_another_kind_does_not_concern_the_book() -> None:
    rows = run(BookState(), book(START, diff(112, [(99.0, 9.0)])), gaps=gap(105, 112, GapKind.TRADE))
    assert rows["condition"].tolist() == [LIVE, LIVE]


def test_updates_before_the_first_snapshot_are_counted_and_left_out() -> None:
    fold = BookState()
    state = fold.start(TENTH)
    rows = book(diff(1, [(90.0, 1.0)]), diff(2, [(91.0, 1.0)]), START)
    out = fold.fold(state, Batch(10**9, {"book_delta": rows, "gap": GAP.empty()}))
    assert best(out) == [(99.0, 5.0, 100.0, 3.0)]
    assert state["book"]["meta"][IGNORED] == 2


def test_removing_a_level_that_is_not_there_is_normal() -> None:
    rows = run(BookState(), book(START, diff(101, [(50.0, 0.0), (98.5, 0.0)])))
    assert best(rows)[1] == best(rows)[0]


def test_a_crossed_book_is_marked_and_thrown_away_after_a_second() -> None:
    messages = [diff(200, [(100.5, 1.0)]), diff(1100, [(97.0, 1.0)]), diff(1201, [(97.0, 2.0)]), diff(1300, [(99.0, 2.0)])]
    rows = run(BookState(), book(START, *messages))
    assert rows["condition"].tolist() == [LIVE, CROSSED, CROSSED, EMPTY]
    assert rows["ref_ts"][3] == 200_000_000


def test_a_book_that_uncrosses_in_time_is_live_again() -> None:
    rows = run(BookState(), book(START, diff(200, [(100.5, 1.0)]), diff(300, asks=[(100.0, 0.0)]), diff(5000, [(99.0, 1.0)])))
    assert rows["condition"].tolist() == [LIVE, CROSSED, LIVE, LIVE]


def test_a_message_is_judged_whole() -> None:
    """The bid passes the old ask before the old ask is removed, within one message."""
    rows = run(BookState(), book(START, diff(200, [(100.5, 1.0)], [(100.0, 0.0)])))
    assert rows["condition"].tolist() == [LIVE, LIVE]


def test_a_side_without_levels_and_a_long_silence_are_told() -> None:
    rows = run(BookState(), book(START, diff(200, [(99.0, 0.0), (98.0, 0.0)]), diff(61_000, [(97.0, 1.0)])))
    assert rows["condition"].tolist() == [LIVE, ONE_SIDED, STALE, LIVE]
    assert rows["ref_ts"][2] == 60_200_000_000


def test_an_update_that_ends_at_the_snapshots_own_number_is_a_message_of_its_own() -> None:
    rows = book(START, diff(100, [(60.0, 1.0), (40.0, 2.0)]))
    rows = rows.with_columns(sequence=np.ones(len(rows), np.int64))
    out = run(BookState(), rows)
    assert out["visible_low"].tolist() == [98.0, 98.0]


@pytest.mark.parametrize(("price", "quantity"), [(99.03, 1.0), (99.0, -1.0), (99.0, float("nan"))])
def test_a_price_off_the_grid_or_an_impossible_quantity_is_refused(price: float, quantity: float) -> None:
    with pytest.raises(DataError):
        run(BookState(), book(START, diff(200, [(price, quantity)])))


ticks = st.one_of(st.integers(5_000, 5_200), st.integers(4_000, 900_000))


@st.composite
def streams(draw: st.DrawFn) -> Table:
    """Snapshots and updates around 510.0, some levels far outside the window, some snapshots far away; never crossed."""
    messages = []
    middle = 5100
    for k in range(draw(st.integers(1, 25))):
        whole = k == 0 or (draw(st.booleans()) and draw(st.booleans()))
        if whole:
            middle = draw(st.sampled_from([5100, 5101, 5140, 300_000, 60_000]))
        levels: list[dict[int, float]] = [{}, {}]
        for _ in range(draw(st.integers(2, 12))):
            side = draw(st.integers(0, 1))
            out = draw(st.one_of(st.integers(0, 8), st.integers(0, 400_000)))
            tick = max(1, middle - out) if side == 0 else middle + 1 + out
            levels[side][tick] = draw(st.integers(1 if whole else 0, 9)) / 1.0
        if whole:
            levels[0].setdefault(middle, 1.0)
            levels[1].setdefault(middle + 1, 1.0)
        bids = [(round(t * TICK, 1), q) for t, q in sorted(levels[0].items(), reverse=True)]
        asks = [(round(t * TICK, 1), q) for t, q in sorted(levels[1].items())]
        messages.append((float(k), bids, asks, whole))
    return book(*messages)


@given(rows=streams(), cuts=st.lists(st.integers(0, 25), max_size=3))
def test_the_book_is_the_one_of_a_dictionary(rows: Table, cuts: list[int]) -> None:
    fold = BookState()
    state = fold.start(TENTH)
    whole = Batch(10**9, {"book_delta": rows, "gap": GAP.empty()})
    out = Table.concat([fold.fold(state, part) for part in cut(whole, [c * 1_000_000 for c in cuts])])
    last: tuple[dict[int, float], dict[int, float]] = ({}, {})
    told = {}
    for sequence, bids, asks in slow_books(rows):
        told[sequence] = (
            (max(bids) * TICK, bids[max(bids)]) if bids else (np.nan, np.nan),
            (min(asks) * TICK, asks[min(asks)]) if asks else (np.nan, np.nan),
        )
        last = bids, asks
    assert out["sequence"].tolist() == list(told)
    for (bid, bid_quantity, ask, ask_quantity), (b, a) in zip(best(out), told.values(), strict=True):
        assert np.allclose([bid, bid_quantity, ask, ask_quantity], [*b, *a], rtol=1e-12, equal_nan=True)
    assert state["book"]["meta"][COUNT : COUNT + 2].tolist() == [len(last[0]), len(last[1])]


def test_the_far_list_forgets_the_furthest_levels_and_counts_them() -> None:
    far = [(round(100_000.0 - 8000 - k * 0.1, 1), 1.0) for k in range(FAR + 7)]
    rows = book(snap(0, [(100_000.0, 1.0)], [(100_001.0, 1.0)]), diff(1, far), diff(2, far[:3]))
    fold = BookState()
    state = fold.start(TENTH)
    fold.fold(state, Batch(10**9, {"book_delta": rows, "gap": GAP.empty()}))
    meta = state["book"]["meta"]
    assert meta[FORGOTTEN] == 7
    assert meta[COUNT] == 1 + FAR
    assert state["book"]["far_tick"][0].min() == round(far[FAR - 1][0] / TICK)
    assert WINDOW * TICK / 2 < 8000
    assert meta[0] != NO_TICK
