"""Daily trend: many channels and averages vote, volatility sizes. The slow leg, and the benchmark of the fast ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.fold import State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array
from perpscope.core.time import NULL_TS
from perpscope.market.structure import at_least
from perpscope.numeric.atr import atr_reset, atr_state, atr_step
from perpscope.numeric.jit import njit
from perpscope.setups.base import Drafts, Setup, setup_spec
from perpscope.setups.draft import put
from perpscope.setups.signal import EXPOSURE, Evidence
from perpscope.setups.tape import Tape

CHANNELS = np.array([5, 10, 20, 30, 60, 90, 150, 250, 360])
AVERAGES = np.array([[8, 32], [16, 64], [32, 128]])
_EVIDENCE = (
    Evidence("channels", "Mean vote of the Donchian channels"),
    Evidence("averages", "Mean vote of the pairs of averages"),
)


class TrendEnsemble(Setup):
    """Long while daily channels and averages agree on a rise, with exposure by volatility; short by mirror.

    Definition: at each daily close (UTC) a channel of L days votes +1 from a close above the highest high of the L days before
    until a close below their lowest low, then -1 (L = 5 .. 360); a pair of exponential averages votes the sign of fast - slow
    (8/32, 16/64, 32/128). What has too little history does not vote. Evidence - the mean vote of either. Strength = half the
    sum of the two (or the one that is known). Entry - market when strength is at least `least_strength`, and again each day
    while it lives (ADJUSTED, when exposure changed by a fifth or the stop can follow). Invalidation - strength at or below 0.
    Stop - `stop_atr` daily ATR (20) below the close, only ever tightened. Target - none. Expiry - not entered after the next
    bar; no time exit. Exposure = strength x `target_volatility` / volatility, at most `most_exposure`; volatility = deviation
    of `volatility_days` daily returns, 365-day year.
    Disputed: lookbacks; an ensemble avoids choosing. Best supported directional family and still a benchmark, not a
    claim (EVIDENCE 10, 11). UNPROVEN here. Needs daily bars, which are made from any shorter ones.
    Units: exposure as a multiple of equity, prices in quote currency, parts -1..1.
    Source: Zarattini, Pagani, Barbon (SSRN 5209907) for the channels; averages and sizing own.

    Example:
        >>> TrendEnsemble.spec.inputs
        ('bars', 'bars@1d')
    """

    @dataclass(frozen=True)
    class Params:
        least_strength: float = 0.3
        target_volatility: float = 0.25
        volatility_days: int = 28
        most_exposure: float = 2.0
        stop_atr: float = 3.0

        def __post_init__(self) -> None:
            at_least("trend_ensemble.least_strength", self.least_strength, 0.01)
            at_least("trend_ensemble.volatility_days", self.volatility_days, 5)
            at_least("trend_ensemble.stop_atr", self.stop_atr, 0.5)

    evidence = _EVIDENCE
    depth = 2
    rest = 0
    adjusts = True
    happenings = ("bars@1d",)
    spec = setup_spec("trend_ensemble", "Daily trend ensemble", ("bars", "bars@1d"), _EVIDENCE, "SSRN 5209907; own")
    exempt: ClassVar[dict[str, str]] = {
        "gap": "a year of daily closes survives a hole of some bars; a missing day restarts it, and proposals end at any hole",
        "mirror": "volatility is relative to the price, which p -> C - p does not keep; tests/setups mirrors votes and stops",
    }

    @property
    def lookback(self) -> int:
        return max(int(CHANNELS[-1]), self.params.volatility_days) + 1

    def own(self, instrument: Instrument) -> State:
        return {
            "ints": np.array([NULL_TS, 0], np.int64),  # last daily close, days in the ring
            "ring": np.full((3, self.lookback), np.nan),  # highs, lows, closes
            "votes": np.zeros(len(CHANNELS)),
            "averages": np.full(2 * len(AVERAGES), np.nan),
            "atr": atr_state(),
            "strength": np.array([np.nan]),
        }

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, days = self.params, tape.happenings["bars@1d"]
        ints, floats = np.empty((5, len(days)), np.int64), np.empty((len(self.room(tape)[1]), len(days)))
        gone = np.zeros(tape.new, np.bool_)
        n = _ensemble_kernel(
            tape.first, tape.frame_ns, tape.known_ts, tape.close, days.bar, days["ref_ts"], days["known_ts"], days["high"],
            days["low"], days["close"], CHANNELS, AVERAGES, p.least_strength, p.target_volatility, p.volatility_days,
            p.most_exposure, p.stop_atr, state["ints"], state["ring"], state["votes"], state["averages"], state["atr"],
            state["strength"], gone, ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n], gone)


@njit
def _channel_votes(ring: Array, days: int, close: float, channels: Array, votes: Array) -> float:
    """Renew the votes on a close that is not yet in the ring; returns their mean, NaN when nothing may vote."""
    total, count = 0.0, 0
    top, bottom = -np.inf, np.inf
    k = 0
    for c in range(channels.size):
        if days < channels[c]:
            break
        while k < channels[c]:
            at = (days - 1 - k) % ring.shape[1]
            top, bottom = max(top, ring[0, at]), min(bottom, ring[1, at])
            k += 1
        if close > top:
            votes[c] = 1.0
        elif close < bottom:
            votes[c] = -1.0
        total += votes[c]
        count += 1
    return total / count if count else np.nan


@njit
def _volatility(ring: Array, days: int, span: int) -> float:
    """Deviation (ddof 1) of the last `span` daily returns, per year; NaN with less history."""
    if days <= span:
        return np.nan
    total, square = 0.0, 0.0
    for k in range(span):
        now, before = ring[2, (days - 1 - k) % ring.shape[1]], ring[2, (days - 2 - k) % ring.shape[1]]
        change = (now - before) / abs(before)
        total += change
        square += change * change
    return np.sqrt(max(0.0, (square - total * total / span) / (span - 1)) * 365.0)


@njit
def _ensemble_kernel(
    first: int, frame: int, known: Array, close: Array, bar: Array, day_ref: Array, day_known: Array, day_high: Array,
    day_low: Array, day_close: Array, channels: Array, averages: Array, least: float, wanted: float, span: int, most: float,
    stop_atr: float, ints_: Array, ring: Array, votes: Array, ema: Array, atr: Array, strength: Array, gone: Array,
    ints: Array, floats: Array,
) -> int:  # fmt: skip
    n, c = 0, 0
    parts = np.empty(2)
    for i in range(first, close.size):
        fresh = False
        while c < bar.size and bar[c] <= i:
            if day_ref[c] != ints_[0]:
                ints_[1] = 0
                votes[:] = 0.0
                atr_reset(atr)
            ints_[0] = day_known[c]
            parts[0] = _channel_votes(ring, ints_[1], day_close[c], channels, votes)
            at = ints_[1] % ring.shape[1]
            ring[0, at], ring[1, at], ring[2, at] = day_high[c], day_low[c], day_close[c]
            total, count = 0.0, 0
            for k in range(averages.shape[0]):
                for one in range(2):
                    weight = 2.0 / (averages[k, one] + 1.0)
                    held = ema[2 * k + one]
                    ema[2 * k + one] = day_close[c] if ints_[1] == 0 else held + weight * (day_close[c] - held)
                if ints_[1] + 1 >= averages[k, 1]:
                    total += np.sign(ema[2 * k] - ema[2 * k + 1])
                    count += 1
            parts[1] = total / count if count else np.nan
            ints_[1] += 1
            atr_step(atr, day_high[c], day_low[c], day_close[c], 20)
            both = (parts[0] == parts[0]) + (parts[1] == parts[1])
            strength[0] = np.nansum(parts) / both if both else np.nan
            fresh = True
            c += 1
        gone[i - first] = strength[0] <= 0.0
        volatility = _volatility(ring, ints_[1], span) if fresh else np.nan
        if not (strength[0] >= least and volatility > 0.0 and atr[3] > 0.0):
            continue
        at_ts, entry = known[i], close[i]
        stop = entry - stop_atr * atr[3]
        m = put(n, ints, floats, i - first, 1, 1, at_ts + frame, -(2**63), entry, stop, np.nan, stop, parts)
        if m > n:
            floats[EXPOSURE, n] = min(most, strength[0] * wanted / volatility)
        n = m
    return n
