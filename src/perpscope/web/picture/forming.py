"""The bar that is still forming, from what is finer than it."""

from __future__ import annotations

import numpy as np

from perpscope.core.events import stream_frame, stream_kind
from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.web.picture.known import Picture
from perpscope.web.wire import Candle


def forming_candle(picture: Picture) -> Candle | None:
    """The running bar at the moment of the picture: from its trades, else from the finest bars closed within it.

    None at its own open, where nothing finer is recorded, and where nothing was traded yet.
    """
    results = picture.results
    start = results.frame.floor(results.at)
    if start == results.at:
        return None
    trades = results.recorded.get("trade")
    if trades is not None:
        now = trades.between(start - 1, results.at)
        if len(now):
            prices = now["price"]
            return _candle(start, float(prices[0]), prices, prices, float(prices[-1]), float(now["quantity"].sum()))
    finer = _finest(results.recorded, results.frame.ns)
    if finer is None:
        return None
    now = finer.between(start, results.at)
    if not len(now):
        return None
    return _candle(start, float(now["open"][0]), now["high"], now["low"], float(now["close"][-1]), float(now["volume"].sum()))


def _finest(recorded: object, frame_ns: int) -> Table | None:
    tables: dict[str, Table] = dict(recorded) if isinstance(recorded, dict) else {}
    names = [s for s in tables if stream_kind(s) == "bars" and Timeframe.parse(str(stream_frame(s))).ns < frame_ns]
    return tables[min(names, key=lambda s: Timeframe.parse(str(stream_frame(s))).ns)] if names else None


def _candle(start: int, first: float, highs: np.ndarray, lows: np.ndarray, last: float, volume: float) -> Candle:
    return Candle(ref_ms=start / 1e6, open=first, high=float(highs.max()), low=float(lows.min()), close=last, volume=volume)
