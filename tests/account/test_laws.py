"""The laws of section 12 of the backtest's specification, held over random markets and orders (scenarios.py).

Each law sees at least 500 scenarios: hypothesis draws the block, a block holds 15 scenarios. The answers are the laws
themselves: identities between runs, or sums done again outside the account.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from account.made import BTC_2024, BUY, SELL, account, bars, flat, funding, instrument, run, wish
from account.scenarios import TICK, Scenario, scenario
from perpscope.account import Account, AccountRows, LiquidationProfile, MarginMode, PathRule
from perpscope.contract import flat_tier, tier_arrays
from perpscope.core.batch import Batch, cut
from perpscope.core.orders import OrderKind, OrderSide, intents
from perpscope.core.state import freeze, thaw
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.core.units import ContractKind

BLOCK = 15
blocks = st.integers(0, 2**24)
PROFILES = tuple(LiquidationProfile)
TIERED = tier_arrays(BTC_2024)


def seeds(block: int) -> Iterator[int]:
    return iter(range(block * BLOCK, block * BLOCK + BLOCK))


def account_of(seed: int, **more: object) -> Account:
    """Every profile and both margin modes in turn, fees and slippage on, a small deposit so that accounts break."""
    margin = MarginMode.CROSS if seed % 3 == 0 else MarginMode.ISOLATED
    rules = {"liquidation": PROFILES[seed % 5], "path": PathRule.PESSIMISTIC}
    made: dict = {"maker": 0.0002, "taker": 0.0005, "bps": 2.0, "margin": margin, "rules": rules, "tiers": TIERED}
    made["of"] = instrument(tick=TICK, lot=0.125)
    return account(800.0 if seed % 2 else 5_000.0, **{**made, **more})


def quanta(values: np.ndarray) -> np.ndarray:
    return np.round(values * 1e8).astype(np.int64)


def wallet_lines(rows: AccountRows) -> Table:
    return rows.ledger[rows.ledger["kind"] != 10]


def same(a: AccountRows, b: AccountRows) -> bool:
    names = ("ledger", "fills", "order_ends", "round_trips", "equity")
    return all(getattr(a, name).same_as(getattr(b, name)) for name in names)


@given(blocks)
def test_l1_the_wallet_is_the_sum_of_the_ledger_to_the_quantum_at_every_bar(block: int) -> None:
    for seed in seeds(block):
        s = scenario(seed)
        rows = account_of(seed).run(s.tables)
        paid = wallet_lines(rows)
        sums = np.cumsum(quanta(paid["amount"]))
        at = np.searchsorted(paid["known_ts"], rows.equity["known_ts"], side="right") - 1
        assert (sums[at] == quanta(rows.equity["wallet_balance"])).all()
        assert (np.diff(rows.ledger["sequence"]) == 1).all()
        flat_now = rows.equity["gross_notional"] == 0.0
        assert (rows.equity["equity"][flat_now] == rows.equity["wallet_balance"][flat_now]).all()


@given(blocks)
def test_l2_no_fill_is_better_than_the_bar_it_fell_in(block: int) -> None:
    for seed in seeds(block):
        s = scenario(seed)
        rows = account_of(seed).run(s.tables)
        f = rows.fills[rows.fills["note"] != 6]  # a venue's liquidation settles where it likes
        bar = np.searchsorted(s.bars["known_ts"], f["known_ts"])
        slip = 2e-4 + 1e-12
        buys = f["side"] == OrderSide.BUY
        assert (f["price"][buys] >= s.bars["low"][bar][buys]).all()
        assert (f["price"][~buys] <= s.bars["high"][bar][~buys]).all()
        takes = ~f["maker"]
        assert (f["price"][takes & buys] <= s.bars["high"][bar][takes & buys] * (1.0 + slip)).all()
        assert (f["price"][takes & ~buys] >= s.bars["low"][bar][takes & ~buys] * (1.0 - slip)).all()


@given(blocks)
def test_l3_nothing_before_the_decision_and_nothing_known_changes_when_the_future_is_cut_off(block: int) -> None:
    for seed in seeds(block):
        s = scenario(seed)
        rows = account_of(seed).run(s.tables)
        decided = {w.intent_id: w.decided_ts for w in s.wishes}
        for number, ts in zip(rows.fills["intent_id"].tolist(), rows.fills["ref_ts"].tolist(), strict=True):
            assert number < 0 or ts >= decided[number]
        end = (20 + seed % 50) * HOUR
        short = account_of(seed).run({name: t[t.clock <= end] for name, t in s.tables.items()})
        assert short.ledger.same_as(rows.ledger[rows.ledger["known_ts"] <= end])
        assert short.fills.same_as(rows.fills[rows.fills["known_ts"] <= end])
        assert short.equity.same_as(rows.equity[rows.equity["known_ts"] <= end])


@given(blocks)
def test_l4_l5_any_partition_with_a_state_frozen_and_thawed_between_gives_the_same_bytes(block: int) -> None:
    for seed in seeds(block):
        s, of = scenario(seed), account_of(seed)
        whole = of.run(s.tables)
        rng = np.random.default_rng(seed)
        edges = (rng.choice(80, 6, replace=False) * HOUR + rng.integers(0, 2, 6)).tolist()
        state, parts = of.start(), []
        for batch in cut(Batch(80 * HOUR, s.tables), edges):
            parts.append(of.advance(state, batch))
            state = thaw(freeze(state))
        assert same(whole, AccountRows.concat(parts))


@given(st.integers(1, 10**6), st.floats(-0.02, 0.02), st.floats(10.0, 1e5))
def test_l6_funding_of_a_long_and_of_its_mirror_cancel_and_a_rate_of_zero_makes_no_line(
    lots: int, rate: float, price: float
) -> None:
    amounts = []
    for side in (BUY, SELL):
        of = account(9e7, of=instrument(tick=0.0, lot=0.0001))
        wishes = [wish(1, side, lots * 1e-4 * min(1.0, 1e6 / price), leverage=2.0)]
        rows = run(of, [flat(price)] * 3, wishes, funding=funding([2 * HOUR], [rate]))
        paid = rows.ledger[rows.ledger["kind"] == 4 + 1]
        amounts.append(quanta(paid["amount"]).sum())
        assert rate != 0.0 or len(paid) == 0
    assert amounts[0] + amounts[1] == 0


@given(blocks)
def test_l7_no_account_falls_below_zero_and_no_isolated_trade_costs_more_than_its_margin_and_fees(block: int) -> None:
    for seed in seeds(block):
        s = scenario(seed, move=0.03)
        rows = account_of(seed).run(s.tables)
        assert (rows.equity["wallet_balance"] >= 0.0).all()
        trips = rows.round_trips
        if seed % 3:
            one_fill = rows.fills["opens"].sum() == len(trips)
            lost = -(trips["gross"] + trips["funding"] + trips["insurance"])
            if one_fill and len(trips):
                funded = np.maximum(0.0, trips["funding"])
                assert (lost <= trips["margin"] + funded + 1e-6).all()


@given(blocks)
def test_l8_leverage_changes_nothing_but_margin_moves_while_nothing_is_liquidated(block: int) -> None:
    for seed in seeds(block):
        s = scenario(seed, move=0.002)
        rich = account(1e6, of=instrument(tick=TICK, lot=0.125), taker=0.0005, maker=0.0002, bps=2.0, tiers=flat_tier(0.001))
        low, high = (
            rich.run({**s.tables, "intents": intents([replace(w, leverage=lev) for w in s.wishes])}) for lev in (1.0, 9.0)
        )
        a, b = wallet_lines(low), wallet_lines(high)
        for name in ("kind", "amount", "price", "quantity", "ref_ts"):
            assert np.array_equal(a[name], b[name], equal_nan=True)


@given(st.integers(2, 400), st.integers(1, 399), st.floats(0.9, 1.1), st.sampled_from([2.0, 5.0, 20.0]))
def test_l9_a_partial_close_leaves_the_isolated_liquidation_price(lots: int, part: int, move: float, leverage: float) -> None:
    part = min(part, lots - 1)
    for side, other in ((BUY, SELL), (SELL, BUY)):
        of = account(1e6, of=instrument(tick=0.0, lot=0.125), tiers=flat_tier(0.004))
        state = of.start()
        price = 1_000.0
        to = price * (1.0 + (move - 1.0) / leverage)
        wishes = [wish(1, side, lots / 8, leverage=leverage), wish(2, other, part / 8, reduce_only=True)]
        tables = {"bars": bars([flat(price), flat(price), flat(to)]), "intents": intents(wishes)}
        before = {}
        for batch in cut(Batch(3 * HOUR, tables), [2 * HOUR]):
            of.advance(state, batch)
            before[batch.watermark_ts] = of.view(state).positions[0].liquidation_price
        first, second = before.values()
        assert second == pytest.approx(first, rel=1e-8, nan_ok=True)


@given(st.integers(1, 400), st.floats(0.5, 2.0))
def test_l10_at_1x_without_costs_it_is_spot_and_inverse_agrees_to_first_order(lots: int, move: float) -> None:
    price, quantity = 1_000.0, lots / 8
    of = account(1e6, of=instrument(tick=0.0, lot=0.125))
    rows = run(of, [flat(price), flat(price), flat(price * move)], [wish(1, BUY, quantity)])
    assert rows.equity["equity"][-1] - 1e6 == pytest.approx(quantity * price * (move - 1.0), abs=1e-6)
    small = 1.0 + (move - 1.25) * 1e-4
    of = account(1e6, of=instrument(ContractKind.INVERSE, tick=0.0, lot=0.125))
    rows = run(of, [flat(price), flat(price), flat(price * small)], [wish(1, BUY, quantity * price)])
    assert (rows.equity["equity"][-1] - 1e6) * price == pytest.approx(quantity * price * (small - 1.0), rel=2e-4, abs=1e-2)


def mirrored(s: Scenario, c: float) -> Scenario:
    def turn(table: Table) -> Table:
        return table.with_columns(
            open=c - table["open"], high=c - table["low"], low=c - table["high"], close=c - table["close"]
        )

    def reflect(value: float) -> float:
        return c - value

    wishes = tuple(
        replace(
            w, side=SELL if w.side is BUY else BUY, price=reflect(w.price), trigger=reflect(w.trigger), stop=reflect(w.stop),
            target=reflect(w.target),
        )
        for w in s.wishes
    )  # fmt: skip
    paid = s.funding.with_columns(funding_rate=np.zeros(len(s.funding)))
    return Scenario(turn(s.bars), turn(s.marks), paid, wishes)


# entries at opens only: a flat account with resting entries that ties takes the low first in both worlds
@given(blocks)
def test_l11_a_market_turned_upside_down_gives_the_mirrored_ledger(block: int) -> None:
    for seed in seeds(block):
        s = scenario(seed, move=0.004, leverage=1.0, simple=True)
        plain = [replace(w, trail_fraction=float("nan")) for w in s.wishes if w.kind is not OrderKind.TRAILING_STOP]
        s = Scenario(s.bars, s.marks, s.funding.with_columns(funding_rate=np.zeros(len(s.funding))), tuple(plain))
        of = account(1e6, of=instrument(tick=TICK, lot=0.125), tiers=flat_tier(0.0))
        up, down = of.run(s.tables), of.run(mirrored(s, 2_048.0).tables)
        a, b = wallet_lines(up), wallet_lines(down)
        assert np.array_equal(a["kind"], b["kind"])
        assert np.allclose(a["amount"], b["amount"], atol=1e-7)
        assert np.allclose(up.fills["price"] + down.fills["price"], 2_048.0)


@given(blocks, st.sampled_from([0.25, 4.0]))
def test_l12_price_times_k_and_quantity_over_k_is_the_same_money(block: int, k: float) -> None:
    for seed in seeds(block):
        s = scenario(seed)
        scaled = [t.with_columns(**{n: t[n] * k for n in ("open", "high", "low", "close")}) for t in (s.bars, s.marks)]
        wishes = tuple(
            replace(w, price=w.price * k, trigger=w.trigger * k, stop=w.stop * k, target=w.target * k, quantity=w.quantity / k)
            for w in s.wishes
        )
        of = account_of(seed)
        other = account_of(seed, of=instrument(tick=TICK * k, lot=0.125 / k))
        # volume is unlimited here, so only prices and quantities scale
        a = of.run(s.tables)
        b = other.run(Scenario(scaled[0], scaled[1], s.funding, wishes).tables)
        assert np.allclose(a.ledger["amount"], b.ledger["amount"], atol=2e-7)
        assert np.array_equal(a.ledger["kind"], b.ledger["kind"])


@given(blocks)
def test_l13_the_pessimistic_path_is_no_better_than_either_canonical_path(block: int) -> None:
    for seed in seeds(block):
        s = scenario(seed, length=6, orders=1, simple=seed % 2 == 0)
        last = {}
        for path in PathRule:
            first = replace(s.wishes[0], decided_ts=4 * HOUR)
            of = account_of(seed, rules={"path": path, "liquidation": PROFILES[seed % 5]})
            state = of.start()
            tables = {**s.tables, "intents": intents([first])}
            for batch in cut(Batch(5 * HOUR, {n: t[t.clock <= 5 * HOUR] for n, t in tables.items()}), []):
                rows = of.advance(state, batch)
            last[path] = rows.equity["equity"][-1]
        assert last[PathRule.PESSIMISTIC] <= min(last[PathRule.HIGH_FIRST], last[PathRule.LOW_FIRST]) + 1e-9


@given(blocks)
def test_l14_more_slippage_or_fee_never_raises_final_equity_of_the_same_trades(block: int) -> None:
    for seed in seeds(block):
        s = scenario(seed, simple=True, move=0.004, leverage=1.0)
        held = tuple(replace(w, stop=float("nan"), target=float("nan"), trail_fraction=float("nan")) for w in s.wishes)
        s = Scenario(s.bars, s.marks, s.funding, held)
        ends = []
        for bps, fee in ((0.0, 0.0), (1.0, 0.0), (1.0, 0.0005), (5.0, 0.001)):
            of = account(1e6, of=instrument(tick=TICK, lot=0.125), bps=bps, taker=fee, tiers=flat_tier(0.0))
            ends.append(of.run(s.tables).equity["equity"][-1])
        assert (np.diff(ends) <= 1e-9).all()


@given(blocks)
def test_l15_fees_are_paid_and_reduce_only_never_flips(block: int) -> None:
    for seed in seeds(block):
        s = scenario(seed)
        rows = account_of(seed).run(s.tables)
        assert (rows.fills["fee"] >= 0.0).all()
        assert (rows.fills["position"] >= 0.0).all()
        reducing = {w.intent_id for w in s.wishes if w.reduce_only}
        opened = set(rows.fills["intent_id"][rows.fills["opens"]].tolist())
        assert not reducing & opened


@given(blocks)
def test_l16_the_same_input_gives_the_same_bytes(block: int) -> None:
    for seed in seeds(block):
        s = scenario(seed)
        assert same(account_of(seed).run(s.tables), account_of(seed).run(s.tables))


def test_l18_a_gap_in_the_data_is_flagged_and_its_funding_is_charged() -> None:
    prices = [flat(100.0)] * 2
    late = bars([flat(100.0)] * 2, 20 * HOUR)
    tables = {
        "bars": Table.concat([bars(prices), late]),
        "funding": funding([8 * HOUR, 16 * HOUR], [1e-3, 1e-3]),
        "intents": intents([wish(1, BUY, 1.0, exit_ts=21 * HOUR)]),
    }
    rows = account().run(tables)
    paid = [(row["amount"], row["note"]) for row in rows.ledger.rows() if row["kind"] == "funding"]
    assert paid == [(-0.1, "assumed_price"), (-0.1, "assumed_price")]
    assert rows.round_trips["gap"].tolist() == [True]
