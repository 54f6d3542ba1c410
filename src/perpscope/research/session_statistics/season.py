"""The season table: what a slot of the week has been like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import MINUTE
from perpscope.market.seasonality import SLOTS, season_minutes
from perpscope.research.session_statistics.ratios import day_block_ratios

Floats = npt.NDArray[np.float64]

WEEK_BLOCK = 2.0
"""Weeks in a mean block: long enough for the memory of volatility, short enough that three years hold eighty of them."""

DAY_SLOTS = 24 * 60


@dataclass(frozen=True)
class SeasonTable:
    """Measures by slot: `minute` is where a slot begins, in minutes of the week or of the day by `clock`.

    `values`, `lows` and `highs` map a measure to (slots,) arrays, NaN where nothing was seen; `counts` are the bars of a slot.
    """

    clock: str
    cycle: int
    minute: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    values: Mapping[str, Floats]
    lows: Mapping[str, Floats]
    highs: Mapping[str, Floats]
    units: Mapping[str, str]


UNITS = {
    "return": "bps, mean of the log return",
    "volatility": "bps, mean of the absolute log return",
    "volume": "factor, share of its week's volume times the bars of the week",
    "delta": "fraction, (aggressive buys - sells) / volume",
    "spread": "bps of the mid, mean",
}


def season_table(
    bars: Table,
    slot: int,
    clock: str,
    *,
    by: str = "week",
    rng: np.random.Generator,
    replications: int = 1000,
    spread_bps: Floats | None = None,
) -> SeasonTable:
    """Return, volatility, volume, delta and spread by slot of the week (or of the day), with 95 % intervals.

    Definition: a bar belongs to the slot that holds its open, by the clock ("new_york" or "utc"). Its return is ln(close/open).
    Volume is told against the mean volume of a bar in the same week, so that years of growth are not a season; delta as a share
    of the slot's volume. Intervals: stationary bootstrap of weeks in blocks of 2 (of days in blocks of 14, for slots of the
    day), all slots resampled together. Incomplete bars and bars without volume are left out.
    Inputs: bars of one frame; `slot` minutes, a whole number of bars that divides the day; `spread_bps` one value a bar, NaN
    where not known.
    Raises: UserError if the slot does not fit the bars or the day.
    Source: own; after Hansen, Kim and Kimbrough (arXiv:2109.12142).
    """
    cycle = {"week": SLOTS, "day": DAY_SLOTS}[by]
    kept = bars["complete"] & (bars["volume"] > 0)
    spread = np.full(len(bars), np.nan) if spread_bps is None else np.asarray(spread_bps, float)
    bars, spread = bars[kept], spread[kept]
    if len(bars) < 2:
        raise UserError("A season needs bars with volume; there are fewer than two.")
    length = int((bars["known_ts"] - bars["ref_ts"]).min()) // MINUTE
    if slot % max(length, 1) or DAY_SLOTS % slot:
        raise UserError(f"A slot of {slot} minutes is not a whole number of {length}-minute bars that divides the day.")
    minutes = season_minutes(bars["ref_ts"], clock)
    week, place = minutes // SLOTS, minutes % cycle // slot
    cycles = minutes // cycle
    rows, slots = cycles - cycles.min(), cycle // slot
    measures = _measures(bars, week, spread)
    present, above, below = {}, [], []
    shape = (int(rows.max()) + 1, slots)
    for name, (value, weight) in measures.items():
        known = np.isfinite(value) & np.isfinite(weight)
        if not known.any():
            continue
        cells = [np.zeros(shape), np.zeros(shape)]
        np.add.at(cells[0], (rows[known], place[known]), value[known])
        np.add.at(cells[1], (rows[known], place[known]), weight[known])
        present[name] = UNITS[name]
        above.append(cells[0])
        below.append(cells[1])
    block = WEEK_BLOCK if by == "week" else 7 * WEEK_BLOCK
    ratio = day_block_ratios(
        np.concatenate(above, axis=1), np.concatenate(below, axis=1), block=block, rng=rng, replications=replications
    )
    split = [dict(zip(present, part.reshape(len(present), slots), strict=True)) for part in ratio]
    counts = np.bincount(place, minlength=slots)
    return SeasonTable(clock, cycle, slot * np.arange(slots), counts, split[0], split[1], split[2], present)


def _measures(bars: Table, week: npt.NDArray[np.int64], spread: Floats) -> dict[str, tuple[Floats, Floats]]:
    """Per measure what is summed above and below the line, bar by bar."""
    one = np.ones(len(bars))
    moved = 1e4 * np.log(bars["close"] / bars["open"])
    number = week - week.min()
    mean = np.bincount(number, bars["volume"]) / np.maximum(np.bincount(number), 1)
    return {
        "return": (moved, one),
        "volatility": (np.abs(moved), one),
        "volume": (bars["volume"] / mean[number], one),
        "delta": (bars["buy_volume"] - bars["sell_volume"], bars["volume"]),
        "spread": (spread, one),
    }
