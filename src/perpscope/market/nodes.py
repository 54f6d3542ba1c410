"""High and low volume nodes of a profile: where trade gathered, and the thin places between."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def volume_nodes(volume: Floats, prominence: float = 0.15) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions of the high and of the low volume nodes.

    Definition: the profile is smoothed with the triangle (1, 2, 1) / 4, empty beyond its ends. A high node is a strict local
    maximum whose prominence (height over the higher of the two lowest points that separate it from higher ground, or
    from the end) is at least `prominence` of the largest smoothed bin; a low node is the lowest bin between two neighbouring
    high nodes, the one nearest to their middle if several are equal. A flat top has no strict maximum and is left out.
    Inputs: volumes of neighbouring bins, lowest price first.
    Source: ORDERFLOW OF5; prominence as in topography.

    Example:
        >>> volume_nodes(np.array([0.0, 1, 9, 1, 0, 0, 1, 8, 1, 0]))[0].tolist()
        [2, 7]
    """
    padded = np.concatenate([[0.0], volume, [0.0]])
    smooth = (padded[:-2] + 2.0 * padded[1:-1] + padded[2:]) / 4.0
    walls = np.concatenate([[0.0], smooth, [0.0]])
    peaks = np.flatnonzero((smooth > walls[:-2]) & (smooth > walls[2:]))
    least = prominence * smooth.max(initial=0.0)
    high = np.array([k for k in peaks if smooth[k] > 0 and _prominence(smooth, int(k)) >= least], np.int64)
    low = [_lowest_between(smooth, a, b) for a, b in zip(high[:-1].tolist(), high[1:].tolist(), strict=True)]
    return high, np.array(low, np.int64)


def _prominence(smooth: Floats, peak: int) -> float:
    """Height over the higher of the lowest points on either side, looking no further than higher ground."""
    bases = []
    for side in (smooth[:peak][::-1], smooth[peak + 1 :]):
        higher = np.flatnonzero(side > smooth[peak])
        reach = side[: higher[0]] if len(higher) else np.append(side, 0.0)
        bases.append(float(reach.min(initial=smooth[peak])))
    return float(smooth[peak]) - max(bases)


def _lowest_between(smooth: Floats, a: int, b: int) -> int:
    between = np.arange(a + 1, b)
    lowest = between[smooth[between] == smooth[between].min()]
    return int(lowest[np.argmin(np.abs(2 * lowest - a - b))])
