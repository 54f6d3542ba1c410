"""What evidence has found a factor to be worth, with dates: a verdict speaks only of the time it was given for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.time import format_ts
from perpscope.setups.base import Factor, Verdict


@dataclass(frozen=True)
class Ruling:
    """A verdict on a factor in [from_ts, until_ts), ns: from the day it was given until it expired or was taken back."""

    factor: str
    verdict: Verdict
    from_ts: int
    until_ts: int

    def __post_init__(self) -> None:
        if self.from_ts >= self.until_ts:
            raise UserError(f"The verdict on {self.factor} ends at {format_ts(self.until_ts)}, before it was given.")


def checked(rulings: Sequence[Ruling], factors: Sequence[Factor]) -> None:
    """Every ruling names a factor that exists.

    Raises:
        UserError: for one that does not, with the nearest name.
    """
    names = [factor.name for factor in factors]
    for ruling in rulings:
        if ruling.factor not in names:
            raise unknown_name("factor", ruling.factor, names)


def proven(rulings: Sequence[Ruling], factors: Sequence[Factor], at: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which factor is PROVEN at which time: by the ruling that was given last of those in force, else by its own word.

    Returns: bool, one row per factor, one column per time.

    Example:
        >>> from perpscope.setups.factors import FACTORS
        >>> yes, no = Ruling("flow", Verdict.PROVEN, 10, 30), Ruling("flow", Verdict.WEAK, 20, 25)
        >>> proven([no, yes], FACTORS, np.array([5, 10, 20, 25, 30]))[2].tolist()
        [False, True, False, True, False]
    """
    found = np.repeat(np.array([[factor.verdict is Verdict.PROVEN] for factor in factors]), len(at), axis=1)
    place = {factor.name: k for k, factor in enumerate(factors)}
    for ruling in sorted(rulings, key=lambda one: one.from_ts):
        found[place[ruling.factor], (at >= ruling.from_ts) & (at < ruling.until_ts)] = ruling.verdict is Verdict.PROVEN
    return found
