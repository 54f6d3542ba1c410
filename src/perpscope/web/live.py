"""The live loop's listeners that make a page and alerts of its steps, and the graphs that both are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from perpscope.alerts.alert import Alert as Told
from perpscope.alerts.center import AlertCenter
from perpscope.alerts.rule import Context
from perpscope.core.batch import Batch
from perpscope.core.events import stream_schema
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.engine.graph import Graph, Step
from perpscope.lake import Source
from perpscope.report.folds import graph_of
from perpscope.report.mix import SHIPPED
from perpscope.web.history import mix_of
from perpscope.web.stream.publisher import Publisher
from perpscope.web.wire import Alert, FeedState


def live_graph(instrument: Instrument, streams: frozenset[str], frame: str, source: Source | None) -> Graph:
    """Every fold that these streams can feed, with the settings of the page.

    Raises:
        UserError: if bars of the frame cannot be made from what is recorded.
    """
    tables: dict[str, Table] = {stream: stream_schema(stream).empty() for stream in sorted(streams)}
    if source is not None:
        tables |= {stream: table for stream, table in source.tables.items() if stream in streams}
    settings = SHIPPED.settings if source is None else mix_of(source, Timeframe.parse(frame)).settings
    graph, _ = graph_of(instrument, tables, frame, settings)
    return graph


class PageListener:
    """Steps to the page."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher

    def opened(self, graph: Graph, rows: Mapping[str, Table], streams: Mapping[str, Table]) -> None:
        self.publisher.open(graph, rows, streams)

    def stepped(self, graph: Graph, step: Step, batch: Batch) -> None:
        self.publisher.publish(graph, step, batch)


class AlertListener:
    """Steps to the rules; what they find goes to its sinks and to the page. `stale` gives the channels that are silent."""

    def __init__(
        self, center: AlertCenter, publisher: Publisher | None, now: Callable[[], int], stale: Callable[[], Mapping[str, int]]
    ) -> None:
        self.center, self.publisher, self.now, self.stale = center, publisher, now, stale

    def opened(self, graph: Graph, rows: Mapping[str, Table], streams: Mapping[str, Table]) -> None:
        """Rules learn what lives from the past of a graph; of what it holds only the last minutes can be news."""
        self._show(self.center.catch_up(graph.instrument, rows, graph.watermark_ts))

    def stepped(self, graph: Graph, step: Step, batch: Batch) -> None:
        self._show(self.center.step(graph.instrument, step, Context(self.now(), self.stale())))

    def _show(self, found: list[Told]) -> None:
        for told in found:
            if self.publisher is not None:
                self.publisher.alert(page_alert(told))


def page_alert(told: Told) -> Alert:
    """An alert as the page shows it."""
    known_ms = told.ts / 1e6
    return Alert(
        rule=told.rule, title=told.kind, text=told.sentence, known_ms=known_ms, number=0, venue=told.venue, symbol=told.symbol
    )


def feed_states(status: list[dict[str, Any]]) -> list[FeedState]:
    """The recorder's status as the page's chip reads it; a channel that never spoke has no age (None)."""
    return [
        FeedState(
            venue=venue["venue"],
            channel=channel["channel"],
            age_ms=None if channel["age_ms"] is None else float(channel["age_ms"]),
            state=channel["state"],
        )
        for venue in status
        for channel in venue["channels"]
    ]
