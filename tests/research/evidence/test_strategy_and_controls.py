"""Positions, the strategy's record, controls, the self-test in short. Answers by hand and from slow loops in this file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, HOUR
from perpscope.research.event_study import Events
from perpscope.research.evidence.controls import shifted
from perpscope.research.evidence.monitor import Watch, demote, watch
from perpscope.research.evidence.positions import by_day, funding_by_bar, hold_events
from perpscope.research.evidence.selftest import (
    breakout_events,
    direction,
    garch_path,
    phase_randomised,
    planted,
    random_events,
    random_filter,
    selftest,
)
from perpscope.research.evidence.strategy import allowed_leverage
from research.event_study.made import walk


def test_every_trade_earns_what_a_loop_over_its_bars_earns() -> None:
    path = walk(1, 900, holes=True)
    rng = np.random.default_rng(2)
    at = np.sort(rng.choice(880, 150, replace=False)).astype(np.int64)
    events = Events(at, rng.choice([-1.0, 0.0, 1.0], 150))
    held = hold_events(path, events, 4, 10.0, None)
    expected, free_from = [], -1
    net = np.zeros(900)
    for i, side in zip(at, events.sign):
        whole = i + 4 < 900 and path.known_ts[i + 4] - path.known_ts[i] == 4 * HOUR
        if side == 0 or not whole or i < free_from:
            continue
        free_from = i + 4
        expected.append(1e4 * side * (path.close[i + 4] / path.close[i] - 1) - 10.0)
        for k in range(1, 5):
            net[i + k] += side * (path.close[i + k] / path.close[i + k - 1] - 1)
        net[i + 1] -= 5e-4
        net[i + 4] -= 5e-4
    assert len(expected) > 60
    np.testing.assert_allclose(held.results, expected, atol=1e-9)
    np.testing.assert_allclose(held.net, net, atol=1e-12)


def test_a_long_pays_funding_stamped_while_it_is_held(hours_of_funding) -> None:
    path, funding = hours_of_funding
    paid = funding_by_bar(path, funding)
    assert paid[[7, 15]].tolist() == [0.001, 0.002]
    assert paid.sum() == pytest.approx(0.003)
    flat = replace(path, close=np.full(len(path), 100.0))
    held = hold_events(flat, Events(np.array([5]), np.array([1.0])), 4, 0.0, funding)
    assert held.results.tolist() == pytest.approx([-10.0])
    assert held.net.sum() == pytest.approx(-0.001)


@pytest.fixture
def hours_of_funding():
    from perpscope.core.events import FUNDING
    from perpscope.core.table import Table

    path = walk(1, 24)
    stamps = path.known_ts[[7, 15]]
    columns = {name: np.zeros(2) for name in FUNDING.names}
    columns |= {"funding_rate": np.array([0.001, 0.002]), FUNDING.clock: stamps}
    return path, Table.of(FUNDING, **columns)


def test_the_day_of_a_bar_is_the_day_in_which_it_began_to_close() -> None:
    known = np.array([DAY, DAY + HOUR, 2 * DAY, 3 * DAY])
    assert by_day(known, np.array([1.0, 2.0, 4.0, 8.0]), np.array([0, 1])).tolist() == [1.0, 6.0]


def test_leverage_is_a_quarter_of_kelly_at_the_lower_bound_at_most_three_and_zero_without_an_edge() -> None:
    assert allowed_leverage(0.0008, 0.0004) == pytest.approx(0.5)
    assert allowed_leverage(1.0, 0.0001) == 3.0
    assert allowed_leverage(0.0, 0.0004) == 0.0
    assert allowed_leverage(-0.1, 0.0004) == 0.0


def test_the_monitor_demotes_at_the_first_alarm_and_never_without_one() -> None:
    rng = np.random.default_rng(3)
    stamps = np.arange(400) * DAY
    kept = watch(rng.normal(30, 60, 400), stamps, promised_bps=30.0, spread_bps=60.0)
    assert kept == Watch(None, "", 400)
    lost = watch(
        np.concatenate([rng.normal(30, 60, 20), rng.normal(-20, 60, 200)]), stamps[:220], promised_bps=30.0, spread_bps=60.0
    )
    assert lost.demoted_at is not None
    assert 0 < lost.demoted_at <= 60 * DAY
    with pytest.raises(UserError, match="positive promise"):
        watch([1.0], [0], promised_bps=0.0, spread_bps=60.0)


def test_events_moved_out_of_the_path_are_dropped() -> None:
    moved = shifted(Events(np.array([0, 10, 20]), np.ones(3)), -5, 30)
    assert moved.at.tolist() == [5, 15]


def test_phase_randomised_returns_keep_their_spectrum() -> None:
    rng = np.random.default_rng(1)
    path = garch_path(rng, 512)
    made = phase_randomised(path, rng)
    power = [np.abs(np.fft.rfft(np.diff(np.log(p.close), prepend=np.log(100.0)))) for p in (path, made)]
    np.testing.assert_allclose(power[0][1:], power[1][1:], rtol=0.25, atol=0.02)
    assert not np.allclose(path.close, made.close)


def test_a_planted_drift_moves_the_path_by_its_size_and_only_after_the_event() -> None:
    path = walk(1, 200)
    lifted = planted(path, Events(np.array([50]), np.array([1.0])), 8.0, 4)
    ratio = lifted.close / path.close
    assert ratio[50] == pytest.approx(1.0)
    assert ratio[54] == pytest.approx(np.exp(8e-4))
    assert ratio[199] == pytest.approx(np.exp(8e-4))


def test_a_filter_that_knows_something_beats_random_filters_and_one_that_does_not_does_not() -> None:
    rng = np.random.default_rng(4)
    results = rng.standard_normal(300)
    assert random_filter(results, results > 0.3, rng) < 0.01
    assert random_filter(results, rng.random(300) < 0.5, rng) > 0.05
    with pytest.raises(UserError, match="keep at least one"):
        random_filter(results, np.zeros(300, bool), rng)


def test_breakouts_on_prices_without_memory_show_no_effect() -> None:
    scores = []
    for seed in range(40):
        path = garch_path(np.random.default_rng([9, seed]), 4000)
        effect = direction(path, breakout_events(path), seed).effect
        scores.append(effect.value / ((effect.high - effect.low) / 3.92))
    assert abs(np.mean(scores)) < 3 / np.sqrt(40)
    assert sum(abs(s) > 1.96 for s in scores) <= 7  # 99.9% of a correct test at 5% of 40


def test_the_self_test_in_short_passes() -> None:
    outcomes = list(selftest(runs=20, seed=3))
    assert [o.question for o in outcomes if not o.passed] == []
    assert len(outcomes) == 9


def test_random_events_are_distinct_and_inside_the_path() -> None:
    events = random_events(walk(1, 500), 100, np.random.default_rng(0))
    assert len(np.unique(events.at)) == 100
    assert events.at.min() >= 100
    assert events.at.max() < 400


def test_a_demotion_names_its_date(verdict) -> None:
    found = Watch(1_772_323_200_000_000_000, "results fell short", 12)
    assert demote(verdict, found).demoted == "2026-03-01: results fell short"
    assert demote(verdict, Watch(None, "", 3)) is verdict
