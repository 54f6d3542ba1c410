"""What a random walk does by itself: touch a barrier, touch the upper one first, lose half under Kelly bets.

These are the nulls that levels and leverage are judged against: price reaches near levels without any magnet.
"""

from __future__ import annotations

import math

from scipy import special

from perpscope.core.errors import UserError


def up_first_probability(drift: float, up: float, down: float, sd: float) -> float:
    """The chance that Brownian motion meets `+up` before `-down`.

    Definition: `(1 - exp(2 m d / s^2)) / (exp(-2 m u / s^2) - exp(2 m d / s^2))`; without drift `d / (u + d)`; symmetric
    barriers: `1 / (1 + exp(-2 m d / s^2))`.

    Args:
        drift, sd: per root-consistent unit of time (per hour and per root hour, say).
        up, down: distances, both positive.
    Raises:
        UserError: if a distance or the spread is not positive.
    Source: gambler's ruin; Karatzas and Shreve 1991.

    Example:
        >>> round(up_first_probability(0.1, 1.0, 1.0, 1.0), 6), up_first_probability(0.0, 1.0, 3.0, 1.0)
        (0.549834, 0.75)
    """
    if not (up > 0.0 and down > 0.0 and sd > 0.0):
        raise UserError("Barrier distances and the spread must be positive.")
    k = 2.0 * drift / sd**2
    if abs(k) * (up + down) < 1e-12:
        return down / (up + down)
    if k > 0.0:
        return math.expm1(-k * down) / math.expm1(-k * (up + down))
    return math.exp(k * up) * math.expm1(k * down) / math.expm1(k * (up + down))


def touch_probability(log_distance: float, volatility: float, years: float) -> float:
    """The chance that a driftless log price touches a level within a time.

    Definition: `2 Phi(-b / (s sqrt(T)))`, the reflection principle; at most 1. Fat tails and volatility clusters are not in
    it: near the day of a crash it is far too low.

    Args:
        log_distance: b = |ln(level / price)|.
        volatility: per root year (0.55 = 55%), 365-day year.
        years: horizon.
    Raises:
        UserError: if the distance is negative, or volatility or horizon are not positive.
    Source: reflection principle; Feller 1968.

    Example:
        >>> round(touch_probability(-math.log(1 - (1 / 20 - 0.004)), 0.55, 1 / 365), 6)
        0.101884
    """
    if not (log_distance >= 0.0 and volatility > 0.0 and years > 0.0):
        raise UserError("The distance cannot be negative; volatility and horizon must be positive.")
    return 2.0 * float(special.ndtr(-log_distance / (volatility * math.sqrt(years))))


def drawdown_probability(remaining: float, kelly_multiple: float) -> float:
    """The chance ever to fall to `remaining` of the starting equity when betting a multiple of Kelly for ever.

    Definition: `x^(2/k - 1)` for k below 2; at twice Kelly and above it is certain. Continuous betting, known edge.

    Raises:
        UserError: if `remaining` is not between 0 and 1, or the multiple is not positive.
    Source: Thorp 2006, section 7.

    Example:
        >>> drawdown_probability(0.5, 0.5)
        0.125
    """
    if not (0.0 < remaining < 1.0 and kelly_multiple > 0.0):
        raise UserError("remaining must lie between 0 and 1, and the Kelly multiple must be positive.")
    return 1.0 if kelly_multiple >= 2.0 else remaining ** (2.0 / kelly_multiple - 1.0)
