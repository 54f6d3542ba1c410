"""True liquidation levels. The answers come from a slow program that rebuilds margins and prices from the ledger.

The formula is that of the Binance FAQ for a linear position (isolated: its margin; cross: the whole wallet), solved by
bisection on equity = maintenance.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from perpscope.core.time import NULL_TS, SECOND
from perpscope.core.units import PositionSide
from perpscope.synthetic import Config, SyntheticMarket, simulate
from perpscope.synthetic.feeds import one_per_second
from perpscope.synthetic.records import Exit, MarginMode, Transfer


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    base = Config(seed=11, days=1.0, open_interest=250.0)
    return simulate(replace(base, retail=replace(base.retail, top_up_share=0.0)))


def _maintenance(value: float, market: SyntheticMarket) -> float:
    for tier in market.instrument.tier_tables[0].tiers:
        if value <= tier.cap:
            return value * tier.maintenance_rate - tier.maintenance_amount
    raise ValueError(value)


def _broken_price(sign: int, lots: int, cost: float, margin: float, market: SyntheticMarket) -> float:
    """Where equity meets maintenance, by bisection in price; lots * 0.001 and ticks * 0.1 are the units."""
    quantity, entry = lots * 0.001, cost / lots * 0.1

    def over(price: float) -> float:
        return margin * 1e-4 + sign * quantity * (price - entry) - _maintenance(quantity * price, market)

    low, high = (1e-6, entry * 1.2) if sign > 0 else (entry * 0.8, entry * 100.0)
    if over(low) * over(high) > 0:
        return math.nan
    for _ in range(60):
        middle = 0.5 * (low + high)
        if (over(middle) > 0) == (over(high) > 0):
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


def _replayed(market: SyntheticMarket, until: int) -> dict[int, tuple[int, float]]:
    """Signed lots and liquidation price of every leveraged position, from fills, fees, funding and deposits alone."""
    positions, venue = market.truth.positions, market.config.venue
    leverage, mode, deposited = (positions[n].tolist() for n in ("leverage", "margin_mode", "deposited"))
    payments = list(zip(market.tables["funding"]["exchange_ts"], market.recording.funding, strict=True))
    books: dict[int, dict[str, float]] = {}
    rows, start = market.recording.fills, market.config.start
    columns = ("ts", "buyer", "seller", "lots", "tick", "aggressor", "kind")
    for at, buyer, seller, size, tick, aggressor, kind in zip(*(rows[name].tolist() for name in columns), strict=True):
        while payments and payments[0][0] <= min(at + start, until):
            ts, rate = payments.pop(0)
            mark = float(market.recording.marks[int((ts - start) // SECOND)])
            for book in books.values():
                book["wallet"] -= book["lots"] * mark * rate
        if at + start > until:
            break
        for who, lots in ((buyer, size), (seller, -size)):
            if mode[who] == MarginMode.NEVER:
                continue
            new = {"lots": 0, "cost": 0, "margin": 0.0, "wallet": deposited[who] / 1e-4}
            book = books.setdefault(who, new)
            taker = aggressor * lots > 0
            if aggressor != 0 and not (kind == Transfer.LIQUIDATION and taker):
                book["wallet"] -= abs(lots) * tick * (venue.taker_fee if taker else venue.maker_fee)
            if book["lots"] * lots >= 0:
                if mode[who] == MarginMode.ISOLATED:
                    book["margin"] += math.ceil(abs(lots) * tick / leverage[who])
                book["cost"] += lots * tick
            else:
                part = min(abs(lots), abs(book["lots"])) / abs(book["lots"])
                book["wallet"] += part * book["margin"] - lots * tick - book["cost"] * part
                book["cost"] -= book["cost"] * part
                book["margin"] -= book["margin"] * part
            book["lots"] += lots
    out = {}
    for who, book in books.items():
        held = int(book["lots"])
        if held:
            behind = book["wallet"] if mode[who] == MarginMode.CROSS else book["margin"]
            sign = 1 if held > 0 else -1
            out[who] = (held, _broken_price(sign, abs(held), abs(book["cost"]), behind, market))
    return out


@pytest.mark.parametrize("share", [0.0, 0.31, 1.0])
def test_levels_equal_those_rebuilt_from_the_fills(market: SyntheticMarket, share: float) -> None:
    at = market.config.start + int(share * market.config.seconds) * SECOND
    slow = {who: found for who, found in _replayed(market, at).items() if not math.isnan(found[1])}
    levels = market.truth.levels_at(at)
    assert set(levels["position"].tolist()) == set(slow)
    assert set(levels["margin_mode"].tolist()) == {int(MarginMode.ISOLATED), int(MarginMode.CROSS)}
    for row in levels.rows():
        held, price = slow[row["position"]]
        assert row["quantity"] == pytest.approx(abs(held) * 0.001)
        assert row["side"] == ("long" if held > 0 else "short")
        # fees and margins are rounded to whole tick-lots: one at each fill, borne by the lots held
        assert row["liquidation_price"] == pytest.approx(price, rel=1e-7, abs=2.0 / abs(held))


def test_every_liquidation_happens_at_or_beyond_its_price_by_the_published_mark(market: SyntheticMarket) -> None:
    forced, marks = market.truth.liquidations, market.tables["mark_price"]
    assert len(forced) > 20
    mark = marks["mark_price"][np.searchsorted(marks["exchange_ts"], forced["ts"], side="right") - 1]
    sign = np.where(forced["side"] == PositionSide.LONG, 1.0, -1.0)
    assert np.allclose(mark, forced["mark_price"])
    assert np.all(sign * (mark - forced["liquidation_price"]) <= 1e-9)


def test_no_position_outlives_a_mark_beyond_its_price(market: SyntheticMarket) -> None:
    positions, marks = market.truth.positions, market.tables["mark_price"]
    price = {row["position"]: row["liquidation_price"] for row in market.truth.levels_at(market.config.start).rows()}
    checked = 0
    for who, level in price.items():
        closed = positions["closed_ts"][who]
        end = market.truth.end_ts if closed == NULL_TS else closed
        path = marks["mark_price"][: np.searchsorted(marks["exchange_ts"], end, side="left")]
        if positions["exit"][who] == Exit.LIQUIDATION:
            path = path[:-1]
        if positions["side"][who] == PositionSide.LONG:
            assert path.min() > level or (positions["quantity"][who] > 0 and path.min() > level - 0.05)
        else:
            assert path.max() < level or path.max() < level + 0.05
        checked += 1
    assert checked > 500


def test_no_liquidation_order_fills_beyond_its_bankruptcy_price(market: SyntheticMarket) -> None:
    forced = market.truth.liquidations
    filled = np.isfinite(forced["fill_price"])
    sign = np.where(forced["side"] == PositionSide.LONG, 1.0, -1.0)
    slack = sign * (forced["fill_price"] - forced["bankruptcy_price"])
    assert np.all(slack[filled] >= -1e-6)
    between = sign * (forced["liquidation_price"] - forced["bankruptcy_price"])
    assert np.all(between > 0)


def test_the_censored_feed_shows_the_last_event_of_each_second_and_no_other(market: SyntheticMarket) -> None:
    complete = market.tables["liquidation"]
    seen = market.with_censored_liquidations()["liquidation"]
    seconds = seen["exchange_ts"] // SECOND
    assert len(np.unique(seconds)) == len(seconds) == len(np.unique(complete["exchange_ts"] // SECOND))
    for second, ts in zip(seconds, seen["exchange_ts"], strict=True):
        assert ts == complete["exchange_ts"][complete["exchange_ts"] // SECOND == second].max()
    assert len(one_per_second(complete[:0])) == 0
