"""Weights of the confluence from a lake: learned walk-forward, every re-estimate dated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from perpscope.core.batch import cut
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import Timeframe, format_ts, parse_span, parse_ts
from perpscope.engine.graph import Graph
from perpscope.lake import Lake, Source
from perpscope.setups.confluence import Confluence
from perpscope.setups.learning import METHODS, learn_weights
from perpscope.setups.weights import Weights

Progress = Callable[[str, float, float], None]
CHUNK_ROWS = 200_000


@dataclass(frozen=True)
class Learning:
    """What to learn from and how often.

    Definition: weights come into force at `start` + `first`, then every `every`, and at `end`. Each is learned from what was
    settled before it, of at most `train` before it (empty: of everything since `start`). The outcome is a higher close
    `horizon` bars later.
    """

    venue: str
    symbol: str
    start: str
    end: str
    timeframe: str = "1h"
    horizon: int = 24
    first: str = "180d"
    every: str = "30d"
    train: str = ""
    method: str = "ridge"
    ridge: float = 10.0
    warmup: str = "60d"

    def __post_init__(self) -> None:
        Timeframe.parse(self.timeframe)
        if self.horizon < 1:
            raise UserError(f"An outcome lies at least one bar ahead, not {self.horizon}.")
        if self.method not in METHODS:
            raise UserError(f"Weights are learned by {' or '.join(METHODS)}, not by '{self.method}'.")
        if not self.ridge > 0.0:
            raise UserError("A ridge is a number above zero; 10 shrinks weights towards nothing as ten rows would.")
        if parse_ts(self.start) + parse_span(self.first) > parse_ts(self.end):
            raise UserError(
                f"The first weights would come into force {self.first} after {self.start}, beyond the end {self.end}. Choose a "
                "shorter --first or a longer span."
            )

    @property
    def edges(self) -> list[int]:
        """When weights come into force.

        Example:
            >>> spans = dict(first="10d", every="20d")
            >>> [format_ts(e)[:10] for e in Learning("v", "s", "2024-01-01", "2024-02-15", **spans).edges]
            ['2024-01-11', '2024-01-31', '2024-02-15']
        """
        end, step = parse_ts(self.end), parse_span(self.every)
        marks = list(range(parse_ts(self.start) + parse_span(self.first), end, step))
        return [*marks, end]


def learn_from(lake: Lake, wanted: Learning, progress: Progress | None = None) -> list[Weights]:
    """Run the confluence over the history with equal weights, and learn a schedule of weights from its parts.

    Raises:
        UserError: if the lake has no bars of the span, or nothing is settled before the first weights.
    """
    start, end = parse_ts(wanted.start), parse_ts(wanted.end)
    frame = Timeframe.parse(wanted.timeframe).name
    source = lake.source(wanted.venue, wanted.symbol, start=start - parse_span(wanted.warmup), end=end)
    graph = Graph(source.instrument, [], source.offered, frame)
    keys = graph.require("bars", frame), graph.require_fold(Confluence(Confluence.Params(), frame))
    bars, votes = (table[table.clock > start] for table in _run(graph, source, keys, progress))
    if len(votes) < 2:
        raise UserError(
            f"The data of {wanted.venue} {wanted.symbol} holds {len(votes)} {frame} bars between {format_ts(start)} and "
            f"{format_ts(end)}: nothing can be learned from them."
        )
    return learn_weights(
        votes, bars, wanted.edges, frame=frame, horizon_bars=wanted.horizon, method=wanted.method, ridge=wanted.ridge,
        train_span=parse_span(wanted.train) if wanted.train else None,
    )  # fmt: skip


def _run(graph: Graph, source: Source, keys: tuple[str, ...], progress: Progress | None) -> list[Table]:
    pieces = max(1, source.rows // CHUNK_ROWS)
    clocks = [int(table.clock[0]) for table in source.tables.values() if len(table)]
    first = min(clocks, default=source.end)
    (whole,) = iter(source)
    found: dict[str, list[Table]] = {key: [] for key in keys}
    for done, batch in enumerate(cut(whole, [first + (source.end - first) * k // pieces for k in range(1, pieces)])):
        if progress is not None:
            progress("evidence", done, pieces)
        step = graph.step(batch)
        for key in keys:
            found[key].append(step.rows[key] if key in step.rows else batch[key])
    return [Table.concat(found[key]) for key in keys]
