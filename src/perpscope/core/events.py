"""The vocabulary of the market: one schema per kind of event.

Point events carry `exchange_ts` (the venue's clock) and `receive_ts` (ours, NULL_TS in archives). Facts that
describe a stretch of time (a bar, a total of liquidations) are rows: `ref_ts` is where the stretch begins,
`known_ts` where it ends, because nobody could know them earlier.

A *stream* is a kind, or a kind at a time frame: "trade", "open_interest", "bars@5m", "mark_bars@1h".
"""

from __future__ import annotations

from enum import IntEnum

from perpscope.core.table import Column, Schema, choice, flag, price, quantity, row_schema, ts
from perpscope.core.units import AggressorSide, PositionSide


class GapKind(IntEnum):
    """Kinds of point events that can have a hole nobody sees in the data itself. (Missing bars show.)"""

    TRADE = 1
    BOOK_DELTA = 2
    MARK_PRICE = 3
    OPEN_INTEREST = 4
    LIQUIDATION = 5


_EXCHANGE_TS = ts("exchange_ts", "the venue's time of the event, ns UTC")
_RECEIVE_TS = ts("receive_ts", "when we received it, ns UTC; NULL_TS in archives")


def _event(name: str, *columns: Column) -> Schema:
    return Schema(name, (_EXCHANGE_TS, _RECEIVE_TS, *columns), clock="exchange_ts")


class BookSide(IntEnum):
    BID = 1
    ASK = 2


class RatioKind(IntEnum):
    """Three different long/short ratios, never mixed."""

    ALL_ACCOUNTS = 1
    TOP_ACCOUNTS = 2
    TOP_POSITIONS = 3


class LiquidationFeed(IntEnum):
    """How much of the truth a liquidation feed shows.

    COMPLETE: every event. ONE_PER_SECOND: the latest event per symbol and second at most. TOTALS_CENSORED:
    sums over an interval made from a ONE_PER_SECOND feed.
    """

    COMPLETE = 1
    ONE_PER_SECOND = 2
    TOTALS_CENSORED = 3


class GapCause(IntEnum):
    """Why data is absent."""

    MISSING = 1
    DISCONNECT = 2
    SEQUENCE = 3
    STALE = 4
    CORRUPT = 5


TRADE = _event(
    "trade",
    Column("trade_id", "id", "the venue's id; -1 where it gives none", "int64"),
    price("price", "as printed by the venue"),
    quantity("quantity", "base units"),
    choice("aggressor_side", AggressorSide, "who crossed the spread", mirror="flip"),
)

BOOK_DELTA = _event(
    "book_delta",
    Column("sequence", "id", "the update's last sequence number", "int64"),
    choice("side", BookSide, "bid or ask", mirror="flip"),
    price("price", "the level"),
    quantity("quantity", "resting at the level from now on, base units; 0 removes it"),
    flag("snapshot", "first row of a full snapshot that replaces the book"),
)

MARK_PRICE = _event(
    "mark_price",
    price("mark_price", "the price that liquidates"),
    price("index_price", "the spot index; NaN where absent"),
)

FUNDING = _event(
    "funding",
    Column("funding_rate", "fraction", "paid per interval by longs to shorts (negative: the other way)", mirror="negate"),
    ts("funding_interval", "ns between payments; NULL_TS where the source does not say"),
)

OPEN_INTEREST = _event(
    "open_interest",
    quantity("open_interest", "base units, one side (longs, which equal shorts)"),
    Column("open_interest_notional", "notional", "in quote coin at mark; NaN where absent"),
)

LIQUIDATION = _event(
    "liquidation",
    choice("position_side", PositionSide, "whose position was closed by force", mirror="flip"),
    price("bankruptcy_price", "the limit of the closing order; NaN where absent"),
    price("price", "average fill price"),
    quantity("quantity", "base units"),
)

BARS = row_schema(
    "bars",
    price("open", "first price"),
    price("high", "highest price", mirror="swap:low"),
    price("low", "lowest price", mirror="swap:high"),
    price("close", "last price"),
    quantity("volume", "base units traded"),
    quantity("buy_volume", "by aggressive buyers; NaN where the source does not say", mirror="swap:sell_volume"),
    quantity("sell_volume", "by aggressive sellers; NaN where the source does not say", mirror="swap:buy_volume"),
    Column("trade_count", "count", "public trades; NaN where absent"),
    quantity("min_delta", "lowest running buy - sell inside the bar; NaN where absent", mirror="swap:max_delta"),
    quantity("max_delta", "highest running buy - sell inside the bar; NaN where absent", mirror="swap:min_delta"),
    flag("complete", "no gap inside the bar"),
)

MARK_BARS = row_schema(
    "mark_bars",
    price("open", "first mark price"),
    price("high", "highest mark price", mirror="swap:low"),
    price("low", "lowest mark price", mirror="swap:high"),
    price("close", "last mark price"),
)

LIQUIDATION_TOTALS = row_schema(
    "liquidation_totals",
    quantity("long_quantity", "longs closed by force in the interval, base units", mirror="swap:short_quantity"),
    quantity("short_quantity", "shorts closed by force in the interval, base units", mirror="swap:long_quantity"),
    choice("feed", LiquidationFeed, "how complete the source is"),
)

LONG_SHORT_RATIO = row_schema(
    "long_short_ratio",
    choice("ratio_kind", RatioKind, "which accounts are counted"),
    Column("long_fraction", "fraction", "share of longs, 0..1", mirror="swap:short_fraction"),
    Column("short_fraction", "fraction", "share of shorts, 0..1", mirror="swap:long_fraction"),
)

POSITION = _event(
    "position",
    Column("wallet", "id", "an anonymous number per wallet", "int64"),
    choice("position_side", PositionSide, "long or short", mirror="flip"),
    quantity("quantity", "base units"),
    price("entry_price", "average entry"),
    price("mark_price", "mark at the snapshot"),
    price("liquidation_price", "NaN where nothing liquidates"),
    Column("leverage_setting", "ratio", "the venue's setting, not the effective leverage"),
    Column("account_value", "notional", "of the whole wallet"),
)

OTHER_BARS = Schema("other_bars", BARS.columns)
"""Bars of a second instrument that moves with this one (ETH beside BTC): see `engine.companion`."""

SPOT_BARS = Schema("spot_bars", BARS.columns)
"""Bars of the spot market of the same coin."""

_VENUE = Column("venue", "id", "number of the companion venue, 1, 2, ..; this instrument's own venue is 0", "int64")

VENUE_INTEREST = _event(
    "venue_interest", _VENUE, quantity("open_interest", "of the same coin on another venue, base units, one side")
)

VENUE_FUNDING = _event(
    "venue_funding",
    _VENUE,
    Column("funding_rate_8h", "fraction", "paid on another venue, per 8 hours; NaN: interval unknown", mirror="negate"),
)

GAP = row_schema(
    "gap",
    ts("end_ts", "first instant with data again; the gap is [ref_ts, end_ts)"),
    choice("kind", GapKind, "which kind of event is absent"),
    choice("cause", GapCause, "why"),
)

KINDS: dict[str, Schema] = {
    schema.name: schema
    for schema in (
        TRADE, BOOK_DELTA, MARK_PRICE, FUNDING, OPEN_INTEREST, LIQUIDATION, BARS, MARK_BARS, LIQUIDATION_TOTALS,
        LONG_SHORT_RATIO, POSITION, GAP, OTHER_BARS, SPOT_BARS, VENUE_INTEREST, VENUE_FUNDING,
    )
}  # fmt: skip
"""Every kind a source may deliver, by name."""

FRAMED = frozenset({"bars", "mark_bars", "liquidation_totals", "long_short_ratio", "other_bars", "spot_bars"})
"""Kinds whose stream name carries a time frame."""


def stream_name(kind: str, frame: str | None) -> str:
    """'bars', '1h' -> 'bars@1h'; 'trade', None -> 'trade'."""
    return kind if frame is None else f"{kind}@{frame}"


def stream_kind(stream: str) -> str:
    """'bars@1h' -> 'bars'."""
    return stream.partition("@")[0]


def stream_frame(stream: str) -> str | None:
    """'bars@1h' -> '1h'; None for streams of point events."""
    return stream.partition("@")[2] or None


def stream_schema(stream: str) -> Schema:
    return KINDS[stream_kind(stream)]
