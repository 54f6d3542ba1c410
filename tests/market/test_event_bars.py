"""Answers: ORDERFLOW OF2 by hand, and a slow program for volume bars."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.made import make_trades, run
from perpscope.core.events import GAP, GapKind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table

TENTHS = Instrument("demo", "X", tick_size=0.1)
FIVE = make_trades((0, "B", 100.0, 2), (1, "S", 99.9, 5), (2, "B", 100.0, 4), (3, "S", 99.8, 1), (4, "B", 100.1, 3))


def bars(tape: Table, rule: str, limit: float, split: bool = False, **more) -> Table:
    settings = {"event_bars": {"rule": rule, "limit": float(limit), "split": split}}
    return run("event_bars", {"trade": tape, **more}, instrument=TENTHS, settings=settings)


def test_tick_bars_close_with_the_counted_trade() -> None:
    rows = bars(FIVE, "tick", 2)
    assert rows["volume"].tolist() == [7, 5]
    assert rows["known_ts"].tolist() == [1, 3]


def test_volume_bars_take_the_last_trade_whole_or_cut_it() -> None:
    assert bars(FIVE, "volume", 6)["volume"].tolist() == [7, 8]
    cut = bars(FIVE, "volume", 6, split=True)
    assert cut["buy_volume"].tolist() == [2, 4]
    assert cut["sell_volume"].tolist() == [4, 2]


def test_dollar_bars() -> None:
    rows = bars(FIVE, "dollar", 600)
    assert rows["trade_count"].tolist() == [2, 3]
    assert rows["known_ts"].tolist() == [1, 4]


def test_a_range_bar_ends_before_the_trade_that_would_stretch_it() -> None:
    row = bars(FIVE, "range", 2)
    assert [row[c].tolist() for c in ("open", "high", "low", "close", "volume")] == [[100.0], [100.0], [99.8], [99.8], [12]]
    assert row["buy_volume"][0] - row["sell_volume"][0] == 0
    assert row["known_ts"].tolist() == [4]


def test_one_large_trade_can_close_several_bars() -> None:
    rows = bars(make_trades((0, "B", 10, 1), (7, "S", 11, 20)), "volume", 6, split=True)
    assert rows["volume"].tolist() == [6, 6, 6]
    assert rows["trade_count"].tolist() == [2, 0, 0]
    assert rows["known_ts"].tolist() == [7, 7, 7]


def test_a_gap_cuts_the_forming_bar_short() -> None:
    gap = Table.of(GAP, ref_ts=[20], known_ts=[30], end_ts=[30], kind=[GapKind.TRADE], cause=[1])
    tape = make_trades((10, "B", 10, 1), (35, "B", 10, 1), (36, "B", 10, 1))
    rows = bars(tape, "tick", 2, gap=gap)
    assert rows["complete"].tolist() == [False, True]
    assert rows["known_ts"].tolist() == [30, 36]


@given(st.lists(st.tuples(st.sampled_from("BS"), st.integers(1, 30)), min_size=1, max_size=60), st.integers(5, 40))
def test_split_volume_bars_cut_the_stream_of_units_into_equal_lengths(prints: list[tuple[str, int]], limit: int) -> None:
    tape = make_trades(*((k, side, 10.0, float(q)) for k, (side, q) in enumerate(prints)))
    units = "".join(side * q for side, q in prints)
    pieces = [units[k : k + limit] for k in range(0, len(units) - limit + 1, limit)]
    rows = bars(tape, "volume", limit, split=True)
    assert np.allclose(rows["buy_volume"], [p.count("B") for p in pieces])
    assert np.allclose(rows["sell_volume"], [p.count("S") for p in pieces])
