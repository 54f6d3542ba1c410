"""A listener that keeps every row, as a page would."""

from __future__ import annotations

from collections.abc import Mapping

from perpscope.core.batch import Batch
from perpscope.core.table import Table
from perpscope.engine.graph import Graph, Step


class Keeper:
    def __init__(self) -> None:
        self.parts: dict[tuple[str, str], list[Table]] = {}
        self.watermarks: list[int] = []

    def opened(self, graph: Graph, rows: Mapping[str, Table], streams: Mapping[str, Table]) -> None:
        for key, table in rows.items():
            self.parts[graph.frame, key] = [table]

    def stepped(self, graph: Graph, step: Step, batch: Batch) -> None:
        self.watermarks.append(step.watermark_ts)
        for key, table in step.rows.items():
            self.parts[graph.frame, key].append(table)

    def rows(self, frame: str, key: str) -> Table:
        return Table.concat(self.parts[frame, key])
