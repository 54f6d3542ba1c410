"""Funding carry: the perpetual leg that is paid for waiting. A slow leg, meant to be hedged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.fold import State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array
from perpscope.core.time import DAY, NULL_TS
from perpscope.market.structure import at_least
from perpscope.numeric.atr import atr_reset, atr_state, atr_step
from perpscope.numeric.jit import njit
from perpscope.setups.base import Drafts, Setup, setup_spec
from perpscope.setups.draft import put, within
from perpscope.setups.signal import EXPOSURE, Evidence
from perpscope.setups.tape import Tape

_EVIDENCE = (
    Evidence("carry", "Funding received, a year"),
    Evidence("steady", "Share of payments with that sign"),
)
_SLOTS = 512


class FundingCarry(Setup):
    """Long while shorts pay well and steadily; short by mirror, which is the usual case.

    Definition: carry = what this side received over the last `days` of payments, as a simple yearly rate: the sum of the rates
    over the days they cover, times 365. Evidence - carry at least `least_carry` and at least `steady` of the payments to this
    side, over at least half of the days. Entry - market at the payment. Invalidation - carry at or below `least_carry` / 4.
    Stop - `stop_atr` daily ATR (20) below the entry. Target - none. Expiry - not entered after the next bar, no time exit.
    Exposure = carry / `full_carry`, at most 1: the notional of the leg over equity.
    The leg alone is exposed to price: carry is meant to be hedged with spot or a dated contract, which this package
    does not trade. Disputed: published carry decays below zero in recent years (EVIDENCE 10). UNPROVEN. Needs funding and daily
    bars. Units: yearly fractions, prices in quote currency, parts -1..1. `ref_ts` = open of the deciding bar, `known_ts` its
    close. Source: own; EVIDENCE 10.

    Example:
        >>> FundingCarry().params.full_carry
        0.3
    """

    @dataclass(frozen=True)
    class Params:
        days: int = 7
        least_carry: float = 0.10
        full_carry: float = 0.30
        steady: float = 0.8
        stop_atr: float = 5.0

        def __post_init__(self) -> None:
            at_least("funding_carry.days", self.days, 1)
            at_least("funding_carry.least_carry", self.least_carry, 0.001)
            at_least("funding_carry.full_carry", self.full_carry, self.least_carry)
            at_least("funding_carry.stop_atr", self.stop_atr, 0.5)

    evidence = _EVIDENCE
    depth = 2
    rest = 0
    happenings = ("bars@1d", "funding_state")
    spec = setup_spec("funding_carry", "Funding carry", ("bars", "bars@1d", "funding_state"), _EVIDENCE, "own; EVIDENCE 10")
    exempt: ClassVar[dict[str, str]] = {
        "gap": "payments and daily ranges of a week survive a hole of some bars; proposals end at any hole",
    }

    @property
    def lookback(self) -> int:
        return _SLOTS

    def own(self, instrument: Instrument) -> State:
        return {
            "ints": np.array([NULL_TS, 0], np.int64),  # last daily close, payments seen
            "stamps": np.full((2, _SLOTS), NULL_TS, np.int64),  # when each interval began and was paid
            "rates": np.zeros(_SLOTS),
            "atr": atr_state(),
            "carry": np.array([np.nan]),
        }

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, days, paid = self.params, tape.happenings["bars@1d"], tape.happenings["funding_state"]
        ints, floats = np.empty((5, len(paid)), np.int64), np.empty((len(self.room(tape)[1]), len(paid)))
        gone = np.zeros(tape.new, np.bool_)
        n = _carry_kernel(
            tape.first, tape.frame_ns, tape.known_ts, tape.close, days.bar, days["ref_ts"], days["known_ts"], days["high"],
            days["low"], days["close"], paid.bar, paid["ref_ts"], paid["known_ts"], paid["funding_rate"], p.days * DAY,
            p.least_carry, p.full_carry, p.steady, p.stop_atr, state["ints"], state["stamps"], state["rates"], state["atr"],
            state["carry"], gone, ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n], gone)


@njit
def _carry_kernel(
    first: int, frame: int, known: Array, close: Array, day_bar: Array, day_ref: Array, day_known: Array, day_high: Array,
    day_low: Array, day_close: Array, paid_bar: Array, paid_ref: Array, paid_known: Array, rate: Array, span: int,
    least: float, full: float, steady: float, stop_atr: float, ints_: Array, stamps: Array, rates: Array, atr: Array,
    carry: Array, gone: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    n, d, c = 0, 0, 0
    parts = np.empty(2)
    for i in range(first, close.size):
        while d < day_bar.size and day_bar[d] <= i:
            if day_ref[d] != ints_[0]:
                atr_reset(atr)
            ints_[0] = day_known[d]
            atr_step(atr, day_high[d], day_low[d], day_close[d], 20)
            d += 1
        fresh = False
        while c < paid_bar.size and paid_bar[c] <= i:
            at = ints_[1] % rates.size
            stamps[0, at], stamps[1, at], rates[at] = paid_ref[c], paid_known[c], -rate[c]
            ints_[1] += 1
            received, covered, mine, count = 0.0, 0, 0, 0
            for k in range(min(ints_[1], rates.size)):
                if stamps[1, k] > paid_known[c] - span and stamps[0, k] < stamps[1, k]:
                    received += rates[k]
                    covered += stamps[1, k] - stamps[0, k]
                    mine += rates[k] > 0.0
                    count += 1
            enough = covered >= span // 2
            carry[0] = received / covered * 31_536_000_000_000_000.0 if enough else np.nan
            parts[1] = 2.0 * mine / count - 1.0 if enough else np.nan
            fresh = True
            c += 1
        gone[i - first] = carry[0] <= 0.25 * least
        if not (fresh and carry[0] >= least and 0.5 * (parts[1] + 1.0) >= steady and atr[3] > 0.0):
            continue
        entry, at_ts = close[i], known[i]
        stop = entry - stop_atr * atr[3]
        parts[0] = within(carry[0] / full)
        m = put(n, ints, floats, i - first, 1, 1, at_ts + frame, -(2**63), entry, stop, np.nan, stop, parts)
        if m > n:
            floats[EXPOSURE, n] = min(1.0, carry[0] / full)
        n = m
    return n
