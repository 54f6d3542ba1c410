"""By hand: rows handed out are the caller's, whatever the account does next."""

from __future__ import annotations

import numpy as np

from perpscope.account import Account, Rules, Slippage, Terms
from perpscope.contract import flat_tier
from perpscope.core.batch import Batch
from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument
from perpscope.core.orders import OrderIntent, OrderSide, intents
from perpscope.core.table import Table
from perpscope.core.time import MINUTE


def bar(minute: int, price: float) -> Table:
    prices = {name: [price] for name in ("open", "high", "low", "close")}
    return Table.filled(BARS, ref_ts=[minute * MINUTE], known_ts=[(minute + 1) * MINUTE], complete=[True], **prices)


def test_a_row_of_one_step_is_not_overwritten_by_the_next() -> None:
    account = Account(Terms(Instrument("demo", "X"), tiers=flat_tier(0.005), slippage=Slippage(bps=0.0)), Rules(deposit=1e4))
    state = account.start()
    steps = []
    for minute in range(6):
        steps.append(account.advance(state, Batch((minute + 1) * MINUTE, {"bars": bar(minute, 100.0 + minute)})))
        side = OrderSide.BUY if minute % 2 == 0 else OrderSide.SELL
        account.accept(state, intents([OrderIntent((minute + 1) * MINUTE, side, 1.0, bracket_id=minute)]))
    fills = [rows.fills for rows in steps if len(rows.fills)]
    assert [f["bracket_id"].tolist() for f in fills] == [[0], [1], [2], [3], [4]]
    assert np.concatenate([f["price"] for f in fills]).tolist() == [101.0, 102.0, 103.0, 104.0, 105.0]
    assert [rows.round_trips["entry_price"].tolist() for rows in steps if len(rows.round_trips)] == [[101.0], [103.0]]
