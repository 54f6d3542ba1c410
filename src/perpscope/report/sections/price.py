"""Where price is, how far it came, and how far a day usually carries it."""

from __future__ import annotations

import math

import numpy as np

from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR
from perpscope.report.document import Move, Price
from perpscope.report.results import Results, ago_index, exact, number, span_name, when

SIGMA_DAYS = 30
"""Daily sigma looks back this far."""

_SPANS = (HOUR, 4 * HOUR, 24 * HOUR, 7 * DAY)


def read_price(results: Results) -> Price:
    """The last close, the mark, the window's extremes and the daily sigma."""
    bars, window = results.bars, results.window_bars
    high, low = int(np.argmax(window["high"])), int(np.argmin(window["low"]))
    spans = [s for s in _SPANS if s >= results.frame.ns and s < results.window.end - results.window.start]
    mark, origin = mark_price(results)
    return Price(
        last=exact(bars["close"][-1]),
        last_bar=when(bars["known_ts"][-1]),
        mark=number(mark),
        mark_source=origin,
        window_high=exact(window["high"][high]),
        window_high_at=when(window["ref_ts"][high]),
        window_low=exact(window["low"][low]),
        window_low_at=when(window["ref_ts"][low]),
        moves=[_move(bars, results.at, span) for span in (*spans, results.window.end - results.window.start)],
        daily_sigma_fraction=number(daily_sigma(bars, results.frame.ns)),
    )


def mark_price(results: Results) -> tuple[float | None, str]:
    """The newest mark known, unless it is older than two bars (of its own frame where it comes as bars)."""
    spot = results.stream("mark_price")
    if spot is not None and results.at - int(spot.clock[-1]) < 2 * results.frame.ns:
        return float(spot["mark_price"][-1]), "mark"
    bars = results.stream("mark_bars")
    if bars is not None and results.at - int(bars.clock[-1]) < 2 * int(bars["known_ts"][-1] - bars["ref_ts"][-1]):
        return float(bars["close"][-1]), "mark"
    return None, "last"


def daily_sigma(bars: Table, frame_ns: int) -> float | None:
    """One standard deviation of a day's log return, estimated from the bars of the last 30 days.

    Definition: root of the mean square of log returns between closes of adjacent bars, times the root of bars per
    day; no mean is taken off. None below two days of returns.
    """
    since = bars[bars["ref_ts"] >= bars["ref_ts"][-1] - SIGMA_DAYS * DAY]
    adjacent = since["ref_ts"][1:] == since["known_ts"][:-1]
    returns = np.diff(np.log(since["close"]))[adjacent]
    per_day = DAY / frame_ns
    if len(returns) < max(2, 2 * per_day):
        return None
    return math.sqrt(float(np.mean(returns**2)) * per_day)


def _move(bars: Table, at: int, span: int) -> Move:
    """From the close known a span ago (nothing where a hole hides it) to the last one."""
    before = ago_index(bars["known_ts"], at - span)
    part = bars[bars["ref_ts"] >= at - span]
    known = before >= 0 and at - span - int(bars["known_ts"][before]) < int(bars["known_ts"][-1] - bars["ref_ts"][-1])
    change = float(bars["close"][-1]) / float(bars["close"][before]) - 1.0 if known else None
    return Move(
        span=span_name(span),
        change_fraction=number(change),
        high=number(part["high"].max() if len(part) else None),
        low=number(part["low"].min() if len(part) else None),
    )
