"""Does the bench say nothing where there is nothing, and see what is planted? Answers: how the small markets were made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perpscope.research.calibration.study import excursions
from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.conditions import regression
from perpscope.research.skill.judge import Bench
from perpscope.research.skill.maps import (
    geometry_tables,
    interest_only,
    learned_map,
    random_aggressor_tables,
)
from perpscope.research.skill.path import published_profile
from perpscope.research.skill.placing import placing
from perpscope.research.skill.protocol import protocol
from perpscope.research.skill.sample import Sample
from research.calibration.world import make_world
from research.skill.markets import study


def bench(one) -> Bench:
    return Bench(Sample(one, protocol()), DayBlocks(np.random.default_rng(0), 200, 0.95))


def test_reports_that_follow_the_path_alone_give_the_map_no_credit():
    """Forty days, three markets whose reports are the excursion times noise: on the regression the map must add nothing."""
    for seed in range(3):
        table = bench(study(seed, 45))
        sample = table.sample
        conditions = regression(sample)
        base = table.judge(conditions)
        added = table.judge(conditions, sample.log(learned_map(sample, protocol().settings, "1h").expected()))
        gain = table.gain(added, base)
        assert gain.low <= 0.0
        assert gain.value < 0.01


def test_a_condition_that_decides_the_reports_is_seen():
    def rule(rng, bars):
        hidden = rng.lognormal(0.0, 1.0, (len(bars), 2))
        rule.hidden = hidden
        return rng.gamma(0.7, 2000.0 * excursions(bars) * hidden + 0.1)

    one = study(9, 45, rule)
    table = bench(one)
    conditions = regression(table.sample)
    gain = table.gain(table.judge(conditions, np.log(rule.hidden)), table.judge(conditions))
    assert gain.low > 0.05


@pytest.fixture(scope="module")
def steady():
    """Known positions, opened evenly in time: geometry knows everything there."""
    return Sample(make_world(3, days=24).study(located=True, warmup_days=3), protocol())


@pytest.fixture(scope="module")
def spells():
    """Known positions, opened in spells: here volume says where they are."""
    return Sample(make_world(3, days=32, activity=1.5).study(located=True, warmup_days=3), protocol())


def test_where_volume_is_even_the_geometry_placebo_knows_as_much_as_the_map(steady):
    ours = learned_map(steady, protocol().settings, "15m")
    placebo = learned_map(steady, protocol().settings, "15m", geometry_tables(steady.study))
    one, two = ours.expected()[steady.test], placebo.expected()[steady.test]
    assert np.corrcoef(one, two)[0, 1] > 0.999


def test_where_volume_comes_in_spells_the_map_beats_geometry_and_the_regression(spells):
    table = Bench(spells, DayBlocks(np.random.default_rng(0), 200, 0.95))
    ours = table.judge(spells.log(learned_map(spells, protocol().settings, "15m").expected()))
    placebo = learned_map(spells, protocol().settings, "15m", geometry_tables(spells.study))
    assert table.gain(ours, table.judge(spells.log(placebo.expected()))).low > 0.0
    assert table.gain(ours, table.judge(regression(spells))).low > 0.0


def test_the_published_map_crossed_by_the_path_is_what_the_books_swept(spells):
    ours = learned_map(spells, protocol().settings, "15m")
    crossed = published_profile(spells, ours).crossed(spells.excursion)[spells.test]
    swept = ours.expected()[spells.test]
    assert crossed.sum() == pytest.approx(swept.sum(), rel=0.1)
    assert np.corrcoef(crossed, swept)[0, 1] > 0.97


def test_located_events_are_placed_better_than_by_swept_length(spells):
    found = placing(spells, learned_map(spells, protocol().settings, "15m"), DayBlocks(np.random.default_rng(0), 100, 0.95))
    assert not isinstance(found, str)
    assert found.gains["swept length"].low > 0.3
    assert found.gains["geometry placebo"].low > 0.0
    assert found.outside < 0.15


def test_without_single_events_the_sentence_says_so(steady):
    quiet = Sample(replace(steady.study, events=steady.study.events[:10]), protocol())
    said = placing(quiet, learned_map(quiet, protocol().settings, "15m"), DayBlocks(np.random.default_rng(0), 100, 0.95))
    assert said == "Not measurable on this data: 10 single liquidations with prices on 1 days; it takes 50 on 5."


def test_placebos_keep_what_they_must_and_change_what_they_should(steady):
    study_ = steady.study
    flat = geometry_tables(study_)
    assert np.ptp(flat["bars@15m"]["volume"]) == 0.0
    assert np.ptp(flat["open_interest"]["open_interest"]) == 0.0
    assert np.array_equal(flat["bars@15m"]["close"], study_.tables["bars@15m"]["close"])
    assert not any(name.startswith("liquidation_totals") for name in flat)
    swapped = random_aggressor_tables(study_, np.random.default_rng(0))["bars@15m"]
    assert np.array_equal(swapped["volume"], study_.tables["bars@15m"]["volume"])
    assert swapped["buy_volume"] + swapped["sell_volume"] == pytest.approx(swapped["volume"])
    assert interest_only(protocol().settings).flow_fraction < 0.01


def test_the_mix_of_a_week_has_not_seen_it(spells):
    totals, edge = spells.study.totals, spells.edges[-2]
    late = totals["ref_ts"] >= edge - 20 * 3600 * 10**9
    wild = totals.with_columns(long_quantity=np.where(late, 100.0, totals["long_quantity"]))
    other = Sample(replace(spells.study, totals=wild), protocol())
    settings = protocol().settings
    one, two = learned_map(spells, settings, "15m"), learned_map(other, settings, "15m")
    assert len(one.fits) == len(spells.edges) - 1
    assert np.array_equal(one.fits[-1].shares, two.fits[-1].shares)
