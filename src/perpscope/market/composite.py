"""A profile over any stretch of time, added up from the bins of finished periods: what a lookback profile is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.market.profile import Tie, point_of_control, value_area
from perpscope.numeric.binning import to_ticks

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Composite:
    """Bins from the lowest to the highest, empty ones included; prices as in `volume_profile`.

    `price_low`, `volume`, `buy_volume` are equally long; `bin_size` is the width of a bin in price. `known_ts` is when
    its newest part became known. `complete`: no part of it is missing anything.
    """

    price_low: npt.NDArray[np.float64]
    volume: npt.NDArray[np.float64]
    buy_volume: npt.NDArray[np.float64]
    bin_size: float
    poc: float
    vah: float
    val: float
    fraction: float
    known_ts: int
    complete: bool
    estimated: bool


def composite(
    bins: Table, tick_size: float, since: int, until: int, fraction: float = 0.7, rows: int = 2, tie: Tie = Tie.BOTH
) -> Composite | None:
    """The profile of all periods of `profile_bins` rows that lie in [since, until); None where there are none.

    Definition: bins are anchored at tick 0, so profiles add up bin by bin. Where periods differ in step the widest is
    used, of which every narrower one must be a part (automatic steps are powers of two).

    Raises:
        UserError: if the steps do not nest.

    Source: own; ORDERFLOW OF6.
    """
    mine = bins[(bins["ref_ts"] >= since) & (bins["known_ts"] <= until)]
    low = to_ticks(mine["price_low"], tick_size)
    steps = to_ticks(mine["price_high"], tick_size) - low + 1
    return _added(mine, low, steps, mine["volume"], tick_size, fraction, rows, tie, bool(mine["estimated"].any()))


def visible_profile(
    cells: Table, tick_size: float, since: int, until: int, fraction: float = 0.7, rows: int = 2, tie: Tie = Tie.BOTH,
    half_life_bars: float = float("inf"), most_bins: int = 0,
) -> Composite | None:  # fmt: skip
    """The profile of the bars of `footprint` rows that lie in [since, until), or None: what a chart shows of what is in sight.

    Definition: the sum of the bars' bins, exact because they are from trades. With `half_life_bars` a bar counts half when
    so many bars have followed it; `most_bins` doubles the step until no more are needed. It is a query, not a feature: it
    knows what its newest bar knew.
    Raises:
        UserError: if the steps do not nest.
    Source: own; ORDERFLOW OF6.
    """
    mine = cells[(cells["ref_ts"] >= since) & (cells["known_ts"] <= until)]
    weight = np.ones(len(mine))
    if np.isfinite(half_life_bars) and len(mine):
        opens, bar = np.unique(mine["ref_ts"], return_inverse=True)
        weight = 0.5 ** ((len(opens) - 1 - bar) / half_life_bars)
    mine = mine.with_columns(buy_volume=mine["buy_volume"] * weight, sell_volume=mine["sell_volume"] * weight)
    volume = mine["buy_volume"] + mine["sell_volume"]
    steps = mine["step"]
    if most_bins and len(mine):
        lowest, highest, step = int(mine["low_tick"].min()), int((mine["low_tick"] + steps).max()) - 1, int(steps.max())
        while highest // step - lowest // step + 1 > most_bins:
            step *= 2
        steps = np.where(np.arange(len(mine)) == 0, step, steps)
    return _added(mine, mine["low_tick"], steps, volume, tick_size, fraction, rows, tie, estimated=False)


def _added(
    mine: Table, low: Integers, steps: Integers, volumes: Floats, tick_size: float, fraction: float, rows: int, tie: Tie,
    estimated: bool,
) -> Composite | None:  # fmt: skip
    if not len(mine):
        return None
    step = int(steps.max())
    if (step % steps).any():
        widths = sorted(set(steps.tolist()))
        raise UserError(f"Profiles with bins of {widths} ticks cannot be added. Set step_ticks to one value.")
    at = low // step
    first = int(at.min())
    volume, bought = (np.bincount(at - first, weights=v).astype(np.float64) for v in (volumes, mine["buy_volume"]))
    last = len(volume) - 1
    poc = point_of_control(volume, 0, last, int(Tie.LOWER))
    bottom, top, inside = value_area(volume, 0, last, poc, fraction, rows, int(tie))
    return Composite(
        price_low=((first + np.arange(last + 1)) * step * tick_size).astype(np.float64),
        volume=volume,
        buy_volume=bought,
        bin_size=step * tick_size,
        poc=((first + poc) * step + (step - 1) / 2) * tick_size,
        vah=((first + top) * step + step - 1) * tick_size,
        val=(first + bottom) * step * tick_size,
        fraction=inside,
        known_ts=int(mine["known_ts"].max()),
        complete=bool(mine["complete"].all()),
        estimated=estimated,
    )
