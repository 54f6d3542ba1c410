"""The account's memory as records: what a kernel reads and writes, by name.

Every field is 8 bytes wide, int64 or float64, so that a state is plain memory: it freezes to bytes and thaws to the
same account. Money fields (`free`, `margin`, `gross`, ...) are int64 quanta, see `account.money`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ROOM = 64
"""Open orders that one account can hold."""


def _record(ints: str, floats: str) -> np.dtype[Any]:
    return np.dtype((np.record, [(name, "i8") for name in ints.split()] + [(name, "f8") for name in floats.split()]))


def _nested(*fields: tuple[str, Any, tuple[int, ...]]) -> np.dtype[Any]:
    return np.dtype((np.record, [(name, dtype, shape) if shape else (name, dtype) for name, dtype, shape in fields]))


WALLET = _record(
    "instruments free sequence next_order orders now known cooldown_ts trips cross_legs"
    " fees funding insurance fills liquidations insured funding_holes gaps closed wins balances",
    "peak trough drawdown turnover slippage equity_sum gross_sum",
)
"""One per account. `now` is the instant being worked on, `known` when its cause became known."""

SPOT = _record(
    "next_ts regime regime_end last_funding last_close bars held funding_at funding_end intent_at intent_end",
    "last mark low_watch high_watch mark_low mark_high unrealized notional gross cap squares volume weight",
)
"""One per instrument: where its prices are, and the levels and times between which nothing can happen."""

LEG = _record(
    "margin side bracket open_ts bars gap queue model gross fees funding insurance reason",
    "quantity entry leverage liquidation_price opened opened_value closed closed_value low high"
    " stop_distance risk slippage first_leverage first_margin initial_equity distance worst_mark",
)
"""Two per instrument, long then short; the second half tells of the round trip under way."""

ORDER = _record(
    "id intent spot sign leg kind tif reduce_only close_position bracket trigger_by role state active_ts good_till_ts"
    " exit_ts spent_ts dead_until_ts",
    "quantity price trigger leverage stop target trail_fraction trail_activation anchor ahead worse",
)

TERMS = _record(
    "kind isolated regimes_from regimes_to impact_model",
    "tick lot min_notional price_band participation maker_fee taker_fee liquidation_fee slippage impact stress exponent",
)
"""What does not change while an account lives: one per instrument."""

REGIME = _record("valid_from valuation tiers_from tiers_to", "")
"""Which tiers and which valuation are in force from a date."""

RULES = _record(
    "hedge path profile funding_from_free latency cancel_latency trigger_latency queue_model sample stress_beyond scenarios",
    "beyond_bps",
)
"""Settings of the whole account."""

SCENARIO = _record("kind start_ts end_ts sign delay seed", "probability distance")
"""What a declared scenario does and when; `sign` is that of the position it meets, 0 for either."""

INTENT = _record(
    "decided_ts active_ts id sign kind tif good_till_ts reduce_only close_position leg bracket trigger_by exit_ts",
    "quantity price trigger leverage stop target trail_fraction trail_activation",
)

LINE = _record("ts known sequence spot kind amount order bracket note", "price quantity rate")
FILL = _record(
    "ts known order intent spot sign role opens maker model note bracket",
    "price reference wanted quantity fee realized position",
)
END = _record("ts known order intent spot reason bracket", "quantity price")
TRIP = _record(
    "ts known id spot side bracket open_ts gross fees funding insurance bars reason model queue gap",
    "entry exit quantity slippage risk adverse favorable low high leverage margin distance initial_equity",
)

LINES, FILLS, ENDS, TRIPS = range(4)

# states of an order
TRIGGER, RESTING, MARKET, TIMED = 1, 2, 3, 4

# paths inside a bar
PESSIMISTIC, HIGH_FIRST, LOW_FIRST = 1, 2, 3

# liquidation profiles
FORFEIT, BINANCE, BYBIT, OKX, HYPERLIQUID = 1, 2, 3, 4, 5

# scenarios
ADL, STOP_MAY_FAIL, GAP_THROUGH = 1, 2, 3

# queue models
THROUGH_ONLY, RISK_AVERSE, PROPORTIONAL = 1, 2, 3


INSTRUMENTS = 16
REGIMES = 128
TIERS = 1024
ROWS = 4096
SCENARIOS = 8
"""How much one account can hold: instruments, dated tier tables, tiers, output rows before they are handed over, scenarios."""

_PARTS: tuple[tuple[str, Any, tuple[int, ...]], ...] = (
    ("wallet", WALLET, ()),
    ("spots", SPOT, (INSTRUMENTS,)),
    ("legs", LEG, (2 * INSTRUMENTS,)),
    ("orders", ORDER, (ROOM,)),
)
CHANGING = _nested(*_PARTS)
"""What changes while an account lives, and all that a state has to remember."""

MEMORY = _nested(
    *_PARTS, *((f"kept_{name}", dtype, shape) for name, dtype, shape in _PARTS),
    ("terms", TERMS, (INSTRUMENTS,)), ("regimes", REGIME, (REGIMES,)), ("rules", RULES, ()),
    ("scenarios", SCENARIO, (SCENARIOS,)),
    ("cap", "f8", (TIERS,)), ("rate", "f8", (TIERS,)), ("amount", "f8", (TIERS,)), ("max_leverage", "f8", (TIERS,)),
    ("count", "i8", (4,)), ("ledger", LINE, (ROWS,)), ("fills", FILL, (ROWS,)), ("ends", END, (ROWS,)),
    ("trips", TRIP, (ROWS,)),
)  # fmt: skip
"""Everything a kernel may touch, as one record: the changing parts first, a copy of them for the path that is tried and
taken back, what is given once, and the rows written so far (`count`: lines, fills, ends, trips)."""

Memory = Any
"""A record of dtype `MEMORY`. One pointer instead of many arrays: kernels compile and call in a fraction of the time."""
