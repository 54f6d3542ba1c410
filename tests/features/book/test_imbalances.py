"""Answers: ORDERFLOW OF22 to OF25 by hand; the micro-price also by a simulation of its own chain."""

from __future__ import annotations

import numpy as np
import pytest

from features.book.made import MS, book, diff, gap, run, snap
from laws import laws
from laws.market import START, made_market
from perpscope.core.time import DAY, HOUR
from perpscope.features.book.book_imbalance import BookImbalance
from perpscope.features.book.micro_price import MicroPrice
from perpscope.features.book.order_flow_imbalance import OrderFlowImbalance
from perpscope.features.book.weighted_depth import WeightedDepth
from perpscope.market.micro_price import BUCKETS, MOVES, SPREADS, adjustments, estimate


def in_one_second(*states: tuple) -> list:
    """A second whose book is the first state from its beginning, then the others at equal distances, then it ends."""
    step = 1000 / len(states)
    messages = [snap(500, *states[0]), diff(1000, states[0][0][:1])]
    before = states[0]
    for k, (bids, asks) in enumerate(states[1:], 1):
        gone = [(p, 0.0) for p, _ in before[0] if p not in dict(bids)], [(p, 0.0) for p, _ in before[1] if p not in dict(asks)]
        messages.append(diff(1000 + k * step, [*gone[0], *bids], [*gone[1], *asks]))
        before = bids, asks
    return [*messages, diff(2000, before[0][:1])]


def test_order_flow_imbalance_of_the_specification() -> None:
    """e = 3, 7, 2, -2; the mean depth of five states of equal length is 5.5."""
    quotes = [(100, 5, 101, 7), (100, 8, 101, 7), (100, 8, 102, 4), (101, 2, 102, 4), (100, 6, 102, 4)]
    states = [([(float(b), float(qb))], [(float(a), float(qa))]) for b, qb, a, qa in quotes]
    rows = run(OrderFlowImbalance(), book(*in_one_second(*states)))
    assert (rows["ref_ts"].tolist(), rows["known_ts"].tolist()) == ([1000 * MS], [2000 * MS])
    assert rows["ofi"].tolist() == [10.0]
    assert rows["depth"][0] == pytest.approx(5.5)
    assert rows["normalised"][0] == pytest.approx(1.818182, abs=1e-6)


def test_order_flow_imbalance_over_levels() -> None:
    """e1 = 3, e2 = -2, Q = 4.875."""
    asks = [(101.0, 7.0), (102.0, 3.0)]
    states = [([(100.0, 5.0), (99.0, 4.0)], asks), ([(100.0, 8.0), (99.0, 2.0)], asks)]
    rows = run(OrderFlowImbalance(OrderFlowImbalance.Params(depth_levels=2)), book(*in_one_second(*states)))
    assert rows["ofi"].tolist() == [3.0]
    assert rows["levels"][0] == pytest.approx(0.102564, abs=1e-6)


def test_an_interval_that_a_gap_or_a_crossed_book_touches_is_not_told() -> None:
    quotes = [(99.0, 1.0)], [(100.0, 1.0)]
    messages = [snap(100, *quotes), diff(2500, [(99.0, 2.0)]), snap(3200, *quotes), diff(4400, [(100.0, 1.0)])]
    messages += [diff(4600, [(100.0, 0.0)]), diff(6500, [(99.0, 1.0)])]
    for fold in (OrderFlowImbalance(), BookImbalance(), WeightedDepth()):
        rows = run(fold, book(*messages), gaps=gap(2600, 3100))
        assert (rows["ref_ts"] // (1000 * MS)).tolist() == [1, 5]


def test_book_imbalance_of_the_specification() -> None:
    state = ([(100.0, 4.0), (99.0, 4.0)], [(101.0, 3.0), (102.0, 13.0)])
    rows = run(BookImbalance(), book(*in_one_second(state)))
    assert rows["top"][0] == pytest.approx(1 / 7)
    assert rows["levels"][0] == pytest.approx((8 - 16) / 24)
    rows = run(BookImbalance(), book(*in_one_second(state, ([(100.0, 1.0)], [(101.0, 3.0)]))))
    assert (rows["top"][0], rows["top_end"][0]) == pytest.approx(((1 / 7 - 1 / 2) / 2, -0.5))


DEEP = [(100.0, 4.0), (99.9, 2.0), (99.5, 8.0)], [(100.1, 3.0), (100.2, 1.0), (100.6, 16.0)]
TWO_TICKS = WeightedDepth.Params(half_distance_bps=0.2 / 100.05 * 1e4)


def test_weighted_depth_of_the_specification() -> None:
    rows = run(WeightedDepth(TWO_TICKS), book(*in_one_second(DEEP)))
    assert (rows["bid_depth"][0], rows["ask_depth"][0]) == pytest.approx((5.742000, 5.495707), abs=1e-6)
    assert rows["ratio"][0] == pytest.approx(0.021917, abs=1e-6)
    assert rows["unseen"][0] == pytest.approx(2 ** (-5.5 / 2))


def test_weighted_depth_upside_down_about_its_middle() -> None:
    turned = [(round(200.1 - p, 1), q) for p, q in DEEP[1]], [(round(200.1 - p, 1), q) for p, q in DEEP[0]]
    a, b = (run(WeightedDepth(TWO_TICKS), book(*in_one_second(state))) for state in (DEEP, turned))
    assert a["bid_depth"][0] == pytest.approx(b["ask_depth"][0], rel=1e-12)
    assert a["ratio"][0] == pytest.approx(-b["ratio"][0], rel=1e-9)


def test_weighted_middle_of_the_specification() -> None:
    rows = run(MicroPrice(), book(*in_one_second(([(100.0, 8.0)], [(101.0, 2.0)]))))
    assert rows["weighted_middle"][0] == pytest.approx(100.8)
    assert (rows["middle"][0], rows["spread"][0], rows["imbalance"][0]) == (100.5, 10.0, pytest.approx(0.6))
    assert rows["ref_ts"].tolist() == rows["known_ts"].tolist() == [2000 * MS]
    assert np.isnan(rows["micro_price"][0])


def test_adjustments_are_the_mean_of_where_the_chain_goes() -> None:
    """A chain of two states is walked 40,000 times until its expected move has died out."""
    rng = np.random.default_rng(5)
    stay, after = np.array([[0.5, 0.1], [0.1, 0.5]]), np.array([[0.3, 0.1], [0.1, 0.3]])
    move = np.array([[0.3, 0.1], [0.1, 0.3]])
    found = adjustments(stay, move, after, np.array([-0.5, 0.5]))
    joint = np.concatenate([stay, after], axis=1)
    for start in (0, 1):
        state, total = np.full(40_000, start), np.zeros(40_000)
        for _ in range(60):
            drawn = (rng.random(40_000)[:, None] > np.cumsum(joint[state], axis=1)).sum(axis=1)
            moved = drawn >= 2
            chance = move[state, 1] / move[state].sum(axis=1)
            total += np.where(moved, np.where(rng.random(40_000) < chance, 0.5, -0.5), 0.0)
            state = drawn % 2
        assert found[start] == pytest.approx(total.mean(), abs=4 * total.std() / 200)


def test_estimated_adjustments_lean_to_the_heavier_side_and_add_up_to_nothing() -> None:
    states = BUCKETS * SPREADS
    counts = np.zeros((states, 1 + len(MOVES), states))
    rng = np.random.default_rng(1)
    for _ in range(60_000):
        bucket = int(rng.integers(0, BUCKETS))
        move = 0 if rng.random() < 0.8 else (4 if rng.random() < (bucket + 0.5) / BUCKETS else 1)
        counts[bucket * SPREADS, move, int(rng.integers(0, BUCKETS)) * SPREADS] += 1
    found = estimate(counts)[::SPREADS]
    assert (np.diff(found) > 0).all()
    assert np.allclose(found, -found[::-1], atol=1e-9)
    assert np.isnan(estimate(counts)[1::SPREADS]).all()


def test_the_micro_price_of_a_day_comes_from_the_days_before() -> None:
    rng = np.random.default_rng(2)
    messages = []
    for day in (0, 1, 2):
        messages.append(snap(day * 86_400_000 + 1000, [(99.9, 5.0)], [(100.0, 5.0)]))
        for k in range(300):
            level = [(99.9, float(rng.integers(1, 9)))], [(100.0, float(rng.integers(1, 9)))]
            messages.append(diff(day * 86_400_000 + 2000 + k * 400, *level))
    fold = MicroPrice(MicroPrice.Params(n_min=200))
    rows = run(fold, book(*messages), end_ms=4 * 86_400_000)
    day = rows["ref_ts"] // DAY
    assert np.isnan(rows["micro_price"][day == 0]).all()
    assert np.isfinite(rows["micro_price"][day == 2]).all()
    assert (rows["micro_price"][day == 2] == rows["middle"][day == 2]).all()  # the middle never moved


def test_the_laws_hold_where_the_micro_price_speaks() -> None:
    market = made_market(1)

    def few() -> MicroPrice:
        return MicroPrice(MicroPrice.Params(n_min=100))

    rows = laws.rows_of(few, market)
    assert np.isfinite(rows["micro_price"]).sum() > 300
    laws.law_split(few, market, [START + h * HOUR + 17 * MS for h in (100, 101, 333)])
    laws.law_mirror(few, market)
    laws.law_scale(few, market)
