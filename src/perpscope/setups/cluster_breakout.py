"""Break-out into a cluster: a range is about to break, and the next liquidation cluster beyond it is the target."""

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
from perpscope.setups.draft import highest, put, within
from perpscope.setups.signal import Evidence
from perpscope.setups.tape import Series, Tape

FLOW_FULL = 0.10
_EVIDENCE = (
    Evidence("cluster", "Size of the cluster beyond the range"),
    Evidence("nearness", "How near the edge of the range is"),
    Evidence("frames", "Higher time frames"),
    Evidence("flow", "Aggressor flow of the bar"),
)


class ClusterBreakout(Setup):
    """Stop entry above a range whose break leads into a cluster of shorts; short by mirror.

    Definition: evidence - price closes within `near_atr` ATR below the highest high of `span` bars, and the nearest cluster of
    shorts above that high holds at least `least_fraction` of its side and lies no farther than `far_atr` ATR. Entry - stop
    order one tick above the high. Invalidation - a close more than 1 ATR below the high. Stop - `stop_atr` ATR below the entry.
    Target - the cluster's lower edge less 0.05 ATR; none is proposed when it pays less than `least_reward` times the risk.
    Expiry - not entered after `wait_bars`, left `hold_bars` after the proposal.
    Disputed: the pull of clusters, as in cluster_sweep. UNPROVEN. A map whose open interest is stale is not
    read. Degrades: `bias` and `delta` are optional.
    Units: prices in quote currency, parts -1..1. `ref_ts` = open of the deciding bar, `known_ts` its close.
    Source: own; BACKTEST 10.

    Example:
        >>> ClusterBreakout().params.span
        20
    """

    @dataclass(frozen=True)
    class Params:
        span: int = 20
        near_atr: float = 1.0
        far_atr: float = 8.0
        least_fraction: float = 0.08
        stop_atr: float = 1.5
        least_reward: float = 1.2
        wait_bars: int = 12
        hold_bars: int = 96

        def __post_init__(self) -> None:
            at_least("cluster_breakout.span", self.span, 2)
            at_least("cluster_breakout.stop_atr", self.stop_atr, 1.0)
            at_least("cluster_breakout.wait_bars", self.wait_bars, 1)
            at_least("cluster_breakout.hold_bars", self.hold_bars, self.wait_bars)

    evidence = _EVIDENCE
    series = (
        Series("frames", "bias", "score", "1h"),
        Series("flow", "delta", "delta_fraction"),
        Series("interest", "open_interest_delta", "open_interest"),
    )
    happenings = ("liquidation_clusters",)
    spec = setup_spec(
        "cluster_breakout",
        "Break-out into a cluster",
        ("bars", "liquidation_clusters", "open_interest_delta", "bias?", "delta?"),
        _EVIDENCE,
        "own; BACKTEST 10",
    )
    exempt: ClassVar[dict[str, str]] = {
        "gap": "the liquidation books live through a hole in our data, as liquidation_clusters declares; proposals do not",
        "scale": "single precision of the map's unit columns, see liquidation_exposure",
        "mirror": "the books lie on a logarithmic grid; tests/setups mirrors the setup's own rules on made clusters",
    }

    def own(self, instrument: Instrument) -> State:
        return {"clusters": cluster_state()}

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, t = self.params, tape
        ints, floats = self.room(tape)
        rows, values = cluster_rows(tape)
        n = _breakout_kernel(
            t.first, t.frame_ns, t.tick, t.known_ts, t.high, t.close, t.atr, t.age, t.series["frames"], t.series["flow"],
            t.series["interest"], rows, values, min(p.span, self.depth), p.near_atr, p.far_atr, p.least_fraction, p.stop_atr,
            p.least_reward, p.wait_bars, p.hold_bars, state["clusters"]["ints"], state["clusters"]["floats"], ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n])


@njit
def _breakout_kernel(
    first: int, frame: int, tick: float, known: Array, high: Array, close: Array, atr: Array, age: Array,
    frames: Array, flow: Array, interest: Array, rows: Array, values: Array, span: int, near: float, far: float, least: float,
    stop_atr: float, reward: float, wait: int, hold: int, alive: Array, kept: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    n, c = 0, 0
    parts = np.empty(4)
    for i in range(first, close.size):
        while c < rows.shape[1] and rows[0, c] <= i:
            take_cluster(c, rows, values, alive, kept)
            c += 1
        if age[i] < span or not (atr[i] > 0.0 and interest[i] > 0.0):
            continue
        edge = highest(high, i, span)
        above = nearest_above(edge, alive, kept)
        if edge - close[i] > near * atr[i] or above < 0:
            continue
        heap, fraction = kept[above, 0], kept[above, 2]
        entry = edge + tick
        stop = entry - stop_atr * atr[i]
        target = heap - 0.05 * atr[i]
        if fraction < least or heap - edge > far * atr[i] or target - entry < reward * (entry - stop):
            continue
        parts[0] = within(fraction / FULL)
        parts[1] = 1.0 - (edge - close[i]) / (near * atr[i])
        parts[2] = within(frames[i])
        parts[3] = within(flow[i] / FLOW_FULL)
        at = known[i]
        wrong = max(stop, edge - atr[i])
        n = put(n, ints, floats, i - first, 1, 3, at + wait * frame, at + hold * frame, entry, stop, target, wrong, parts)
    return n
