"""The map before each bar, by distance from price: what lies how far away, for placebos that move it and for barriers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.features.liquidation.exposure import ExposureEntry
from perpscope.features.liquidation.grid import LogGrid
from perpscope.numeric.jit import njit
from perpscope.research.calibration.replay import FilterSettings, base_units, run_filter
from perpscope.research.calibration.study import Study, side_index

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Profile:
    """`mass` float64 (bars, 2, bins): expected liquidations in bins of `height` log price, counted from the close before each
    bar; longs below, shorts above. Published before the bar began."""

    mass: Floats
    height: float

    def crossed(self, excursion: Floats) -> Floats:
        """Mass within each excursion (bars, 2), the last bin in part: float64 (bars, 2).

        Example:
            >>> Profile(np.ones((1, 2, 4)), 0.1).crossed(np.array([[0.25, 9.0]])).round(6).tolist()
            [[2.5, 4.0]]
        """
        bins = self.mass.shape[2]
        sums = np.concatenate([np.zeros((*self.mass.shape[:2], 1)), np.cumsum(self.mass, axis=2)], axis=2)
        x = np.clip(excursion / self.height, 0.0, bins)
        whole = np.minimum(x.astype(np.int64), bins - 1)
        below = np.take_along_axis(sums, whole[..., None], axis=2)[..., 0]
        above = np.take_along_axis(sums, whole[..., None] + 1, axis=2)[..., 0]
        result: Floats = below + (x - whole) * (above - below)
        return result

    def between(self, near: Floats, far: Floats) -> Floats:
        """Mass between two distances, each (bars,): float64 (bars, 2)."""
        one, two = np.stack([near, near], axis=1), np.stack([far, far], axis=1)
        return self.crossed(two) - self.crossed(one)


def profile(study: Study, settings: FilterSettings, weights: Floats, height: float, bins: int) -> Profile:
    """The map of a study's interval bars as it was published, weighted by the mixes then known.

    Args:
        weights: float64 (bars, 2, TIERS), by bar of the study.
        height: of a bin of distance, log price. bins: how many.
    """
    seen = study.on_path(study.interval)
    folds = settings.folds(study.interval, floor_fraction=1e-6, tolerance=0.05, band=0.3)
    rows = run_filter(seen, folds)
    rows = rows[rows["entry"] == ExposureEntry.CELL]
    grid = LogGrid.of_bps(settings.bin_bps)
    bars = study.bars
    begin = np.searchsorted(rows["known_ts"], bars["ref_ts"], side="right")
    close = np.concatenate([bars["open"][:1], bars["close"][:-1]])
    at = np.log2(close) * grid.per_octave
    lowest = int(rows["bin"].min()) if len(rows) else 0
    width = int(rows["bin"].max()) - lowest + 1 if len(rows) else 1
    mass = _profile(
        rows["bin"] - lowest, side_index(rows["side"]), base_units(study, rows), begin, at - lowest, weights, width,
        grid.height / height, bins,
    )  # fmt: skip
    return Profile(mass, height)


@njit
def _profile(
    bin_: Integers,
    side: Integers,
    units: Floats,
    begin: Integers,
    at: Floats,
    weights: Floats,
    width: int,
    ratio: float,
    bins: int,
) -> Floats:
    """Rows are played up to each bar's beginning; then the cells are put where they lie from price."""
    tiers = units.shape[1]
    book = np.zeros((2, width, tiers))
    out = np.zeros((at.size, 2, bins))
    done = 0
    for t in range(at.size):
        while done < begin[t]:
            for k in range(tiers):
                book[side[done], bin_[done], k] = units[done, k]
            done += 1
        for s in range(2):
            for i in range(width):
                distance = (at[t] - (i + 0.5) if s == 0 else i + 0.5 - at[t]) * ratio
                if 0.0 <= distance < bins:
                    total = 0.0
                    for k in range(tiers):
                        total += weights[t, s, k] * book[s, i, k]
                    out[t, s, int(distance)] += total
    return out
