"""The graph: folds ordered by their named inputs, driven one batch at a time into numbered steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import ProgrammerError, UserError, unknown_name
from perpscope.core.events import FRAMED, GAP, KINDS, stream_frame, stream_kind
from perpscope.core.fold import Fold, State
from perpscope.core.instrument import Instrument
from perpscope.core.state import freeze, thaw
from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.engine.catalogue import all_folds, fold_class
from perpscope.market.bars import BarsFromBars, BarsFromTrades

BEGINNING = int(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class Step:
    """What one batch brought: the new rows of every node, by node name."""

    number: int
    watermark_ts: int
    rows: Mapping[str, Table]


@dataclass
class Node:
    """A fold in its place: `feeds` pairs each declared input with the stream or node that supplies it."""

    key: str
    fold: Fold
    feeds: list[tuple[str, str]]
    state: State = field(default_factory=dict)


class Graph:
    """Folds for one instrument.

    `wanted` names folds ("swings"), folds at another frame ("average_trend@4h"), or ready made `Fold` objects.
    `offered` are the streams that the source has. Bars of a frame come from the venue's own bars of that frame,
    else from the finest bars that tile it, else from trades.

    Raises:
        UserError: if a name is unknown, or a needed stream is not offered.

    Example:
        >>> graph = Graph(Instrument("demo", "X"), [], {"trade"}, "1m")
        >>> graph.require("bars")
        'bars@1m'
    """

    def __init__(
        self,
        instrument: Instrument,
        wanted: Sequence[str | Fold],
        offered: Collection[str],
        frame: str,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.instrument = instrument
        self.frame = Timeframe.parse(frame).name
        self.offered = frozenset(offered)
        self.settings = {name: dict(values) for name, values in (settings or {}).items()}
        for name in self.settings:
            fold_class(name)
        self.nodes: dict[str, Node] = {}
        self.number = 0
        self.watermark_ts = BEGINNING
        self._building: list[str] = []
        for item in wanted:
            if isinstance(item, Fold):
                self.require_fold(item)
            else:
                self.require(item)

    def require(self, name: str, frame: str | None = None) -> str:
        """Make sure that `name` is supplied and return its key."""
        base, _, explicit = name.partition("@")
        wanted_frame = Timeframe.parse(explicit).name if explicit else (frame or self.frame)
        if base in KINDS:
            key = self._stream(base, wanted_frame, exact=bool(explicit))
            if key is not None:
                return key
            if base != "bars":
                raise UserError(
                    f"'{name}' is needed but the data has none. It has: {', '.join(sorted(self.offered)) or 'nothing'}."
                )
            return self._add(self._bars(wanted_frame), wanted_frame)
        if base not in all_folds():
            raise unknown_name("feature", base, all_folds())
        cls = fold_class(base)
        key = f"{base}@{wanted_frame}" if cls.spec.framed else base
        if key in self.nodes:
            return key
        return self._add(cls.with_settings(self.settings.get(base, {}), wanted_frame), wanted_frame)

    def require_fold(self, fold: Fold) -> str:
        """Make sure that a ready made fold is a node and return its key."""
        return self._add(fold, fold.frame or self.frame)

    def _stream(self, kind: str, frame: str, exact: bool) -> str | None:
        """The offered stream of a kind; framed kinds prefer the frame asked for, then (but for bars) the finest."""
        if kind == "gap":
            return "gap"
        if kind not in FRAMED:
            return kind if kind in self.offered else None
        if f"{kind}@{frame}" in self.offered:
            return f"{kind}@{frame}"
        if kind == "bars" or exact:
            return None
        others = [s for s in self.offered if stream_kind(s) == kind]
        return min(others, key=_stream_ns) if others else None

    def _bars(self, frame: str) -> Fold:
        length = Timeframe.parse(frame)
        children = [
            s for s in self.offered if stream_kind(s) == "bars" and _stream_ns(s) < length.ns and length.ns % _stream_ns(s) == 0
        ]
        if children:
            return BarsFromBars(child=str(stream_frame(max(children, key=_stream_ns))), frame=frame)
        if "trade" in self.offered:
            return BarsFromTrades(frame=frame)
        have = sorted(s for s in self.offered if stream_kind(s) == "bars")
        raise UserError(
            f"{frame} bars can be made neither from shorter bars nor from trades: the data has {', '.join(have) or 'no bars'}. "
            f"Choose a time frame that these bars tile, or import finer data."
        )

    def _add(self, fold: Fold, frame: str) -> str:
        key = f"{fold.spec.name}@{frame}" if fold.spec.framed else fold.spec.name
        if key in self.nodes:
            return key
        if key in self._building:
            raise ProgrammerError(f"Folds feed each other in a circle: {' -> '.join([*self._building, key])}.")
        self._building.append(key)
        feeds: list[tuple[str, str]] = []
        try:
            for declared in fold.inputs:
                name = declared.removesuffix("?")
                if not (declared.endswith("?") and not self.can_supply(name, frame)):
                    feeds.append((name, self.require(name, frame)))
        finally:
            self._building.pop()
        if "gap" not in dict(feeds):
            feeds.append(("gap", "gap"))
        self.nodes[key] = Node(key, fold, feeds, fold.start(self.instrument))
        return key

    def can_supply(self, name: str, frame: str | None = None) -> bool:
        """Whether an input could be supplied from what is offered (used for optional inputs, spelled "name?")."""
        base, _, explicit = name.partition("@")
        wanted_frame = explicit or frame or self.frame
        if base in KINDS:
            if self._stream(base, wanted_frame, exact=bool(explicit)) is not None:
                return True
            if base != "bars":
                return False
            length = Timeframe.parse(wanted_frame).ns
            finer = any(stream_kind(s) == "bars" and length % _stream_ns(s) == 0 for s in self.offered)
            return finer or "trade" in self.offered
        fold = fold_class(base).with_settings(self.settings.get(base, {}), wanted_frame)
        return all(i.endswith("?") or self.can_supply(i, wanted_frame) for i in fold.inputs)

    def step(self, batch: Batch) -> Step:
        """Drive one batch through every node, in order.

        Raises:
            ProgrammerError: if the batch does not follow the last one, or a fold emits rows that are out of
                order, of the past, or of the future.
        """
        if batch.watermark_ts < self.watermark_ts:
            raise ProgrammerError("A batch came whose watermark lies before the last one's.")
        tables: dict[str, Table] = dict(batch.tables)
        tables.setdefault("gap", GAP.empty())
        rows: dict[str, Table] = {}
        for key, node in self.nodes.items():
            given = {name: tables[source] if source in tables else self._absent(source) for name, source in node.feeds}
            if node.fold.spec.wakes == "rows" and not any(map(len, given.values())):
                new = node.fold.spec.output.empty()
            else:
                new = node.fold.fold(node.state, Batch(batch.watermark_ts, given))
                self._check(node, new, batch.watermark_ts)
            tables[key] = rows[key] = new
        self.number += 1
        self.watermark_ts = batch.watermark_ts
        return Step(self.number, batch.watermark_ts, rows)

    def _absent(self, source: str) -> Table:
        if stream_kind(source) in KINDS and source not in self.nodes:
            return KINDS[stream_kind(source)].empty()
        raise ProgrammerError(f"The graph has no node '{source}'.")

    def _check(self, node: Node, new: Table, watermark: int) -> None:
        if not len(new):
            return
        clock = new.clock
        if clock[0] <= self.watermark_ts or clock[-1] > watermark or (clock[1:] < clock[:-1]).any():
            raise ProgrammerError(
                f"{node.key} emitted rows that are out of order or outside the step: {clock[0]}..{clock[-1]} "
                f"in ({self.watermark_ts}, {watermark}]."
            )

    def freeze(self) -> bytes:
        """The states of all nodes, for a warm start."""
        return freeze(
            {"number": self.number, "watermark": self.watermark_ts, "nodes": {k: n.state for k, n in self.nodes.items()}}
        )

    def thaw(self, data: bytes) -> None:
        """Take over states frozen by a graph of the same nodes.

        Raises:
            DataError: if the bytes are damaged.
            UserError: if they belong to a graph of other nodes.
        """
        schemas = {node.fold.spec.output.name: node.fold.spec.output for node in self.nodes.values()}
        frozen = thaw(data, schemas)
        if frozen["nodes"].keys() != self.nodes.keys():
            raise UserError("The saved state belongs to another set of features; start again from history.")
        self.number, self.watermark_ts = frozen["number"], frozen["watermark"]
        for key, state in frozen["nodes"].items():
            self.nodes[key].state = state


def _stream_ns(stream: str) -> int:
    return Timeframe.parse(str(stream_frame(stream))).ns
