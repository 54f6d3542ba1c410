"""Rows as layers of a frame: each fold's own columns, and what was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from perpscope.core.events import BARS
from perpscope.core.fold import FoldSpec
from perpscope.core.table import Table, row_schema
from perpscope.web.frames import Arrays, place_table
from perpscope.web.picture.catalogue import CANDLES, HEATS, LADDER, RECORDED, TRADES, estimated, spec_of
from perpscope.web.picture.footprint import coarser
from perpscope.web.picture.known import Picture, grid
from perpscope.web.picture.ladder import ladder_rows
from perpscope.web.picture.rows import MOST_ROWS, newest_rows, window_rows
from perpscope.web.wire import Layer

MOST_TRADES = 500
MOST_FORCED = 2_000
_UNITS = "unit_"
"""Columns of exposure per leverage tier: hundreds of numbers a row that only a tooltip reads, over HTTP."""

CANDLE = row_schema(CANDLES, *(c for c in BARS.columns[2:] if c.name not in ("trade_count", "min_delta", "max_delta")))
"""A candle's `known_ts` is its close, so it is not sent."""


def place_layers(arrays: Arrays, picture: Picture, names: Sequence[str], after: int | None = None) -> Iterator[Layer]:
    """The layers called `names` that have rows: those of the window, or with `after` those that became known since.

    A name at another frame ("average_stack@4h") is found too. Candles of a window lie on the grid, NaN where one is missing.
    """
    start = picture.results.window.start
    for name in names:
        if name == CANDLES:
            yield _placed(arrays, CANDLES, candles(picture, after), 0, picture.results.frame.name, fine=True)
        elif name in RECORDED:
            table, dropped = newest_rows(*_recorded(picture, name, after))
            # A book that broke is told as an empty one, else the old one would stay on the page.
            if len(table) or (name == LADDER and after is not None):
                yield _placed(arrays, name, table, dropped, None, fine=True)
        elif name.partition("@")[0] not in HEATS:
            key = key_of(picture, name)
            spec = None if key is None else spec_of(key)
            if key is None or spec is None:
                continue
            rows = picture.results.rows[key]
            rows = window_rows(rows, spec, start) if after is None else rows.between(after, picture.at)
            table, dropped = newest_rows(coarser(rows, MOST_ROWS) if spec.shape == "footprint" else rows)
            if len(table):
                yield _placed(arrays, key, table, dropped, key.partition("@")[2] or None, spec)


def key_of(picture: Picture, name: str) -> str | None:
    """The node that a layer's name means: at the picture's own frame unless another is named; None if it did not run."""
    rows = picture.results.rows
    for key in (name, f"{name}@{picture.results.frame.name}"):
        if key in rows:
            return key
    return None


def candles(picture: Picture, after: int | None = None) -> Table:
    """Closed bars of the window on its grid, or those known since `after`; missing ones are NaN."""
    results = picture.results
    bars = results.bars
    if after is not None:
        new = bars.between(after, picture.at)
        return Table(CANDLE, {name: new[name] for name in CANDLE.names}, len(new))
    opens = grid(results.window, results.frame.ns)
    bars = bars[(bars["ref_ts"] >= results.window.start) & (bars.clock <= picture.at)]
    place = np.searchsorted(opens, bars["ref_ts"])
    fits = place < len(opens)
    fits[fits] = opens[place[fits]] == bars["ref_ts"][fits]
    columns = {}
    for column in CANDLE.columns[2:]:
        values = np.full(len(opens), np.nan if column.dtype == "float64" else 0, column.dtype)
        values[place[fits]] = bars[column.name][fits]
        columns[column.name] = values
    return Table.of(CANDLE, ref_ts=opens, known_ts=opens + results.frame.ns, **columns)


def _recorded(picture: Picture, name: str, after: int | None) -> tuple[Table, int]:
    """Rows of a stream drawn as it is, and the most of them to send."""
    if name == LADDER:
        return ladder_rows(picture), MOST_TRADES
    if name == TRADES:
        found, most = picture.results.stream("trade"), MOST_TRADES
    else:
        found, most = picture.results.stream("liquidation"), MOST_FORCED
        if found is None:
            found = picture.results.stream("liquidation_totals")
    if found is None:
        return CANDLE.empty(), most
    return (found if after is None else found.between(after, picture.at)), most


def _placed(
    arrays: Arrays, key: str, table: Table, dropped: int, frame: str | None, spec: FoldSpec | None = None, fine: bool = False
) -> Layer:
    name = key.partition("@")[0]
    title, shape, pane = (spec.title, spec.shape, spec.pane) if spec else RECORDED[name]
    without = frozenset(c for c in table.schema.names if c.startswith(_UNITS) or (name == CANDLES and c == "known_ts"))
    columns = place_table(arrays, table, without, fine)
    return Layer(
        key=key, name=name, title=title, shape=shape, pane=pane, frame=frame, episodes=spec is not None and spec.episodes,
        estimated=estimated(name), rows=len(table), dropped=dropped, columns=columns, whole=name == LADDER,
    )  # fmt: skip
