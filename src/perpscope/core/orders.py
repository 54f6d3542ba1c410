"""The words between a signal and money: intents, orders, fills, ledger lines, round trips - enums and schemas, no rules.

Codes are stored as int8 and 0 is never a member (see `core.units`). Quantities are base units for a linear contract
and USD face value for an inverse one; money is in the settlement coin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

from perpscope.core.table import Column, Table, choice, flag, price, quantity, row_schema, ts
from perpscope.core.time import NULL_TS

NAN = float("nan")


class OrderSide(IntEnum):
    BUY = 1
    SELL = 2

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is OrderSide.BUY else -1


class OrderKind(IntEnum):
    """`CANCEL` is an instruction, not an order: it removes the resting orders of its bracket (all, where that is -1)."""

    MARKET = 1
    LIMIT = 2
    STOP_MARKET = 3
    STOP_LIMIT = 4
    TAKE_PROFIT_MARKET = 5
    TAKE_PROFIT_LIMIT = 6
    TRAILING_STOP = 7
    CANCEL = 8


class TimeInForce(IntEnum):
    """GTX is post-only: refused if it would cross. GTD lives until `good_till_ts`."""

    GTC = 1
    IOC = 2
    FOK = 3
    GTX = 4
    GTD = 5


class TriggerBy(IntEnum):
    LAST = 1
    MARK = 2


class PositionLeg(IntEnum):
    """Which holding an order works on: NET in one-way mode, LONG or SHORT in hedge mode."""

    NET = 1
    LONG = 2
    SHORT = 3


class OrderRole(IntEnum):
    """What an order is for. STOP to TARGET are reduce-only children of a bracket: one fill cancels its sisters."""

    ENTRY = 1
    STOP = 2
    TRAIL = 3
    TIME = 4
    TARGET = 5
    LIQUIDATION = 6


class LedgerKind(IntEnum):
    """Why money moved. MARGIN_MOVE (free to isolated: negative) sums to nothing and is no part of the wallet sum."""

    DEPOSIT = 1
    WITHDRAW = 2
    FEE = 3
    REALIZED = 4
    FUNDING = 5
    LIQUIDATION = 6
    LIQUIDATION_FEE = 7
    INSURANCE = 8
    ADL = 9
    MARGIN_MOVE = 10
    SCENARIO = 11
    """a declared scenario struck: no money by itself, the note says what it did"""


class Note(IntEnum):
    """What a reader of a fill or a line must know about how it came to be."""

    PLAIN = 1
    GAP = 2
    """the open lay beyond the trigger: filled at the open"""
    QUEUE_MODEL = 3
    """a maker fill that rests on a queue model, not on price trading through"""
    STRESSED = 4
    """part of the quantity lay beyond the known book"""
    ASSUMED_PRICE = 5
    """the price at the stamp was not recorded; the last known mark stands in"""
    FORCED = 6
    """a liquidation"""
    STOP_FAILED = 7
    """a declared scenario: the stop did not work"""
    GAP_THROUGH = 8
    """a declared scenario: price jumped through the stop"""
    DELEVERAGED = 9
    """a declared scenario: the venue closed a profitable position"""


class OrderEnd(IntEnum):
    """Why an order was refused (codes below 20), or ended without a full fill."""

    BAD_VALUE = 1
    LOT = 2
    TICK = 3
    MIN_NOTIONAL = 4
    PRICE_BAND = 5
    MARGIN = 6
    LEVERAGE_TIER_CAP = 7
    REDUCE_ONLY = 8
    POST_ONLY_CROSS = 9
    MAX_ORDERS = 10
    STOP_SIDE = 11
    FUTURE = 12
    UNKNOWN_INSTRUMENT = 13
    BROKE = 14
    POSITION_MODE = 15
    """it names a leg, and the account holds one net position"""
    FOK_UNFILLED = 20
    IOC_UNFILLED = 21
    EXPIRED = 22
    CANCELLED = 23
    SISTER_FILLED = 24
    POSITION_CLOSED = 25
    LIQUIDATED = 26
    DELEVERAGED = 27

    @property
    def refusal(self) -> bool:
        return self < OrderEnd.FOK_UNFILLED


class ExitReason(IntEnum):
    """What closed a position last."""

    ORDER = 1
    STOP = 2
    TRAIL = 3
    TIME = 4
    TARGET = 5
    LIQUIDATION = 6
    ADL = 7


class FillModel(IntEnum):
    """What decided a fill: a bar, a public print, or a recorded book."""

    BAR = 1
    TRADE = 2
    BOOK = 3


_INSTRUMENT = Column("instrument", "id", "position of the instrument in the account's list", "int64")
_BRACKET = Column("bracket_id", "id", "what an entry and its exits share; -1 for none", "int64")
_ORDER = Column("order_id", "id", "the account's number of the order; -1 for none", "int64")


def money(name: str, help: str) -> Column:
    return Column(name, "notional", help)


INTENTS = row_schema(
    "intents",
    Column("intent_id", "id", "the caller's number; comes back in orders and refusals", "int64"),
    _INSTRUMENT,
    choice("side", OrderSide, "buy or sell", mirror="flip"),
    choice("kind", OrderKind, "what sort of order"),
    quantity("quantity", "base units (linear) or USD face value (inverse)"),
    price("price", "the limit; NaN for none"),
    price("trigger", "the trigger of a stop or take-profit; NaN for none"),
    choice("trigger_by", TriggerBy, "which price triggers"),
    choice("time_in_force", TimeInForce, "how long it lives"),
    ts("good_till_ts", "end of a GTD order; NULL_TS for none"),
    flag("reduce_only", "never opens or flips"),
    flag("close_position", "takes whatever the position is, never flips"),
    choice("leg", PositionLeg, "NET in one-way mode", mirror="flip"),
    Column("leverage", "ratio", "of the position it opens"),
    _BRACKET,
    price("stop", "stop-market attached to the fill; NaN for none"),
    price("target", "take-profit limit attached to the fill; NaN for none"),
    Column("trail_fraction", "fraction", "trailing stop attached to the fill; NaN for none"),
    price("trail_activation", "price at which the trailing stop begins; NaN: at once"),
    ts("exit_ts", "time exit of the position; NULL_TS for none"),
    Column("latency", "ns", "decision to venue; NULL_TS: the account's", "int64"),
)
"""What risk asks of the account; `known_ts` is when it was decided and `ref_ts` what it was decided on."""


@dataclass(frozen=True)
class OrderIntent:
    """One wish of risk. Give what matters; the rest is absent.

    `stop`, `target`, `trail_fraction` and `exit_ts` are attached to whatever quantity the entry fills and cancel each
    other. Several targets are several intents.

    Example:
        >>> intent = OrderIntent(decided_ts=0, side=OrderSide.BUY, quantity=0.5, leverage=10.0, stop=59_000.0)
        >>> intents([intent])["stop"].tolist()
        [59000.0]
    """

    decided_ts: int
    side: OrderSide
    quantity: float
    leverage: float = 1.0
    kind: OrderKind = OrderKind.MARKET
    price: float = NAN
    trigger: float = NAN
    trigger_by: TriggerBy = TriggerBy.LAST
    time_in_force: TimeInForce = TimeInForce.GTC
    good_till_ts: int = NULL_TS
    reduce_only: bool = False
    close_position: bool = False
    leg: PositionLeg = PositionLeg.NET
    bracket_id: int = -1
    stop: float = NAN
    target: float = NAN
    trail_fraction: float = NAN
    trail_activation: float = NAN
    exit_ts: int = NULL_TS
    latency: int = NULL_TS
    instrument: int = 0
    intent_id: int = -1


def intents(wishes: Iterable[OrderIntent]) -> Table:
    """Intents as a table, ordered by the time they were decided.

    Example:
        >>> len(intents([]))
        0
    """
    rows = sorted(wishes, key=lambda wish: wish.decided_ts)
    columns: dict[str, list[Any]] = {f.name: [getattr(row, f.name) for row in rows] for f in fields(OrderIntent)}
    decided = columns.pop("decided_ts")
    return Table.of(INTENTS, ref_ts=decided, known_ts=decided, **columns)


LEDGER = row_schema(
    "ledger",
    Column("sequence", "id", "running number of the line, without holes", "int64"),
    _INSTRUMENT,
    choice("kind", LedgerKind, "why money moved"),
    money("amount", "signed for the account, a whole number of quanta"),
    price("price", "the price it rests on; NaN for none"),
    quantity("quantity", "of the position or fill it rests on; NaN for none"),
    Column("rate", "fraction", "fee or funding rate; NaN for none"),
    _ORDER,
    _BRACKET,
    choice("note", Note, "how it came to be"),
)

FILLS = row_schema(
    "fills",
    _ORDER,
    Column("intent_id", "id", "the intent behind it; -1 for none", "int64"),
    _INSTRUMENT,
    choice("side", OrderSide, "buy or sell", mirror="flip"),
    choice("role", OrderRole, "entry or which exit"),
    price("price", "what was paid or received"),
    price("reference_price", "the price before slippage"),
    price("wanted_price", "the trigger or limit; NaN for a market order"),
    quantity("quantity", "filled"),
    money("fee", "paid, positive"),
    money("realized", "profit or loss it realised, before fees"),
    flag("opens", "it opened or added; else it closed"),
    flag("maker", "it rested"),
    choice("model", FillModel, "what decided it"),
    choice("note", Note, "how it came to be"),
    quantity("position", "held on that leg afterwards"),
    _BRACKET,
)

ORDER_ENDS = row_schema(
    "order_ends",
    _ORDER,
    Column("intent_id", "id", "the intent behind it; -1 for none", "int64"),
    _INSTRUMENT,
    choice("reason", OrderEnd, "refused, expired or cancelled, and why"),
    quantity("quantity", "what stays unfilled"),
    price("price", "the price at that time"),
    _BRACKET,
)

EQUITY = row_schema(
    "equity",
    money("wallet_balance", "free and isolated margin, without open profit"),
    money("equity", "wallet plus open profit at mark"),
    money("gross_notional", "absolute notional of all positions at mark"),
    money("net_notional", "signed notional of all positions at mark"),
)
"""One row per bar close: `ref_ts` = `known_ts` = the close."""

ROUND_TRIPS = row_schema(
    "round_trips",
    Column("trip_id", "id", "running number", "int64"),
    _INSTRUMENT,
    choice("leg", PositionLeg, "LONG or SHORT", mirror="flip"),
    _BRACKET,
    ts("entry_ts", "first fill"),
    price("entry_price", "mean of the opening fills"),
    price("exit_price", "mean of the closing fills"),
    quantity("quantity", "sum of the opening fills"),
    money("gross", "realised and liquidation profit or loss"),
    money("fees", "paid, positive; liquidation fees included"),
    money("funding", "received (negative: paid)"),
    money("insurance", "losses that the account could not bear"),
    money("net", "gross - fees + funding + insurance: what the wallet gained"),
    money("slippage", "cost of slippage inside gross, positive"),
    money("risk", "loss planned at the first stop; NaN without a stop"),
    Column("risk_multiple", "ratio", "net / risk; NaN without a stop"),
    Column("adverse_excursion", "ratio", "worst open loss / planned risk, per unit; NaN without a stop", mirror="same"),
    Column("favorable_excursion", "ratio", "best open profit / planned risk, per unit; NaN without a stop", mirror="same"),
    price("lowest", "lowest price while held", mirror="swap:highest"),
    price("highest", "highest price while held", mirror="swap:lowest"),
    Column("bars_held", "count", "bars or events during which it was held"),
    choice("exit_reason", ExitReason, "what closed it"),
    Column("leverage", "ratio", "at the first fill"),
    money("margin", "initial margin at the first fill"),
    Column("liquidation_distance", "fraction", "least distance of mark from the liquidation price; NaN if none"),
    choice("model", FillModel, "what decided the fills"),
    flag("queue_model", "a fill rests on a queue model"),
    flag("gap", "data was missing while it was held, or an exit gapped"),
    money("initial_equity", "of the account at the first fill"),
)
"""One row per position from flat to flat; `ref_ts` is the exit, as `known_ts` says when the bar of the exit was known."""
