"""Evidence and verdicts: what a line of a score is called, what it says, and how good it has been.

A setup's rows carry one column `part_<factor>` for each of its factors and a `score` that is their sum, so that no
number is ever shown without its reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Column, Schema, Table, row_schema

Floats = npt.NDArray[np.float64]


class Verdict(StrEnum):
    """What measurement has found a factor to be worth. Nothing is claimed before it is measured."""

    PROVEN = "PROVEN"
    RISK_ONLY = "RISK-ONLY"
    WEAK = "WEAK"
    UNPROVEN = "UNPROVEN"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class Factor:
    """One line of evidence.

    `feature` is the input it reads, `read` turns that feature's rows into parts in -1..1 (long positive, NaN where
    it says nothing). The three sentences say what the sign means. `pace` is the time frame at which the feature
    speaks when that is not the setup's own; a row older than two of its bars is stale.
    """

    name: str
    title: str
    feature: str
    read: Callable[[Table], Floats]
    when_long: str
    when_short: str
    when_flat: str
    pace: str | None = None
    verdict: Verdict = Verdict.UNPROVEN

    def reason(self, part: float) -> str:
        """The sentence for a part.

        Example:
            >>> Factor("f", "Flow", "delta", lambda t: t["delta"], "buyers push", "sellers push", "nobody pushes").reason(-0.5)
            'sellers push'
        """
        if part != part:
            return "not known here"
        return self.when_long if part > 0 else self.when_short if part < 0 else self.when_flat


def score_schema(name: str, factors: tuple[Factor, ...], *more: Column) -> Schema:
    """The columns of a score: its parts, their sum, how many are known, then whatever else the setup says."""
    parts = tuple(Column(f"part_{f.name}", "score", f"{f.title}, -1..1; NaN where not known", mirror="negate") for f in factors)
    return row_schema(
        name,
        *parts,
        Column("score", "score", "sum of the known parts", mirror="negate"),
        Column("known", "count", "parts that are known"),
        *more,
    )
