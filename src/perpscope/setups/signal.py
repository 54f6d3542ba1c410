"""What a setup says: a proposal to trade with everything that a risk desk needs to refuse it. Never an order.

Prices are those of the idea, not rounded to ticks; sizes are nobody's business here but for the slow legs, which name
the exposure that their volatility allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perpscope.core.table import Column, Schema, Table, choice, price, row_schema, ts
from perpscope.core.units import PositionSide
from perpscope.market.structure import ExpiryCause


class SignalEvent(IntEnum):
    """The life of a proposal, told by bars. It says what prices did, and claims no fill.

    OPENED: proposed. TRIGGERED: price traded through the entry of a limit or stop proposal. ADJUSTED: exposure or stop
    renewed. Ends: STOPPED (the stop traded; before the target when one bar holds both), REACHED (the first target traded),
    INVALIDATED (a close beyond the invalidation, or the evidence is gone), MISSED (the target traded before the entry),
    EXPIRED (time is up, or a hole in the bars hid the outcome).
    """

    OPENED = 1
    TRIGGERED = 2
    ADJUSTED = 3
    STOPPED = 4
    REACHED = 5
    INVALIDATED = 6
    MISSED = 7
    EXPIRED = 8


class EntryKind(IntEnum):
    """MARKET: at once, `entry` is the close that decided. LIMIT: at `entry` or better. STOP: once price trades `entry`."""

    MARKET = 1
    LIMIT = 2
    STOP = 3


class Only(IntEnum):
    """For setups of one kind."""

    ONLY = 1


@dataclass(frozen=True)
class Evidence:
    """One line of a setup's evidence: its part is in -1..1, long positive, NaN where it is not known."""

    name: str
    title: str


def signal_schema(name: str, evidence: tuple[Evidence, ...], variant: type[IntEnum] = Only) -> Schema:
    """The rows of a setup: common columns, then `part_<evidence>`, their sum and how many are known."""
    parts = tuple(
        Column(f"part_{e.name}", "score", f"{e.title}, -1..1; NaN where not known", mirror="negate") for e in evidence
    )
    return row_schema(
        name,
        Column("id", "id", "the proposal; the same in all rows of its life", "int64"),
        choice("event", SignalEvent, "what became of it"),
        choice("variant", variant, "which kind of the setup"),
        choice("position_side", PositionSide, "the side to take", mirror="flip"),
        choice("entry_kind", EntryKind, "market, limit or stop"),
        price("entry", "price to get in at; the close that decided for a market entry"),
        price("stop", "price to get out at when it is wrong"),
        price("target", "price to get out at when it is right; NaN where time or evidence ends it"),
        price("target_2", "a farther target; NaN where there is none"),
        price("invalidation", "a close beyond it withdraws the idea, filled or not; NaN where only the stop does"),
        ts("expire_ts", "from then on it must not be entered"),
        ts("exit_ts", "from then on it should be left; NULL_TS where evidence ends it"),
        Column("exposure", "ratio", "wanted notional over equity, before risk; NaN where the setup leaves it to risk"),
        choice("cause", ExpiryCause, "why an expired proposal left: age or gap"),
        *parts,
        Column("score", "score", "sum of the known parts", mirror="negate"),
        Column("known", "count", "parts that are known"),
    )


ENDS = (
    SignalEvent.STOPPED,
    SignalEvent.REACHED,
    SignalEvent.INVALIDATED,
    SignalEvent.MISSED,
    SignalEvent.EXPIRED,
)
"""After one of these a proposal is no more."""


def living(rows: Table) -> Table:
    """The newest row of every proposal that has not ended, in known order: what stands at the end of the rows.

    Example:
        >>> schema = row_schema("s", Column("id", "id", "", "int64"), choice("event", SignalEvent, ""))
        >>> told = dict(ref_ts=[0, 0, 0], known_ts=[1, 2, 3], id=[7, 8, 7], event=[1, 1, SignalEvent.STOPPED])
        >>> living(Table.of(schema, **told))["id"].tolist()
        [8]
    """
    _, last = np.unique(rows["id"][::-1], return_index=True)
    newest = rows[np.sort(len(rows) - 1 - last)]
    return newest[~np.isin(newest["event"], ENDS)]


BAR, VARIANT, KIND, EXPIRE, EXIT = range(5)
"""Rows of the integer half of a draft."""

ENTRY, STOP, TARGET, TARGET_2, INVALIDATION, EXPOSURE, PARTS = range(7)
"""Rows of the float half; the parts begin at PARTS."""
