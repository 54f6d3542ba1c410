"""Accounts, bars, marks and funding written by hand, an hour each unless said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from perpscope.account import Account, AccountRows, Rules, Slippage, Terms
from perpscope.contract import TierArrays, flat_tier, tiers_from_rates
from perpscope.core.events import BARS, FUNDING, MARK_BARS
from perpscope.core.instrument import Instrument, TierTable
from perpscope.core.orders import OrderIntent, OrderSide, intents
from perpscope.core.table import Table
from perpscope.core.time import HOUR, NULL_TS
from perpscope.core.units import ContractKind

BUY, SELL = OrderSide.BUY, OrderSide.SELL
NAN = math.nan

BTC_2024 = TierTable(
    "binance",
    "BTCUSDT",
    tiers_from_rates(
        [
            (50e3, 0.004, 125), (600e3, 0.005, 100), (3e6, 0.0065, 75), (12e6, 0.01, 50), (70e6, 0.02, 25), (100e6, 0.025, 20),
        ]
    ),
    None,
    None,
    "the first tiers of binance_usdm-2024-10",
)  # fmt: skip

Prices = tuple[float, float, float, float]


def bars(prices: Sequence[Prices], start: int = 0, step: int = HOUR, volume: float = NAN) -> Table:
    o, h, l, c = np.array(prices, float).T.reshape(4, -1)
    ref = start + np.arange(len(o)) * step
    nan = np.full(len(o), NAN)
    return Table.of(
        BARS, ref_ts=ref, known_ts=ref + step, open=o, high=h, low=l, close=c, volume=np.full(len(o), volume),
        buy_volume=nan, sell_volume=nan, trade_count=nan, min_delta=nan, max_delta=nan, complete=np.ones(len(o), bool),
    )  # fmt: skip


def marks(prices: Sequence[Prices], start: int = 0, step: int = HOUR) -> Table:
    o, h, l, c = np.array(prices, float).T.reshape(4, -1)
    ref = start + np.arange(len(o)) * step
    return Table.of(MARK_BARS, ref_ts=ref, known_ts=ref + step, open=o, high=h, low=l, close=c)


def funding(stamps: Sequence[int], rates: Sequence[float]) -> Table:
    n = len(stamps)
    return Table.of(
        FUNDING, exchange_ts=list(stamps), receive_ts=[NULL_TS] * n, funding_rate=list(rates), funding_interval=[NULL_TS] * n
    )


def flat(price: float) -> Prices:
    return price, price, price, price


def instrument(kind: ContractKind = ContractKind.LINEAR, tick: float = 0.1, lot: float = 0.001) -> Instrument:
    return Instrument("demo", "X", kind=kind, tick_size=tick, lot_size=lot)


def account(
    deposit: float = 10_000.0,
    *,
    tiers: TierArrays | None = None,
    bps: float = 0.0,
    maker: float = 0.0,
    taker: float = 0.0,
    of: Instrument | None = None,
    rules: dict[str, Any] | None = None,
    **terms: Any,
) -> Account:
    """An account without costs unless they are given."""
    own = Terms(
        of or instrument(), tiers=flat_tier(0.004) if tiers is None else tiers, slippage=Slippage(bps=bps), maker_fee=maker,
        taker_fee=taker, **terms,
    )  # fmt: skip
    return Account(own, Rules(deposit=deposit, **(rules or {})))


def wish(hour: float, side: OrderSide, quantity: float, **more: Any) -> OrderIntent:
    return OrderIntent(decided_ts=int(hour * HOUR), side=side, quantity=quantity, **more)


def run(of: Account, prices: Sequence[Prices], wishes: Sequence[OrderIntent], **tables: Table) -> AccountRows:
    return of.run({"bars": bars(prices), "intents": intents(wishes), **tables})


def lines(rows: AccountRows, *kinds: str) -> list[tuple[str, float]]:
    """(kind, amount) of the ledger, without margin moves unless asked for."""
    found = [(row["kind"], row["amount"]) for row in rows.ledger.rows()]
    return [line for line in found if (line[0] in kinds if kinds else line[0] not in ("margin_move", "deposit"))]


def fills(rows: AccountRows) -> list[tuple[str, float, float]]:
    return [(row["role"], row["price"], row["quantity"]) for row in rows.fills.rows()]


def last_equity(rows: AccountRows) -> float:
    return float(rows.equity["equity"][-1])
