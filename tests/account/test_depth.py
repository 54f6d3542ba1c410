"""Slippage from recorded depth: ladders whose cost is known in closed form, and a window that follows the touch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from account.made import BUY, account, bars, flat, instrument, run, wish
from account.test_books_and_queues import prints, tape_account, wished
from perpscope.account import Account, Rules, Slippage, Terms
from perpscope.account.book import BOOK, WIDTH, cost_to_walk, displayed, set_level, touch_price
from perpscope.account.depth import fit_depth
from perpscope.account.replay import advance_tape
from perpscope.contract import flat_tier
from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import BOOK_DELTA
from perpscope.core.table import Table
from perpscope.core.time import SECOND


def ladder(quantity: float, levels: int = 3_000, seconds: int = 100) -> Table:
    """Bids from 999.9 down and asks from 1000.1 up, the same quantity at each tick of 0.1."""
    price = np.r_[1000.0 - 0.1 * np.arange(1, levels + 1), 1000.0 + 0.1 * np.arange(1, levels + 1), 500.0]
    n = len(price)
    ts = np.zeros(n, np.int64)
    ts[-1] = seconds * SECOND
    side = np.r_[np.full(levels, 1), np.full(levels, 2), 1]
    return Table.of(
        BOOK_DELTA, exchange_ts=ts, receive_ts=ts, sequence=np.arange(n), side=side, price=price,
        quantity=np.full(n, quantity), snapshot=np.arange(n) == 0,
    )  # fmt: skip


def test_an_even_ladder_costs_half_a_spread_and_grows_with_the_quantity() -> None:
    found = fit_depth(ladder(1.0), 0.1)
    assert found.samples == 100
    assert found.bps == pytest.approx(1.0)  # 0.1 of 1000
    for quantity, cost in zip(found.quantities, found.costs, strict=True):
        whole = math.ceil(quantity - 1e-9)  # levels touched; the i-th one is i x 0.1 away
        exact = (0.1 * (whole - 1) * whole / 2 + 0.1 * whole * (quantity - whole + 1)) / quantity
        assert cost == pytest.approx(1e4 * exact / 1000.0)
    assert 0.8 < found.exponent < 1.2


def test_a_size_that_the_book_cannot_serve_is_left_out() -> None:
    found = fit_depth(ladder(0.1, levels=110), 0.1)  # 11 coins a side: 10,000 of quote, not 30,000
    assert max(found.quantities) == pytest.approx(10.0, rel=1e-3)


def test_without_a_minute_of_book_nothing_is_fitted() -> None:
    with pytest.raises(UserError, match="20 seconds only"):
        fit_depth(ladder(1.0, seconds=20), 0.1)
    with pytest.raises(UserError, match="no recorded book"):
        fit_depth(BOOK_DELTA.empty(), 0.1)
    with pytest.raises(UserError, match="was not fitted"):
        Account(Terms(instrument(), tiers=flat_tier(0.004), slippage=Slippage("from_book")), Rules())


def test_a_fitted_slippage_is_what_a_taker_pays_on_bars() -> None:
    of = account()
    terms = Terms(of.terms[0].instrument, tiers=of.terms[0].tiers, slippage=Slippage("from_book", bps=2.0, k=3.0, exponent=2.0))
    rows = run(Account(terms, Rules()), [flat(100.0)] * 3, [wish(1, BUY, 2.0)])
    assert rows.fills["price"].tolist() == [pytest.approx(100.0 * (1.0 + (2.0 + 3.0 * 4.0) * 1e-4))]


def test_the_window_follows_a_price_that_walks_away() -> None:
    (book,) = np.zeros(1, BOOK)
    set_level(book, True, 100_000, 1.0)
    set_level(book, False, 100_001, 1.0)
    set_level(book, True, 100_000 + WIDTH, 2.0)  # far above the window
    assert touch_price(book, False, 1.0) == 100_000 + WIDTH
    assert displayed(book, True, 100_000 + WIDTH) == 2.0
    assert math.isnan(cost_to_walk(book, True, 1.0))  # the old ask lies outside now
    set_level(book, False, 100_010 + WIDTH, 3.0)
    assert cost_to_walk(book, True, 3.0) == pytest.approx(5.0 / (100_005 + WIDTH))
    set_level(book, True, 100_000, 9.0)
    assert displayed(book, True, 100_000) == 0.0


def test_equity_on_prints_is_told_at_bar_closes_after_the_events_up_to_them() -> None:
    of = tape_account()
    tape = prints(*((t, p, 1.0, "buy") for t, p in ((1, 100.0), (3, 100.0), (10, 101.0), (11, 105.0), (20, 104.0))))
    given = {"trade": tape, "intents": wished(BUY, 2.0, 2), "bars": bars([flat(100.0)] * 3, step=10)}
    whole = advance_tape(of, of.start(), Batch(30, given))
    assert whole.equity["known_ts"].tolist() == [10, 20, 30]
    assert whole.equity["equity"].tolist() == [10_002.0, 10_008.0, 10_008.0]
    state, told = of.start(), []
    for before, until in ((-1, 10), (10, 15), (15, 30)):
        part = advance_tape(of, state, Batch(until, {name: table.between(before, until) for name, table in given.items()}))
        told.extend(part.equity["equity"].tolist())
    assert told == whole.equity["equity"].tolist()
