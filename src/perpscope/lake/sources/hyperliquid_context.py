"""Preset `hyperliquid-context`: one parquet a coin with `ts, funding, oi, mark, oracle`, polled about once a minute.

- `oi` counts longs plus shorts at Hyperliquid: it is halved, so that `open_interest` is one side as everywhere.
- `mark` is the mark price, `oracle` the spot index that it follows.
- `funding` is the rate of the running hour, a fraction per hour. A funding event is made at every full hour from the
  last poll within it, because that is the rate about to be paid; an hour whose last five minutes hold no poll gets none. It
  is an estimate: the venue settles the average of the whole hour.

Polls of two recorders overlap and are sorted by time. Source: shared data catalogue, section 3.3; Hyperliquid
documentation, "Funding" (hourly payment, 2026).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from perpscope.core.events import FUNDING
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE
from perpscope.lake import stamps
from perpscope.lake.sources.base import Floats, Parsed, Preset, Request, Times
from perpscope.lake.sources.files import floats, need, read_parquet
from perpscope.lake.sources.rows import marks, never, polled, snapshots

ORIGIN = "tape"
_FRESH = 5 * MINUTE


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        frame, name = read_parquet(path), path.name
        need(frame, ["ts", "funding", "oi", "mark", "oracle"], name)
        ts = stamps.to_ns(frame["ts"], name)
        mark, rate = floats(frame, "mark", name), floats(frame, "funding", name)
        one_side = floats(frame, "oi", name) / 2
        beat = polled(ORIGIN, ts)
        yield Parsed(path, "open_interest", snapshots(ts, one_side, one_side * mark), *beat)
        yield Parsed(path, "mark_price", marks(ts, mark, floats(frame, "oracle", name)), *beat)
        yield Parsed(path, "funding", hourly(ts, rate), ORIGIN)


def hourly(ts: Times, rate: Floats) -> Table:
    """A settlement at each full hour from the last rate polled before it.

    Example:
        >>> hour, minute = HOUR, MINUTE
        >>> table = hourly(np.array([58 * minute, 59 * minute, hour + minute]), np.array([1e-5, 2e-5, 3e-5]))
        >>> (table["exchange_ts"] // hour).tolist(), table["funding_rate"].tolist()
        ([1], [2e-05])
    """
    order = np.argsort(ts, kind="stable")
    ts, rate = ts[order], rate[order]
    hours = ts // HOUR
    last = np.flatnonzero(np.concatenate([hours[1:] != hours[:-1], [True]])) if len(ts) else np.empty(0, np.int64)
    due = (hours[last] + 1) * HOUR
    fresh = due - ts[last] <= _FRESH
    due, rates = due[fresh], rate[last][fresh]
    return Table.of(
        FUNDING, exchange_ts=due, receive_ts=never(len(due)), funding_rate=rates,
        funding_interval=np.full(len(due), HOUR, np.int64),
    )  # fmt: skip


PRESET = Preset("hyperliquid-context", "Hyperliquid open interest, mark, oracle and hourly funding, polled each minute", read)
