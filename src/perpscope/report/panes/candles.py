"""Price: pale candles, pooled into whole longer bars where a single bar would be thinner than a pixel or two."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection

from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, Timeframe
from perpscope.report import palette
from perpscope.report.panes.canvas import TimeAxis

MOST = 480
"""Candles that fit the picture with a body one can see."""

_LENGTHS = (5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR, DAY, 7 * DAY)


def candle_frame(frame: Timeframe, span: int) -> Timeframe:
    """The length of one drawn candle: the report's frame, or the shortest whole multiple of it that fits.

    Example:
        >>> candle_frame(Timeframe.parse("1h"), 14 * DAY).name, candle_frame(Timeframe.parse("5m"), 14 * DAY).name
        ('1h', '1h')
    """
    for ns in (frame.ns, *_LENGTHS):
        if ns >= frame.ns and ns % frame.ns == 0 and span // ns <= MOST:
            return _named(ns)
    return _named(_LENGTHS[-1])


def pooled(bars: Table, frame: Timeframe) -> dict[str, Any]:
    """Bars as candles of a longer frame: open, high, low, close and the times they really cover.

    A candle begins with its first bar and ends with its last one, so a hole inside stays visible.
    """
    if not len(bars):
        return {name: np.empty(0) for name in ("start", "end", "open", "high", "low", "close")}
    group = bars["ref_ts"] // frame.ns
    first = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    last = np.concatenate([first[1:], [len(bars)]]) - 1
    return {
        "start": bars["ref_ts"][first],
        "end": bars["known_ts"][last],
        "open": bars["open"][first],
        "high": np.maximum.reduceat(bars["high"], first),
        "low": np.minimum.reduceat(bars["low"], first),
        "close": bars["close"][last],
    }


def draw_candles(axis: Any, time: TimeAxis, bars: Table, frame: Timeframe) -> None:
    """Wicks and bodies with a dark rim, which keeps them apart from the brightest heat."""
    candle = pooled(bars, frame)
    if not len(candle["start"]):
        return
    left, right = time.x(candle["start"]), time.x(candle["end"])
    middle, half = (left + right) / 2, (right - left) * 0.36
    up = candle["close"] >= candle["open"]
    colours = np.where(up, palette.CANDLE_UP, palette.CANDLE_DOWN)
    bottom, top = np.minimum(candle["open"], candle["close"]), np.maximum(candle["open"], candle["close"])
    flat = top - bottom < (candle["high"].max() - candle["low"].min()) * 6e-4
    top = np.where(flat, bottom + (candle["high"].max() - candle["low"].min()) * 6e-4, top)
    wicks: Any = np.stack([np.column_stack([middle, candle["low"]]), np.column_stack([middle, candle["high"]])], axis=1)
    xs = np.column_stack([middle - half, middle + half, middle + half, middle - half])
    ys = np.column_stack([bottom, bottom, top, top])
    axis.add_collection(LineCollection(wicks, colors=palette.GROUND, linewidths=2.4, zorder=9, capstyle="butt"), autolim=False)
    axis.add_collection(LineCollection(wicks, colors=colours, linewidths=1.1, zorder=10, capstyle="butt"), autolim=False)
    bodies: Any = np.stack([xs, ys], axis=2)
    drawn = PolyCollection(bodies, facecolors=colours, edgecolors=palette.GROUND, linewidths=0.5, zorder=11)
    axis.add_collection(drawn, autolim=False)


def _named(ns: int) -> Timeframe:
    for unit, letter in ((7 * DAY, "w"), (DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if ns % unit == 0:
            return Timeframe(ns, f"{ns // unit}{letter}")
    return Timeframe(ns, f"{ns // 1_000_000_000}s")
