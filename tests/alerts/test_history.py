"""Answers: one law, on recorded data: what rules find does not depend on how history is cut, nor on a restart in the middle."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpscope.alerts.config import AlertConfig, config_of
from perpscope.alerts.history import would_have_told
from perpscope.alerts.rule import Context, rules
from perpscope.alerts.watch import Watch
from perpscope.core.time import DAY, HOUR, parse_ts
from perpscope.engine.graph import Graph
from perpscope.lake import Lake, import_files

FIRST, LAST = parse_ts("2024-08-01"), parse_ts("2024-08-10")


@pytest.fixture(scope="module")
def lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("alerts"))
    bars = shared_data / "bars"
    import_files(made, "bars-parquet", [bars / "binance_funding/BTCUSDT.parquet"], venue="binance", symbol="BTCUSDT")
    import_files(
        made, "coinalyze", sorted((bars / "coinalyze/1h").glob("BTCUSDT_*.parquet")), venue="binance", symbol="BTCUSDT"
    )
    return made


def config() -> AlertConfig:
    tables = {kind: {"kind": kind, "sinks": ["log"]} for kind in rules() if kind != "signal"}
    tables["signal"] = {"kind": "signal", "sinks": ["log"], "setups": ["cluster_sweep", "zone_retest"]}
    tables["map_skill"] |= {"n_min": 10, "window": 20, "floor": 0.3, "recover": 0.4}
    return config_of({"sink": {"log": {"kind": "log"}}, "rule": tables})


def found(lake: Lake, step: int, restart: bool = False) -> list[str]:
    source = lake.source("binance", "BTCUSDT", start=FIRST - 20 * DAY, end=LAST, step=step)
    nodes = [n for n in config().nodes() if n.partition("@")[0] not in ("absorption", "stacked_imbalance")]
    graph, watch = Graph(source.instrument, nodes, source.offered, "1h"), Watch(config())
    ids: list[str] = []
    for k, batch in enumerate(source):
        if restart and k % 5 == 4:
            frozen, watch = watch.freeze(), Watch(config())
            watch.thaw(frozen)
        ids += [alert.id for alert in watch.step(source.instrument, graph.step(batch), Context())]
    return ids


def test_rules_find_the_same_in_hours_in_weeks_and_after_restarts(lake: Lake) -> None:
    weeks = found(lake, 7 * DAY)
    assert len(weeks) > 50
    assert sorted(found(lake, 6 * HOUR, restart=True)) == sorted(weeks)


def test_history_lists_every_rule_that_could_look_and_why_others_could_not(lake: Lake) -> None:
    would = would_have_told(lake, config(), "binance", "BTCUSDT", "1h", FIRST, LAST)
    assert set(would.refused) == {"absorption", "imbalance_stack", "stale_feed"}
    spoken = {alert.rule for alert in would.alerts}
    assert {"cluster_approach", "cluster_swept", "structure_break", "session_open", "session_sweep", "signal"} <= spoken
    assert all(FIRST <= alert.ts <= LAST for alert in would.alerts)
    swept = [alert for alert in would.alerts if alert.rule == "cluster_swept"]
    assert any(alert.ts // DAY == parse_ts("2024-08-05") // DAY for alert in swept)  # the day the market fell
    assert all(alert.facts["swept_notional"] > 0 for alert in swept)
