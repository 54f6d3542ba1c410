"""The calibrated map in a market whose every position is known (W1): a short form of benchmarks/liquidation_truth.py.

The answers are the market's own books. The mix is learned on nine days, frozen, and judged on the nine days after. One
seed and few days: the limits are wider than those of the long form, whose figures stand in docs/results/liquidation_truth.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from perpscope.core.batch import Batch
from perpscope.core.time import DAY, HOUR
from perpscope.core.units import PositionSide
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.features.liquidation.bands import forced_bands, units_of
from perpscope.features.liquidation.exposure import ExposureEntry
from perpscope.features.liquidation.mix import LEVERAGES, PRIOR, TIERS
from perpscope.research.calibration.bands import bootstrap_mix
from perpscope.research.calibration.calibrate import ladder_mix
from perpscope.research.calibration.cells import Cells
from perpscope.research.calibration.mlem import MixFit, MixOptions, fit_mix
from perpscope.research.calibration.replay import FilterSettings, run_filter, sweep
from perpscope.research.calibration.scores import score_cells
from perpscope.research.calibration.study import Study
from perpscope.stats.clusters import cluster_mean
from perpscope.synthetic import SyntheticMarket, simulate, world

DAYS, WARM, LEARN = 26, 8, 9
SETTINGS = FilterSettings(flow_fraction=0.7, spread=0.0, bin_bps=10.0)


@dataclass(frozen=True)
class Learned:
    market: SyntheticMarket
    study: Study
    mid: int
    train: Cells
    test: Cells
    fit: MixFit


@pytest.fixture(scope="module")
def learned() -> Learned:
    market = simulate(world("W1", seed=2, days=DAYS))
    given = {"trade": market.tables["trade"], "gap": market.tables["gap"]}
    bars = collect(Graph(market.instrument, ["bars"], {"trade"}, "5m"), [Batch(market.truth.end_ts, given)])["bars@5m"]
    begin = market.truth.start_ts
    start, mid, end = begin + WARM * DAY, begin + (WARM + LEARN) * DAY, int(bars["known_ts"][-1])
    tables = {"bars@5m": bars, **{n: market.tables[n] for n in ("open_interest", "mark_bars@1m")}}
    totals, events = market.tables["liquidation_totals@5m"], market.tables["liquidation"]
    study = Study(
        market.instrument, tables, "5m", "5m", begin, start, end, totals[totals["ref_ts"] >= start],
        events[events["exchange_ts"] >= start], "5m",
    )  # fmt: skip
    cells = sweep(study, SETTINGS).cells()
    train, test = cells.between(start, mid), cells.between(mid, end)
    return Learned(market, study, mid, train, test, fit_mix(train, PRIOR, MixOptions(strength=50.0)))


def test_out_of_sample_the_learned_mix_tells_how_much_dies_and_the_fixed_ladder_many_times_too_much(learned):
    reported = learned.test.realised.sum()
    assert 0.8 < learned.fit.expected(learned.test).sum() / reported < 1.25
    assert (learned.test.exposure @ np.array(ladder_mix()[1:])).sum() / reported > 5.0


def test_out_of_sample_the_learned_mix_beats_swept_length_the_ladder_and_equal_tiers(learned):
    mine = score_cells(learned.fit, learned.train, learned.test)
    day = learned.test.day[learned.test.window_of]
    fixed = MixOptions(strength=1e9, dispersion=learned.fit.dispersion)
    for mix in ((1.0, *[0.0] * TIERS), ladder_mix(), (0.5, *[0.5 / TIERS] * TIERS)):
        theirs = score_cells(fit_mix(learned.train, mix, fixed), learned.train, learned.test)
        assert cluster_mean(mine - theirs, day, rng=np.random.default_rng(0)).low > 0.0


@pytest.mark.parametrize("tiers", [(40, 50), (75, 100)])
def test_what_died_at_each_leverage_that_price_reached_every_day_is_recovered(learned, tiers):
    """Nine days say little about 20x: the long form finds it within a fifth."""
    cells, weights = learned.train, learned.fit.weights
    rate = cells.exposure * weights[cells.side]
    whole = rate.sum(axis=1) + learned.fit.background * cells.background
    told = (np.divide(rate, whole[:, None], out=np.zeros_like(rate), where=whole[:, None] > 0.0)).T @ cells.realised
    rows = learned.market.truth.liquidations
    inside = (rows["ts"] >= learned.study.start) & (rows["ts"] < learned.mid) & np.isin(rows["leverage"], tiers)
    assert told[np.isin(LEVERAGES, tiers)].sum() == pytest.approx(rows["quantity"][inside].sum(), rel=0.25)


def test_bands_hold_the_quantity_that_really_stands_there(learned):
    """90% bands by distance, every twelve hours of the test days, against the market's own levels."""
    draws = bootstrap_mix(learned.train, learned.fit, np.random.default_rng(1), 60).weights
    rows = run_filter(learned.study, SETTINGS.folds("5m", refresh_hours=12))
    rows = rows[rows["entry"] == ExposureEntry.CELL]
    bars = learned.study.tables["bars@5m"]
    held = tried = 0
    for at in range(learned.mid + 12 * HOUR, learned.study.end, 12 * HOUR):
        known = rows[: int(np.searchsorted(rows.clock, at, side="right"))]
        _, last = np.unique((known["bin"] * 4 + known["side"])[::-1], return_index=True)
        now, levels = known[len(known) - 1 - last], learned.market.truth.levels_at(at)
        mark = bars["close"][np.searchsorted(bars.clock, at, side="right") - 1]
        away = np.abs(np.log(np.sqrt(now["price_low"] * now["price_high"]) / mark))
        apart = np.abs(np.log(levels["liquidation_price"] / mark))
        for side in PositionSide:
            for near, far in ((0.0025, 0.005), (0.005, 0.01), (0.01, 0.02), (0.02, 0.05)):
                there = (now["side"] == side) & (away >= near) & (away < far)
                true = levels["quantity"][(levels["side"] == side) & (apart >= near) & (apart < far)].sum()
                units = units_of(now[there]).sum(axis=0)[None, :]
                low, high = forced_bands(
                    units, draws[:, side - 1], learned.train.event_quantity, learned.fit.dispersion, (0.05, 0.95)
                )[0]
                held, tried = held + int(low <= true <= high), tried + 1
    assert tried >= 100
    assert 0.80 < held / tried < 0.99
