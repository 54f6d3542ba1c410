"""Words that several structure features share."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError, unknown_name
from perpscope.numeric.jit import njit


class Extreme(IntEnum):
    """Which end of a range: the top or the bottom."""

    HIGH = 1
    LOW = 2


class ExpiryCause(IntEnum):
    """Why an episode left without an end of its own: too old, crowded out by newer ones, or lost in a hole of the bars."""

    AGE = 1
    CROWDED = 2
    GAP = 3


NO_EPISODE = -1
"""In an id column: there is no such episode."""


@njit
def follows(ref_ts: int, meta: npt.NDArray[np.int64]) -> bool:
    """Whether a bar opens exactly where the last one closed, or is the first. meta[0] is the last close, ns."""
    return meta[0] == -(2**63) or ref_ts == meta[0]


def one_of(what: str, given: str, allowed: tuple[str, ...]) -> None:
    """Check a named choice.

    Raises:
        UserError: if it is not among the allowed ones.
    """
    if given not in allowed:
        raise unknown_name(what, given, allowed)


def at_least(what: str, given: float, least: float) -> None:
    """Check a lower bound.

    Raises:
        UserError: if the value is below it.
    """
    if not given >= least:
        raise UserError(f"{what} must be at least {least}, not {given}.")
