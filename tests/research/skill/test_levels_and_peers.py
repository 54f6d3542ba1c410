"""Levels crossed by bars, and the public algorithms. Answers: three bars by hand and slow programs with lists of lots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perpscope.core.events import BARS
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.research.skill import peers
from perpscope.research.skill.baselines import ladder_off_price, past_liquidations, swept_length
from perpscope.research.skill.levels import BIN, Deposits, crossed, fading
from perpscope.research.skill.protocol import protocol
from perpscope.research.skill.sample import Sample
from research.skill.markets import study


def bars(low, high, close) -> Table:
    n = len(low)
    ref = HOUR * np.arange(n)
    return Table.filled(
        BARS, ref_ts=ref, known_ts=ref + HOUR, open=close, high=high, low=low, close=close, volume=np.ones(n),
        complete=np.ones(n, bool),
    )  # fmt: skip


def laid(price: float, amount: float, n: int, side: int) -> Deposits:
    """One deposit by the first bar."""
    prices, amounts = np.full((n, 2, 1), np.log(100.0)), np.zeros((n, 2, 1))
    prices[0, side, 0], amounts[0, side, 0] = np.log(price), amount
    return Deposits(prices, amounts, np.ones(n), np.zeros(n))


def test_a_level_is_crossed_once_when_it_is_consumed_and_again_when_it_is_not():
    market = bars([100.0, 94.0, 94.0], [100.0, 100.0, 100.0], [100.0, 99.0, 99.0])
    assert crossed(market, laid(95.0, 3.0, 3, 0), consume=True)[:, 0].tolist() == [0.0, 3.0, 0.0]
    assert crossed(market, laid(95.0, 3.0, 3, 0), consume=False)[:, 0].tolist() == [0.0, 3.0, 3.0]
    assert crossed(market, laid(93.0, 3.0, 3, 0), consume=True).sum() == 0.0


def test_shorts_break_above_and_levels_fade_and_are_removed():
    market = bars([100.0, 100.0, 100.0], [100.0, 100.0, 106.0], [100.0, 100.0, 105.0])
    one = laid(105.0, 4.0, 3, 1)
    assert crossed(market, one, consume=True)[:, 1].tolist() == [0.0, 0.0, 4.0]
    faded = Deposits(one.price, one.amount, fading(3, 1.0, 1.0), one.remove)
    assert crossed(market, faded, consume=True)[2, 1] == pytest.approx(2.0)  # laid by the first bar, faded by the second
    removed = Deposits(one.price, one.amount, one.fade, np.array([0.0, 1.0, 0.0]))
    assert crossed(market, removed, consume=True)[2, 1] == pytest.approx(3.0)


@given(seed=st.integers(0, 2000))
@settings(max_examples=15)
def test_nothing_is_crossed_that_was_not_laid_before(seed):
    sample = Sample(study(seed, 22), protocol())
    rng = np.random.default_rng(seed)
    market = sample.study.bars
    n = len(market)
    price = np.log(market["close"])[:, None, None] + rng.uniform(-0.05, 0.05, (n, 2, 3))
    amount = rng.random((n, 2, 3))
    out = crossed(market, Deposits(price, amount, np.ones(n), np.zeros(n)), consume=True)
    sums = np.concatenate([np.zeros((1, 2)), amount.sum(2).cumsum(0)[:-1]])
    assert (out.cumsum(0) <= sums + 1e-9).all()


def slow_interest_peer(market: Table, interest: np.ndarray) -> np.ndarray:
    """Lots in a list: consumed by wicks, opened at the close on the candle's side, removed pro rata."""
    lots: list[list[float]] = []
    out = np.zeros((len(market), 2))
    for t in range(len(market)):
        low, high = np.log(market["low"][t]), np.log(market["high"][t])
        kept = []
        for side, price, amount in lots:
            if price >= low - BIN if side == 0 else price <= high + BIN:
                out[t, int(side)] += amount
            else:
                kept.append([side, price, amount])
        lots = kept
        change = interest[t + 1] - interest[t] if t + 1 < len(interest) else 0.0
        if change > 0:
            side = 0 if market["close"][t] >= market["open"][t] else 1
            for leverage, share in {5: 0.15, 10: 0.3, 25: 0.25, 50: 0.2, 100: 0.1}.items():
                distance = (1 - 0.004) / leverage
                level = np.log(market["close"][t] * (1 - distance if side == 0 else 1 + distance))
                lots.append([side, level, change * share])
        elif change < 0:
            total = sum(lot[2] for lot in lots)
            left = max(0.0, 1 + change / total) if total > 0 else 0.0
            lots = [[s, p, a * left] for s, p, a in lots]
    return out


def test_the_interest_peer_agrees_with_a_slow_program():
    sample = Sample(study(4, 25), protocol())
    fast = peers.consumed_interest(sample, in_dollars=False)
    slow = slow_interest_peer(sample.study.bars, sample.open_interest)
    assert fast.sum() == pytest.approx(slow.sum(), rel=0.02)
    assert np.corrcoef(fast.ravel(), slow.ravel())[0, 1] > 0.97  # up to the height of a bin


def test_the_turnover_peer_lays_turnover_and_fades_it_by_leverage():
    sample = Sample(study(5, 25), protocol())
    out = peers.seeded_turnover(sample)
    weight = np.minimum(
        sample.study.bars["volume"] * sample.study.bars["close"]
        / peers.running_median(sample.study.bars["volume"] * sample.study.bars["close"]), 5.0,
    )  # fmt: skip
    assert (out >= 0.0).all()
    assert 0.0 < out.sum() < 2.0 * weight.sum()  # both sides of every unit at most
    assert out[0].sum() == 0.0


def test_the_running_median_is_that_of_the_past():
    values = np.random.default_rng(0).random(50)
    assert peers.running_median(values) == pytest.approx([np.median(values[: t + 1]) for t in range(50)])


def test_simple_baselines_say_what_they_are_called():
    sample = Sample(study(6, 25), protocol())
    assert swept_length(sample) == pytest.approx(sample.open_interest[:, None] * sample.excursion)
    ladder = ladder_off_price(sample)
    beyond = sample.excursion.max(axis=1).argmax()
    assert ladder[sample.excursion < 0.004].max() == 0.0  # the nearest level, 100x, lies .6% away
    assert ladder[beyond].max() > 0.0


def test_past_liquidations_know_nothing_of_the_bar_itself():
    one = study(7, 25)
    sample = Sample(one, protocol())
    density = past_liquidations(sample)
    changed = one.totals.with_columns(
        long_quantity=np.where(np.arange(len(one.totals)) == 200, 1e6, one.totals["long_quantity"])
    )
    other = past_liquidations(Sample(replace(one, totals=changed), protocol()))
    at = int(np.searchsorted(one.bars["ref_ts"], one.totals["ref_ts"][200]))
    assert np.array_equal(density[: at + 1], other[: at + 1])
    assert other[at + 1 :].sum() > density[at + 1 :].sum()
