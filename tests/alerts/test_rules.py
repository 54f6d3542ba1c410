"""Answers: by hand, from rows made by hand; the definitions stand in docs/definitions/alerts.md."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.stats import spearmanr

from alerts.worlds import BTC, HOUR, T0, hours, step, table, told, watch
from perpscope.alerts.rule import Context, rules
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.units import AggressorSide, Direction, PositionSide
from perpscope.features.liquidation.tracking import ClusterEvent
from perpscope.features.session.opening_range import OpeningRangeEvent
from perpscope.features.session.opens import OpenName
from perpscope.features.structure.breaks import BreakKind
from perpscope.market.claims import ClaimEvent
from perpscope.market.structure import Extreme
from perpscope.market.zones import ZoneEvent
from perpscope.setups.signal import SignalEvent

# sigma of a year such that one sigma of four hours is exactly 1 %
SIGMA = 0.01 / math.sqrt(4 / (365 * 24))


def approach(closes: list[float], extra: list[dict[str, Any]] | None = None) -> dict[str, Table]:
    """A cluster of longs at 97 to 98 from hour 1 on; a close each hour."""
    cluster = {"at": 1, "id": 7, "event": ClusterEvent.OPENED, "side": PositionSide.LONG, "price_low": 97.0, "price_high": 98.0,
               "notional": 5e6, "side_fraction": 0.3}  # fmt: skip
    return {
        "liquidation_clusters@1h": table("liquidation_clusters", cluster, *(extra or [])),
        "position_flows@1h": table("position_flows", *({"at": k + 1, "close": c} for k, c in enumerate(closes))),
        "liquidation_outlook@1h": table("liquidation_outlook", {"at": 1, "sigma_annual": SIGMA}),
    }


def test_an_approach_is_told_once_and_again_after_price_has_been_away() -> None:
    """98 is the near edge; 98.98 is 1 sigma (1 %) away, 99.5 is 1.52, 99.2 is 1.22."""
    closes = [105.0, 98.95, 98.5, 99.2, 98.9, 99.5, 98.9]
    found = told("cluster_approach", approach(closes))
    assert hours(found) == [2, 7]
    assert found[0].facts["distance_sigma"] == pytest.approx(math.log(98.95 / 98.0) / 0.01)
    assert "97 to 98" in found[0].sentence


def test_an_approach_to_a_cluster_that_is_gone_or_small_is_not_told() -> None:
    gone = [{"at": 2, "id": 7, "event": ClusterEvent.DISSOLVED, "side": PositionSide.LONG}]
    assert told("cluster_approach", approach([105.0, 98.5], gone)) == []
    assert told("cluster_approach", approach([105.0, 98.5]), min_notional=6e6) == []
    assert len(told("cluster_approach", approach([105.0, 98.5]), min_notional=5e6)) == 1


def test_shorts_above_are_approached_from_below_and_inside_is_no_distance() -> None:
    tables = approach([96.0, 96.5, 97.5])
    tables["liquidation_clusters@1h"] = tables["liquidation_clusters@1h"].with_columns(side=[int(PositionSide.SHORT)])
    (alert,) = told("cluster_approach", tables)
    assert (hours([alert]), alert.facts["position_side"]) == ([2], "short")
    tables["position_flows@1h"] = table("position_flows", {"at": 1, "close": 97.5})
    assert told("cluster_approach", tables)[0].facts["distance_sigma"] == 0.0


def test_without_a_volatility_nothing_is_near() -> None:
    tables = approach([98.5])
    tables["liquidation_outlook@1h"] = table("liquidation_outlook")
    assert told("cluster_approach", tables) == []


def test_a_swept_cluster_comes_with_what_was_expected_and_what_was_reported() -> None:
    swept = {"at": 3, "id": 7, "event": ClusterEvent.SWEPT, "side": PositionSide.LONG, "price_low": 97.0, "price_high": 98.0,
             "swept_notional": 2e6}  # fmt: skip
    bins = [
        {"at": 3, "side": PositionSide.LONG, "quantity": 8.0, "realised": 30.0},
        {"at": 3, "side": PositionSide.LONG, "quantity": 4.0, "realised": 30.0},
        {"at": 3, "side": PositionSide.SHORT, "quantity": 9.0, "realised": 1.0},
    ]
    tables = {
        "liquidation_clusters@1h": table("liquidation_clusters", swept),
        "liquidation_sweeps@1h": table("liquidation_sweeps", *bins),
    }
    (alert,) = told("cluster_swept", tables)
    assert (alert.facts["predicted"], alert.facts["realised"], alert.facts["swept_notional"]) == (12.0, 30.0, 2e6)
    assert told("cluster_swept", tables, min_notional=3e6) == []
    tables["liquidation_sweeps@1h"] = tables["liquidation_sweeps@1h"].with_columns(realised=[math.nan] * 3)
    assert "reported unknown" in told("cluster_swept", tables)[0].sentence


def test_a_map_that_ranks_backwards_has_lost_its_skill_until_it_recovers() -> None:
    good = [{"at": k, "side": 1, "quantity": float(k), "realised": float(k)} for k in range(1, 21)]
    bad = [{"at": 20 + k, "side": 1, "quantity": float(k), "realised": float(-k)} for k in range(1, 31)]
    again = [{"at": 50 + k, "side": 1, "quantity": float(k), "realised": float(k)} for k in range(1, 31)]
    worse = [{"at": 80 + k, "side": 1, "quantity": float(k), "realised": float(-k)} for k in range(1, 31)]
    rows = good + bad + again + worse
    found = told("map_skill", {"liquidation_sweeps@1h": table("liquidation_sweeps", *rows)}, window=20, n_min=20)
    expected, armed = [], True
    for end in range(20, len(rows)):
        pairs = rows[end - 20 : end]
        skill = spearmanr([r["quantity"] for r in pairs], [r["realised"] for r in pairs]).statistic
        armed = armed or skill > 0.15
        if armed and skill < 0.0:
            expected.append(float(rows[end]["at"]))
            armed = False
    assert hours(found) == expected
    assert len(expected) == 2


def test_a_map_is_not_judged_where_no_liquidations_are_reported() -> None:
    rows = [{"at": k, "side": 1, "quantity": float(k), "realised": math.nan} for k in range(1, 60)]
    assert told("map_skill", {"liquidation_sweeps@1h": table("liquidation_sweeps", *rows)}, window=20, n_min=20) == []


def test_absorption_tells_the_event_that_was_asked_for() -> None:
    claim = {"id": 3, "aggressor_side": AggressorSide.SELL, "bottom": 99.0, "top": 100.0, "volume": 12.0}
    rows = table(
        "absorption", {"at": 1, "event": ClaimEvent.OPENED, **claim}, {"at": 2, "event": ClaimEvent.CONFIRMED, **claim}
    )
    (alert,) = told("absorption", {"absorption": rows})
    assert (hours([alert]), alert.facts["aggressor"]) == ([2], "selling")
    assert hours(told("absorption", {"absorption": rows}, event="opened")) == [1]
    assert told("absorption", {"absorption": rows}, min_volume=13.0) == []


def test_a_stack_is_told_when_it_opens_high_enough() -> None:
    rows = table(
        "stacked_imbalance",
        {"at": 1, "id": 1, "event": ZoneEvent.OPENED, "direction": Direction.UP, "count": 3},
        {"at": 2, "id": 2, "event": ZoneEvent.OPENED, "direction": Direction.DOWN, "count": 5},
        {"at": 3, "id": 2, "event": ZoneEvent.TOUCHED, "direction": Direction.DOWN, "count": 5},
    )
    assert hours(told("imbalance_stack", {"stacked_imbalance@1h": rows})) == [1, 2]
    assert [a.facts["side"] for a in told("imbalance_stack", {"stacked_imbalance@1h": rows}, min_count=4)] == ["sellers"]


def test_breaks_are_chosen_by_kind_and_displacement() -> None:
    rows = table(
        "breaks",
        {"at": 1, "id": 1, "kind": BreakKind.INITIAL, "direction": Direction.UP, "level": 100.0},
        {"at": 2, "id": 2, "kind": BreakKind.BREAK_OF_STRUCTURE, "direction": Direction.UP, "level": 101.0, "displaced": True},
        {"at": 3, "id": 3, "kind": BreakKind.CHANGE_OF_CHARACTER, "direction": Direction.DOWN, "level": 99.0},
    )
    assert hours(told("structure_break", {"breaks@1h": rows})) == [2, 3]
    assert hours(told("structure_break", {"breaks@1h": rows}, displaced=True)) == [2]
    assert hours(told("structure_break", {"breaks@1h": rows}, kinds=["change_of_character"])) == [3]
    with pytest.raises(UserError, match="change_of_character"):
        watch("structure_break", kinds=["change_of_caracter"])


def test_only_the_sessions_that_were_asked_for_open() -> None:
    session = schema_member("opens", "session")
    rows = table(
        "opens",
        {"at": 1, "name": OpenName.DAY, "session": session["ASIA"], "price": 100.0},
        {"at": 2, "name": OpenName.SESSION, "session": session["LONDON"], "price": 101.0},
        {"at": 3, "name": OpenName.SESSION, "session": session["SYDNEY"], "price": 102.0},
    )
    assert hours(told("session_open", {"opens@1h": rows})) == [2]
    assert hours(told("session_open", {"opens@1h": rows}, sessions=["sydney"])) == [3]


def test_sweeps_of_ranges_and_of_pools() -> None:
    session = schema_member("opening_ranges", "session")
    ranges = table(
        "opening_ranges",
        {"at": 1, "id": 1, "event": OpeningRangeEvent.BROKEN, "session": session["LONDON"], "minutes": 30, "side": Extreme.LOW},
        {"at": 2, "id": 1, "event": OpeningRangeEvent.SWEPT, "session": session["LONDON"], "minutes": 30, "side": Extreme.HIGH,
         "high": 110.0, "low": 100.0},
    )  # fmt: skip
    (alert,) = told("session_sweep", {"opening_ranges@5m": ranges})
    assert (alert.facts["price"], alert.facts["side"]) == (110.0, "high")
    assert told("session_sweep", {"opening_ranges@5m": ranges}, minutes=60) == []
    source = schema_member("sweeps", "source")
    pools = table(
        "sweeps",
        {"at": 1, "pool_id": 1, "side": Extreme.LOW, "price": 99.0, "depth_atr": 0.5, "source": source["SWING"]},
        {"at": 2, "pool_id": 2, "side": Extreme.HIGH, "price": 101.0, "depth_atr": 0.1, "source": source["EQUAL"]},
    )
    assert hours(told("liquidity_sweep", {"sweeps@1h": pools}, sources=["swing"])) == [1]
    assert hours(told("liquidity_sweep", {"sweeps@1h": pools}, min_depth=0.2)) == [1]


def test_funding_must_leave_the_edge_before_it_is_told_again() -> None:
    ranks = [0.5, 0.98, 0.99, 0.95, 0.99, 0.85, 0.97, math.nan, 0.01, 0.02, 0.2, 0.03]
    rows = table("funding_state", *({"at": k, "percentile": r, "funding_rate_8h": 1e-4} for k, r in enumerate(ranks)))
    assert hours(told("funding_extreme", {"funding_state": rows})) == [1, 6, 8, 11]


def test_open_interest_must_calm_down_before_it_is_told_again() -> None:
    zs = [0.1, 4.5, 5.0, 3.0, 4.1, -1.0, -4.2, 1.0, 9.0]
    rows = table(
        "open_interest_delta",
        *({"at": k, "z": z, "delta": z, "delta_fraction": z / 100, "quarantined": k == 8} for k, z in enumerate(zs)),
    )
    found = told("open_interest_extreme", {"open_interest_delta@1h": rows})
    assert hours(found) == [1, 6]
    assert "fell" in found[1].sentence


def test_a_signal_is_told_when_it_opens_with_enough_score() -> None:
    rows = table(
        "zone_retest",
        {
            "at": 1,
            "id": 1,
            "event": SignalEvent.OPENED,
            "position_side": PositionSide.SHORT,
            "entry": 100.0,
            "stop": 101.0,
            "score": -2.0,
        },
        {"at": 2, "id": 1, "event": SignalEvent.TRIGGERED, "position_side": PositionSide.SHORT, "score": -2.0},
        {
            "at": 3,
            "id": 2,
            "event": SignalEvent.OPENED,
            "position_side": PositionSide.LONG,
            "entry": 100.0,
            "stop": 99.0,
            "score": 0.5,
        },
    )
    assert hours(told("signal", {"zone_retest@1h": rows})) == [1, 3]
    (alert,) = told("signal", {"zone_retest@1h": rows}, min_score=1.0)
    assert "short at 100, stop 101, score -2.00" in alert.sentence
    assert told("signal", {"zone_retest@1h": rows}, setups=["squeeze"]) == []


def test_a_silence_is_told_once_and_a_new_one_again() -> None:
    one = watch("stale_feed", after="10s")
    second = 1_000_000_000

    def said(now: int, **stale: int) -> list[str]:
        context = Context(T0 + now * second, {channel: T0 + since * second for channel, since in stale.items()})
        return [str(a.facts["channel"]) for a in one.step(BTC, step({}), context)]

    assert said(5, trades=0) == []
    assert said(10, trades=0) == ["trades"]
    assert said(60, trades=0, books=55) == []
    assert said(66, books=55) == ["books"]
    assert said(90, trades=70, books=55) == ["trades"]


def test_every_rule_of_the_issue_is_there_with_words_and_a_definition() -> None:
    wanted = {
        "cluster_approach", "cluster_swept", "absorption", "imbalance_stack", "structure_break", "session_open",
        "funding_extreme", "open_interest_extreme", "signal", "stale_feed", "map_skill", "liquidity_sweep", "session_sweep",
    }  # fmt: skip
    assert set(rules()) == wanted
    for kind, rule in rules().items():
        assert rule.title
        assert "Definition:" in (rule.__doc__ or ""), kind
        assert rule.live_only or rule().nodes()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("cluster_approach", {"sigma": 2.0, "leave": 1.0}),
        ("funding_extreme", {"high": 0.8, "leave_high": 0.9}),
        ("open_interest_extreme", {"z": 1.0, "leave": 2.0}),
        ("map_skill", {"floor": 0.5, "recover": 0.1}),
        ("map_skill", {"window": 20, "n_min": 40}),
        ("cluster_approach", {"horizon": "soon"}),
        ("structure_break", {"frame": "7m"}),
        ("absorption", {"event": "gone"}),
        ("signal", {"setups": ["squeze"]}),
        ("session_open", {"sessions": ["tokio"]}),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_in_a_sentence(kind: str, settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"\.$"):
        watch(kind, **settings)


def schema_member(fold: str, column: str) -> dict[str, int]:
    from alerts.worlds import schema_of

    enum = schema_of(fold).by_name[column].enum
    assert enum is not None
    return {member.name: int(member) for member in enum}


def test_a_frame_narrows_a_rule_to_its_nodes() -> None:
    rows = table("breaks", {"at": 1, "id": 1, "kind": BreakKind.CHANGE_OF_CHARACTER, "direction": Direction.UP, "level": 100.0})
    both = {"breaks@1h": rows, "breaks@4h": rows}
    assert len(told("structure_break", both)) == 2
    assert len(told("structure_break", both, frame="4h")) == 1
    assert watch("structure_break", frame="4h").config.nodes() == ("breaks@4h",)


def test_the_cooldown_counts_by_subject_and_by_the_time_of_the_market() -> None:
    rows = table(
        "breaks",
        *({"at": k / 4, "id": k, "kind": BreakKind.CHANGE_OF_CHARACTER, "level": 100.0,
           "direction": Direction.DOWN if k == 2 else Direction.UP} for k in range(1, 7)),
    )  # fmt: skip
    one = watch("structure_break", cooldown="30m")
    found = one.step(BTC, step({"breaks@1h": rows}), Context())
    assert [(a.ts - T0) * 60 // HOUR for a in found] == [15, 30, 45, 75]
    assert one.held_back["r"] == 2
