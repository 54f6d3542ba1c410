"""Liquidation-cluster sweep and reversal: price takes a heap of liquidations and closes back out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.fold import State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.setups.base import Drafts, Setup, setup_spec
from perpscope.setups.clusters import FULL, cluster_rows, cluster_state, nearest_above, take_cluster
from perpscope.setups.draft import place_in_bar, put, target_of, within
from perpscope.setups.signal import Evidence
from perpscope.setups.tape import Series, Tape

FLOW_FULL = 0.10
_EVIDENCE = (
    Evidence("swept", "Size of the cluster that was taken"),
    Evidence("rejection", "Where the bar closed in its range"),
    Evidence("forced", "Whose positions were closed by force"),
    Evidence("flow", "Aggressor flow of the bar"),
)


class ClusterSweep(Setup):
    """Long after a cluster of longs was taken and price closed back above it; short by mirror.

    Definition: evidence - a live cluster of longs with at least `least_fraction` of its side's notional in sight is entered by
    the mark (TOUCHED or SWEPT), and this bar or one of the next `within_bars` closes above the cluster's upper edge. Entry -
    market at that close. Invalidation - a close below the lowest low since the touch. Stop - that low less `buffer_atr` ATR.
    Target - the lower edge of the nearest cluster of shorts less 0.05 ATR when it pays `least_reward` times the risk, else
    `multiple` times the risk. Expiry - not entered after the next bar, left after `hold_bars`.
    Disputed: that clusters attract or turn price is vendor lore; no rigorous test was found (EVIDENCE 11). UNPROVEN. A map
    whose open interest is stale is not read. Degrades: `liquidation_volume` and `delta` are optional: their parts stay NaN.
    Units: prices in quote currency, parts -1..1. `ref_ts` = open of the deciding bar, `known_ts` its close.
    Source: own; BACKTEST 10 for stops and targets at clusters, LIQUIDATION 5.

    Example:
        >>> ClusterSweep.spec.output.names[-6:]
        ('part_swept', 'part_rejection', 'part_forced', 'part_flow', 'score', 'known')
    """

    @dataclass(frozen=True)
    class Params:
        least_fraction: float = 0.08
        within_bars: int = 6
        buffer_atr: float = 0.25
        least_reward: float = 1.2
        multiple: float = 2.0
        hold_bars: int = 48

        def __post_init__(self) -> None:
            at_least("cluster_sweep.within_bars", self.within_bars, 0)
            at_least("cluster_sweep.hold_bars", self.hold_bars, 1)
            at_least("cluster_sweep.multiple", self.multiple, 0.1)

    evidence = _EVIDENCE
    series = (
        Series("long_forced", "liquidation_volume", "long_quantity"),
        Series("short_forced", "liquidation_volume", "short_quantity"),
        Series("forced_rank", "liquidation_volume", "percentile"),
        Series("flow", "delta", "delta_fraction"),
        Series("interest", "open_interest_delta", "open_interest"),
    )
    happenings = ("liquidation_clusters",)
    spec = setup_spec(
        "cluster_sweep",
        "Cluster sweep and reversal",
        ("bars", "liquidation_clusters", "open_interest_delta", "liquidation_volume?", "delta?"),
        _EVIDENCE,
        "own; BACKTEST 10",
    )
    exempt: ClassVar[dict[str, str]] = {
        "gap": "the liquidation books live through a hole in our data, as liquidation_clusters declares; proposals do not",
        "scale": "single precision of the map's unit columns, see liquidation_exposure",
        "mirror": "the books lie on a logarithmic grid; tests/setups mirrors the setup's own rules on made clusters",
    }

    def own(self, instrument: Instrument) -> State:
        return {"clusters": cluster_state(), "watch": np.array([-1.0, np.nan, np.nan, 0.0])}

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, t = self.params, tape
        ints, floats = self.room(tape)
        rows, values = cluster_rows(tape)
        n = _sweep_kernel(
            t.first, t.frame_ns, t.known_ts, t.high, t.low, t.close, t.atr, t.age, t.series["long_forced"],
            t.series["short_forced"], t.series["forced_rank"], t.series["flow"], rows, values,
            t.series["interest"], p.least_fraction, p.within_bars, p.buffer_atr, p.least_reward, p.multiple, p.hold_bars,
            state["clusters"]["ints"], state["clusters"]["floats"], state["watch"], ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n])


@njit
def _sweep_kernel(
    first: int, frame: int, known: Array, high: Array, low: Array, close: Array, atr: Array, age: Array,
    long_forced: Array, short_forced: Array, rank: Array, flow: Array, rows: Array, values: Array,
    interest: Array, least: float, within_bars: int, buffer: float, reward: float, multiple: float, hold: int,
    alive: Array, kept: Array, watch: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    """watch: [bars since the touch (-1: nothing is watched), upper edge, lowest low since, fraction]."""
    n, c = 0, 0
    parts = np.empty(4)
    for i in range(first, close.size):
        if age[i] == 1:
            watch[0] = -1.0
        if watch[0] >= 0.0:
            watch[0] += 1.0
            watch[2] = min(watch[2], low[i])
        while c < rows.shape[1] and rows[0, c] <= i:
            held = take_cluster(c, rows, values, alive, kept)
            held = values[2, c] if np.isnan(held) else held
            if rows[2, c] == 1 and rows[4, c] and held >= least:
                lowest = low[i] if watch[0] < 0.0 else watch[2]
                size = held if watch[0] < 0.0 else max(watch[3], held)
                watch[0], watch[1], watch[2], watch[3] = 0.0, values[1, c], lowest, size
            c += 1
        if watch[0] > within_bars:
            watch[0] = -1.0
        if watch[0] >= 0.0 and close[i] > watch[1] and watch[2] < watch[1] and atr[i] > 0.0 and interest[i] > 0.0:
            entry = close[i]
            stop = watch[2] - buffer * atr[i]
            above = nearest_above(entry, alive, kept)
            wanted = kept[above, 0] - 0.05 * atr[i] if above >= 0 else -np.inf
            parts[0] = within(watch[3] / FULL)
            parts[1] = place_in_bar(high[i], low[i], close[i])
            total = long_forced[i] + short_forced[i]
            parts[2] = rank[i] * (long_forced[i] - short_forced[i]) / total if total > 0.0 else np.nan
            parts[3] = within(flow[i] / FLOW_FULL)
            target = target_of(entry, stop, wanted, reward, multiple)
            at = known[i]
            n = put(n, ints, floats, i - first, 1, 1, at + frame, at + hold * frame, entry, stop, target, watch[2], parts)
            watch[0] = -1.0
    return n
