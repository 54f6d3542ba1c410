"""The leverage ladder and the mix: how the opens of a bar are shared among leverages.

The default is a *prior from observed positions*, not a ladder of our taste: the notional of BTC positions on
Hyperliquid by the leverage that their liquidation price implies at mark, 2026-02-04 to 02-12, rounded. It comes from
a leaderboard (large, low leverage), so it is a prior for the stock of positions, not for who gets liquidated. A
calibration replaces it by giving another `mix`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.time import parse_ts

LEVERAGES = (2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 25.0, 40.0, 50.0, 75.0, 100.0)
"""The liquidatable leverage tiers; opens above 100x count as 100x. The mix has one entry more, first: never."""

TIERS = len(LEVERAGES)

PRIOR = (0.420, 0.145, 0.09, 0.08, 0.11, 0.084, 0.034, 0.012, 0.009, 0.006, 0.004, 0.003, 0.0015, 0.0015)
"""Share of opens that is never liquidated (hedged, or at most 1.5x), then the share at each of `LEVERAGES`."""

PRIOR_NAME = "prior from observed Hyperliquid wallets"
PRIOR_TS = parse_ts("2026-02-12")
"""The day of the last snapshot that the prior was made from."""


def checked_mix(mix: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """The shares at `LEVERAGES` as an array; what is missing to one is "never".

    Raises:
        UserError: if there are not 14 numbers, one is negative, or they do not sum to one.

    Example:
        >>> checked_mix(PRIOR).sum().round(3)
        np.float64(0.58)
        >>> checked_mix((0.5, 0.5))
        Traceback (most recent call last):
        ...
        perpscope.core.errors.UserError: A mix needs 14 shares (never, 2x, ..., 100x) that sum to 1; got 2 with sum 1.0.
    """
    shares = np.asarray(mix, np.float64)
    if shares.shape != (TIERS + 1,) or not (shares >= 0.0).all() or abs(shares.sum() - 1.0) > 1e-6:
        raise UserError(
            f"A mix needs {TIERS + 1} shares (never, 2x, ..., 100x) that sum to 1; got {shares.size} with sum {shares.sum()}."
        )
    return np.ascontiguousarray(shares[1:])
