"""How likely is it that price gets there in time? The reflection principle, and its correction by what really happened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.time import YEAR
from perpscope.numeric.gaussian import erfc

Floats = npt.NDArray[np.float64]


def touch_probability(distance: npt.ArrayLike, sigma_annual: float, horizon_ns: int) -> Floats:
    """The chance that price touches a level within a horizon, if it wanders without drift.

    Definition: P = erfc(d / (sigma sqrt(2 h))) = 2 (1 - Phi(d / (sigma sqrt h))), the reflection principle for a
    driftless walk in log price; d = |ln(level / mark)|, sigma per year of 365 days, h in years. It is no forecast of a
    direction, ignores fat tails and clustering (`Excursions` corrects for both), and counts the path, not the close.

    Args:
        distance: log price, any sign; NaN gives NaN.
        sigma_annual: realised volatility, a fraction per square root of a year, above zero.
        horizon_ns: nanoseconds, above zero.

    Returns:
        Probabilities, the shape of `distance`.

    Raises:
        UserError: if the volatility or the horizon is not above zero.

    Source: reflection principle (Bachelier; e.g. Karatzas and Shreve 1991, 2.6).

    Example:
        >>> from perpscope.core.time import DAY
        >>> round(float(touch_probability(-0.10093, 0.55, 7 * DAY)), 4)
        0.1851
    """
    if not (sigma_annual > 0.0 and horizon_ns > 0):
        raise UserError("A touch probability needs a volatility and a horizon above zero.")
    spread = sigma_annual * np.sqrt(horizon_ns / YEAR)
    return erfc(np.abs(np.asarray(distance, np.float64)) / (spread * np.sqrt(2.0)))


@dataclass(frozen=True)
class Excursions:
    """How far price really went within a horizon, in units of sigma sqrt(h), sorted: the correction of the reflection.

    Definition: for each start i the largest excursion of the following bars up (or down) in log price from the close of i,
    over sigma_i sqrt(h). P(touch at z) = share of starts whose excursion reached z. It falls in z by construction.
    Starts overlap, so `starts` overstates how much is known by about the number of bars in a horizon.
    """

    up: Floats
    down: Floats
    horizon_bars: int

    @property
    def starts(self) -> int:
        return len(self.up)

    @classmethod
    def measured(cls, high: Floats, low: Floats, close: Floats, sigma_bar: Floats, horizon_bars: int) -> Excursions:
        """Excursions over a trailing history; give it only what was known.

        Args:
            high, low, close: of the mark, one per bar.
            sigma_bar: volatility per square root of a bar as known at each close; NaN skips the start.
            horizon_bars: at least 1.

        Raises:
            UserError: if fewer than 100 starts have a whole horizon after them.

        Example:
            >>> rng = np.random.default_rng(0)
            >>> path = np.exp(np.cumsum(rng.normal(0.0, 0.01, 5000)))
            >>> table = Excursions.measured(path, path, path, np.full(5000, 0.01), 24)
            >>> bool(abs(table.probability(1.0, up=True) - 0.317) < 0.08)
            True
        """
        n = len(close) - horizon_bars
        usable = np.isfinite(sigma_bar[: max(n, 0)]) & (sigma_bar[: max(n, 0)] > 0.0)
        if horizon_bars < 1 or usable.sum() < 100:
            raise UserError(
                f"Excursions over {horizon_bars} bars need at least 100 starts with that many bars after them; "
                f"there are {int(usable.sum())}. Give a longer history or a shorter horizon."
            )
        windows = np.lib.stride_tricks.sliding_window_view
        top = windows(high[1:], horizon_bars).max(axis=1)[:n]
        bottom = windows(low[1:], horizon_bars).min(axis=1)[:n]
        scale = sigma_bar[:n] * np.sqrt(horizon_bars)
        up, down = np.log(top / close[:n]) / scale, -np.log(bottom / close[:n]) / scale
        return cls(np.sort(np.maximum(up[usable], 0.0)), np.sort(np.maximum(down[usable], 0.0)), horizon_bars)

    def probability(self, z: npt.ArrayLike, *, up: bool) -> Floats:
        """The share of starts whose excursion reached z (in sigma sqrt(h))."""
        table = self.up if up else self.down
        return 1.0 - np.searchsorted(table, np.abs(np.asarray(z, np.float64)), side="left") / len(table)
