"""Volume and, in a pane of its own because it is so much smaller, delta."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.report import palette
from perpscope.report.panes.canvas import TimeAxis, compact, draw_columns, nothing


def summed(table: Table, columns: tuple[str, ...], frame: Timeframe) -> dict[str, Any]:
    """Sums of columns over candles of a longer frame; NaN where every part is absent."""
    if not len(table):
        return {name: np.empty(0) for name in ("start", "end", *columns)}
    group = table["ref_ts"] // frame.ns
    first = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    last = np.concatenate([first[1:], [len(table)]]) - 1
    out: dict[str, Any] = {"start": table["ref_ts"][first], "end": table["known_ts"][last]}
    for name in columns:
        values = table[name]
        sums = np.add.reduceat(np.nan_to_num(values), first)
        seen = np.add.reduceat(~np.isnan(values), first)
        out[name] = np.where(seen > 0, sums, np.nan)
    return out


def draw_volume(axis: Any, time: TimeAxis, bars: Table, frame: Timeframe) -> None:
    """Base units traded per candle."""
    whole = summed(bars, ("volume",), frame)
    draw_columns(axis, time.x(whole["start"]), time.x(whole["end"]), whole["volume"], palette.VOLUME)
    axis.set_ylim(bottom=0)
    axis.yaxis.set_major_formatter(lambda value, _: compact(value))


def draw_delta(axis: Any, time: TimeAxis, delta: Table | None, frame: Timeframe) -> None:
    """Aggressive buys minus sells per candle: green when buyers pushed, red when sellers did."""
    parts = None if delta is None else summed(delta, ("delta",), frame)
    if parts is None or not np.isfinite(parts["delta"]).any():
        nothing(axis, "no taker volume in the data: nobody can say who pushed")
        return
    colours = np.where(parts["delta"] >= 0, palette.BUY, palette.SELL)
    draw_columns(axis, time.x(parts["start"]), time.x(parts["end"]), parts["delta"], colours, 4)
    axis.axhline(0, color=palette.MUTED, linewidth=0.7, zorder=5)
    axis.yaxis.set_major_formatter(lambda value, _: compact(value))
