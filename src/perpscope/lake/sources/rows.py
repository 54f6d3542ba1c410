"""Columns of a source as tables of the house: what every preset builds its rows with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.events import (
    BARS,
    FUNDING,
    LIQUIDATION,
    LIQUIDATION_TOTALS,
    LONG_SHORT_RATIO,
    MARK_BARS,
    MARK_PRICE,
    OPEN_INTEREST,
    TRADE,
    LiquidationFeed,
    RatioKind,
)  # fmt: skip
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS, Timeframe
from perpscope.core.units import AggressorSide, PositionSide
from perpscope.lake import stamps
from perpscope.lake.coverage import ANY, Continuity
from perpscope.lake.sources.base import Floats, Times

Mask = npt.NDArray[np.bool_]

_FRAMES = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1w")


def absent(n: int) -> Floats:
    """A column of nothing."""
    return np.full(n, np.nan)


def never(n: int) -> Times:
    """A column of absent times."""
    return np.full(n, NULL_TS, np.int64)


def bars(
    ref: Times,
    frame: Timeframe,
    ohlcv: Mapping[str, Floats],
    buy_volume: Floats | None = None,
    trade_count: Floats | None = None,
) -> Table:
    """Bars of a source that knows no running delta; `known_ts` = open + frame."""
    n = len(ref)
    buy = absent(n) if buy_volume is None else buy_volume
    columns: dict[str, Any] = {name: ohlcv[name] for name in ("open", "high", "low", "close", "volume")}
    return Table.of(
        BARS, ref_ts=ref, known_ts=ref + frame.ns, **columns, buy_volume=buy, sell_volume=_rest(columns["volume"], buy),
        trade_count=absent(n) if trade_count is None else trade_count,
        min_delta=absent(n), max_delta=absent(n), complete=np.ones(n, np.bool_),
    )  # fmt: skip


def mark_bars(ref: Times, frame: Timeframe, ohlc: Mapping[str, Floats]) -> Table:
    """Mark price bars; `known_ts` = open + frame."""
    return Table.of(
        MARK_BARS, ref_ts=ref, known_ts=ref + frame.ns, **{name: ohlc[name] for name in ("open", "high", "low", "close")}
    )


def snapshots(ts: Times, open_interest: Floats, notional: Floats | None = None) -> Table:
    """Open interest at instants."""
    return Table.of(
        OPEN_INTEREST, exchange_ts=ts, receive_ts=never(len(ts)), open_interest=open_interest,
        open_interest_notional=absent(len(ts)) if notional is None else notional,
    )  # fmt: skip


def totals(ref: Times, frame: Timeframe, long: Floats, short: Floats) -> Table:
    """Sums of liquidations of a feed that shows one event a second, known at the end of their interval."""
    feed = np.full(len(ref), int(LiquidationFeed.TOTALS_CENSORED), np.int8)
    return Table.of(
        LIQUIDATION_TOTALS, ref_ts=ref, known_ts=ref + frame.ns, long_quantity=long, short_quantity=short, feed=feed
    )


def ratios(ref: Times, frame: Timeframe, kind: RatioKind, long: Floats, short: Floats) -> Table:
    """Shares of longs and shorts, known at the end of their interval."""
    kinds = np.full(len(ref), int(kind), np.int8)
    return Table.of(
        LONG_SHORT_RATIO, ref_ts=ref, known_ts=ref + frame.ns, ratio_kind=kinds, long_fraction=long, short_fraction=short
    )


def fundings(ts: Times, rate: Floats, interval: Times | None = None) -> Table:
    """Settlements; an interval that the source does not state is inferred from the stamps before."""
    if interval is None:
        order = np.argsort(ts, kind="stable")
        interval = np.empty_like(ts)
        interval[order] = stamps.intervals(ts[order])
    return Table.of(FUNDING, exchange_ts=ts, receive_ts=never(len(ts)), funding_rate=rate, funding_interval=interval)


def marks(ts: Times, mark: Floats, index: Floats | None = None, received: Times | None = None) -> Table:
    """Mark prices at instants."""
    return Table.of(
        MARK_PRICE, exchange_ts=ts, receive_ts=never(len(ts)) if received is None else received, mark_price=mark,
        index_price=absent(len(ts)) if index is None else index,
    )  # fmt: skip


def trades(
    ts: Times, price: Floats, quantity: Floats, is_buy: Mask, ids: Times | None = None, received: Times | None = None
) -> Table:
    """Public prints; `is_buy` tells the aggressor."""
    n = len(ts)
    return Table.of(
        TRADE, exchange_ts=ts, receive_ts=never(n) if received is None else received,
        trade_id=np.full(n, -1, np.int64) if ids is None else ids, price=price, quantity=quantity,
        aggressor_side=np.where(is_buy, int(AggressorSide.BUY), int(AggressorSide.SELL)),
    )  # fmt: skip


def liquidations(
    ts: Times, is_long: Mask, price: Floats, quantity: Floats, bankruptcy: Floats | None = None, received: Times | None = None
) -> Table:
    """Positions closed by force; `is_long` tells whose."""
    n = len(ts)
    return Table.of(
        LIQUIDATION, exchange_ts=ts, receive_ts=never(n) if received is None else received,
        position_side=np.where(is_long, int(PositionSide.LONG), int(PositionSide.SHORT)),
        bankruptcy_price=absent(n) if bankruptcy is None else bankruptcy, price=price, quantity=quantity,
    )  # fmt: skip


def frame_of(ts: Times, path: Path) -> Timeframe:
    """The commonest distance between rows, where it is a usual time frame.

    Raises:
        UserError: if it is not, or there are fewer than two rows.
    """
    steps = np.diff(np.sort(ts))
    steps = steps[steps > 0]
    if len(steps):
        values, counts = np.unique(steps, return_counts=True)
        commonest = int(values[np.argmax(counts)])
        for text in _FRAMES:
            if Timeframe.parse(text).ns == commonest:
                return Timeframe.parse(text)
    raise UserError(f"{path.name} does not tell how long its bars are. Name the time frame, such as 1h.")


def polled(origin: str, ts: Times, frame: Timeframe | None = None) -> tuple[str, Continuity]:
    """Origin and continuity of values read at a steady beat: more than a beat and a half without a value is a hole.

    Sources of different beat are different origins ('coinalyze-1h', 'coinalyze-5m'): each tells a stretch of time as a
    whole. The beat is the frame, else the usual time frame within a tenth of the middle distance of two rows.
    """
    if frame is None and len(ts) > 1:
        middle = int(np.median(np.diff(np.sort(ts))))
        near = [f for f in map(Timeframe.parse, _FRAMES) if abs(f.ns - middle) <= f.ns // 10]
        frame = near[0] if near else None
    if frame is None:
        return origin, ANY
    return f"{origin}-{frame}", Continuity("silence", frame.ns * 3 // 2)


def _rest(volume: Floats, buy: Floats) -> Floats:
    """Volume that was not bought: the difference, rounded to the decimals that both were printed with.

    Without the rounding 0.3 - 0.1 would be sold as 0.19999999999999998, which no venue printed.
    """
    rest = np.maximum(volume - buy, 0.0)
    with np.errstate(invalid="ignore"):
        rounded = np.round(rest, 9)
    return np.where(np.abs(rounded - rest) <= 1e-9 * np.maximum(volume, 1.0), rounded, rest)
