"""Cascades of forced closes: going with one while it runs, against it once it is spent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np

from perpscope.core.fold import State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.setups.base import Drafts, Setup, setup_spec
from perpscope.setups.clusters import FULL, cluster_rows, cluster_state, nearest_above, take_cluster
from perpscope.setups.draft import highest, lowest, place_in_bar, put, within
from perpscope.setups.signal import Evidence
from perpscope.setups.tape import Series, Tape

FLOW_FULL = 0.10
_EVIDENCE = (
    Evidence("forced", "How unusual the forced closes are"),
    Evidence("push", "Body of the bar in ATR"),
    Evidence("fading", "How far the forced closes have fallen from their peak"),
    Evidence("fuel", "Size of the next cluster on the way"),
    Evidence("flow", "Aggressor flow of the bar"),
)


_INPUTS = (
    "bars",
    "liquidation_volume",
    "liquidation_totals?",
    "liquidation?",
    "delta?",
    "liquidation_clusters?",
    "open_interest_delta?",
)


class CascadeKind(IntEnum):
    """CONTINUATION: with the cascade. EXHAUSTION: against it, once it is spent."""

    CONTINUATION = 1
    EXHAUSTION = 2


class Cascade(Setup):
    """Longs with a cascade of shorts, and longs against a spent cascade of longs; shorts by mirror.

    Definition: a bar is a burst for a side when that side's forced closes are at least `share` of both, their sum ranks
    at or above `rank` among 7 days, and the bar is at least 1 ATR high. CONTINUATION: evidence - a burst of shorts
    that closes in the upper quarter of its bar, at least 1 ATR above its open. Entry - market. Invalidation - a close below
    the middle of the bar. Stop - `buffer_atr` ATR below that middle. Target - `multiple` times the risk. Left after
    `ride_bars`. EXHAUSTION: evidence - a burst of longs within `look_bars`, the forced closes of longs at most half of their
    peak since, no new low, and a close above the high of the bar before. Entry - market. Invalidation - a close below the
    lowest low of the cascade. Stop - `buffer_atr` ATR below it. Target - half of the way back to the highest high of those
    bars; none when it pays less than `least_reward` times the risk. Left after `hold_bars`. Expiry of the entry - the next bar,
    for both. Disputed: a published test of fading cascades lost after costs (EVIDENCE 11, expected REJECTED as taker).
    UNPROVEN. Needs liquidation totals or events; the cluster map and `delta` are optional. A feed that shows one event a second
    undercounts bursts, which only the rank survives.
    Units: base units, prices in quote currency, parts -1..1. `ref_ts` = open of the deciding bar, `known_ts` its close.
    Source: own; STRUCTURE ST31.

    Example:
        >>> [kind.name for kind in Cascade.Variant]
        ['CONTINUATION', 'EXHAUSTION']
    """

    @dataclass(frozen=True)
    class Params:
        share: float = 2.0 / 3.0
        rank: float = 0.95
        look_bars: int = 6
        buffer_atr: float = 0.25
        multiple: float = 1.5
        least_reward: float = 1.0
        ride_bars: int = 12
        hold_bars: int = 48

        def __post_init__(self) -> None:
            at_least("cascade.share", self.share, 0.5)
            at_least("cascade.look_bars", self.look_bars, 1)

    evidence = _EVIDENCE
    Variant = CascadeKind
    one_of = ("liquidation_totals", "liquidation")
    series = (
        Series("long_forced", "liquidation_volume", "long_quantity"),
        Series("short_forced", "liquidation_volume", "short_quantity"),
        Series("rank", "liquidation_volume", "percentile"),
        Series("flow", "delta", "delta_fraction"),
        Series("interest", "open_interest_delta", "open_interest"),
    )
    happenings = ("liquidation_clusters",)
    spec = setup_spec(
        "cascade",
        "Cascade, running or spent",
        _INPUTS,
        _EVIDENCE,
        "own; STRUCTURE ST31",
        CascadeKind,
    )
    exempt: ClassVar[dict[str, str]] = {
        "gap": "the cluster map lives through a hole in our data, as liquidation_clusters declares; proposals do not",
        "scale": "single precision of the map's unit columns, see liquidation_exposure",
        "mirror": "the cluster map lies on a logarithmic grid; tests/setups mirrors the setup's own rules on made rows",
    }

    def own(self, instrument: Instrument) -> State:
        return {"clusters": cluster_state()}

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, t = self.params, tape
        ints, floats = self.room(tape)
        rows, values = cluster_rows(tape)
        n = _cascade_kernel(
            t.first, t.frame_ns, t.known_ts, t.open, t.high, t.low, t.close, t.atr, t.age, t.series["long_forced"],
            t.series["short_forced"], t.series["rank"], t.series["flow"], rows, values,
            t.series["interest"], p.share, p.rank, min(p.look_bars, self.depth - 1), p.buffer_atr, p.multiple, p.least_reward,
            p.ride_bars, p.hold_bars, state["clusters"]["ints"], state["clusters"]["floats"], ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n])


@njit
def _burst(i: int, mine: Array, other: Array, rank: Array, high: Array, low: Array, atr: Array, share: float, q: float) -> bool:
    total = mine[i] + other[i]
    return total > 0.0 and mine[i] >= share * total and rank[i] >= q and atr[i] > 0.0 and high[i] - low[i] >= atr[i]


@njit
def _cascade_kernel(
    first: int, frame: int, known: Array, open_: Array, high: Array, low: Array, close: Array, atr: Array, age: Array,
    long_forced: Array, short_forced: Array, rank: Array, flow: Array, rows: Array, values: Array,
    interest: Array, share: float, q: float, look: int, buffer: float, multiple: float, reward: float, ride: int, hold: int,
    alive: Array, kept: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    n, c = 0, 0
    parts = np.empty(5)
    for i in range(first, close.size):
        while c < rows.shape[1] and rows[0, c] <= i:
            take_cluster(c, rows, values, alive, kept)
            c += 1
        if not atr[i] > 0.0:
            continue
        at, entry = known[i], close[i]
        parts[4] = within(flow[i] / FLOW_FULL)
        strong = place_in_bar(high[i], low[i], close[i]) >= 0.5 and close[i] - open_[i] >= atr[i]
        if strong and _burst(i, short_forced, long_forced, rank, high, low, atr, share, q):
            middle = 0.5 * (high[i] + low[i])
            stop = middle - buffer * atr[i]
            above = nearest_above(entry, alive, kept)
            parts[0] = within((rank[i] - 0.9) / 0.1)
            parts[1] = within((close[i] - open_[i]) / (2.0 * atr[i]))
            parts[2] = np.nan
            near = above >= 0 and interest[i] > 0.0 and kept[above, 0] - entry <= 5.0 * atr[i]
            parts[3] = within(kept[above, 2] / FULL) if near else np.nan
            target = entry + multiple * (entry - stop)
            n = put(n, ints, floats, i - first, 1, 1, at + frame, at + ride * frame, entry, stop, target, middle, parts)
        if i == 0 or age[i] < 2 or not close[i] > high[i - 1]:
            continue
        begun, peak, best = -1, 0.0, 0.0
        for j in range(i - 1, i - 1 - min(look, age[i] - 1), -1):
            if _burst(j, long_forced, short_forced, rank, high, low, atr, share, q):
                begun, peak, best = j, max(peak, long_forced[j]), max(best, rank[j])
        if begun < 0 or not long_forced[i] <= 0.5 * peak:
            continue
        bottom = lowest(low, i, i - begun + 1)
        if low[i] <= bottom:
            continue
        stop = bottom - buffer * atr[i]
        target = 0.5 * (bottom + highest(high, i, i - begun + 1))
        if target - entry < reward * (entry - stop):
            continue
        parts[0] = within((best - 0.9) / 0.1)
        parts[1] = within((close[i] - open_[i]) / (2.0 * atr[i]))
        parts[2] = 1.0 - long_forced[i] / peak
        parts[3] = np.nan
        n = put(n, ints, floats, i - first, 2, 1, at + frame, at + hold * frame, entry, stop, target, bottom, parts)
    return n
