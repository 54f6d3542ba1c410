"""The conditions a trade was entered in: fixed before any result was seen, so that none can be chosen afterwards.

Volatility: realised over 24 hours, by terciles of the trailing 180 days. Trend: |28 day return| over 28 day volatility,
above or below its trailing median. Session: which of Asia, London, New York was open. Funding: the sign of the last one
paid. Week: weekday or weekend. All are known at the entry.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.core.sessions import windows
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, Timeframe

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Labels = npt.NDArray[np.str_]

TRAILING = 180 * DAY
TREND_DAYS = 28
FEWEST = 30
"""Hours (or days) of history below which a trailing quantile says nothing."""
THURSDAY = 3
"""The weekday of 1970-01-01, Monday 0."""
SESSIONS = ("asia", "london", "new_york")


def regimes(entry_ts: Integers, bars: Table, funding: Table | None, frame: str) -> dict[str, Labels]:
    """For each entry its label in every scheme; "unknown" where the history is too short.

    Args:
        entry_ts: ns, any order.
        bars: of the instrument, closed by their `known_ts`.
        funding: payments, or None.

    Returns: scheme name to labels.
    """
    return {
        "volatility": _volatility(entry_ts, bars, Timeframe.parse(frame).ns),
        "trend": _trend(entry_ts, bars),
        "session": _session(entry_ts),
        "funding": _funding(entry_ts, funding),
        "week": np.where((entry_ts // DAY + THURSDAY) % 7 >= 5, "weekend", "weekday"),
    }


def _volatility(entry_ts: Integers, bars: Table, frame_ns: int) -> Labels:
    """Terciles of 24 hour realised volatility, stated once an hour."""
    steps = np.diff(np.log(bars["close"]), prepend=np.nan) ** 2
    count = max(1, DAY // frame_ns)
    total = np.nancumsum(steps)
    realised = np.sqrt(total[count:] - total[:-count]) if len(total) > count else np.empty(0)
    known = bars["known_ts"][count:]
    clock = np.arange(known[0], known[-1] + 1, HOUR) if len(known) else known
    hourly = np.unique(np.searchsorted(known, clock, side="left"))
    stamps, values = known[hourly], realised[hourly]
    out = np.full(len(entry_ts), "unknown", dtype="<U8")
    for k, ts in enumerate(entry_ts):
        past = values[np.searchsorted(stamps, ts - TRAILING, side="right") : np.searchsorted(stamps, ts, side="right")]
        if len(past) >= FEWEST:
            low, high = np.quantile(past, (1 / 3, 2 / 3))
            out[k] = "calm" if past[-1] <= low else "wild" if past[-1] > high else "usual"
    return out


def _trend(entry_ts: Integers, bars: Table) -> Labels:
    days = (
        np.arange(bars["known_ts"][0] // DAY + 1, bars["known_ts"][-1] // DAY + 1) * DAY if len(bars) else np.empty(0, np.int64)
    )
    at = np.searchsorted(bars["known_ts"], days, side="right") - 1
    closes = np.log(bars["close"][at]) if len(days) else np.empty(0)
    strength = np.full(len(closes), np.nan)
    for d in range(TREND_DAYS, len(closes)):
        spread = np.diff(closes[d - TREND_DAYS : d + 1]).std(ddof=1)
        if spread > 0.0:
            strength[d] = abs(closes[d] - closes[d - TREND_DAYS]) / spread
    out = np.full(len(entry_ts), "unknown", dtype="<U8")
    for k, ts in enumerate(entry_ts):
        past = strength[: np.searchsorted(days, ts, side="right")]
        past = past[np.isfinite(past)]
        if len(past) >= FEWEST:
            out[k] = "trending" if past[-1] > np.median(past) else "ranging"
    return out


def _session(entry_ts: Integers) -> Labels:
    out = np.full(len(entry_ts), "none", dtype="<U24")
    if not len(entry_ts):
        return out
    begin, end = int(entry_ts.min()) - DAY, int(entry_ts.max()) + DAY
    for name in SESSIONS:
        opens, closes = windows(name, begin, end)
        at = np.searchsorted(opens, entry_ts, side="right") - 1
        inside = (at >= 0) & (entry_ts < closes[np.maximum(at, 0)])
        out = np.where(inside, np.where(out == "none", name, np.char.add(np.char.add(out, "+"), name)), out)
    return out


def _funding(entry_ts: Integers, funding: Table | None) -> Labels:
    if funding is None or not len(funding):
        return np.full(len(entry_ts), "unknown", dtype="<U16")
    at = np.searchsorted(funding.clock, entry_ts, side="right") - 1
    rate = np.where(at >= 0, funding["funding_rate"][np.maximum(at, 0)], np.nan)
    return np.where(
        np.isnan(rate), "unknown", np.where(rate > 0.0, "longs pay", np.where(rate < 0.0, "shorts pay", "nobody pays"))
    )
