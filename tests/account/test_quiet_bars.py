"""Quiet bars passed by many at a time give the rows of bars taken one by one, to the last bit.

The slow way is an account of two instruments, the second of which has no bars: it takes every bar by itself.
"""

from __future__ import annotations

import numpy as np
import pytest

from account.made import instrument
from account.scenarios import scenario
from perpscope.account import Account, Rules, Slippage, Terms
from perpscope.contract import flat_tier
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR

ROWS = ("ledger", "fills", "order_ends", "round_trips", "equity")


@pytest.mark.parametrize("seed", range(25))
def test_quiet_bars_passed_together_are_quiet_bars_passed_one_by_one(seed: int) -> None:
    made = scenario(seed, length=160, orders=10, move=0.004, leverage=10.0)
    bars, marks = made.bars, made.marks
    if seed % 3 == 0:  # a hole, and hours without a mark
        keep = np.r_[0:70, 76:160]
        bars, marks = bars[keep], marks[np.flatnonzero(np.arange(160) % 11 != 5)]
    given = {"bars": bars, "mark_bars": marks, "funding": made.funding}
    rules = Rules(sample=1 if seed % 2 else 4 * HOUR)
    own = Terms(instrument(tick=0.5), tiers=flat_tier(0.004), taker_fee=0.0005, slippage=Slippage(bps=1.0))
    other = Terms(Instrument("demo", "Y", tick_size=0.5, lot_size=0.001), tiers=flat_tier(0.004))
    intents = made.tables["intents"]
    fast, slow = Account(own, rules), Account([own, other], rules)
    first, second = fast.start(), slow.start()
    together = fast.run({**given, "intents": intents}, first)
    apart = slow.run({**{f"X/{name}": table for name, table in given.items()}, "intents": intents}, second)
    assert len(together.fills) > 3
    for name in ROWS:
        a, b = getattr(together, name), getattr(apart, name)
        assert isinstance(a, Table)
        assert a.same_as(b), name
    assert fast.summary(first) == slow.summary(second)
