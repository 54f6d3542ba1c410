"""Aggression that should have moved the price and did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema
from perpscope.core.time import NULL_TS
from perpscope.core.units import AggressorSide
from perpscope.features.base import Feature, FeatureSpec, State, episode_id
from perpscope.market.claims import ClaimEvent
from perpscope.market.seasonality import one_season, season_add, season_arrays, season_factor, season_minutes, season_state
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.window import deviation, moments_state, push_moments

ABSORPTION = row_schema(
    "absorption",
    Column("id", "id", "the claim", "int64"),
    choice("event", ClaimEvent, "opened, confirmed, broken or expired"),
    choice("aggressor_side", AggressorSide, "whose orders were absorbed; the passive side stands against them", mirror="flip"),
    price("bottom", "lowest price of the window", mirror="swap:top"),
    price("top", "highest price of the window", mirror="swap:bottom"),
    Column("shortfall", "score", "1 - actual / expected move; above 1 the price went against the aggressor"),
    price("expected", "lambda x |net volume|, the move that was due", mirror="same"),
    price("actual", "the move in the aggressor's direction", mirror="same"),
    quantity("volume", "|net volume| of the window"),
)


class Absorption(Feature):
    """A window of one-sided aggression whose price move falls short of the impact measured before it.

    Definition: over a flow window with net volume N, expected = lambda |N| with the lambda known at the window's start
    (none older, and only if its t >= `least_t`; never a default), actual = sign(N) (price_end - price_start), shortfall =
    1 - actual / expected. Opened when |N| lies `least_z` deviations above the mean of the `scale_windows` windows before (all
    divided by what is usual at their minute of the week, `season`), expected >= `least_ticks`, and shortfall >=
    `least_shortfall`. Confirmed when in the next `hold_windows` windows the
    price never passes the window's extreme in the aggressor's direction by more than `tolerance_ticks`; else broken at the
    window that does. A missing window expires it. Only confirmed rows are evidence. A raw volume threshold, as usual
    elsewhere, marks break-throughs as well.
    Units: price, base units. `ref_ts` = the window's start; `known_ts` = the end of the window that decides.
    Source: own; ORDERFLOW OF10. Liquidation prints are not told apart.

    Example:
        >>> Absorption().params.hold_windows
        2
    """

    @dataclass(frozen=True)
    class Params:
        least_z: float = 2.0
        least_shortfall: float = 0.8
        least_ticks: float = 2.0
        least_t: float = 3.0
        hold_windows: int = 2
        tolerance_ticks: float = 1.0
        scale_windows: int = 360
        n_min: int = 120
        season: str = "new_york"

        def __post_init__(self) -> None:
            one_season("season of absorption", self.season)
            at_least("absorption.hold_windows", self.hold_windows, 1)
            at_least("absorption.n_min", self.n_min, 2)
            at_least("absorption.scale_windows", self.scale_windows, self.n_min)

    spec = FeatureSpec(
        name="absorption",
        title="Absorption",
        inputs=("flow_windows", "kyle_lambda"),
        output=ABSORPTION,
        source="own",
        shape="zone",
        pane="price",
        episodes=True,
        framed=False,
    )

    def start(self, instrument: Instrument) -> State:
        ring, stats = moments_state(self.params.scale_windows)
        return {
            "ints": np.array([NULL_TS, NULL_TS], np.int64),
            "impact": np.full(2, np.nan),
            "open": np.zeros((self.params.hold_windows, 3), np.int64),
            "values": np.zeros((self.params.hold_windows, 6)),
            "ring": ring,
            "stats": stats,
            "tick": instrument.tick_size,
            "season": season_state(self.params.season),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        flow, impact, p = batch["flow_windows"], batch["kyle_lambda"], self.params
        room = 2 * len(flow) + p.hold_windows
        out, values = np.empty((room, 4), np.int64), np.empty((room, 6))
        n = _absorption_kernel(
            flow["ref_ts"], season_minutes(flow["ref_ts"], p.season), flow["known_ts"], flow["net"],
            flow["price_start"], flow["price_end"], flow["price_high"], flow["price_low"],
            impact["known_ts"], impact["slope"], impact["t"], p.least_z, p.least_shortfall,
            p.least_ticks * state["tick"], p.least_t, p.tolerance_ticks * state["tick"], p.n_min,
            state["ints"], state["impact"], state["open"], state["values"], state["ring"], state["stats"],
            *season_arrays(state["season"]), out, values,
        )  # fmt: skip
        if not n:
            return ABSORPTION.empty()
        ref, known, event, side = out[:n].T
        names = ("bottom", "top", "shortfall", "expected", "actual", "volume")
        return Table.of(
            ABSORPTION,
            ref_ts=ref,
            known_ts=known,
            id=[episode_id(int(r), int(s)) for r, s in zip(ref, side, strict=True)],
            event=event,
            aggressor_side=side,
            **{name: values[:n, k] for k, name in enumerate(names)},
        )


@njit
def _absorption_kernel(
    ref: Array, minutes: Array, known: Array, net: Array, start: Array, end: Array, high: Array, low: Array,
    impact_ts: Array, slope: Array, t: Array,
    least_z: float, least_shortfall: float, least_move: float, least_t: float, tolerance: float, n_min: int,
    ints: Array, impact: Array, opened: Array, kept: Array, ring: Array, stats: Array,
    past: Array, running: Array, factor: Array, marks: Array, out: Array, values: Array,
) -> int:  # fmt: skip
    """ints: [expected start, when the held impact was known]; impact: [slope, t]; opened: claims that wait, each
    [ref_ts, side (0 where free), windows waited]; kept: what their rows say."""
    n, j = 0, 0
    for i in range(ref.size):
        while j < impact_ts.size and impact_ts[j] <= ref[i]:
            ints[1], impact[0], impact[1] = impact_ts[j], slope[j], t[j]
            j += 1
        hole = ints[0] != ref[i]
        if hole:
            ring[:] = np.nan
            stats[:] = 0.0
        ints[0] = known[i]
        for k in range(opened.shape[0]):
            side = opened[k, 1]
            if side == 0:
                continue
            opened[k, 2] += 1
            passed = high[i] > kept[k, 1] + tolerance if side == 1 else low[i] < kept[k, 0] - tolerance
            event = 4 if hole else (3 if passed else (2 if opened[k, 2] == opened.shape[0] else 0))
            if event:
                n = _put(known[i], event, opened[k], kept[k], out, values, n)
                opened[k, 1] = 0
        size = abs(net[i])
        usual = season_factor(minutes[i], past, running, factor, marks)
        spread = deviation(stats)
        if ints[1] == ref[i] and impact[1] >= least_t and stats[1] >= n_min and spread > 0 and net[i] != 0:
            expected = impact[0] * size
            actual = (end[i] - start[i]) * np.sign(net[i])
            if (
                (size / usual - stats[2]) / spread >= least_z
                and expected >= least_move
                and 1.0 - actual / expected >= least_shortfall
            ):
                slot = 0
                while opened[slot, 1] != 0:
                    slot += 1
                opened[slot, 0], opened[slot, 1], opened[slot, 2] = ref[i], 1 if net[i] > 0 else 2, 0
                kept[slot, 0], kept[slot, 1], kept[slot, 2] = low[i], high[i], 1.0 - actual / expected
                kept[slot, 3], kept[slot, 4], kept[slot, 5] = expected, actual, size
                n = _put(known[i], 1, opened[slot], kept[slot], out, values, n)
        push_moments(size / usual, ring, stats)
        season_add(minutes[i], size, past, running, factor, marks)
    while j < impact_ts.size:
        ints[1], impact[0], impact[1] = impact_ts[j], slope[j], t[j]
        j += 1
    return n


@njit
def _put(known: int, event: int, claim: Array, kept: Array, out: Array, values: Array, n: int) -> int:
    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = claim[0], known, event, claim[1]
    for c in range(6):
        values[n, c] = kept[c]
    return n + 1
