"""From a lake to a view: the source is read up to the moment and not further, with its companions."""

from __future__ import annotations

from collections.abc import Sequence

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, Timeframe, format_ts
from perpscope.engine.companion import Companion, with_companions
from perpscope.lake import Lake, Source

WARMUP_BARS = 520
"""Bars of the coarsest frame before the window: the slowest average needs 200, ranks 250, and some to spare."""


def view_source(
    lake: Lake,
    venue: str,
    symbol: str,
    at: int | None,
    frames: Sequence[str],
    lookback: int = 0,
    companions: Sequence[str] = (),
) -> tuple[Source, int]:
    """A source that ends at `at` (the end of the bars where None), begun early enough for the coarsest frame.

    Raises:
        UserError: for an unknown instrument, a frame that is none, a moment outside the data, or a companion that cannot be.
    """
    lengths = [Timeframe.parse(f) for f in frames]
    streams = lake.streams(venue, symbol)
    priced = [s for s in streams if s.startswith("bars@")] or [s for s in streams if s == "trade"] or streams
    last = max(lake.span(venue, symbol, s)[1] for s in priced)
    if at is not None and at > max(lake.span(venue, symbol, s)[1] for s in streams):
        raise UserError(f"The data of {venue} {symbol} ends {format_ts(last)}, before {format_ts(at)}. Choose an earlier time.")
    moment = last if at is None else at
    start = Timeframe(DAY, "1d").floor(moment - lookback - WARMUP_BARS * max(f.ns for f in lengths))
    source = lake.source(venue, symbol, start=start, end=moment)
    beside = [Companion.parse(text) for text in companions]
    return (with_companions(source, lake, beside, [f.name for f in lengths]) if beside else source), moment
