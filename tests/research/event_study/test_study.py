"""The event study. Answers from `slow.py`, an independent program in plain Python, and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, HOUR
from perpscope.research.event_study import TARGETS, Events, Prepared, Settings, events_at, study_events
from perpscope.research.event_study.matching import candidates, clear_of, thin
from perpscope.research.event_study.placebo import placebo_means
from research.event_study.made import walk
from research.event_study.slow import Bar, Slow

FEW = Settings(controls=4, least_controls=2, replications=200, placebo_draws=50, pool=300)


def bars_of(path) -> list[Bar]:
    columns = (path.known_ts, path.high, path.low, path.close, path.volume, path.liquidated)
    return [Bar(int(t), *map(float, rest)) for t, *rest in zip(*columns)]


@pytest.fixture(scope="module")
def small():
    path = walk(3, 1400, holes=True)
    volume = path.volume.copy()
    volume[[300, 301, 900]] = 0.0
    liquidated = path.liquidated.copy()
    liquidated[1200:1210] = np.nan
    path = replace(path, volume=volume, liquidated=liquidated)
    return path, bars_of(path)


@pytest.mark.parametrize(("horizon", "least_in_cell", "buckets"), [("1h", 100, 1), ("4h", 4, 3), ("1d", 2, 5)])
def test_every_difference_is_that_of_the_slow_program(small, horizon: str, least_in_cell: int, buckets: int) -> None:
    path, bars_ = small
    slow = Slow(bars_, HOUR, least_in_cell)
    prepared = Prepared(path, least_in_cell)
    assert prepared.conditions(1).buckets == buckets
    rng = np.random.default_rng(1)
    at = np.sort(rng.choice(len(path), 120, replace=False))
    events = Events(at, rng.choice([-1.0, 1.0], 120))
    found = study_events([prepared], [events], seed=1, horizons=[horizon], settings=FEW)
    given_events = dict(zip(at.tolist(), events.sign.tolist()))
    bars = {"1h": 1, "4h": 4, "1d": 24}[horizon]
    matched_any = 0
    for target in TARGETS:
        cell = found.cell(target, horizon)
        rows, clearance = slow.differences(given_events, target, bars, most=4, least=2)
        assert cell.clearance_bars == clearance
        assert cell.differences.known_ts.tolist() == [slow.bars[i].close_ts for i, _ in rows]
        np.testing.assert_allclose(cell.differences.matched, [d for _, d in rows], rtol=1e-9, atol=1e-9)
        matched_any += len(rows)
        if rows:
            assert cell.effect.value == pytest.approx(np.mean([d for _, d in rows]))
    assert matched_any > 10


def test_two_paths_are_pooled_in_the_order_of_time() -> None:
    paths = [walk(1, 3000), walk(2, 3000)]
    rng = np.random.default_rng(0)
    events = [Events(np.sort(rng.choice(3000, 200, replace=False)), np.ones(200)) for _ in paths]
    prepared = [Prepared(p) for p in paths]
    both = study_events(prepared, events, seed=0, horizons=["1h"], settings=FEW).cell("return_bps", "1h")
    alone = [
        study_events([p], [e], seed=0, horizons=["1h"], settings=FEW).cell("return_bps", "1h") for p, e in zip(prepared, events)
    ]
    assert both.effect.n == sum(one.effect.n for one in alone)
    assert both.effect.value * both.effect.n == pytest.approx(sum(one.effect.value * one.effect.n for one in alone))
    assert (np.diff(both.differences.known_ts) >= 0).all()


def test_a_planted_move_is_found_at_its_horizon_and_within_its_interval() -> None:
    path = walk(5, 20_000, bps=30.0)
    rng = np.random.default_rng(5)
    at = np.sort(rng.choice(np.arange(200, 19_800), 900, replace=False))
    sign = rng.choice([-1.0, 1.0], 900)
    lift = np.zeros(len(path))
    lift[at + 1] = sign * 12e-4
    factor = np.exp(np.cumsum(lift))
    planted = replace(path, close=path.close * factor, high=path.high * factor * 1.002, low=path.low * factor / 1.002)
    settings = Settings(replications=500, placebo_draws=300)
    cell = study_events([Prepared(planted)], [Events(at, sign)], seed=1, horizons=["1h"], settings=settings).cell(
        "return_bps", "1h"
    )
    assert cell.effect.low < 12.0 < cell.effect.high
    assert cell.p_value < 1e-6
    assert cell.effect.value > cell.band[1]
    turned = study_events([Prepared(planted)], [Events(at, -sign)], seed=1, horizons=["1h"], settings=settings)
    assert turned.cell("return_bps", "1h").effect.value == pytest.approx(-cell.effect.value)


def test_events_before_wild_hours_foretell_volatility_range_and_volume_but_no_direction() -> None:
    path = walk(8, 20_000)
    rng = np.random.default_rng(8)
    at = np.sort(rng.choice(np.arange(200, 19_800), 600, replace=False))
    wild = np.zeros(len(path))
    wild[at + 1] = rng.permutation(np.tile([-1.0, 1.0], 300)) * 120e-4
    factor = np.exp(np.cumsum(wild))
    volume = path.volume.copy()
    volume[at + 1] *= 3.0
    close, high, low = path.close * factor, path.high * factor, path.low * factor
    high[at + 1], low[at + 1] = np.maximum(high[at + 1], close[at]), np.minimum(low[at + 1], close[at])
    made = replace(path, close=close, high=high, low=low, volume=volume)
    settings = Settings(replications=500, placebo_draws=0)
    found = study_events([Prepared(made)], [Events(at, np.ones(600))], seed=1, horizons=["1h"], settings=settings)
    for target in ("volatility", "range", "volume"):
        assert found.cell(target, "1h").effect.low > 0.3
    assert not found.cell("return_bps", "1h").effect.excludes(0.0)
    assert not found.cell("liquidations", "1h").effect.excludes(0.0)


def test_the_same_seed_gives_the_same_digits_and_another_only_another_interval() -> None:
    path = Prepared(walk(2, 4000))
    events = Events(np.arange(100, 3900, 17), np.ones(224))
    one, again, other = (study_events([path], [events], seed=s, horizons=["4h"], settings=FEW) for s in (1, 1, 2))
    a, b, c = (study.cell("return_bps", "4h") for study in (one, again, other))
    assert (a.effect, a.band, a.p_value) == (b.effect, b.band, b.p_value)
    assert a.effect.value == c.effect.value
    assert (a.effect.low, a.band) != (c.effect.low, c.band)


def test_no_outcome_reaches_across_a_hole_or_beyond_the_end() -> None:
    path = walk(4, 500, holes=True)
    prepared = Prepared(path)
    for target in TARGETS:
        outcome = prepared.outcome(target, 4)
        assert np.isnan(outcome[246:250]).all()
        assert np.isnan(outcome[-4:]).all()
        assert np.isfinite(outcome[225:240]).all()
    assert (prepared.conditions(4).cell[250:274] == -1).all()


def test_outcomes_do_not_read_before_their_bar_nor_conditions_after_it() -> None:
    path = walk(6, 800)
    cut = 600
    changed = replace(
        path,
        high=np.where(np.arange(800) > cut, path.high * 2, path.high),
        close=np.where(np.arange(800) > cut, path.close * 2, path.close),
    )
    a, b = Prepared(path), Prepared(changed)
    for name in ("sigma", "to_high", "to_low", "bar_range", "mean_volume"):
        np.testing.assert_array_equal(getattr(a.surroundings, name)[: cut + 1], getattr(b.surroundings, name)[: cut + 1])
    np.testing.assert_array_equal(a.outcome("range", 4)[: cut - 3], b.outcome("range", 4)[: cut - 3])
    assert a.outcome("return_bps", 4)[cut] != b.outcome("return_bps", 4)[cut]


def test_too_few_events_have_an_estimate_without_an_interval_that_says_why() -> None:
    path = Prepared(walk(2, 4000))
    none = study_events([path], [Events(np.zeros(0, np.int64), np.zeros(0))], seed=0, horizons=["1h"], settings=FEW)
    cell = none.cell("return_bps", "1h")
    assert cell.effect.n == 0
    assert cell.effect.note == "0 events on fewer than three days"
    assert np.isnan(cell.p_value)


def test_an_event_belongs_to_the_bar_whose_close_could_still_be_traded() -> None:
    path = walk(1, 50)
    stamp = int(path.known_ts[10])
    found = events_at(path, [stamp, stamp + 1, stamp + HOUR, path.known_ts[-1] + 1], [1, 1, -1, 1])
    assert found.at.tolist() == [10, 11]
    assert found.sign.tolist() == [1.0, 0.0]


def test_horizons_that_the_bars_cannot_show_are_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"5m is not measured on these bars. Choose from: 1h, 4h, 12h, 1d, 3d"):
        study_events([Prepared(walk(1, 50))], [Events(np.array([5]), np.ones(1))], seed=0, horizons=["5m"])
    paths = [Prepared(walk(1, 50)), Prepared(walk(1, 50, step=DAY))]
    with pytest.raises(UserError, match="bars of one length"):
        study_events(paths, [Events(np.array([5]), np.ones(1))] * 2, seed=0)


@given(st.lists(st.integers(0, 300), max_size=60, unique=True), st.integers(1, 50))
def test_thinned_events_keep_their_distance_and_none_could_be_added(at: list[int], gap: int) -> None:
    bars = np.array(sorted(at), np.int64)
    kept = bars[thin(bars, gap)]
    assert (np.diff(kept) >= gap).all()
    for one in bars:
        assert one in kept or (0 < one - kept[kept < one][-1] < gap)


@given(st.lists(st.integers(0, 99), max_size=20), st.integers(0, 30))
def test_clear_moments_are_those_without_an_event_in_themselves_and_just_before(at: list[int], clearance: int) -> None:
    expected = [not any(0 <= i - e <= clearance for e in at) for i in range(100)]
    assert clear_of(np.array(at, np.int64), 100, clearance).tolist() == expected


def test_dense_events_shrink_the_clearance_until_a_quarter_of_the_moments_is_left() -> None:
    usable = np.ones(1000, np.bool_)
    grid, clearance = candidates(np.arange(0, 1000, 10), usable, 24)
    assert clearance == 6  # 24 and 12 leave nothing; 6 leaves 3 of 10
    assert grid.mean() == pytest.approx(0.3, abs=0.005)


def test_the_band_of_random_moments_is_as_wide_as_the_spread_of_a_mean() -> None:
    rng = np.random.default_rng(0)
    pools = [rng.standard_normal(5000) * 3.0, rng.standard_normal(5000)]
    drawn = placebo_means(pools, [np.ones(60), -np.ones(40)], 4000, rng)
    assert drawn.std() == pytest.approx(np.sqrt(60 * 9.0 + 40) / 100, rel=0.05)
    assert abs(drawn.mean()) < 0.05
