"""A closed bar of a stream or of a REST answer, as the values of a row of `bars`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from perpscope.venues.door import Values

_NAN = math.nan


class Candle(NamedTuple):
    """What venues say of a bar: prices, volume in base units, and where they know them the volume of aggressive buyers
    and the number of trades (NaN where they do not)."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    buy_volume: float = _NAN
    trade_count: float = _NAN


def values(ref_ts: int, frame_ns: int, candle: Candle) -> Values:
    """The row of a bar that opened at `ref_ts` and is known when it closes.

    The volume of sellers is what is left, rounded to the decimals that both volumes were printed with, by the same rule as
    in archives (`lake.sources.rows`), so that a bar has the same values whichever way it came.

    Example:
        >>> values(0, 60, Candle(1.0, 2.0, 0.5, 1.5, 0.3, 0.1, 4.0))[1:9]
        (60, 1.0, 2.0, 0.5, 1.5, 0.3, 0.1, 0.2)
    """
    rest = max(candle.volume - candle.buy_volume, 0.0) if candle.buy_volume == candle.buy_volume else _NAN
    rounded = float(np.round(rest, 9))
    sells = rounded if abs(rounded - rest) <= 1e-9 * max(candle.volume, 1.0) else rest
    return (
        ref_ts, ref_ts + frame_ns, candle.open, candle.high, candle.low, candle.close, candle.volume, candle.buy_volume,
        sells, candle.trade_count, _NAN, _NAN, True,
    )  # fmt: skip
