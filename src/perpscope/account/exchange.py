"""The simulated account of a perpetual venue, as a fold over market data and intents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perpscope.account import inputs
from perpscope.account.bars import run_bars
from perpscope.account.config import Rules, Terms
from perpscope.account.layout import INTENT, LINE
from perpscope.account.ledger import equity, wallet_balance
from perpscope.account.margin import available
from perpscope.account.memory import Given
from perpscope.account.money import PER_UNIT, quanta, units
from perpscope.account.rows import AccountRows, equity_table, fresh_curve, rows_of
from perpscope.core.batch import Batch
from perpscope.core.errors import DataError, UserError
from perpscope.core.fold import State
from perpscope.core.orders import ORDER_ENDS, LedgerKind, OrderEnd
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS
from perpscope.core.units import PositionSide
from perpscope.numeric.jit import njit

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Position:
    """One leg as it stands. `margin` is the isolated margin (0 in cross mode); `liquidation_price` NaN where none."""

    instrument: int
    side: PositionSide
    quantity: float
    entry: float
    margin: float
    leverage: float
    liquidation_price: float
    mark: float


@dataclass(frozen=True)
class AccountView:
    """What risk may know of the account: `equity` at the last marks, `available` for new margin, positions, orders."""

    equity: float
    wallet_balance: float
    available: tuple[float, ...]
    positions: tuple[Position, ...]
    open_orders: int
    peak: float


class Account:
    """A margin account with one or several perpetual contracts: orders, fees, funding, margin, liquidation, ledger.

    Definition: `advance` works through the market data of a batch with the orders known before it, in this order at
    every instant: mark, liquidation, funding, liquidation, exits jumped by the open, new intents, path of the bar
    (docs/definitions/account.md). `accept` takes intents; one decided at t works from the first bar that opens at t
    or later, never inside the data that caused it. Money is int64 quanta of 1e-8, so that the ledger's sum is the
    wallet exactly. The result does not depend on how the data is cut into batches.

    Units: prices in quote, quantities in base units (linear) or USD face value (inverse), money in the settlement
    coin, times int64 ns UTC. A bar's rows are known at its close.

    A batch holds "bars", and optionally "mark_bars" (same frame; else the last price stands for the mark), "funding"
    and "intents"; with several instruments each name is preceded by its symbol, "BTCUSDT/bars", but for "intents",
    whose column `instrument` counts the account's terms.

    Source: own; venue rules as cited in `contract.rules` and `account.liquidation`.

    Example:
        >>> from perpscope.account import Rules, Slippage
        >>> from perpscope.contract import flat_tier
        >>> from perpscope.core.events import BARS
        >>> from perpscope.core.instrument import Instrument
        >>> from perpscope.core.orders import OrderIntent, OrderSide, intents
        >>> from perpscope.core.time import MINUTE
        >>> bars = Table.filled(BARS, ref_ts=[0, MINUTE], known_ts=[MINUTE, 2 * MINUTE], open=[100.0, 100.0],
        ...     high=[101.0, 103.0], low=[99.0, 99.5], close=[100.0, 102.0], complete=[True, True])
        >>> wish = OrderIntent(decided_ts=MINUTE, side=OrderSide.BUY, quantity=2.0, leverage=5.0, stop=98.0, target=102.0)
        >>> account = Account(Terms(Instrument("demo", "X"), tiers=flat_tier(0.005), slippage=Slippage(bps=0.0)),
        ...     Rules(deposit=1_000.0))
        >>> rows = account.run({"bars": bars, "intents": intents([wish])})
        >>> [(row["kind"], row["amount"]) for row in rows.ledger.rows()]
        [('deposit', 1000.0), ('fee', -0.1), ('margin_move', -40.0), ('margin_move', 40.0), ('realized', 4.0), ('fee', -0.0408)]
        >>> rows.equity["equity"].tolist()
        [1000.0, 1003.8592]
    """

    def __init__(self, terms: Terms | Sequence[Terms], rules: Rules | None = None) -> None:
        self.terms = (terms,) if isinstance(terms, Terms) else tuple(terms)
        self.rules = rules or Rules()
        self.symbols = tuple(one.instrument.symbol for one in self.terms)
        if not self.terms or len(set(self.symbols)) != len(self.symbols):
            raise UserError("An account needs the terms of at least one instrument, each with a symbol of its own.")
        self._given = Given(self.terms, self.rules)
        self._only = self._given.spots[0]
        self._reading = np.empty(3 + len(self.terms))

    def start(self) -> State:
        """A fresh account that holds the deposit; the deposit's line is written with the first bar."""
        return {
            "account": self._given.fresh(self.rules.deposit),
            "intents": np.empty((0, INTENT.itemsize // 8), np.int64),
            "intent_place": np.empty(0, np.int64),
            "funding": tuple(inputs.NO_FUNDING),
            "watermark": NULL_TS,
        }

    def advance(self, state: State, batch: Batch) -> AccountRows:
        """Work through a batch and return the new rows, each ordered by known_ts.

        Raises:
            UserError: if a bar has no prices, or an intent names an instrument the account does not have.
            DataError: with `strict_funding`, if a funding stamp is missing while a position is held.
        """
        if "intents" in batch and len(batch["intents"]):
            self._queue(state, batch["intents"])
        bars = inputs.bar_columns(batch, self.symbols)
        funding = inputs.funding_columns(batch, self.symbols, inputs.FundingColumns(*state["funding"]))
        state["watermark"] = batch.watermark_ts
        total = len(bars.close_ts)
        if not total:
            state["funding"] = tuple(funding)
            return AccountRows()
        given = self._given
        given.words[:] = state["account"]
        m, wallet = given.record, given.wallet
        curve = fresh_curve(total)
        self._point(funding, state["intent_place"])
        wallet["balances"] = 0
        if wallet["sequence"] == 0:
            self._write_deposit(int(bars.open_ts[0]), int(bars.close_ts[0]))
        parts: list[AccountRows] = []
        records = state["intents"].view(INTENT)[:, 0]
        done = 0
        while done < total:
            done = run_bars(given.memory, curve, *bars, funding.ts, funding.rate, funding.price, records, done)
            if done < 0:
                raise UserError("A bar without prices cannot fill orders: drop bars whose low is absent or not above zero.")
            parts.append(rows_of(m, equity_table(curve, int(wallet["balances"]))) if done == total else rows_of(m))
        rows = parts[0] if len(parts) == 1 else AccountRows.concat(parts)
        state["account"] = given.words.copy()
        self._forget(state, funding)
        if self.rules.strict_funding and wallet["funding_holes"]:
            raise DataError("Funding stamps are missing while a position is held; import them, or allow it (strict_funding).")
        return rows

    def accept(self, state: State, wishes: Table) -> AccountRows:
        """Take intents after a step; they can work from the next bar on. One decided later than the last watermark is
        refused: a signal from the future.

        Returns:
            The refusals, in `order_ends`.
        """
        late = wishes["known_ts"] > state["watermark"]
        alien = (wishes["instrument"] < 0) | (wishes["instrument"] >= len(self.terms))
        self._queue(state, wishes[~(late | alien)])
        if not (late | alien).any():
            return AccountRows()
        bad = wishes[late | alien]
        now = np.full(len(bad), state["watermark"])
        reason = np.where(late[late | alien], OrderEnd.FUTURE, OrderEnd.UNKNOWN_INSTRUMENT)
        ends = Table.filled(
            ORDER_ENDS, ref_ts=now, known_ts=now, intent_id=bad["intent_id"], instrument=bad["instrument"], reason=reason,
            quantity=bad["quantity"], bracket_id=bad["bracket_id"],
        )  # fmt: skip
        return AccountRows(order_ends=ends)

    def run(self, tables: Mapping[str, Table], state: State | None = None) -> AccountRows:
        """All tables as one batch from a fresh account (or on from `state`): the array-speed entry."""
        last = max((int(t.clock[-1]) for t in tables.values() if len(t)), default=NULL_TS)
        return self.advance(self.start() if state is None else state, Batch(last, tables))

    def view(self, state: State) -> AccountView:
        """What the account is worth and holds, at the last marks."""
        self._given.words[:] = state["account"]
        read(self._given.memory, self._reading)
        worth, money, peak, *room = self._reading.tolist()
        held = np.flatnonzero(self._given.legs["quantity"] > 0.0).tolist()
        orders = int(self._given.wallet["orders"])
        return AccountView(worth, money, tuple(room), tuple(self._position(j) for j in held), orders, peak)

    def summary(self, state: State) -> dict[str, float]:
        """Running totals of a state: money in coin, counts, the deepest drawdown of bar closes, mean gross exposure."""
        self._given.words[:] = state["account"]
        read(self._given.memory, self._reading)
        w = self._given.wallet
        made = {name: int(w[name]) / PER_UNIT for name in ("fees", "funding", "insurance")}
        made |= {name: float(w[name]) for name in ("turnover", "slippage")}
        counts = ("fills", "trips", "wins", "liquidations", "insured", "funding_holes", "gaps")
        made |= {name: int(w[name]) for name in counts}
        made["drawdown"] = max(float(w["drawdown"]), 1.0 - float(w["trough"]) / float(w["peak"]))
        made["exposure"] = float(w["gross_sum"] / w["equity_sum"]) if w["equity_sum"] > 0.0 else 0.0
        made["equity"] = float(self._reading[0])
        return made

    def _position(self, j: int) -> Position:
        leg = self._given.legs[j]
        return Position(
            j // 2, PositionSide.SHORT if j % 2 else PositionSide.LONG, float(leg["quantity"]), float(leg["entry"]),
            int(leg["margin"]) / PER_UNIT, float(leg["leverage"]), float(leg["liquidation_price"]),
            float(self._given.spots["mark"][j // 2]),
        )  # fmt: skip

    def _queue(self, state: State, wishes: Table) -> None:
        if not len(wishes):
            return
        records, place = inputs.intent_records(wishes, self.rules)
        if len(place) and (place.min() < 0 or place.max() >= len(self.terms)):
            raise UserError(
                f"An intent names an instrument that this account does not trade; it has {', '.join(self.symbols)}."
            )
        plain = np.concatenate([state["intents"], records.view(np.int64).reshape(len(records), -1)])
        place = np.concatenate([state["intent_place"], place])
        order = np.lexsort((plain[:, 0], place))
        state["intents"], state["intent_place"] = plain[order], place[order]

    def _point(self, funding: inputs.FundingColumns, place: Array) -> None:
        """Tell every instrument where its stamps and intents lie."""
        spots = self._given.spots
        if len(self.terms) == 1:
            spot = self._only
            spot["funding_at"], spot["funding_end"], spot["intent_at"], spot["intent_end"] = 0, len(funding.ts), 0, len(place)
            return
        for at, end, owner in (("funding_at", "funding_end", funding.place), ("intent_at", "intent_end", place)):
            edges = np.searchsorted(owner, np.arange(len(self.terms) + 1))
            spots[at], spots[end] = edges[:-1], edges[1:]

    def _forget(self, state: State, funding: inputs.FundingColumns) -> None:
        """Keep only stamps and intents that are still to come."""
        spots = self._given.spots
        if len(self.terms) == 1:
            at, wish = int(self._only["funding_at"]), int(self._only["intent_at"])
            state["funding"] = tuple(column[at:] for column in funding) if at else tuple(funding)
            if wish:
                state["intents"], state["intent_place"] = state["intents"][wish:], state["intent_place"][wish:]
            return
        keep = _left(spots["funding_at"], spots["funding_end"], len(funding.ts))
        state["funding"] = tuple(column[keep] for column in funding)
        keep = _left(spots["intent_at"], spots["intent_end"], len(state["intent_place"]))
        state["intents"], state["intent_place"] = state["intents"][keep], state["intent_place"][keep]

    def _write_deposit(self, ts: int, known: int) -> None:
        line = self._given.record["ledger"][0]
        for name in LINE.names or ():
            line[name] = -1 if LINE[name].kind == "i" else np.nan
        line["ts"], line["known"], line["sequence"], line["spot"], line["note"] = ts, known, 0, 0, 1
        line["kind"], line["amount"] = int(LedgerKind.DEPOSIT), quanta.python(self.rules.deposit)
        self._given.record["count"][0] = 1
        self._given.wallet["sequence"] = 1


@njit
def read(memory: Any, into: Any) -> None:
    """Equity, wallet, peak, then what is available to each instrument."""
    m = memory[0]
    into[0], into[1], into[2] = equity(m), units(wallet_balance(m)), m.wallet.peak
    for k in range(m.wallet.instruments):
        into[3 + k] = available(m, k)


def _left(at: Array, end: Array, total: int) -> Array:
    keep = np.zeros(total, np.bool_)
    for a, b in zip(at.tolist(), end.tolist(), strict=True):
        keep[a:b] = True
    return keep
