"""What the synthetic market remembers: record arrays, and the one bundle of them that every kernel receives.

Working records hold int64 and float64 only, so that every kernel is compiled once; rows of output are narrow.
Inside the simulation prices are whole ticks, quantities whole lots and money whole tick-lots (one tick of price on
one lot), all int64. Sums of money and of positions are therefore exact, and conservation can be tested with `==`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

Array = Any
"""A numpy array, or a record array read by attribute (`accounts[i].quantity`)."""

World = Any
"""The one record of `world_record`, as a kernel sees it."""


class Group(IntEnum):
    """Who a participant is. All but RETAIL are hedged or unlevered: nothing liquidates them."""

    MAKER = 1
    NOISE = 2
    MOMENTUM = 3
    REVERTER = 4
    ARBITRAGE = 5
    HOLDER = 6
    COLLECTOR = 7
    RETAIL = 8
    INSURANCE = 9


class Transfer(IntEnum):
    """Why contracts changed hands. Only TRADE and LIQUIDATION cross the public book and are printed."""

    TRADE = 1
    LIQUIDATION = 2
    INITIAL = 3
    TAKEOVER = 4
    DELEVERAGING = 5


class Exit(IntEnum):
    """Why a position ended."""

    OPEN = 1
    HOLDING_TIME = 2
    STOP = 3
    TARGET = 4
    LIQUIDATION = 5
    DELEVERAGING = 6


class MarginMode(IntEnum):
    NEVER = 1
    ISOLATED = 2
    CROSS = 3


def _record(*fields: tuple[str, str]) -> np.dtype[Any]:
    return np.dtype(list(fields), align=True)


ACCOUNT = _record(
    ("quantity", "i8"),  # signed lots
    ("cost", "i8"),  # signed entry value of the quantity
    ("margin", "i8"),  # money inside an isolated position
    ("wallet", "i8"),  # free money
    ("liquidation_tick", "f8"),  # NaN where nothing liquidates
    ("stop_tick", "f8"),
    ("target_tick", "f8"),
    ("top_up_tick", "f8"),
    ("leverage", "f8"),  # as set by the trader; NaN where unlevered
    ("stop_fraction", "f8"),  # stop at this share of the way to liquidation; NaN without a stop
    ("target_fraction", "f8"),  # target at this multiple of that way; NaN without a target
    ("top_ups", "i8"),  # how often the trader will still add margin
    ("home", "i8"),  # signed lots an unlevered account returns to
    ("holding", "i8"),  # seconds from the first fill to the wish to leave
    ("holding_due", "i8"),  # the second of that wish
    ("order_due", "i8"),  # the second in which the resting order expires
    ("deposited", "i8"),  # money brought for this position, additions included
    ("opened_ts", "i8"),
    ("opened_lots", "i8"),
    ("opened_value", "i8"),
    ("closed_lots", "i8"),
    ("closed_value", "i8"),
    ("effective", "f8"),  # entry value over the money behind it, at the last opening
    ("planned_stop", "f8"),
    ("planned_target", "f8"),
    ("position", "i8"),  # its number; -1 before the first fill
    ("order", "i8"),  # resting order; -1 without
    ("next_free", "i8"),
    ("group", "i8"),
    ("mode", "i8"),
    ("exit", "i8"),
    ("side", "i8"),  # of the position's first fill
)

POSITION = _record(
    ("opened_ts", "i8"),
    ("closed_ts", "i8"),
    ("opened_lots", "i8"),
    ("opened_value", "i8"),
    ("closed_lots", "i8"),
    ("closed_value", "i8"),
    ("deposited", "i8"),
    ("leverage", "f8"),
    ("effective", "f8"),
    ("stop_tick", "f8"),
    ("target_tick", "f8"),
    ("position", "i4"),
    ("account", "i4"),
    ("side", "i1"),
    ("group", "i1"),
    ("mode", "i1"),
    ("exit", "i1"),
)

ORDER = _record(
    ("tick", "i8"),
    ("lots", "i8"),
    ("account", "i8"),
    ("next", "i8"),
    ("prev", "i8"),
    ("side", "i8"),  # +1 bid, -1 ask, 0 free
    ("rung", "i8"),  # which rung of a maker's ladder; -1 for everyone else
)

MAKER = _record(
    ("account", "i8"),
    ("inventory", "f8"),  # lots not yet hedged elsewhere
    ("skew", "f8"),  # log distance of the quoted centre from the index
    ("refreshed", "i8"),  # second of the last refresh
)

FILL = _record(
    ("ts", "i8"),
    ("open_interest", "i8"),  # after the transfer
    ("tick", "i4"),
    ("lots", "i4"),
    ("buyer", "i4"),
    ("seller", "i4"),
    ("buyer_opened", "i4"),
    ("seller_opened", "i4"),
    ("aggressor", "i1"),  # +1 buy, -1 sell, 0 none
    ("kind", "i1"),
)

LEVEL = _record(("ts", "i8"), ("liquidation_tick", "f8"), ("position", "i4"), ("lots", "i4"))

LIQUIDATION = _record(
    ("ts", "i8"),
    ("mark_tick", "f8"),
    ("liquidation_tick", "f8"),
    ("limit_tick", "i8"),
    ("lots", "i8"),
    ("filled_lots", "i8"),
    ("filled_value", "i8"),
    ("leverage", "f8"),
    ("position", "i4"),
    ("side", "i1"),
)

DEPTH = _record(("second", "i4"), ("tick", "i4"), ("lots", "i4"), ("side", "i1"))

MARKET = _record(
    ("second", "i8"),  # whole seconds since the start
    ("now", "i8"),  # ns since the start
    ("best_bid", "i8"),
    ("best_ask", "i8"),
    ("bids", "i8"),  # resting orders
    ("asks", "i8"),
    ("free_order", "i8"),
    ("free_account", "i8"),
    ("room", "i8"),  # accounts below this number have been used
    ("opened", "i8"),  # positions ever opened
    ("open_interest", "i8"),
    ("fees", "i8"),
    ("deposits", "i8"),  # net money brought from outside
    ("outside", "f8"),  # price the outside world would have alone, ticks
    ("pressure", "f8"),  # log distance by which this market has moved it
    ("index", "f8"),  # ticks
    ("mid", "f8"),
    ("mark", "f8"),
    ("premium", "f8"),  # EMA of mid - index, ticks
    ("premium_slow", "f8"),
    ("attraction", "f8"),  # -1 .. 1, where the next liquidations are
    ("premium_sum", "f8"),
    ("premium_count", "i8"),
    ("trend_fast", "f8"),  # EMAs of log mid
    ("trend_slow", "f8"),
    ("uniform", "i8"),  # cursors of the pools of random numbers
    ("normal", "i8"),
    ("fills", "i8"),  # rows used in the output buffers
    ("levels", "i8"),
    ("liquidations", "i8"),
    ("positions", "i8"),
    ("fundings", "i8"),
    ("interests", "i8"),
    ("makers", "i8"),  # how many there are
    ("leverages", "i8"),
    ("tiers", "i8"),
    ("depth_rows", "i8"),
    ("ended", "i8"),
)


ACCOUNTS = 2**18
ORDERS = 2**13
RING = 2**19  # ticks in the book's ring
BINS = 2**14  # price bins of the triggers
WHEEL = 2**14  # seconds of the timers
BLOCK = 14_400  # seconds simulated between two refills of the buffers
RESERVE = 20_000  # rows and random numbers one second may need
UNIFORMS = 250_000
NORMALS = 60_000
ROWS = 400_000
DEPTH_ROWS = 2**22  # rows of resting depth that one block may record
MAX_MAKERS = 6
RUNGS = 8
MAX_LEVERAGES = 16
MAX_TIERS = 16

LISTS = _record(
    ("head", f"({WHEEL},)i8"), ("next", f"({ACCOUNTS},)i8"), ("prev", f"({ACCOUNTS},)i8"), ("where", f"({ACCOUNTS},)i8")
)
"""Doubly linked lists of account numbers, one per bucket (a price bin, or a second modulo the wheel)."""


def world_record(params: np.dtype[Any]) -> np.dtype[Any]:
    """Everything a kernel may touch, as one record: a kernel receives a single pointer, and memory is bounded.

    Pages that are never touched are never taken from the system.
    """
    return np.dtype(
        [
            ("params", params),
            ("market", MARKET),
            ("accounts", ACCOUNT, (ACCOUNTS,)),
            ("makers", MAKER, (MAX_MAKERS,)),
            ("orders", ORDER, (ORDERS,)),
            ("level_head", "i8", (RING,)),  # order queue per tick of the ring
            ("level_tail", "i8", (RING,)),
            ("rungs", "i8", (MAX_MAKERS, 2, RUNGS)),  # resting order of each maker's rung; bids first
            ("rung_offset", "f8", (RUNGS,)),
            ("rung_lots", "f8", (RUNGS,)),
            ("below", LISTS),  # fire when mark falls to them
            ("above", LISTS),  # fire when mark rises to them
            ("order_timer", LISTS),
            ("holding_timer", LISTS),
            ("leverages", "f8", (MAX_LEVERAGES,)),
            ("leverage_cdf", "f8", (2, MAX_LEVERAGES)),  # before and after the mix changes
            ("tier_cap", "f8", (MAX_TIERS,)),
            ("tier_rate", "f8", (MAX_TIERS,)),
            ("tier_amount", "f8", (MAX_TIERS,)),
            ("tier_max", "f8", (MAX_TIERS,)),
            # one block of input
            ("uniforms", "f8", (UNIFORMS,)),
            ("normals", "f8", (NORMALS,)),
            ("moves", "f8", (BLOCK,)),  # log change of the outside price, per second
            ("activity", "f8", (BLOCK,)),  # arrivals relative to their mean
            ("stress", "f8", (BLOCK,)),  # volatility relative to its mean
            ("mood", "f8", (BLOCK,)),  # what retail leans to, -1 .. 1
            # one block of output
            ("marks", "f8", (BLOCK,)),
            ("indices", "f8", (BLOCK,)),
            ("interest", "i8", (BLOCK,)),
            ("funding", "f8", (16,)),
            ("funding_flows", "i8", (16, 2)),  # received by longs and by shorts
            ("fills", FILL, (ROWS,)),
            ("levels", LEVEL, (ROWS,)),
            ("liquidations", LIQUIDATION, (ROWS,)),
            ("positions", POSITION, (ROWS,)),
            ("depth_rows", DEPTH, (DEPTH_ROWS,)),
        ],
        align=True,
    )
