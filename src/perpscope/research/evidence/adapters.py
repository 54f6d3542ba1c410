"""From the rows of a fold to signed events: the small declared readers that the table of factors is made of.

A reader takes the rows of one fold and returns the times at which something was known, and a sign: +1 long, -1 short, 0 for
events that claim no direction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.core.units import PositionSide
from perpscope.setups.signal import EntryKind, SignalEvent

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Reader = Callable[[Table], tuple[Integers, Floats]]


@dataclass(frozen=True)
class Adapter:
    """One line of the table: a factor, the fold it reads, and the claim that is tested.

    Attributes:
        name, title: of the factor and its page.
        family: trials are counted together by it.
        fold: whose rows are read; inputs it lacks make the factor UNPROVEN, by name.
        read: rows to signed events.
        horizon: the primary one; the verdict is about it, the others are shown.
        hypothesis: the claim in one sentence, in the direction of the sign.
        prior: what others found, with its grade (EVIDENCE 11).
        directional: False where the events claim no direction; then only the risk outcomes are tested.
    """

    name: str
    title: str
    family: str
    fold: str
    read: Reader
    horizon: str
    hypothesis: str
    prior: str
    directional: bool = True


def at_event(event: int | None, side: str, *, column: str = "event", against: bool = False) -> Reader:
    """Rows of one kind, signed by an enum whose first member is the upper or buying side.

    Args:
        event: code in `column`; None takes every row.
        side: an enum column with 1 = up, high, buy, long and 2 its opposite.
        against: the claim is that price goes the other way (a swept high falls).
    """
    up = -1.0 if against else 1.0

    def read(rows: Table) -> tuple[Integers, Floats]:
        chosen = np.ones(len(rows), np.bool_) if event is None else rows[column] == event
        code = rows[side][chosen]
        return rows.clock[chosen], np.where(code == 1, up, np.where(code == 2, -up, 0.0))

    return read


def without_side(event: int | None = None, *, column: str = "event") -> Reader:
    """Rows of one kind that claim no direction."""

    def read(rows: Table) -> tuple[Integers, Floats]:
        chosen = np.ones(len(rows), np.bool_) if event is None else rows[column] == event
        return rows.clock[chosen], np.zeros(int(chosen.sum()))

    return read


def onset(value: Callable[[Table], Floats], level: float, *, sign: Literal[-1, 0, 1] = 1) -> Reader:
    """The rows at which a running value *begins* to be beyond a level, on either side.

    Definition: |value| >= level now, and before it was below, absent, or beyond the level on the other side. `sign` 1: with the
    value; -1: against it; 0: no direction.

    Example:
        >>> from perpscope.core.table import Column, row_schema
        >>> schema = row_schema("x", Column("score", "score", "a score"))
        >>> rows = Table.of(schema, ref_ts=range(6), known_ts=range(1, 7), score=[0.2, 1.0, 1.2, -1.0, np.nan, -2.0])
        >>> known, signs = onset(lambda t: t["score"], 1.0)(rows)
        >>> known.tolist(), signs.tolist()
        ([2, 4, 6], [1.0, -1.0, -1.0])
    """

    def read(rows: Table) -> tuple[Integers, Floats]:
        values = value(rows)
        state = np.where(values >= level, 1.0, np.where(values <= -level, -1.0, 0.0))
        begun = (state != 0.0) & (state != np.concatenate([[0.0], state[:-1]]))
        return rows.clock[begun], sign * state[begun]

    return read


def signals(variant: int | None = None) -> Reader:
    """The proposals of a setup, at the moment a position would begin: OPENED for market entries, else TRIGGERED.

    A reader of signals knows nothing of the setup beyond the schema `setups.signal` gives to all of them.
    """

    def read(rows: Table) -> tuple[Integers, Floats]:
        at_once = rows["entry_kind"] == EntryKind.MARKET
        begun = np.where(at_once, rows["event"] == SignalEvent.OPENED, rows["event"] == SignalEvent.TRIGGERED)
        if variant is not None:
            begun &= rows["variant"] == variant
        long = rows["position_side"][begun] == PositionSide.LONG
        return rows.clock[begun], np.where(long, 1.0, -1.0)

    return read
