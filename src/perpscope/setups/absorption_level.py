"""Absorption at a level: aggressors press into a known level, and price does not give way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.fold import State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array
from perpscope.core.units import AggressorSide
from perpscope.market.claims import ClaimEvent
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.setups.base import Drafts, Setup, setup_spec
from perpscope.setups.draft import place_in_bar, put, target_of, within
from perpscope.setups.signal import Evidence
from perpscope.setups.tape import Series, Tape

PRESS_FULL = 0.20
_EVIDENCE = (
    Evidence("level", "How exactly the level was met"),
    Evidence("pressed", "Aggression into the level"),
    Evidence("rejection", "Where the bar closed in its range"),
    Evidence("absorbed", "Absorption confirmed trade by trade"),
)


class AbsorptionLevel(Setup):
    """Long where sellers press into yesterday's value edge or point of control and are absorbed; short by mirror.

    Definition: evidence - a bar's low lies within `near_atr` ATR of yesterday's VAL, POC or VAH (UTC day) and it closes at or
    above that level, and either sellers pressed (delta at most -`least_press` of volume) while it closed at or above its open
    in the upper half of its range, or an absorption of sellers was confirmed trade by trade within `recent_bars`. Entry - limit
    half way between low and close. Invalidation - a close below the low. Stop - `buffer_atr` ATR below the low. Target - the
    next of the three levels above the entry when it pays `least_reward` times the risk, else `multiple` times the risk.
    Expiry - not entered after `wait_bars`, left `hold_bars` after the proposal.
    Disputed: absorption by bars is a weak stand-in for absorption by trades. UNPROVEN. Degrades: without trades only the bar
    rule works; without taker volume only the trade rule; without either it is silent.
    Units: prices in quote currency, parts -1..1. `ref_ts` = open of the deciding bar, `known_ts` its close.
    Source: own; ORDERFLOW OF10 on absorption.

    Example:
        >>> AbsorptionLevel.spec.inputs
        ('bars', 'volume_profile', 'delta', 'absorption?')
    """

    @dataclass(frozen=True)
    class Params:
        near_atr: float = 0.3
        least_press: float = 0.10
        recent_bars: int = 3
        buffer_atr: float = 0.5
        least_reward: float = 1.2
        multiple: float = 2.0
        wait_bars: int = 6
        hold_bars: int = 48

        def __post_init__(self) -> None:
            at_least("absorption_level.least_press", self.least_press, 0.0)
            at_least("absorption_level.wait_bars", self.wait_bars, 1)
            at_least("absorption_level.hold_bars", self.hold_bars, self.wait_bars)

    evidence = _EVIDENCE
    series = (
        Series("val", "volume_profile", "previous_val"),
        Series("poc", "volume_profile", "previous_poc"),
        Series("vah", "volume_profile", "previous_vah"),
        Series("press", "delta", "delta_fraction"),
    )
    happenings = ("absorption",)
    spec = setup_spec(
        "absorption_level",
        "Absorption at a level",
        ("bars", "volume_profile", "delta", "absorption?"),
        _EVIDENCE,
        "own; ORDERFLOW OF10",
    )
    exempt: ClassVar[dict[str, str]] = {
        "mirror": "the bins of the volume profile are counted from price 0; tests/setups mirrors the setup's own rules",
        "gap": "yesterday's value survives a hole of today, as volume_profile declares; proposals do not",
    }

    def own(self, instrument: Instrument) -> State:
        return {"seen": np.array([-1.0, np.nan, np.nan])}  # bars since an absorption was confirmed (-1: none), its edges

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, t = self.params, tape
        ints, floats = self.room(tape)
        bar, edges = _confirmed(tape)
        levels = np.stack([t.series[name] for name in ("val", "poc", "vah")])
        n = _absorption_kernel(
            t.first, t.frame_ns, t.known_ts, t.open, t.high, t.low, t.close, t.atr, t.age, levels, t.series["press"],
            bar, edges, p.near_atr, p.least_press, p.recent_bars, p.buffer_atr, p.least_reward, p.multiple, p.wait_bars,
            p.hold_bars, state["seen"], ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n])


def _confirmed(tape: Tape) -> tuple[Array, Array]:
    """Bars and edges of confirmed absorptions of sellers."""
    if not len(tape.happenings.get("absorption", ())):
        return np.empty(0, np.int64), np.empty((2, 0))
    rows = tape.happenings["absorption"]
    mine = (rows["event"] == ClaimEvent.CONFIRMED) & (rows["aggressor_side"] == AggressorSide.SELL)
    edges = np.sort(np.stack([rows["bottom"], rows["top"]]), axis=0)
    return rows.bar[mine], edges[:, mine]


@njit
def _absorption_kernel(
    first: int, frame: int, known: Array, open_: Array, high: Array, low: Array, close: Array, atr: Array, age: Array,
    levels: Array, press: Array, bar: Array, edges: Array, near: float, least: float, recent: int, buffer: float,
    reward: float, multiple: float, wait: int, hold: int, seen: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    n, c = 0, 0
    parts = np.empty(4)
    for i in range(first, close.size):
        if age[i] == 1:
            seen[0] = -1.0
        if seen[0] >= 0.0:
            seen[0] = seen[0] + 1.0 if seen[0] < recent else -1.0
        while c < bar.size and bar[c] <= i:
            seen[0], seen[1], seen[2] = 0.0, edges[0, c], edges[1, c]
            c += 1
        if not atr[i] > 0.0:
            continue
        reach = near * atr[i]
        met, miss = np.nan, np.inf
        for level in levels[:, i]:
            if abs(low[i] - level) <= reach and close[i] >= level and abs(low[i] - level) < miss:
                met, miss = level, abs(low[i] - level)
        if np.isnan(met):
            continue
        place = place_in_bar(high[i], low[i], close[i])
        by_trades = seen[0] >= 0.0 and seen[1] - reach <= met <= seen[2] + reach
        by_bar = press[i] <= -least and close[i] >= open_[i] and place >= 0.0
        if not (by_trades or by_bar):
            continue
        entry = 0.5 * (low[i] + close[i])
        stop = low[i] - buffer * atr[i]
        wanted = np.inf
        for level in levels[:, i]:
            if level > entry and level > met:
                wanted = min(wanted, level)
        parts[0] = 1.0 - miss / reach
        parts[1] = within(-press[i] / PRESS_FULL)
        parts[2] = place
        parts[3] = 1.0 if by_trades else np.nan
        target = target_of(entry, stop, wanted if wanted < np.inf else -np.inf, reward, multiple)
        at = known[i]
        n = put(n, ints, floats, i - first, 1, 2, at + wait * frame, at + hold * frame, entry, stop, target, low[i], parts)
    return n
