"""The rolling monitor: new results against what was promised; a factor that falls short is demoted, with the date."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.time import format_ts
from perpscope.research.evidence.verdicts import FactorVerdict
from perpscope.stats.sequential import cusum_path, sequential_ratio_test

ALARM = 5.0
SPREADS = 4.0
"""Results are clipped at so many spreads around the promise, because the test assumes a normal."""


@dataclass(frozen=True)
class Watch:
    """What the monitor found: `demoted_at` ns and why, or None and ""."""

    demoted_at: int | None
    reason: str
    seen: int


def watch(results_bps: npt.ArrayLike, known_ts: npt.ArrayLike, *, promised_bps: float, spread_bps: float) -> Watch:
    """Follow results in the order in which they became known.

    Definition: two alarms, whichever comes first. SPRT (alpha 5%, beta 20%) of "no edge" (mean 0) against "as promised", at
    its lower bound. CUSUM of shortfalls below the promise in spreads, slack 0.5, at 5.

    Args:
        results_bps: net results of trades made after the verdict; known_ts: int64 ascending, when each was known.
        promised_bps: the effect of the verdict, net; spread_bps: of a result, both fixed with the verdict.
    Raises:
        UserError: if the promise or the spread is not positive: nothing that was not promised can be demoted.

    Example:
        >>> found = watch([-50.0] * 40, np.arange(40), promised_bps=10.0, spread_bps=60.0)
        >>> found.demoted_at, found.reason
        (9, 'results fell short of the promise (CUSUM at 5)')
    """
    if not (promised_bps > 0.0 and spread_bps > 0.0):
        raise UserError("A monitor needs a positive promise and a positive spread of results; other factors cannot be demoted.")
    x, stamps = np.asarray(results_bps, np.float64), np.asarray(known_ts, np.int64)
    if not len(x):
        return Watch(None, "", 0)
    clipped = np.clip(x, promised_bps - SPREADS * spread_bps, promised_bps + SPREADS * spread_bps)
    test = sequential_ratio_test(clipped, null=0.0, edge=promised_bps, sd=spread_bps)
    crossed = np.flatnonzero(cusum_path(clipped, target=promised_bps, sd=spread_bps) >= ALARM)
    by_test = test.decided_at - 1 if test.decision == "no edge" else len(x)
    by_sum = int(crossed[0]) if len(crossed) else len(x)
    first = min(by_test, by_sum)
    if first == len(x):
        return Watch(None, "", len(x))
    why = "the sequential test decided for no edge" if by_test <= by_sum else "results fell short of the promise (CUSUM at 5)"
    return Watch(int(stamps[first]), why, len(x))


def demote(verdict: FactorVerdict, found: Watch) -> FactorVerdict:
    """The verdict with its demotion, in words that begin with the date; unchanged when there was no alarm."""
    if found.demoted_at is None or verdict.demoted:
        return verdict
    return msgspec.structs.replace(verdict, demoted=f"{format_ts(found.demoted_at)[:10]}: {found.reason}")
