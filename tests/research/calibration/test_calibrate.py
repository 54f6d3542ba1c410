"""Calibration end to end: a market with known positions, the recorded hours of BTC, and what is said when it cannot be."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.events import LIQUIDATION_TOTALS
from perpscope.core.time import DAY, parse_ts
from perpscope.research.calibration.artefact import read_artefact, write_artefact
from perpscope.research.calibration.calibrate import calibrate, calibrate_lake
from perpscope.research.calibration.feeds import FeedModel
from perpscope.research.calibration.study import load_study
from research.calibration.world import true_shares

GRID = (("bin_bps", (5.0, 10.0)), ("spread", (0.0, 0.5)), ("strength", (50.0, 200.0)))


@pytest.fixture(scope="module")
def learned(worlds):
    return calibrate(worlds[0].study(located=True), created_ts=7, grid=GRID, replications=20)


def test_a_calibration_says_what_it_learned_and_what_it_did_not(learned):
    status = {tier.tier: tier.status for tier in learned.tiers}
    assert status["never"] == status["2x"] == status["3x"] == "prior"
    assert status["100x"] == status["50x"] == status["40x"] == "learned"
    for tier in learned.tiers:
        assert (tier.effective_events >= 20.0) == (tier.status == "learned")
    assert any("Not learned, the prior stands: never, 2x, 3x" in note for note in learned.notes)
    assert learned.level == "absolute"
    assert learned.feed_model == "O3"
    assert np.array(learned.pi)[9:] == pytest.approx(true_shares()[9:], rel=0.35)


def test_every_trial_is_counted_and_the_curve_is_kept(learned):
    assert learned.trials == len(learned.profile) == 6
    for parameter, values in GRID:
        curve = [trial for trial in learned.profile if trial.parameter == parameter]
        assert [trial.value for trial in curve] == list(values)
        assert [trial.chosen for trial in curve].count(True) == 1
        assert min(curve, key=lambda trial: trial.deviance).chosen
        assert all(trial.n > 500 for trial in curve)


def test_the_learned_mix_beats_the_prior_and_the_ladder_on_weeks_it_has_not_seen(learned):
    skill = {number.name: number for number in learned.skill}
    for other in ("prior mix", "fixed ladder 10/25/50/100x"):
        gain = skill[f"gain over the {other}, nats per report"]
        assert gain.low > 0.0
        assert gain.n > 500
    level = skill["predicted / reported, learned mix"]
    assert 0.85 < level.value < 1.15
    assert skill["predicted / reported, fixed ladder 10/25/50/100x"].low > 1.3


def test_data_dates_and_likelihood_are_written_down(learned, worlds, tmp_path):
    again = read_artefact(write_artefact(learned, tmp_path))
    assert again.created_ts == 7
    assert {data.path for data in again.data} == {"bars@15m", "open_interest", "liquidation_totals@15m", "liquidation"}
    assert all(re.fullmatch("[0-9a-f]{64}", data.sha256) for data in again.data)
    assert again.known_ts == int(worlds[0].bars["known_ts"][-1])
    assert again.fit.likelihood == sorted(again.fit.likelihood)
    assert len(again.bootstrap) == 20
    assert sum(again.pi) == pytest.approx(1.0)


def test_the_same_data_and_seed_give_the_same_artefact(worlds):
    study = worlds[1].study(located=True)
    one, two = (calibrate(study, created_ts=7, grid=GRID[:1], replications=5) for _ in range(2))
    assert one == two


def test_too_few_days_and_no_liquidations_are_said_in_a_sentence(worlds):
    study = worlds[0].study()
    short = replace(study, start=study.end - 5 * DAY)
    with pytest.raises(UserError, match="Only 5 days of demo X"):
        calibrate(short, created_ts=0)
    with pytest.raises(UserError, match="no liquidations of demo X"):
        calibrate(replace(study, totals=LIQUIDATION_TOTALS.empty()), created_ts=0)
    silent = study.totals.with_columns(long_quantity=np.zeros(len(study.totals)), short_quantity=np.zeros(len(study.totals)))
    with pytest.raises(UserError, match="No liquidation of demo X is reported"):
        calibrate(replace(study, totals=silent), created_ts=0)


def test_recorded_hours_are_read_with_every_assumption_stated(recorded):
    study = load_study(recorded, "binance", "BTCUSDT")
    assert study.feed is FeedModel.O4
    assert study.interval == study.path == study.fine == "1h"
    said = " ".join(study.notes)
    assert "is that of bybit, times 1.15 to meet the first own value" in said
    assert "one event a second at most" in said
    assert "No mark price" in said
    assert study.start == parse_ts("2024-06-19T21:00Z")
    known = np.isfinite(study.reported).all(axis=1)
    assert known.sum() == 1446  # the recording misses 19 hours: absent, not zero
    alone = load_study(recorded, "binance", "BTCUSDT", warmup_interest="none")
    assert int(alone.tables["open_interest"].clock[0]) == parse_ts("2024-06-19T22:00Z")
    with pytest.raises(UserError, match="There is no instrument 'bybit ETHUSDT'"):
        load_study(recorded, "bybit", "ETHUSDT")


def test_a_sampled_feed_gives_a_relative_level_and_says_so(recorded):
    made = calibrate_lake(
        recorded, "binance", "BTCUSDT", created_ts=0, start=parse_ts("2024-07-15"), end=parse_ts("2024-08-10"),
        grid=(("flow_fraction", (0.35, 1.0)),), replications=10,
    )  # fmt: skip
    assert made.level == "relative"
    assert 0.02 < made.kap["short"] < made.kap["long"] < 0.3
    assert any(note.startswith("Relative level") for note in made.notes)
    skill = {number.name: number for number in made.skill}
    assert 0.4 < skill["predicted / reported, learned mix"].value < 2.5
    assert skill["predicted / reported, fixed ladder 10/25/50/100x"].low > 30.0


def test_the_weeks_that_judge_have_no_part_in_the_choice(worlds):
    """Reports of the weeks kept back are shuffled: parameters, their curve and u0 stay as they were; the figures do not."""
    study = worlds[2].study(located=True)
    one = calibrate(study, created_ts=7, grid=GRID[:2], replications=3)
    late = study.totals["ref_ts"] >= one.test_from
    order = np.arange(len(late))
    order[late] = np.random.default_rng(0).permutation(order[late])
    shuffled = study.totals.with_columns(
        long_quantity=study.totals["long_quantity"][order], short_quantity=study.totals["short_quantity"][order]
    )
    other = calibrate(replace(study, totals=shuffled), created_ts=7, grid=GRID[:2], replications=3)
    assert other.profile == one.profile
    assert other.params == one.params
    assert other.event_quantity == one.event_quantity
    assert one.search_from < one.test_from < one.test_to == one.train_to
    assert other.skill != one.skill


def test_a_calibrated_filter_runs_and_its_bands_hold_the_middle(learned, worlds):
    from perpscope.core.batch import Batch
    from perpscope.engine.graph import Graph
    from perpscope.engine.loop import collect
    from perpscope.features.liquidation.exposure import ExposureEntry
    from perpscope.research.calibration.apply import calibrated_filter, dollar_bands, prior_share

    study = worlds[0].study()
    with pytest.raises(UserError, match="became known"):
        calibrated_filter(learned, first_ts=study.begin)
    folds = calibrated_filter(learned, first_ts=study.begin, replay=True).folds(study.path)
    graph = Graph(study.instrument, list(folds), set(study.tables), study.path)
    rows = collect(graph, [Batch(study.end, dict(study.tables))])[f"liquidation_exposure@{study.path}"]
    cells = rows[(rows["entry"] == ExposureEntry.CELL) & (rows["liquidation"] > 0.0)][-500:]
    low, middle, high = dollar_bands(learned, cells).T
    said = cells["liquidation"] * np.sqrt(cells["price_low"] * cells["price_high"])
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert np.median(said / middle) == pytest.approx(1.0, abs=0.25)
    share = prior_share(learned, cells)
    wide = (high / low)[share > 0.9]
    assert ((share >= 0.0) & (share <= 1.0 + 1e-9)).all()
    assert np.median(wide) > np.median((high / low)[share < 0.1])
