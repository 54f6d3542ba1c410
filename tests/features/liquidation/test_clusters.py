"""Clusters. Answers: a hand-made life of one heap (opened, grown, touched, swept); rows of the map itself."""

from __future__ import annotations

import numpy as np
import pytest

from features.liquidation.worlds import START, bars, instrument, interest, random_tables, run
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.clusters import ClusterParams, LiquidationClusters
from perpscope.features.liquidation.exposure import ExposureParams, LiquidationExposure
from perpscope.features.liquidation.flows import FlowParams, PositionFlows
from perpscope.features.liquidation.mix import TIERS
from perpscope.features.liquidation.tracking import OVER, ClusterEvent

ALL_TEN = tuple(1.0 if k == 6 else 0.0 for k in range(TIERS + 1))


def clusters(tables: dict, params: ClusterParams | None = None, mix: ExposureParams | None = None, **options) -> Table:
    folds = (
        PositionFlows(FlowParams(flow_fraction=1.0, taker_weight=0.5), "1h"),
        LiquidationExposure(mix or ExposureParams(mix=ALL_TEN, spread=0.0), "1h"),
        LiquidationClusters(params, "1h"),
    )
    return run(instrument(rates=(0.004,)), tables, *folds, **options)["liquidation_clusters"]


def life(close: list[float], low: list[float] | None = None, volume: list[float] | None = None) -> Table:
    low = low or close
    high = [max(a, b) for a, b in zip(low, close)]
    table = bars(low, high, close, volume or [20.0] * len(close))
    rows = clusters({"bars": table, "open_interest": interest([100.0] * len(close))})
    return rows[rows["side"] == PositionSide.LONG]


def events(rows: Table) -> list[str]:
    return [ClusterEvent(e).name for e in rows["event"].tolist()]


def test_a_heap_is_opened_grows_and_is_swept_when_price_falls_through_it():
    # 10 longs of 10x entered at 1000 break at 903.6; more of the same; then price falls to 900 in one bar
    rows = life([1000.0, 1000.0, 1000.0, 1000.0, 950.0], [1000.0, 1000.0, 1000.0, 1000.0, 900.0])
    assert events(rows)[:3] == ["OPENED", "GROWN", "GROWN"]
    first = rows[rows["id"] == rows["id"][0]]
    assert events(first)[-2:] == ["TOUCHED", "SWEPT"]
    assert first["price_low"][0] < 903.6 < first["price_high"][0]
    assert first["quantity"][0] == pytest.approx(10.0)
    assert first["notional"][0] == pytest.approx(9036.0, rel=1e-3)
    assert first["distance"][0] == pytest.approx(np.log(first["price_high"][0] / 1000.0))
    assert first["swept_notional"][-1] == pytest.approx(first["notional"][-3], rel=0.01)
    assert (first["first_ts"] == START + 2 * HOUR).all()
    assert first["leverage"][0] == 10.0


def test_a_heap_that_its_owners_leave_fades_and_two_heaps_are_told_apart():
    # entries at 1000, then at 1040 (3.9% away, so the breaks are apart too); the first is closed away bar by bar
    rows = life([1000.0] * 3 + [1040.0] * 14)
    openings = rows[rows["event"] == ClusterEvent.OPENED]
    assert len(np.unique(openings["id"])) == 2
    first = rows[rows["id"] == openings["id"][0]]
    assert "FADED" in events(first)
    assert first["notional"][-1] < first["notional"][1]


def test_only_touching_does_not_end_a_cluster():
    # a wide heap (entries 1000 to 1060), price dips into its upper part only
    table = bars([1000.0, 1000.0, 1000.0, 940.0], [1060.0] * 4, [1055.0, 1055.0, 1055.0, 1000.0], [20.0] * 4)
    rows = clusters({"bars": table, "open_interest": interest([100.0] * 4)})
    mine = rows[(rows["side"] == PositionSide.LONG) & (rows["id"] == rows["id"][rows["side"] == PositionSide.LONG][0])]
    assert "TOUCHED" in events(mine)
    assert "SWEPT" not in events(mine)
    assert mine["swept_notional"][-1] > 0.0


def test_a_hole_of_more_than_a_day_expires_every_cluster():
    table = bars([1000.0] * 40, [1000.0] * 40, [1000.0] * 40, [20.0] * 40)
    keep = [*range(5), *range(35, 40)]
    rows = clusters({"bars": table[keep], "open_interest": interest([100.0] * 40)[keep]})
    ended = rows[rows["event"] == ClusterEvent.EXPIRED]
    assert len(ended) == 2
    assert set(ended["side"].tolist()) == {1, 2}


def test_every_cluster_opens_once_and_says_nothing_after_its_end():
    rows = clusters(random_tables(3, 300, volatility=0.01), mix=ExposureParams())
    assert len(rows) > 100
    for one in np.unique(rows["id"]):
        story = rows[rows["id"] == one]
        names = events(story)
        assert names[0] == "OPENED"
        assert names.count("OPENED") == 1
        assert not set(story["event"][:-1].tolist()) & set(OVER)
        assert names.count("TOUCHED") <= 1
        assert (story["price_low"] < story["price_high"]).all()
        assert len(set(story["side"].tolist())) == 1


def test_clusters_hold_what_the_map_holds_between_their_edges():
    tables = random_tables(4, 120, volatility=0.01)
    folds = (PositionFlows(frame="1h"), LiquidationExposure(frame="1h"), LiquidationClusters(frame="1h"), "liquidation_heatmap")
    out = run(instrument(), tables, *folds)
    heat, rows = out["liquidation_heatmap"], out["liquidation_clusters"]
    opened = rows[rows["event"] == ClusterEvent.OPENED]
    for i in range(0, len(opened), 7):
        known = heat[(heat["known_ts"] <= opened["known_ts"][i]) & (heat["side"] == opened["side"][i])]
        last = {b: j for j, b in enumerate(known["bin"].tolist())}
        low, high = opened["price_low"][i] * (1 - 1e-9), opened["price_high"][i] * (1 - 1e-9)
        inside = [j for j in last.values() if low <= known["price_low"][j] < high]
        assert known["notional"][inside].sum() == pytest.approx(opened["notional"][i], rel=1e-9)


def test_wrong_parameters_are_refused_with_a_sentence():
    with pytest.raises(UserError, match="min_fraction"):
        LiquidationClusters(ClusterParams(min_fraction=0.001))
