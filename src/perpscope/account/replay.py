"""The account over recorded prints, books and marks of one instrument: the same state, other events."""

from __future__ import annotations

import numpy as np

from perpscope.account import inputs
from perpscope.account.book import BOOK
from perpscope.account.exchange import Account
from perpscope.account.layout import INTENT
from perpscope.account.rows import AccountRows, equity_table, fresh_curve, rows_of
from perpscope.account.tape import ASK, BID, BUY, GAP, MARK, SELL, SILENCE, SNAPSHOT, close_bars, run_tape
from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import BARS, BookSide, GapKind
from perpscope.core.fold import State
from perpscope.core.units import AggressorSide

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""ts, kind, price, quantity of events in order."""


def advance_tape(account: Account, state: State, batch: Batch) -> AccountRows:
    """Work through the prints, book updates and marks of a batch, with the orders known before it.

    A batch holds any of "trade", "book_delta", "mark_price", "gap", "funding", "intents", and "bars". At equal times marks
    come first, then prints, then book updates. An intent becomes active at its decision plus latency. Bars decide no fill:
    at each of their closes, after the events up to it, a row of equity is written (without them there is none), and the
    impact model measures its day by them.

    Raises:
        UserError: if the account has several instruments.

    Example:
        >>> from perpscope.account import Rules, Slippage, Terms
        >>> from perpscope.contract import flat_tier
        >>> from perpscope.core.events import TRADE
        >>> from perpscope.core.instrument import Instrument
        >>> from perpscope.core.orders import OrderIntent, OrderSide, intents
        >>> from perpscope.core.table import Table
        >>> terms = Terms(Instrument("demo", "X"), tiers=flat_tier(0.004), slippage=Slippage(bps=0.0))
        >>> account = Account(terms, Rules(latency=5))
        >>> prints = Table.of(TRADE, exchange_ts=[0, 4, 6], receive_ts=[0, 4, 6], trade_id=[1, 2, 3],
        ...     price=[100.0, 101.0, 102.0], quantity=[1.0, 1.0, 1.0], aggressor_side=[1, 1, 1])
        >>> state = account.start()
        >>> wish = OrderIntent(decided_ts=0, side=OrderSide.BUY, quantity=1.0)
        >>> rows = advance_tape(account, state, Batch(6, {"trade": prints, "intents": intents([wish])}))
        >>> rows.fills["price"].tolist()
        [102.0]
    """
    if len(account.terms) > 1:
        raise UserError("Prints and books are worked through for one instrument; use bars for an account of several.")
    if "intents" in batch and len(batch["intents"]):
        account._queue(state, batch["intents"])
    funding = inputs.funding_columns(batch, account.symbols, inputs.FundingColumns(*state["funding"]))
    state["watermark"] = batch.watermark_ts
    ts, kind, price, quantity = events_of(batch)
    bars = batch["bars"] if "bars" in batch else BARS.empty()
    if not len(ts) and not len(bars):
        state["funding"] = tuple(funding)
        return AccountRows()
    closes = tuple(inputs.clean(bars[name]) for name in ("ref_ts", "known_ts", "open", "close", "volume"))
    given = account._given
    given.words[:] = state["account"]
    books = state["book"].view(BOOK)[:, 0] if "book" in state else np.zeros(1, BOOK)
    account._point(funding, state["intent_place"])
    given.wallet["balances"] = 0
    if given.wallet["sequence"] == 0:
        begun = min(int(column[0]) for column in (ts, bars["known_ts"]) if len(column))
        account._write_deposit(begun, begun)
    records = state["intents"].view(INTENT)[:, 0]
    curve, place = fresh_curve(len(bars)), np.zeros(1, np.int64)
    parts: list[AccountRows] = []
    done = 0
    while done < len(ts):
        done = run_tape(
            given.memory, books, ts, kind, price, quantity, funding.ts, funding.rate, funding.price, records, curve, place,
            *closes, done,
        )  # fmt: skip
        if done < len(ts):
            parts.append(rows_of(given.record))
    close_bars(given.memory, curve, place, *closes, batch.watermark_ts + 1)
    parts.append(rows_of(given.record, equity_table(curve, int(given.wallet["balances"]))))
    state["account"] = given.words.copy()
    state["book"] = books.view(np.int64).reshape(1, -1)
    account._forget(state, funding)
    return parts[0] if len(parts) == 1 else AccountRows.concat(parts)


def events_of(batch: Batch) -> Columns:
    """Marks, prints and book updates of a batch as one sequence, in time order."""
    parts: list[Columns] = []
    if "mark_price" in batch:
        t = batch["mark_price"]
        parts.append(_events(t["exchange_ts"], np.full(len(t), MARK), t["mark_price"], np.zeros(len(t))))
    if "trade" in batch:
        t = batch["trade"]
        sold = t["aggressor_side"] == AggressorSide.SELL
        parts.append(_events(t["exchange_ts"], np.where(sold, SELL, BUY), t["price"], t["quantity"]))
    if "gap" in batch:
        t = batch["gap"][batch["gap"]["kind"] == GapKind.BOOK_DELTA]
        parts.append(_events(t["end_ts"], np.full(len(t), GAP), np.zeros(len(t)), np.zeros(len(t))))
        t = batch["gap"][batch["gap"]["kind"] == GapKind.TRADE]
        parts.append(_events(t["end_ts"], np.full(len(t), SILENCE), np.zeros(len(t)), np.zeros(len(t))))
    if "book_delta" in batch:
        t = batch["book_delta"]
        side = np.where(t["side"] == BookSide.BID, BID, ASK)
        fresh = np.flatnonzero(t["snapshot"])
        kinds = np.insert(side, fresh, SNAPSHOT)
        stretched = (np.insert(t[name], fresh, t[name][fresh]) for name in ("exchange_ts", "price", "quantity"))
        when, price, quantity = stretched
        parts.append(_events(when, kinds, price, quantity))
    if not parts:
        empty = np.empty(0)
        return np.empty(0, np.int64), np.empty(0, np.int64), empty, empty
    ts, kind, price, quantity = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(ts, kind="stable")
    return ts[order], kind[order], price[order], quantity[order]


def _events(ts: np.ndarray, kind: np.ndarray, price: np.ndarray, quantity: np.ndarray) -> Columns:
    return ts.astype(np.int64), kind.astype(np.int64), price.astype(np.float64), quantity.astype(np.float64)
