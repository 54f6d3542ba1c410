"""Extremes at which both sides still traded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Table, choice, quantity
from perpscope.core.time import NULL_TS, Timeframe
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.levels import level_id, level_schema, level_state, level_table, live_levels
from perpscope.market.seasonality import one_season, season_add, season_arrays, season_factor, season_minutes, season_state
from perpscope.market.structure import Extreme, at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.window import nearest_rank, push_sorted, quantile_state

UNFINISHED_AUCTION = level_schema(
    "unfinished_auction",
    choice("side", Extreme, "at the bar's high or at its low", mirror="flip"),
    quantity("volume", "of the aggressor that pushed to the extreme: buys at a high, sells at a low; NaN after opening"),
)


class UnfinishedAuction(Feature):
    """A bar's high where sellers still hit, or a low where buyers still lifted: the auction there did not end.

    Definition: high - in its topmost bin buy volume >= v_min and sell volume > 0; low by mirror. A zero on the other
    side is a finished auction. Bins are `step_ticks` wide, one tick by default, because wide bins make nearly every
    extreme unfinished. v_min is the rolling 0.80 quantile of such extreme volumes (nearest rank on the last
    `window` of them, strictly before, none below `n_min`; each divided by what is usual at its minute of the week), or
    `least` where that is given (ATAS: 20 contracts).
    Life: opened at the bar's close, filled when a later bar covers the price, expired by age, number or a hole.
    Units: price, base units. `ref_ts` = the bar's open.
    Source: ATAS help, unfinished auction; thresholds own.

    Example:
        >>> UnfinishedAuction.with_settings({"least": 20.0}).params.step_ticks
        1
    """

    @dataclass(frozen=True)
    class Params:
        step_ticks: int = 1
        least: float = float("nan")
        quantile: float = 0.8
        window: int = 1000
        n_min: int = 100
        season: str = "new_york"
        max_live: int = 500
        max_age_bars: int = 2000

        def __post_init__(self) -> None:
            one_season("season of unfinished_auction", self.season)
            at_least("unfinished_auction.step_ticks", self.step_ticks, 1)
            at_least("unfinished_auction.n_min", self.n_min, 1)
            at_least("unfinished_auction.window", self.window, self.n_min)

    spec = FeatureSpec(
        name="unfinished_auction",
        title="Unfinished auctions",
        inputs=("bars", "trade"),
        output=UNFINISHED_AUCTION,
        source="ATAS help; thresholds own",
        shape="line",
        pane="price",
        episodes=True,
    )

    def start(self, instrument: Instrument) -> State:
        ring, ordered, counts = quantile_state(self.params.window)
        return {
            **level_state(instrument.tick_size, self.params.max_live),
            "ints": np.array([NULL_TS, NULL_TS, 0, 0], np.int64),
            "volumes": np.zeros((2, 2)),
            "ring": ring,
            "ordered": ordered,
            "counts": counts,
            "season": season_state(self.params.season),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, trades, p = batch["bars"], batch["trade"], self.params
        frame = Timeframe.parse(self.frame or "1m")
        born, found = np.empty((2 * len(bars), 5), np.int64), np.empty((2, 2 * len(bars)))
        made = _extremes_kernel(
            trades["exchange_ts"], trades["price"], trades["quantity"], trades["aggressor_side"], bars["ref_ts"],
            season_minutes(bars["ref_ts"], p.season),
            bars["known_ts"], bars["complete"], bars["high"], bars["low"], frame.ns, frame.floor(0), state["tick"],
            p.step_ticks, p.least, p.quantile, p.n_min, state["ints"], state["volumes"], state["ring"], state["ordered"],
            state["counts"], *season_arrays(state["season"]), born, found,
        )  # fmt: skip
        out, prices, n = live_levels(state, bars, born[:made], found[0, :made], p.max_age_bars)
        if not n:
            return UNFINISHED_AUCTION.empty()
        volume = np.full(n, np.nan)
        volume[out[:, 3] == 1] = found[1, :made]
        return level_table(UNFINISHED_AUCTION, out, prices, side=out[:, 5], volume=volume)


@njit
def _extremes_kernel(
    ts: Array, price: Array, quantity: Array, side: Array,
    ref: Array, minutes: Array, known: Array, complete: Array, highs: Array, lows: Array,
    frame: int, offset: int, tick_size: float, step: int, least: float, quantile: float, n_min: int,
    ints: Array, volumes: Array, ring: Array, ordered: Array, counts: Array,
    past: Array, running: Array, factor: Array, marks: Array, born: Array, found: Array,
) -> int:  # fmt: skip
    """ints: [bar of the trades, expected open, top bin, mirrored bottom bin]; volumes[extreme]: [aggressor's, other's].

    The low is the high of the mirror image: ticks change sign, sides change places.
    """
    n, i = 0, 0
    for b in range(ref.size + 1):
        last = b == ref.size
        while i < ts.size and (last or ts[i] < known[b]):
            bar = (ts[i] - offset) // frame * frame + offset
            tick = np.int64(np.rint(price[i] / tick_size))
            for d in range(2):
                # a bin that touches the top in the mirror must be the same bin: -(tick // step), not (-tick) // step
                reach = (1 - 2 * d) * (tick // step)
                if bar != ints[0] or reach > ints[2 + d]:
                    ints[2 + d] = reach
                    volumes[d, :] = 0.0
                if reach == ints[2 + d]:
                    volumes[d, 0 if side[i] == d + 1 else 1] += quantity[i]
            ints[0] = bar
            i += 1
        if last:
            return n
        if not complete[b]:
            continue
        if ints[1] != ref[b]:
            ring[:], ordered[:], counts[:] = np.nan, np.nan, 0
        ints[1] = known[b]
        if ints[0] != ref[b]:
            continue
        usual = season_factor(minutes[b], past, running, factor, marks)
        bound = least
        if least != least:
            bound = nearest_rank(ordered, counts[1], quantile) * usual if counts[1] >= n_min else np.nan
        for d in range(2):
            if volumes[d, 0] >= bound and volumes[d, 1] > 0:
                level = highs[b] if d == 0 else lows[b]
                tick = np.int64(np.rint(level / tick_size))
                born[n, 0], born[n, 1], born[n, 2] = known[b], tick, ref[b]
                born[n, 3], born[n, 4] = level_id(ref[b], tick, d), d + 1
                found[0, n], found[1, n] = level, volumes[d, 0]
                n += 1
        for d in range(2):
            push_sorted(volumes[d, 0] / usual, ring, ordered, counts)
            season_add(minutes[b], volumes[d, 0], past, running, factor, marks)
    return n
