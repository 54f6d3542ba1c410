"""What a venue would publish about the market: the house's event tables, made from the complete record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perpscope.core.events import (
    FUNDING,
    GAP,
    LIQUIDATION,
    LIQUIDATION_TOTALS,
    MARK_BARS,
    MARK_PRICE,
    OPEN_INTEREST,
    TRADE,
    LiquidationFeed,
)
from perpscope.core.table import Table
from perpscope.core.time import MINUTE, NULL_TS, SECOND
from perpscope.core.units import AggressorSide, PositionSide
from perpscope.synthetic.depth import book_deltas
from perpscope.synthetic.records import Transfer
from perpscope.synthetic.simulation import Recording


def published(recording: Recording) -> dict[str, Table]:
    """All streams: trade, mark_price, mark_bars@1m, open_interest, funding, liquidation, liquidation_totals@5m, gap;
    and book_delta where depth was recorded. Made as `config.publication` says, before its faults.
    """
    shown = recording.config.publication
    forced = liquidations(recording)
    feed = LiquidationFeed.COMPLETE
    if shown.one_per_second:
        forced, feed = one_per_second(forced), LiquidationFeed.TOTALS_CENSORED
    tables = {
        "trade": trades(recording),
        "mark_price": mark_prices(recording),
        "mark_bars@1m": mark_bars(recording),
        "open_interest": open_interest(recording),
        "funding": funding(recording),
        "liquidation": forced,
        "liquidation_totals@5m": liquidation_totals(recording, forced, 5 * MINUTE, feed),
        "gap": GAP.empty(),
    }
    if shown.depth_levels > 0:
        instrument = recording.instrument
        tables["book_delta"] = book_deltas(
            recording.depth_rows, recording.config.start, instrument.tick_size, instrument.lot_size
        )
    return tables


def trades(recording: Recording) -> Table:
    """The public tape: what crossed the book, forced or not. Transfers beside the book are not printed."""
    rows = recording.fills
    rows = rows[(rows.kind == Transfer.TRADE) | (rows.kind == Transfer.LIQUIDATION)]
    return Table.of(
        TRADE,
        exchange_ts=rows.ts + recording.config.start,
        receive_ts=np.full(len(rows), NULL_TS),
        trade_id=np.arange(1, len(rows) + 1),
        price=np.round(rows.tick * recording.instrument.tick_size, 6),
        quantity=np.round(rows.lots * recording.instrument.lot_size, 9),
        aggressor_side=np.where(rows.aggressor > 0, AggressorSide.BUY, AggressorSide.SELL),
    )


def _seconds(recording: Recording) -> NDArray[np.int64]:
    return recording.config.start + np.arange(recording.config.seconds, dtype=np.int64) * SECOND


def mark_prices(recording: Recording) -> Table:
    """Mark and index at every full second."""
    tick = recording.instrument.tick_size
    return Table.of(
        MARK_PRICE,
        exchange_ts=_seconds(recording),
        receive_ts=np.full(recording.config.seconds, NULL_TS),
        mark_price=np.round(recording.marks * tick, 6),
        index_price=np.round(recording.indices * tick, 6),
    )


def mark_bars(recording: Recording) -> Table:
    """One-minute bars of the published mark; a last minute that is not complete is left out."""
    whole = recording.config.seconds // 60
    marks = np.round(recording.marks[: whole * 60] * recording.instrument.tick_size, 6).reshape(whole, 60)
    opens = recording.config.start + np.arange(whole, dtype=np.int64) * MINUTE
    return Table.of(
        MARK_BARS,
        ref_ts=opens,
        known_ts=opens + MINUTE,
        open=marks[:, 0],
        high=marks.max(axis=1),
        low=marks.min(axis=1),
        close=marks[:, -1],
    )


def open_interest(recording: Recording) -> Table:
    """The open interest on its publication grid, in the unit, sides and lag of the publication.

    Definition: the figure is what stood just before the stamp minus the lag. Unit "base": quantity and its notional
    at mark. "usd": only the notional, the quantity is absent. "usd_as_base": the fault of taking the one for the
    other. Two sides: longs plus shorts, again a fault of whoever does not halve it.
    """
    config, shown = recording.config, recording.config.publication
    at = np.arange(len(recording.interest)) * config.venue.interest_seconds
    rows = recording.fills
    if shown.interest_lag_seconds:
        seen = np.searchsorted(rows.ts, np.maximum(at - shown.interest_lag_seconds, 0) * SECOND, side="right") - 1
        lots = rows.open_interest[seen]
    else:
        lots = recording.interest
    quantity = np.round(lots * recording.instrument.lot_size, 9) * shown.interest_sides
    notional = quantity * np.round(recording.marks[at] * recording.instrument.tick_size, 6)
    figure = {"base": quantity, "usd": np.full(len(at), np.nan), "usd_as_base": notional}[shown.interest_unit]
    return Table.of(
        OPEN_INTEREST,
        exchange_ts=config.start + at * SECOND,
        receive_ts=np.full(len(at), NULL_TS),
        open_interest=figure,
        open_interest_notional=np.full(len(at), np.nan) if shown.interest_unit == "usd_as_base" else notional,
    )


def funding(recording: Recording) -> Table:
    """Settled funding rates."""
    config = recording.config
    interval = config.venue.funding_seconds * SECOND
    count = len(recording.funding)
    return Table.of(
        FUNDING,
        exchange_ts=config.start + np.arange(1, count + 1) * interval,
        receive_ts=np.full(count, NULL_TS),
        funding_rate=recording.funding,
        funding_interval=np.full(count, interval),
    )


def liquidations(recording: Recording) -> Table:
    """Every liquidation: the quantity to be closed, the limit, and the average price in the book.

    Where the book took nothing, the price is the bankruptcy price at which the insurance fund took over.
    """
    rows, tick = recording.liquidations, recording.instrument.tick_size
    average = np.where(rows.filled_lots > 0, rows.filled_value / np.maximum(rows.filled_lots, 1), rows.limit_tick)
    return Table.of(
        LIQUIDATION,
        exchange_ts=rows.ts + recording.config.start,
        receive_ts=np.full(len(rows), NULL_TS),
        position_side=rows.side,
        bankruptcy_price=np.round(rows.limit_tick * tick, 6),
        price=average * tick,
        quantity=np.round(rows.lots * recording.instrument.lot_size, 9),
    )


def one_per_second(liquidation: Table) -> Table:
    """The same liquidations as a venue shows them that pushes only the latest of each second.

    Definition: of the events of one UTC second the last one is published, unchanged. Source: Binance developer docs,
    Liquidation Order Streams ("only the latest one liquidation order within 1000ms will be pushed").

    Example:
        >>> rows = Table.of(LIQUIDATION, exchange_ts=[1, 2, SECOND], receive_ts=[1, 2, 3], position_side=[1, 1, 2],
        ...                 bankruptcy_price=[9.0, 8.0, 7.0], price=[9.0, 8.0, 7.0], quantity=[1.0, 2.0, 3.0])
        >>> one_per_second(rows)["quantity"].tolist()
        [2.0, 3.0]
    """
    second = liquidation["exchange_ts"] // SECOND
    last = np.append(second[1:] != second[:-1], True) if len(second) else np.empty(0, bool)
    return liquidation[last]


def liquidation_totals(
    recording: Recording, liquidation: Table, interval: int, feed: LiquidationFeed = LiquidationFeed.COMPLETE
) -> Table:
    """Sums per interval and side of a liquidation feed; quiet intervals are zero, an incomplete last one is left out."""
    start, span = recording.config.start, recording.config.seconds * SECOND
    count = span // interval
    inside = liquidation.between(start - 1, start + count * interval - 1)
    slot = (inside["exchange_ts"] - start) // interval
    sums = {}
    for name, side in (("long_quantity", PositionSide.LONG), ("short_quantity", PositionSide.SHORT)):
        mine = inside["position_side"] == side
        sums[name] = np.bincount(slot[mine], weights=inside["quantity"][mine], minlength=count)
    opens = start + np.arange(count, dtype=np.int64) * interval
    return Table.of(LIQUIDATION_TOTALS, ref_ts=opens, known_ts=opens + interval, feed=np.full(count, int(feed)), **sums)
