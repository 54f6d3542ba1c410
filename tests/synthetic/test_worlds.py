"""What each named world promises. Expected figures follow from its settings by hand, not from the simulation."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.time import HOUR, NULL_TS, SECOND
from perpscope.core.units import PositionSide
from perpscope.synthetic import WORLDS, Config, SyntheticMarket, simulate, world
from perpscope.synthetic.records import Exit, Group, MarginMode, Transfer


@cache
def run(name: str, days: float = 0.5, seed: int = 4, open_interest: float = 1_000.0) -> SyntheticMarket:
    return simulate(replace(world(name, seed=seed, days=days), open_interest=open_interest))


def test_w0_has_liquidations_but_no_level_that_price_could_reach() -> None:
    market = run("W0")
    price = market.tables["mark_price"]["mark_price"]
    levels = market.truth.levels_at(market.truth.end_ts)["liquidation_price"]
    assert len(market.tables["liquidation"]) > 100
    assert np.all((levels < 0.2 * price.min()) | (levels > 1.6 * price.max()))
    struck = market.truth.liquidations["position"]
    assert np.all(market.truth.positions["group"][struck] == Group.NOISE)


def test_w0_strikes_in_proportion_to_the_way_of_the_mark() -> None:
    market = run("W0", days=2.0)
    mark = np.log(market.tables["mark_price"]["mark_price"])
    way = np.abs(np.diff(mark, append=mark[-1]))
    hours = np.add.reduceat(way, np.arange(0, len(way), 3600))
    at = (market.tables["liquidation"]["exchange_ts"] - market.config.start) // HOUR
    struck = np.bincount(at, weights=market.tables["liquidation"]["quantity"], minlength=len(hours))
    assert np.corrcoef(hours, struck)[0, 1] > 0.8


def test_w1_opens_the_mix_it_was_given() -> None:
    market = run("W1", days=1.0)
    positions = market.truth.positions
    mine = positions["opened_ts"] > market.config.start
    mine &= positions["group"] == Group.RETAIL
    leverage = positions["leverage"][mine]
    weights = np.array([0.30, 0.25, 0.20, 0.12, 0.08, 0.035, 0.015])
    counts = np.array([(leverage == value).sum() for value in (2, 3, 5, 10, 20, 50, 100)])
    expected = weights * counts.sum()
    assert counts.sum() == mine.sum() > 5_000
    assert np.all(np.abs(counts - expected) < 4.5 * np.sqrt(expected))
    assert set(np.unique(positions["exit"][mine])) <= {Exit.OPEN, Exit.HOLDING_TIME, Exit.LIQUIDATION}
    assert set(np.unique(positions["margin_mode"][mine])) == {MarginMode.ISOLATED}


def test_w1_leaves_at_the_same_rate_whatever_the_leverage() -> None:
    positions = run("W1", days=1.0).truth.positions
    start = run("W1", days=1.0).config.start
    fresh = (positions["group"] == Group.RETAIL) & (positions["opened_ts"] > start)
    fresh &= positions["opened_ts"] < start + 12 * HOUR
    age = positions["closed_ts"] - positions["opened_ts"]
    for leverage in (2, 3, 5):
        mine = fresh & (positions["leverage"] == leverage)
        left = mine & (positions["closed_ts"] != NULL_TS) & (age < 12 * HOUR)
        expected = 1.0 - np.exp(-12.0 / 48.0)
        share = left.sum() / mine.sum()
        assert share == pytest.approx(expected, abs=4.0 * np.sqrt(0.18 / mine.sum()) + 0.01)


def test_w3_is_w1_with_all_but_the_last_liquidation_of_a_second_hidden() -> None:
    true, hidden = run("W1"), run("W3")
    assert hidden.tables["trade"].same_as(true.tables["trade"])
    assert hidden.tables["liquidation"].same_as(true.with_censored_liquidations()["liquidation"])
    assert 0 < len(hidden.tables["liquidation"]) < len(true.tables["liquidation"])


def test_w4_pulls_price_to_the_heavier_side_and_w4_off_does_not() -> None:
    def lean(name: str) -> float:
        base = world(name, seed=9, days=6.0)
        strong = replace(base, open_interest=1_000.0, venue=replace(base.venue, magnet=3.0 * base.venue.magnet))
        market = simulate(strong)
        price = np.log(market.tables["mark_price"]["mark_price"])
        imbalance, moved = [], []
        for hour in range(2, int(24 * 6.0) - 1):
            rows = market.truth.levels_at(market.config.start + hour * HOUR)
            distance = np.log(rows["liquidation_price"]) - price[hour * 3600]
            up = rows["quantity"][(rows["side"] == PositionSide.SHORT) & (distance < 0.01) & (distance > 0)].sum()
            down = rows["quantity"][(rows["side"] == PositionSide.LONG) & (distance > -0.01) & (distance < 0)].sum()
            imbalance.append((up - down) / (up + down))
            moved.append(price[(hour + 1) * 3600] - price[hour * 3600])
        return float(np.corrcoef(imbalance, moved)[0, 1])

    assert lean("W4") > 0.15
    assert abs(lean("W4-off")) < 0.2


def test_w5_changes_the_mix_half_way() -> None:
    market = run("W5", days=1.0)
    positions = market.truth.positions
    change = market.config.start + 12 * HOUR
    opened, leverage = positions["opened_ts"], positions["leverage"]
    retail = (positions["group"] == Group.RETAIL) & (opened > market.config.start)
    # an entry may rest for some minutes before its first fill
    before, after = retail & (opened < change), retail & (opened > change + HOUR)
    high_before = (leverage[before] >= 20).mean()
    high_after = (leverage[after] >= 20).mean()
    assert high_before == pytest.approx(0.13, abs=0.02)
    assert high_after == pytest.approx(0.40, abs=0.03)


def test_w6_worlds_are_w1_with_one_wrong_column() -> None:
    true = run("W1").tables["open_interest"]
    mark = run("W1").tables["mark_price"]["mark_price"][::300]
    usd = run("W6-usd").tables["open_interest"]
    both = run("W6-two-sided").tables["open_interest"]
    late = run("W6-lagged").tables["open_interest"]
    assert np.allclose(usd["open_interest"], true["open_interest"] * mark)
    assert np.all(np.isnan(usd["open_interest_notional"]))
    assert np.allclose(both["open_interest"], 2.0 * true["open_interest"])
    assert np.allclose(late["open_interest"][1:], true["open_interest"][:-1])
    assert run("W6-usd").tables["trade"].same_as(run("W1").tables["trade"])


def test_a_value_only_venue_shows_no_quantity() -> None:
    base = Config(seed=4, days=0.05, open_interest=100.0)
    shown = simulate(replace(base, publication=replace(base.publication, interest_unit="usd"))).tables["open_interest"]
    assert np.all(np.isnan(shown["open_interest"]))
    assert np.all(shown["open_interest_notional"] > 0)


def test_in_a_crash_the_fund_takes_over_and_then_profitable_peers_are_deleveraged() -> None:
    market = run("crash", days=1.0, open_interest=4_000.0)
    ledger, truth = market.truth.ledger, market.truth
    assert (ledger["kind"] == Transfer.TAKEOVER).sum() > 0
    moved = ledger[ledger["kind"] == Transfer.DELEVERAGING]
    assert len(moved) > 0
    positions = truth.positions
    for row in moved.rows():
        taker, giver = row["buyer"], row["seller"]
        loser, peer = (taker, giver) if positions["exit"][taker] == Exit.LIQUIDATION else (giver, taker)
        assert positions["exit"][loser] == Exit.LIQUIDATION
        assert positions["side"][peer] != positions["side"][loser]
        entry = positions["entry_price"][peer]
        long = positions["side"][peer] == PositionSide.LONG
        assert (row["price"] > entry) if long else (row["price"] < entry)
    crash = market.config.outside.episodes[0]
    price = market.tables["mark_price"]["mark_price"]
    at = int(crash.day * 86_400)
    assert np.log(price[at + 720] / price[at]) < -0.1


def test_partial_liquidation_steps_down_tier_by_tier() -> None:
    base = world("W1", seed=2, days=1.0)
    crashing = replace(base.outside, episodes=world("crash", days=1.0).outside.episodes)
    large = replace(base.retail, quantity=3.0, quantity_spread=1.5)
    venue = replace(base.venue, partial_liquidation=True)
    market = simulate(replace(base, outside=crashing, retail=large, venue=venue))
    forced = market.truth.liquidations
    caps = np.array([tier.cap for tier in market.instrument.tier_tables[0].tiers])
    ledger = market.truth.ledger
    cuts = 0
    for position in np.unique(forced["position"]):
        mine = forced[forced["position"] == position]
        legs = ledger[(ledger["buyer"] == position) | (ledger["seller"] == position)]
        signed = np.where(legs["buyer"] == position, legs["quantity"], -legs["quantity"])
        for n, (ts, asked, mark) in enumerate(zip(mine["ts"], mine["quantity"], mine["mark_price"], strict=True)):
            held = abs(signed[legs["ts"] < ts].sum())
            tier = int(np.searchsorted(caps, held * mark))
            step = held - caps[tier - 1] / mark if tier > 0 else held
            # only the last order may be for all of a large position: when the book takes none of the step
            assert asked == pytest.approx(step, abs=0.0011) or (n == len(mine) - 1 and asked == pytest.approx(held))
            cuts += tier > 0
    assert cuts > 3


def test_margin_added_in_time_moves_the_level_away_by_what_was_added() -> None:
    base = world("W1", seed=3, days=1.0)
    mix = replace(base.retail, top_up_share=1.0, top_up_count=1, leverages=(20.0,), weights=(1.0,))
    market = simulate(replace(base, open_interest=300.0, retail=mix))
    positions = market.truth.positions
    added = positions["deposited"] / (positions["quantity"] * positions["entry_price"] / 20.0)
    isolated = positions["margin_mode"] == MarginMode.ISOLATED
    twice = isolated & (added > 1.9)  # 1 + the spare wallet of one half + the added half, against 1.5 and fees
    assert twice.sum() > 20
    for position in np.flatnonzero(twice)[:50]:
        opened = market.truth.levels_at(int(positions["opened_ts"][position]) + 3600 * SECOND)
        end = int(positions["closed_ts"][position])
        last = market.truth.levels_at(market.truth.end_ts if end == NULL_TS else end - 1)
        first_price = opened["liquidation_price"][opened["position"] == position]
        last_price = last["liquidation_price"][last["position"] == position]
        if len(first_price) and len(last_price):
            entry = positions["entry_price"][position]
            assert abs(np.log(last_price[0] / entry)) >= abs(np.log(first_price[0] / entry)) - 1e-9


def test_an_unknown_world_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match="Did you mean 'crash'"):
        world("crach")


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_every_world_runs_and_publishes_every_stream(name: str) -> None:
    tables = simulate(replace(world(name, seed=1, days=0.02), open_interest=50.0)).tables
    streams = {"trade", "mark_price", "mark_bars@1m", "open_interest", "funding", "liquidation", "liquidation_totals@5m", "gap"}
    assert set(tables) == streams
    assert all(np.all(np.diff(table.clock) >= 0) for table in tables.values())
