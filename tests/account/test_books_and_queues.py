"""Prints and books: W8, W9 and W10 of section 14.2 of the backtest's specification, and small cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from account.made import BUY, SELL, account, instrument
from perpscope.account import Account, BeyondDepth, QueueModel
from perpscope.account.book import BOOK, displayed, queue_step, set_level, touch_price, walk_book
from perpscope.account.replay import advance_tape
from perpscope.account.rows import AccountRows
from perpscope.account.slippage import impact_fraction
from perpscope.core.batch import Batch, cut
from perpscope.core.events import BOOK_DELTA, TRADE
from perpscope.core.orders import OrderIntent, OrderKind, TimeInForce, intents
from perpscope.core.state import freeze, thaw
from perpscope.core.table import Table

ASKS = ((100.0, 1.0), (100.1, 2.0), (100.3, 5.0))


def w8_book() -> np.ndarray:
    books = np.zeros(1, BOOK)
    for price, quantity in ASKS:
        set_level(books[0], False, round(price * 10), quantity)
    return books


def test_w8_a_taker_pays_the_mean_of_the_levels_it_eats() -> None:
    assert walk_book(w8_book()[0], True, 4.0, math.nan, 0.1)[:2] == (4.0, pytest.approx(100.125))
    assert walk_book(w8_book()[0], True, 4.0, 100.1, 0.1)[:2] == (3.0, pytest.approx(100.066667, abs=1e-6))
    assert walk_book(w8_book()[0], True, 20.0, math.nan, 0.1)[:2] == (8.0, pytest.approx(100.2125))


def test_what_was_taken_is_gone_until_the_level_is_shown_again() -> None:
    (book,) = w8_book()
    walk_book(book, True, 2.0, math.nan, 0.1)
    assert touch_price(book, True, 0.1) == pytest.approx(100.1)
    assert displayed(book, False, 1001) == pytest.approx(1.0)
    set_level(book, False, 1000, 3.0)
    assert touch_price(book, True, 0.1) == pytest.approx(100.0)
    assert math.isnan(touch_price(book, False, 0.1))


def test_w9_a_cancel_does_not_move_a_risk_averse_queue() -> None:
    ahead = 10.0
    for quantity in (4.0, 3.0):
        ahead = queue_step(2, ahead, quantity, 0.0, 0.0)
    assert ahead == 3.0
    assert queue_step(2, ahead, 0.0, 10.0, 5.0) == 3.0
    assert queue_step(3, ahead, 0.0, 10.0, 5.0) == 1.5


def test_w10_impact_grows_with_the_root_of_the_share() -> None:
    assert impact_fraction(0.0, 1.0, 0.03, 1e-4) == pytest.approx(3e-4)


def prints(*rows: tuple[int, float, float, str]) -> Table:
    ts = [row[0] for row in rows]
    side = [1 if row[3] == "buy" else 2 for row in rows]
    return Table.of(
        TRADE, exchange_ts=ts, receive_ts=ts, trade_id=ts, price=[r[1] for r in rows], quantity=[r[2] for r in rows],
        aggressor_side=side,
    )  # fmt: skip


def levels(*rows: tuple[int, str, float, float]) -> Table:
    ts = [row[0] for row in rows]
    return Table.of(
        BOOK_DELTA, exchange_ts=ts, receive_ts=ts, sequence=ts, side=[1 if r[1] == "bid" else 2 for r in rows],
        price=[r[2] for r in rows], quantity=[r[3] for r in rows], snapshot=np.zeros(len(rows), bool),
    )  # fmt: skip


def tape_account(**rules: object) -> Account:
    return account(of=instrument(tick=0.1, lot=0.001), rules={"latency": 0, "trigger_latency": 2, **rules})


def wished(side: object, quantity: float, at: int = 0, **more: object) -> Table:
    return intents([OrderIntent(decided_ts=at, side=side, quantity=quantity, **more)])


def replayed(of: Account, **tables: Table) -> AccountRows:
    return advance_tape(of, of.start(), Batch(10**6, tables))


@pytest.mark.parametrize("model", list(QueueModel))
def test_w9_a_print_through_the_price_fills_under_every_model(model: QueueModel) -> None:
    resting = wished(BUY, 1.0, 2, kind=OrderKind.LIMIT, price=100.0)
    book = levels((0, "bid", 100.0, 10.0), (0, "ask", 100.2, 5.0), (5, "bid", 100.0, 5.0))
    before = [(1, 100.2, 1.0, "buy"), (3, 100.0, 4.0, "sell"), (4, 100.0, 3.0, "sell")]
    quiet = replayed(tape_account(queue=model), trade=prints(*before), book_delta=book, intents=resting)
    assert len(quiet.fills) == 0
    rows = replayed(tape_account(queue=model), trade=prints(*before, (6, 99.9, 0.1, "sell")), book_delta=book, intents=resting)
    assert rows.fills["price"].tolist() == [100.0]
    assert rows.fills["maker"].tolist() == [True]


def test_a_queue_that_is_eaten_fills_by_as_much_as_the_print_exceeds_it() -> None:
    resting = wished(BUY, 2.0, 2, kind=OrderKind.LIMIT, price=100.0)
    book = levels((0, "bid", 100.0, 3.0), (0, "ask", 100.2, 5.0))
    tape = prints((1, 100.2, 1.0, "buy"), (3, 100.0, 2.0, "sell"), (4, 100.0, 2.5, "sell"))
    rows = replayed(tape_account(queue=QueueModel.RISK_AVERSE), trade=tape, book_delta=book, intents=resting)
    assert [(r["quantity"], r["note"]) for r in rows.fills.rows()] == [(1.5, "queue_model")]
    assert len(replayed(tape_account(), trade=tape, book_delta=book, intents=resting).fills) == 0


def test_a_market_order_walks_the_displayed_book_after_its_latency() -> None:
    book = levels(*((0, "ask", p, q) for p, q in ASKS), (0, "bid", 99.9, 9.0), (4, "ask", 100.0, 9.0))
    tape = prints((1, 100.0, 1.0, "buy"), (3, 100.0, 1.0, "buy"), (6, 100.0, 1.0, "buy"))
    fast = replayed(tape_account(), trade=tape, book_delta=book, intents=wished(BUY, 4.0, 2))
    assert fast.fills["price"].tolist() == [pytest.approx(100.125)]
    slow = replayed(tape_account(latency=3), trade=tape, book_delta=book, intents=wished(BUY, 4.0, 2))
    assert slow.fills["price"].tolist() == [pytest.approx(100.0)]


def test_beyond_the_known_book_a_market_order_is_stressed_or_waits_and_an_ioc_ends() -> None:
    book, tape = levels(*((0, "ask", p, q) for p, q in ASKS)), prints((1, 100.0, 1.0, "buy"), (3, 100.0, 1.0, "buy"))
    stressed = replayed(tape_account(), trade=tape, book_delta=book, intents=wished(BUY, 20.0, 2))
    assert stressed.fills["price"].tolist() == [pytest.approx((8 * 100.2125 + 12 * 100.3 * 1.0025) / 20)]
    rules = {"beyond_depth": BeyondDepth.UNFILLED}
    ended = replayed(tape_account(**rules), trade=tape, book_delta=book,
                     intents=wished(BUY, 20.0, 2, time_in_force=TimeInForce.IOC))  # fmt: skip
    assert ended.fills["quantity"].tolist() == [8.0]
    assert [r["reason"] for r in ended.order_ends.rows()] == ["ioc_unfilled"]


def test_a_stop_is_triggered_by_a_print_and_leaves_after_the_trigger_latency() -> None:
    tape = prints((1, 100.0, 1.0, "buy"), (3, 100.0, 1.0, "buy"), (5, 98.9, 1.0, "sell"), (6, 98.5, 1.0, "sell"),
                  (7, 98.0, 1.0, "sell"), (8, 99.0, 1.0, "buy"))  # fmt: skip
    rows = replayed(tape_account(), trade=tape, intents=wished(BUY, 1.0, 2, stop=99.0))
    assert [(r["role"], r["price"], r["ref_ts"]) for r in rows.fills.rows()] == [("entry", 100.0, 3), ("stop", 98.0, 7)]


def test_prints_cut_anywhere_with_a_state_frozen_between_give_the_same_rows() -> None:
    rng = np.random.default_rng(4)
    price = np.round(100.0 + np.cumsum(rng.normal(0.0, 0.08, 600)), 1)
    tape = prints(*((i + 1, float(p), 1.0, "sell" if rng.random() < 0.5 else "buy") for i, p in enumerate(price)))
    wishes = [
        OrderIntent(decided_ts=int(t), side=BUY if t % 2 else SELL, quantity=1.0, leverage=20.0, bracket_id=n,
                    stop=round(float(price[t - 1]) - (1.0 if t % 2 else -1.0), 1), trail_fraction=0.01)
        for n, t in enumerate(rng.integers(1, 500, 12))
    ]  # fmt: skip
    whole = Batch(600, {"trade": tape, "intents": intents(wishes)})
    of = tape_account(queue=QueueModel.RISK_AVERSE)
    once = advance_tape(of, of.start(), whole)
    state, parts = of.start(), []
    for batch in cut(whole, rng.integers(1, 600, 40).tolist()):
        parts.append(advance_tape(of, state, batch))
        state = thaw(freeze(state))
    many = AccountRows.concat(parts)
    assert len(once.fills) > 12
    for name in ("ledger", "fills", "order_ends", "round_trips"):
        assert getattr(once, name).same_as(getattr(many, name))


def test_prints_of_one_instant_eat_a_queue_one_after_the_other_and_rounding_is_no_room() -> None:
    resting = wished(BUY, 0.3, 2, kind=OrderKind.LIMIT, price=100.0)
    book = levels((0, "bid", 100.0, 0.3), (0, "ask", 100.2, 5.0))
    tape = prints((1, 100.2, 1.0, "buy"), *((3, 100.0, 0.1, "sell") for _ in range(5)))
    # 0.3 ahead less 3 x 0.1 is -5.6e-17: no lot of room; the fourth and the fifth print fill 0.1 each
    rows = replayed(tape_account(queue=QueueModel.RISK_AVERSE), trade=tape, book_delta=book, intents=resting)
    assert rows.fills["quantity"].tolist() == pytest.approx([0.1, 0.1])


def test_what_is_ahead_is_never_more_than_the_level_shows() -> None:
    assert queue_step(2, 8.0, 0.0, 10.0, 5.0) == 5.0
    assert queue_step(2, 3.0, 0.0, 10.0, 12.0) == 3.0
