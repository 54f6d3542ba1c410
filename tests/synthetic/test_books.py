"""The books of the synthetic market balance. The answers come from replaying the ledger by a slow, separate program."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from perpscope.core.time import SECOND
from perpscope.synthetic import Config, SyntheticMarket, simulate, world
from perpscope.synthetic.records import Group, Transfer

_LEGS = ("buyer", "seller", "lots", "open_interest")


@pytest.fixture(scope="module")
def small() -> SyntheticMarket:
    return simulate(Config(seed=5, days=1.1, open_interest=150.0))


@pytest.fixture(scope="module", params=["calibrated", "W0", "W2", "crash"])
def any_world(request: pytest.FixtureRequest) -> SyntheticMarket:
    return simulate(replace(world(request.param, seed=4, days=0.4), open_interest=300.0))


def test_longs_equal_shorts_equal_open_interest_after_every_transfer(any_world: SyntheticMarket) -> None:
    held: dict[int, int] = defaultdict(int)
    longs = shorts = 0
    rows = any_world.recording.fills
    for buyer, seller, size, known in zip(*(rows[name].tolist() for name in _LEGS), strict=True):
        for who, lots in ((buyer, size), (seller, -size)):
            longs -= max(held[who], 0)
            shorts -= max(-held[who], 0)
            held[who] += lots
            longs += max(held[who], 0)
            shorts += max(-held[who], 0)
        assert longs == shorts == known


def test_every_transfer_has_two_legs_that_open_or_close_as_the_holdings_say(small: SyntheticMarket) -> None:
    held: dict[int, int] = defaultdict(int)
    rows = small.recording.fills
    columns = ("buyer", "seller", "lots", "buyer_opened", "seller_opened")
    for buyer, seller, lots, bought, sold in zip(*(rows[name].tolist() for name in columns), strict=True):
        assert buyer != seller
        assert lots > 0
        assert bought == lots - min(lots, max(0, -held[buyer]))
        assert sold == lots - min(lots, max(0, held[seller]))
        held[buyer] += lots
        held[seller] -= lots


def test_opens_are_volume_plus_the_change_of_open_interest(small: SyntheticMarket) -> None:
    ledger = small.truth.ledger
    traded = ledger[ledger["aggressor"] > 0]
    opens = traded["buyer_opened"].sum() + traded["seller_opened"].sum()
    first = ledger["open_interest"][ledger["kind"] == Transfer.INITIAL][-1]
    assert opens == pytest.approx(traded["quantity"].sum() + ledger["open_interest"][-1] - first, abs=1e-6)


def test_money_is_conserved_to_the_last_tick_lot(any_world: SyntheticMarket) -> None:
    accounts, market = any_world.recording.accounts, any_world.recording.market
    inside = int(accounts.wallet.sum()) + int(accounts.margin.sum()) - int(accounts.cost.sum()) + int(market.fees)
    assert inside == int(market.deposits)


def test_the_fees_are_those_of_the_public_trades(small: SyntheticMarket) -> None:
    rows, venue = small.recording.fills, small.config.venue
    value = rows.lots.astype(float) * rows.tick
    traded = value[rows.kind == Transfer.TRADE].sum() * (venue.maker_fee + venue.taker_fee)
    forced = value[rows.kind == Transfer.LIQUIDATION].sum() * venue.maker_fee
    assert int(small.recording.market.fees) == pytest.approx(traded + forced, abs=2 * len(rows))


def test_funding_of_longs_and_shorts_cancels_up_to_the_rounding_of_single_payments(small: SyntheticMarket) -> None:
    flows = small.recording.funding_flows
    assert len(flows) == 3
    assert np.abs(flows).min() > 0
    assert np.abs(flows.sum(axis=1)).max() < 0.5 * len(small.recording.accounts)


def test_open_interest_is_published_as_it_stood_at_the_stamp(small: SyntheticMarket) -> None:
    published, ledger = small.tables["open_interest"], small.truth.ledger
    assert np.all(np.diff(published["exchange_ts"]) == 300 * SECOND)
    at = np.searchsorted(ledger["ts"], published["exchange_ts"], side="right") - 1
    assert np.allclose(ledger["open_interest"][at], published["open_interest"])


def test_what_a_trader_wins_is_what_others_lose_or_fees_take(small: SyntheticMarket) -> None:
    rows, mark = small.recording.fills, float(small.recording.marks[-1])
    held: dict[int, int] = defaultdict(int)
    cash: dict[int, int] = defaultdict(int)
    for buyer, seller, lots, tick in zip(*(rows[n].tolist() for n in ("buyer", "seller", "lots", "tick")), strict=True):
        held[buyer] += lots
        held[seller] -= lots
        cash[buyer] -= lots * tick
        cash[seller] += lots * tick
    assert sum(held.values()) == 0
    assert sum(cash.values()) == 0
    # the unlevered accounts never move money but by trading, fees and funding: the first maker, to the rounding
    accounts, first = small.recording.accounts, small.truth.positions
    maker = first["position"][first["group"] == Group.MAKER][0]
    mine = (rows.buyer == maker) | (rows.seller == maker)
    fee_rate = np.where(rows.kind == Transfer.INITIAL, 0.0, small.config.venue.maker_fee)
    fees = (rows.lots.astype(float) * rows.tick * fee_rate)[mine].sum()
    start = 10.0 * small.config.flow.holder_capacity * small.config.price / 1e-4
    funding = 0.0
    for ts, rate in zip(small.tables["funding"]["exchange_ts"], small.tables["funding"]["funding_rate"], strict=True):
        before = rows.ts + small.config.start < ts
        lots = rows.lots[before & (rows.buyer == maker)].sum() - rows.lots[before & (rows.seller == maker)].sum()
        second = int((ts - small.config.start) // SECOND)
        funding -= lots * small.recording.marks[second] * rate
    account = accounts[np.flatnonzero(accounts.position == maker)[0]]
    equity = int(account.wallet) + int(account.quantity) * mark - int(account.cost)
    assert int(account.quantity) == held[int(maker)]
    expected = start + cash[int(maker)] + held[int(maker)] * mark - fees + funding
    assert equity == pytest.approx(expected, abs=2.0 * mine.sum() + 10.0)


def test_equal_settings_give_bit_equal_tables_and_another_seed_does_not(small: SyntheticMarket) -> None:
    again = simulate(small.config)
    other = simulate(Config(seed=6, days=1.1, open_interest=150.0))
    assert all(again.tables[name].same_as(table) for name, table in small.tables.items())
    assert again.truth.ledger.same_as(small.truth.ledger)
    assert not other.tables["trade"].same_as(small.tables["trade"])
