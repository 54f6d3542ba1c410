"""The run: history through graph, desk, risk and account, in the order of the one loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perpscope.account import Account, AccountRows, PositionMode, Slippage, Terms
from perpscope.account.replay import advance_tape
from perpscope.backtest.config import BacktestConfig
from perpscope.backtest.context import Context
from perpscope.backtest.desk import WITHDRAWS, Desk, Proposal
from perpscope.backtest.history import History, read_history
from perpscope.backtest.market import Resolution
from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.orders import ExitReason, OrderIntent, intents
from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.core.units import PositionSide, floor_to_step, round_to_step
from perpscope.lake import Lake
from perpscope.risk import Approved, Gate, OpenRisk, Refused
from perpscope.setups.signal import EntryKind, SignalEvent

Progress = Callable[[str, float, float], None]

BUSY = "the instrument is already traded"
DISAGREES = "confluence disagrees"
ALONE = "Prints and books are worked through for one symbol at a time: name one, or use --separately."


@dataclass(frozen=True)
class Decision:
    """What became of a proposal at the desk: approved with its numbers, or refused with the reason."""

    known_ts: int
    instrument: int
    setup: str
    signal_id: int
    reason: str
    quantity: float
    leverage: float
    stop: float
    target: float
    bracket_id: int

    @property
    def approved(self) -> bool:
        return self.reason == ""


@dataclass(frozen=True)
class BacktestRun:
    """What happened: the account's rows, every decision, and the history it happened on."""

    config: BacktestConfig
    histories: tuple[History, ...]
    rows: AccountRows
    decisions: tuple[Decision, ...]
    summary: Mapping[str, float]

    @property
    def refusals(self) -> dict[str, int]:
        """Proposals that were not traded, by reason."""
        return dict(Counter(d.reason for d in self.decisions if not d.approved).most_common())

    @property
    def signals(self) -> dict[str, int]:
        """Proposals by setup and instrument."""
        return {
            f"{h.instrument.symbol} {key}": int((table["event"] == SignalEvent.OPENED).sum())
            for h in self.histories
            for key, table in h.signals.items()
        }

    @property
    def fill_frame(self) -> str:
        return Timeframe.parse(self.config.data.fill_timeframe or self.config.data.timeframe).name

    @property
    def cost_per_fill(self) -> float:
        """Taker fee and fixed slippage of one fill, as a fraction of notional: what the yardsticks pay."""
        trading = self.config.trading
        slip = float(np.mean([_slippage(self.config, h).fraction_of(h.instrument) for h in self.histories]))
        return trading.taker_fee + slip * trading.slippage.stress

    @property
    def ambiguous_bars(self) -> int:
        """Round trips whose last bar held both stop and target: they were stopped, because the worse is taken."""
        trips = self.rows.round_trips
        planned = {d.bracket_id: d.target for d in self.decisions if d.approved}
        targets = np.array([planned.get(b, np.nan) for b in trips["bracket_id"].tolist()])
        count = 0
        for k, history in enumerate(self.histories):
            mine = (trips["instrument"] == k) & (trips["exit_reason"] == ExitReason.STOP)
            if history.market.tape:
                continue  # prints come one after the other
            bars = history.market.bars
            at = np.minimum(np.searchsorted(bars["known_ts"], trips["known_ts"][mine], side="left"), len(bars) - 1)
            reached = (bars["low"][at] <= targets[mine]) & (targets[mine] <= bars["high"][at])
            count += int(reached.sum())
        return count

    def setup_of(self, brackets: np.ndarray) -> np.ndarray:
        """The setup behind each bracket."""
        names = {d.bracket_id: d.setup for d in self.decisions if d.approved}
        return np.array([names.get(b, "none") for b in brackets.tolist()], dtype="<U64")


def run_backtest(lake: Lake, config: BacktestConfig, progress: Progress | None = None) -> BacktestRun:
    """Read, decide, trade.

    Definition: each instrument's graph runs over the whole history (one long batch: what a setup says does not depend on
    the account). Then time moves from proposal to proposal: the account works through the market up to the bar close
    that made the proposal known, the desk asks risk, and orders go out to work from the next bar on, never in the bar
    that caused them.
    Raises: UserError for what is wrong with the config or missing in the data.
    """
    if config.data.resolution is not Resolution.BARS and len(config.data.symbols) > 1:
        raise UserError(ALONE)
    wanted = config.risk.clusters
    histories = tuple(read_history(lake, config, symbol, progress, wanted) for symbol in config.data.symbols)
    return trade(config, histories, progress)


def trade(config: BacktestConfig, histories: Sequence[History], progress: Progress | None = None) -> BacktestRun:
    """The part behind the graph: desk, risk and account over histories that were read before (a sweep reads once)."""
    table, market = _Table(config, histories), _market(histories)
    parts: list[AccountRows] = []
    first = min(int(h.fill_bars["ref_ts"][0]) for h in histories)
    last = max(int(h.fill_bars["known_ts"][-1]) for h in histories)
    before = np.iinfo(np.int64).min
    for done, (now, said) in enumerate(_moments(_proposals(histories), table.desk)):
        parts.append(table.advance(Batch(now, {name: rows.between(before, now) for name, rows in market.items()})))
        parts.append(table.hear(said))
        before = now
        if progress is not None and done % 500 == 0:
            progress("trading", now - first, last - first)
    parts.append(table.advance(Batch(last, {name: rows.between(before, last) for name, rows in market.items()})))
    if progress is not None:
        progress("trading", 1, 1)
    summary = table.account.summary(table.state)
    return BacktestRun(config, tuple(histories), AccountRows.concat(parts), tuple(table.decisions), summary)


def _terms(config: BacktestConfig, history: History) -> Terms:
    return replace(config.trading.terms(history.instrument), slippage=_slippage(config, history))


def _slippage(config: BacktestConfig, history: History) -> Slippage:
    """What the config says, or what recorded depth told where it asks for that."""
    asked = config.trading.slippage
    return asked if history.depth is None else history.depth.slippage(asked.stress)


def _market(histories: Sequence[History]) -> dict[str, Table]:
    """The account's tables: plain names for one instrument, led by the symbol for several."""
    several = len(histories) > 1
    found: dict[str, Table] = {}
    for history in histories:
        lead, shown = f"{history.instrument.symbol}/" if several else "", history.market
        found[f"{lead}bars"] = shown.bars
        if shown.marks is not None:
            found[f"{lead}mark_bars"] = shown.marks
        found |= {f"{lead}{name}": table for name, table in shown.tape.items()}
        if history.funding is not None:
            found[f"{lead}funding"] = history.funding
    return found


def _proposals(histories: Sequence[History]) -> list[Proposal]:
    """All rows of all setups that can ask for something, in the order they became known."""
    found: list[Proposal] = []
    for k, history in enumerate(histories):
        for key, table in history.signals.items():
            asks = np.isin(table["event"], [SignalEvent.OPENED, SignalEvent.ADJUSTED, *WITHDRAWS])
            found.extend(_of(key, k, row) for row in _records(table[asks]))
    return sorted(found, key=lambda p: (p.known_ts, p.event is SignalEvent.OPENED))


_FIELDS = (
    "id", "event", "known_ts", "position_side", "entry_kind", "entry", "stop", "target", "target_2", "expire_ts", "exit_ts",
    "exposure", "score",
)  # fmt: skip


_EVENTS = {int(one): one for one in SignalEvent}
_SIDES = {int(one): one for one in PositionSide}
_KINDS = {int(one): one for one in EntryKind}
# looked up, because an enum's own call costs half a microsecond, three times a row


def _records(table: Table) -> Iterable[tuple[float, ...]]:
    return zip(*(table[name].tolist() for name in _FIELDS), strict=True)


def _of(setup: str, instrument: int, row: tuple[float, ...]) -> Proposal:
    id_, event, known, side, kind, entry, stop, target, target_2, expire, exit_, exposure, score = row
    return Proposal(
        setup, instrument, int(id_), _EVENTS[int(event)], int(known), _SIDES[int(side)], _KINDS[int(kind)],
        entry, stop, target, target_2, int(expire), int(exit_), exposure, score,
    )  # fmt: skip


def _moments(proposals: Sequence[Proposal], desk: Desk) -> Iterator[tuple[int, list[Proposal]]]:
    """Proposals by the instant they became known; what takes back a proposal that nobody traded moves nothing."""
    k = 0
    while k < len(proposals):
        now, said = proposals[k].known_ts, []
        while k < len(proposals) and proposals[k].known_ts == now:
            one = proposals[k]
            if one.event is SignalEvent.OPENED or desk.held(one) is not None:
                said.append(one)
            k += 1
        if said:
            yield now, said


class _Table:
    """Desk, gate and account at one table: what is asked at an instant, and the orders that come of it."""

    def __init__(self, config: BacktestConfig, histories: Sequence[History]) -> None:
        self.account = Account([_terms(config, history) for history in histories], config.account)
        self.on_tape = any(history.market.tape for history in histories)
        if self.on_tape and len(histories) > 1:
            raise UserError(ALONE)
        self.hedged = config.account.positions is PositionMode.HEDGE
        self.gate = Gate(self.account.terms, config.risk)
        self.contexts = [Context(history) for history in histories]
        self.desk, self.state = Desk(), self.account.start()
        self.config, self.decisions = config, list[Decision]()
        self._risks: dict[int, OpenRisk] = {}

    def advance(self, batch: Batch) -> AccountRows:
        rows = advance_tape(self.account, self.state, batch) if self.on_tape else self.account.advance(self.state, batch)
        self.desk.note(rows)
        return rows

    def hear(self, said: Iterable[Proposal]) -> AccountRows:
        """Answer every proposal of an instant; the refusals of the account are the rows."""
        wishes: list[OrderIntent] = []
        for one in said:
            if one.event in WITHDRAWS:
                wishes.extend(self.desk.withdraw(one, one.known_ts))
            elif one.event is SignalEvent.ADJUSTED:
                wishes.extend(self._adjusted(one))
            else:
                wishes.extend(self._opened(one))
        if not wishes:
            return AccountRows()
        refused = self.account.accept(self.state, intents(wishes))
        self.desk.note(refused)
        return refused

    def _opened(self, one: Proposal) -> Iterator[OrderIntent]:
        if self.desk.busy(one.instrument, one.side if self.hedged else None):
            self._decide(one, BUSY)
            return
        if not self.contexts[one.instrument].agrees(one.known_ts, one.side, self.config.min_agreement):
            self._decide(one, DISAGREES)
            return
        answer = self._ask(one)
        if isinstance(answer, Refused):
            self._decide(one, answer.reason.value)
            return
        wish = self.desk.enter(one, answer)
        self._risks[wish.bracket_id] = OpenRisk(one.instrument, one.side, answer.risk)
        decided = Decision(
            one.known_ts, one.instrument, one.setup, one.signal_id, "", answer.quantity, answer.leverage, answer.stop,
            answer.target, wish.bracket_id,
        )  # fmt: skip
        self.decisions.append(decided)
        yield wish

    def _adjusted(self, one: Proposal) -> Iterable[OrderIntent]:
        """A renewed stop always holds. A renewed exposure scales what is held in proportion; risk may only hold it back."""
        held = self.desk.held(one)
        if held is None or not held.filled:
            return ()
        instrument = self.account.terms[one.instrument].instrument
        wanted = held.quantity
        if one.exposure == one.exposure and held.exposure > 0.0:
            wanted = floor_to_step(held.scale * one.exposure, instrument.lot_size)
        answer = self._ask(one)
        if wanted > held.quantity:
            wanted = max(held.quantity, min(wanted, answer.quantity)) if isinstance(answer, Approved) else held.quantity
        if wanted <= 0.0:
            wanted = held.quantity
        stop = answer.stop if isinstance(answer, Approved) else round_to_step(one.stop, instrument.tick_size)
        return self.desk.adjust(one, wanted, stop)

    def _ask(self, one: Proposal) -> Approved | Refused:
        tick = self.account.terms[one.instrument].instrument.tick_size
        wish = one.wish(tick, self.contexts[one.instrument])
        others = [self._risks[b.number] for b in self.desk.open if b is not self.desk.held(one)]
        return self.gate.judge(wish, self.account.view(self.state), others)

    def _decide(self, one: Proposal, reason: str) -> None:
        nan = float("nan")
        refused = Decision(one.known_ts, one.instrument, one.setup, one.signal_id, reason, nan, nan, nan, nan, -1)
        self.decisions.append(refused)
