"""Answers: by hand; the bad prints are those the order-flow issue lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.made import make_trades, random_tape
from perpscope.core.errors import DataError
from perpscope.core.events import TRADE
from perpscope.core.table import Table
from perpscope.market.prints import screen_prints

CLEAN = make_trades((1, "B", 100.0, 1), (1, "S", 99.5, 2), (3, "B", 100.5, 3))


def bad(**columns) -> Table:
    return CLEAN.with_columns(**columns)


def test_a_clean_tape_passes_untouched_and_in_silence() -> None:
    screened = screen_prints(CLEAN, 0.5)
    assert screened.trades is CLEAN
    assert screened.sentences() == []
    assert screen_prints(TRADE.empty(), 0.5).counts == {}


@pytest.mark.parametrize(
    ("columns", "said", "left"),
    [
        ({"aggressor_side": [1, 0, 1]}, "1 prints say no side and were left out.", [1, 3]),
        ({"quantity": [1.0, 0.0, 3.0]}, "1 prints have no positive quantity and were left out.", [1, 3]),
        ({"quantity": [-1.0, 2.0, np.nan]}, "2 prints have no positive quantity and were left out.", [2]),
        ({"price": [100.0, 99.5, np.nan]}, "1 prints have no positive price and were left out.", [1, 2]),
        ({"trade_id": [1, 2, 2]}, "1 prints are repeats of an id and were dropped.", [1, 2]),
        ({"exchange_ts": [5, 4, 6]}, "1 prints came out of order and were moved.", [2, 1, 3]),
    ],
)
def test_each_bad_print_is_dealt_with_and_said(columns: dict, said: str, left: list[int]) -> None:
    screened = screen_prints(bad(**columns), 0.5)
    assert screened.sentences() == [said]
    assert screened.trades["trade_id"].tolist() == left


def test_a_price_off_the_tick_is_refused_with_the_print() -> None:
    with pytest.raises(DataError, match=r"1 of 3 prints lie off the grid of the tick 0\.5, first 99\.6\..*'price': 99\.6"):
        screen_prints(bad(price=[100.0, 99.6, 100.5]), 0.5)


def test_prices_far_from_zero_in_a_small_tick_are_on_the_grid() -> None:
    prices = np.round(np.arange(1_000_000, 1_000_300) * 0.1, 1)
    tape = make_trades(*[(k, "B", float(p), 1) for k, p in enumerate(prices)])
    assert len(screen_prints(tape, 0.1).trades) == 300


def test_equal_prints_without_ids_are_all_kept() -> None:
    tape = bad(trade_id=[-1, -1, -1], price=[100.0] * 3, quantity=[1.0] * 3, exchange_ts=[1] * 3)
    assert len(screen_prints(tape, 0.5).trades) == 3


@given(st.integers(0, 50))
def test_a_shuffled_and_repeated_tape_comes_back_as_it_was(seed: int) -> None:
    tape = random_tape(seed, 60, 1000)
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(60), rng.integers(0, 60, 15)])
    screened = screen_prints(tape[order], 1.0)
    assert screened.trades.same_as(tape)
    assert screened.counts["are repeats of an id and were dropped"] == 15
