"""Answers by hand, and the law of truncation over every level of a made market."""

from __future__ import annotations

import math

import numpy as np
import pytest

from laws.market import START, made_market
from perpscope.core.events import BARS
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, NULL_TS
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.features.session.levels import LEVELS
from perpscope.features.structure.fair_value_gap import FAIR_VALUE_GAPS
from perpscope.features.structure.liquidity_pool import POOLS
from perpscope.market.levels import level_schema
from perpscope.mtf.level_map import level_map
from perpscope.mtf.level_sources import READERS, round_numbers

AT = 40 * HOUR


def made(schema, **columns):
    n = len(next(iter(columns.values())))
    for c in schema.columns:
        if c.unit in ("enum", "flag"):
            columns.setdefault(c.name, np.ones(n, c.dtype))
        elif c.dtype == "int64" and c.unit == "count":
            columns.setdefault(c.name, np.ones(n, np.int64))
    return Table.filled(schema, **columns)


def bars(closes):
    close = np.asarray(closes, float)
    ref = HOUR * np.arange(len(close), dtype=np.int64)
    whole = np.ones(len(close), bool)
    return Table.filled(
        BARS, ref_ts=ref, known_ts=ref + HOUR, open=close, high=close + 1, low=close - 1, close=close, complete=whole
    )


ROWS = {
    # a swing high at 10250 known in hour 10, and one at 9600 that was swept in hour 30
    "pools@1h": made(
        POOLS,
        ref_ts=[5, 6, 6],
        known_ts=np.array([10, 12, 30]) * HOUR,
        id=[1, 2, 2],
        event=[1, 1, 3],
        price=[10250.0, 9600.0, 9600.0],
    ),
    # a gap 10240..10260 that resists, known in hour 20
    "fair_value_gaps@4h": made(
        FAIR_VALUE_GAPS,
        ref_ts=[15 * HOUR],
        known_ts=[20 * HOUR],
        id=[7],
        event=[1],
        direction=[2],
        bottom=[10240.0],
        top=[10260.0],
    ),
    # the high of yesterday at 10245, valid until the next day ends; that of the day before is over
    "levels@1h": made(
        LEVELS,
        ref_ts=[-24 * HOUR, 0],
        known_ts=[0, 24 * HOUR],
        price=[9000.0, 10245.0],
        valid_from=[0, DAY],
        valid_to=[DAY, 2 * DAY],
    ),
    "naked_poc": made(level_schema("naked_poc"), ref_ts=[0], known_ts=[HOUR], id=[3], event=[1], price=[9900.0]),
}


def levels(at=AT, price=10100.0, sigma=0.02, closes=None, **more):
    return level_map(ROWS, bars(closes if closes is not None else [10100.0] * 40), at, price, sigma, **more)


def test_what_coincides_stands_first_and_is_named():
    found = levels()
    top = found[0]
    assert top.families == 2
    group = [x for x in found if x.group == 1]
    assert {x.name for x in group} == {"swing high", "fair value gap (resistance)", "previous day high"}
    assert set(top.coincides) == {"previous day high", "swing high 1h"}
    assert [x.rank for x in found] == list(range(1, len(found) + 1))
    assert top.name == "fair value gap (resistance)"  # its edge is the nearest of the group


def test_distance_is_to_the_near_edge_in_daily_sigma():
    gap = next(x for x in levels() if x.name.startswith("fair value"))
    assert gap.price == 10240.0
    assert gap.distance_fraction == pytest.approx(10240 / 10100 - 1)
    assert gap.distance_sigma == pytest.approx(math.log(10240 / 10100) / 0.02)
    inside = next(x for x in levels(price=10250.0) if x.name.startswith("fair value"))
    assert (inside.distance_fraction, inside.price) == (0.0, 10250.0)


def test_only_what_is_alive_at_the_moment_is_a_level():
    assert 9600.0 not in [x.price for x in levels()]  # swept in hour 30
    assert 9600.0 in [x.price for x in levels(at=25 * HOUR)]
    assert not any(x.name.startswith("fair value") for x in levels(at=19 * HOUR))
    days = [x.price for x in levels(sigma=0.05) if x.name == "previous day high"]
    assert days == [10245.0]  # the one of the day before is over


def test_first_seen_and_last_touched():
    closes = [10100.0] * 40
    closes[25] = 10249.0
    (pool,) = [x for x in levels(closes=closes) if x.name == "swing high"]
    assert (pool.first_seen, pool.last_touched) == (10 * HOUR, 26 * HOUR)
    closes[25] = 10100.0
    closes[5] = 10249.0  # before it was known
    (pool,) = [x for x in levels(closes=closes) if x.name == "swing high"]
    assert pool.last_touched == NULL_TS


def test_out_of_reach_is_left_out_and_without_sigma_distances_are_unknown():
    assert all(abs(x.distance_sigma) <= 1.0 for x in levels(reach_sigma=1.0))
    unknown = levels(sigma=math.nan)
    assert all(math.isnan(x.distance_sigma) for x in unknown)
    assert unknown


def test_a_ladder_of_levels_does_not_become_one_group():
    ladder = made(level_schema("naked_poc"), ref_ts=np.zeros(9), known_ts=np.ones(9), id=np.arange(9), event=np.ones(9),
                  price=10000.0 + 15 * np.arange(9))  # fmt: skip
    rows = {"naked_poc": ladder}
    found = level_map(rows, bars([9000.0] * 3), AT, 10060.0, 0.02, tolerance_sigma=0.1)
    spread = [[x.price for x in found if x.group == g] for g in {x.group for x in found}]
    assert all(math.log(max(s) / min(s)) <= 0.002 for s in spread)


def test_round_numbers_scale_with_the_price():
    assert [c.low for c in round_numbers(0.0123, 0.05)] == [0.012]
    assert [c.low for c in round_numbers(2450.0, 0.05)] == [2400.0, 2500.0]


@pytest.mark.parametrize("hours", [120, 301, 470])
def test_nothing_after_the_moment_changes_the_map(hours):
    market = made_market(1)
    names = sorted(set(READERS) - {"liquidation_clusters", "average_stack"})
    graph = Graph(market.instrument, [*names, "average_stack"], set(market.tables), "1h")
    at = START + hours * HOUR
    maps = []
    for part in (market, market.until(at)):
        rows = collect(Graph(market.instrument, [*names, "average_stack"], set(market.tables), "1h"), [part.batch()])
        price = float(part.until(at).tables["bars@1h"]["close"][-1])
        maps.append(level_map(rows, part.tables["bars@1h"], at, price, 0.05))
    assert maps[0] == maps[1]
    assert {x.family for x in maps[0]} >= {"structure", "session", "profile", "vwap", "round"}
    assert len(graph.nodes) > 10
