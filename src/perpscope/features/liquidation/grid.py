"""The price grid of the liquidation map: equal steps of log price with absolute bins.

A bin means the same prices in every window, for ever. The step is a whole fraction of a doubling of price, so
that doubling all prices shifts every bin by a whole number (the scale law holds without rounding), and mirroring
p -> 1/p turns bin b into -b - 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from perpscope.core.errors import UserError

NULL_BIN = -(2**31)
"""The bin of a row that is about no bin. Bins of prices below 1 are negative, so -1 will not do."""


@dataclass(frozen=True)
class LogGrid:
    """Bins of equal log height: bin = floor(log2(price) * per_octave).

    Example:
        >>> grid = LogGrid.of_bps(10.0)
        >>> grid.per_octave, grid.bin(1024.0), grid.bin(2048.0) - grid.bin(1024.0)
        (693, 6930, 693)
    """

    per_octave: int

    @classmethod
    def of_bps(cls, height_bps: float) -> LogGrid:
        """The grid whose bins are nearest to `height_bps` hundredths of a percent high.

        Raises:
            UserError: if the height is not between 0.5 and 200 bps.
        """
        if not 0.5 <= height_bps <= 200.0:
            raise UserError(f"A bin of {height_bps} bps is not useful; choose a height between 0.5 and 200 bps, such as 10.")
        return cls(round(math.log(2.0) / (height_bps * 1e-4)))

    @property
    def height(self) -> float:
        """The height of a bin in natural log price."""
        return math.log(2.0) / self.per_octave

    def bin(self, price: float) -> int:
        return math.floor(math.log2(price) * self.per_octave)

    def low(self, bins: Any) -> Any:
        """The lower edge of each bin, a price."""
        return np.exp2(np.asarray(bins, np.float64) / self.per_octave)

    def high(self, bins: Any) -> Any:
        """The upper edge of each bin, a price."""
        return np.exp2((np.asarray(bins, np.float64) + 1.0) / self.per_octave)

    def centre(self, bins: Any) -> Any:
        """The price that stands for a bin: a bin is swept when price passes it."""
        return np.exp2((np.asarray(bins, np.float64) + 0.5) / self.per_octave)
