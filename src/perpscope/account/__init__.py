"""What we own: the simulated account of a perpetual venue, a fold that knows orders and money and nothing of signals.

    account = Account(Terms(instrument), Rules(deposit=10_000))
    rows = account.run({"bars": bars, "mark_bars": marks, "funding": funding, "intents": intents})     # array speed

    state = account.start()                                                                              # step by step
    rows = account.advance(state, batch)        # mark, liquidation, funding, fills of orders known before
    refused = account.accept(state, intents)    # after features, setups and risk: works from the next bar on
    account.view(state)                         # equity, positions: what risk needs

Rows: `AccountRows(ledger, fills, order_ends, round_trips, equity)`, schemas in `core.orders`.
Definitions and disputes: docs/definitions/account.md. What no simulation can know: docs/assumptions.md.
"""

from perpscope.account.config import (
    BeyondDepth,
    LiquidationProfile,
    MarginMode,
    PathRule,
    PositionMode,
    QueueModel,
    Rules,
    Scenario,
    ScenarioKind,
    Slippage,
    Terms,
)
from perpscope.account.exchange import Account, AccountView, Position
from perpscope.account.rows import AccountRows

__all__ = [
    "Account",
    "AccountRows",
    "AccountView",
    "BeyondDepth",
    "LiquidationProfile",
    "MarginMode",
    "PathRule",
    "Position",
    "PositionMode",
    "QueueModel",
    "Rules",
    "Scenario",
    "ScenarioKind",
    "Slippage",
    "Terms",
]
