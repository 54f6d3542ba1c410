"""The rules of a file over recorded history: what would have been told, had they run then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from perpscope.alerts.alert import Alert
from perpscope.alerts.config import AlertConfig
from perpscope.alerts.rule import Context
from perpscope.alerts.watch import Watch
from perpscope.core.errors import UserError
from perpscope.core.time import DAY
from perpscope.engine.graph import Graph
from perpscope.lake.reader import Lake

WARM_UP = 100 * DAY
"""Read before the first moment asked for, so that ranks and volatilities are known there."""

_STEP = 7 * DAY


@dataclass(frozen=True)
class Would:
    """What would have been told. `held_back`: findings that the cooldown kept, by rule. `refused`: why a rule could not look
    here, by rule; a rule looks with what there is of its nodes, and is refused if there is none."""

    alerts: tuple[Alert, ...]
    held_back: Counter[str]
    refused: dict[str, str]


def would_have_told(
    lake: Lake, config: AlertConfig, venue: str, symbol: str, frame: str, start: int, end: int,
    progress: Callable[[str, float, float], None] | None = None,
) -> Would:  # fmt: skip
    """Every alert with start <= ts <= end. Rules see steps of a week, which is the same as seeing each bar by itself.

    Raises:
        UserError: if the instrument is unknown or the range is empty.
    """
    if end <= start:
        raise UserError("The range ends before it begins. Swap --from and --to.")
    source = lake.source(venue, symbol, start=start - WARM_UP, end=end, step=_STEP)
    graph = Graph(source.instrument, [], source.offered, frame)
    refused: dict[str, str] = {}
    for watching in config.rules:
        if watching.rule.live_only:
            refused[watching.name] = "it speaks of the live feed only"
            continue
        if not watching.covers(venue, symbol):
            refused[watching.name] = f"its instruments do not name {venue}:{symbol}"
            continue
        reasons = [reason for node in watching.rule.nodes() if (reason := _require(graph, node))]
        if len(reasons) == len(watching.rule.nodes()):
            refused[watching.name] = reasons[0]
    watch = Watch(config)
    found: list[Alert] = []
    for batch in source:
        found += watch.step(source.instrument, graph.step(batch), Context())
        if progress is not None:
            progress("rules", max(0, batch.watermark_ts - source_start(source.start, start)), end - start + WARM_UP)
    return Would(tuple(alert for alert in found if alert.ts >= start), watch.held_back, refused)


def source_start(first: int | None, start: int) -> int:
    """Where the history that is read begins."""
    return start - WARM_UP if first is None else first


def _require(graph: Graph, node: str) -> str:
    """Ask the graph for a node; why it cannot have it, "" if it can."""
    name = node.partition("@")[0]
    try:
        if not graph.can_supply(node):
            return f"the lake has not what '{name}' needs"
        graph.require(node)
    except UserError as missing:
        return str(missing)
    return ""
