"""From proposals to orders and back: which bracket belongs to which proposal, and what each of its events asks for.

The desk holds no opinion: risk approves or refuses with a reason, the account fills. It only keeps the books between
them, and every decision becomes a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from perpscope.account import AccountRows
from perpscope.backtest.context import Context
from perpscope.core.orders import OrderEnd, OrderIntent, OrderKind, OrderRole, OrderSide
from perpscope.core.time import NULL_TS
from perpscope.core.units import PositionSide, round_to_step
from perpscope.risk import Approved, Wish
from perpscope.setups.signal import EntryKind, SignalEvent

WITHDRAWS = frozenset(
    {SignalEvent.INVALIDATED, SignalEvent.MISSED, SignalEvent.EXPIRED, SignalEvent.STOPPED, SignalEvent.REACHED}
)
"""Events that take back what was proposed: the resting entry, and (but for MISSED) the position.

STOPPED and REACHED find nothing left where the account's own stop and target did their work in the same bar.
"""

KINDS = {EntryKind.MARKET: OrderKind.MARKET, EntryKind.LIMIT: OrderKind.LIMIT, EntryKind.STOP: OrderKind.STOP_MARKET}


@dataclass(frozen=True)
class Proposal:
    """One row of a setup, of which instrument and from which node."""

    setup: str
    instrument: int
    signal_id: int
    event: SignalEvent
    known_ts: int
    side: PositionSide
    entry_kind: EntryKind
    entry: float
    stop: float
    target: float
    target_2: float
    expire_ts: int
    exit_ts: int
    exposure: float
    score: float

    def wish(self, tick: float, context: Context) -> Wish:
        """What risk is asked: the proposal on the venue's ticks, with what was known at the time.

        A wish to enter at the market expects the close that decided, a renewed one the last close. Funding is expected to
        go on as last paid.
        """
        entry = context.last(self.known_ts) if self.event is SignalEvent.ADJUSTED else self.entry
        rate, interval = context.funding(self.known_ts)
        held = max(0, self.exit_ts - self.known_ts) if self.exit_ts != NULL_TS else 0
        resting = self.entry_kind is not EntryKind.MARKET
        return Wish(
            side=self.side,
            entry=round_to_step(entry, tick) if tick > 0.0 else entry,
            stop=self.stop,
            target=self.target,
            decided_ts=self.known_ts,
            instrument=self.instrument,
            kind=KINDS[self.entry_kind],
            exposure=self.exposure,
            atr=context.atr(self.known_ts),
            funding_rate=rate,
            funding_intervals=held / interval if interval else 0.0,
            clusters=context.clusters(self.known_ts),
            good_till_ts=self.expire_ts if resting else NULL_TS,
            exit_ts=self.exit_ts,
        )


@dataclass
class Bracket:
    """A proposal that risk approved: its number, and how far it has come.

    `scale`: quantity per unit of the exposure asked for, as first approved.
    """

    number: int
    proposal: Proposal
    quantity: float
    leverage: float
    target: float
    scale: float
    filled: bool = False

    @property
    def exposure(self) -> float:
        """The exposure that its proposal asked for at first; NaN where risk decided alone."""
        return self.proposal.exposure


class Desk:
    """The books of open brackets.

    Example:
        >>> desk = Desk()
        >>> desk.busy(0)
        False
    """

    def __init__(self) -> None:
        self.brackets: list[Bracket] = []
        self._open: dict[tuple[str, int, int], Bracket] = {}
        self._by_number: dict[int, Bracket] = {}

    def busy(self, instrument: int, side: PositionSide | None = None) -> bool:
        """Whether a bracket of the instrument lives; with a side, one of that side."""
        return any(
            b.proposal.instrument == instrument and (side is None or b.proposal.side is side) for b in self._open.values()
        )

    @property
    def open(self) -> Sequence[Bracket]:
        return tuple(self._open.values())

    def note(self, rows: AccountRows) -> None:
        """Take over what the account did: entries that filled, positions that closed, entries that ended unfilled."""
        if not (len(rows.fills) or len(rows.order_ends)):
            return  # a trip ends with a fill
        entries = rows.fills["bracket_id"][rows.fills["role"] == OrderRole.ENTRY]
        for number in entries.tolist():
            if (bracket := self._by_number.get(number)) is not None:
                bracket.filled = True
        for trip in rows.round_trips["bracket_id"].tolist():
            self._close(trip)
        for number, reason in zip(rows.order_ends["bracket_id"].tolist(), rows.order_ends["reason"].tolist(), strict=True):
            bracket = self._by_number.get(number)
            if bracket is not None and not bracket.filled and reason != OrderEnd.SISTER_FILLED:
                self._close(number)

    def enter(self, proposal: Proposal, approved: Approved) -> OrderIntent:
        """Open a bracket for an approved proposal and return the entry."""
        number = len(self.brackets)
        scale = approved.quantity / proposal.exposure
        bracket = Bracket(number, proposal, approved.quantity, approved.leverage, approved.target, scale)
        self.brackets.append(bracket)
        self._open[_key(proposal)] = self._by_number[number] = bracket
        return replace(approved.intent(number), bracket_id=number)

    def withdraw(self, proposal: Proposal, decided_ts: int) -> Iterable[OrderIntent]:
        """What takes a proposal back: its resting entry is cancelled, and its position closed unless it was only missed."""
        bracket = self._open.get(_key(proposal))
        if bracket is None:
            return
        yield self._order(bracket, decided_ts, OrderKind.CANCEL)
        if bracket.filled and proposal.event is not SignalEvent.MISSED:
            yield self._order(bracket, decided_ts, OrderKind.MARKET)

    def adjust(self, proposal: Proposal, quantity: float, stop: float) -> Iterable[OrderIntent]:
        """Bring a filled bracket to a renewed stop and quantity.

        The resting exits are cancelled, the difference is bought or sold at the market, and a new stop takes the whole
        position. The target, if there was one, is set again.
        """
        bracket = self._open.get(_key(proposal))
        if bracket is None or not bracket.filled:
            return
        yield self._order(bracket, proposal.known_ts, OrderKind.CANCEL)
        change = quantity - bracket.quantity
        if change != 0.0:
            bracket.quantity += change
            more = change > 0.0
            side = _towards(proposal.side) if more else _against(proposal.side)
            market = self._order(bracket, proposal.known_ts, OrderKind.MARKET)
            yield replace(market, side=side, quantity=abs(change), reduce_only=not more, close_position=False)
        protective = self._order(bracket, proposal.known_ts, OrderKind.MARKET)
        yield replace(protective, kind=OrderKind.STOP_MARKET, trigger=stop)
        if bracket.target == bracket.target:
            yield replace(protective, kind=OrderKind.TAKE_PROFIT_LIMIT, trigger=bracket.target, price=bracket.target)

    def held(self, proposal: Proposal) -> Bracket | None:
        """The living bracket of a proposal."""
        return self._open.get(_key(proposal))

    def _order(self, bracket: Bracket, decided_ts: int, kind: OrderKind) -> OrderIntent:
        closes = kind is OrderKind.MARKET
        return OrderIntent(
            decided_ts=decided_ts,
            side=_against(bracket.proposal.side),
            quantity=bracket.quantity,
            leverage=bracket.leverage,
            kind=kind,
            reduce_only=closes,
            close_position=closes,
            bracket_id=bracket.number,
            instrument=bracket.proposal.instrument,
            intent_id=bracket.number,
        )

    def _close(self, number: int) -> None:
        bracket = self._by_number.pop(number, None)
        if bracket is not None:
            self._open.pop(_key(bracket.proposal), None)


def _key(proposal: Proposal) -> tuple[str, int, int]:
    return proposal.setup, proposal.instrument, proposal.signal_id


def _towards(side: PositionSide) -> OrderSide:
    return OrderSide.BUY if side is PositionSide.LONG else OrderSide.SELL


def _against(side: PositionSide) -> OrderSide:
    return OrderSide.SELL if side is PositionSide.LONG else OrderSide.BUY
