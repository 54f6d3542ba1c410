"""How much evidence a question needs: break-even hit rate, trades needed, power of a test."""

from __future__ import annotations

import math

from scipy import special

from perpscope.core.errors import UserError


def break_even_hit_rate(cost: float, stop: float, reward_multiple: float) -> float:
    """The share of winners at which a setup earns nothing.

    Definition: `p* = (1 + c/s) / (1 + R)`; above 1 the setup cannot pay for its cost. A cost of 10 bps on a stop of 25 bps is
    two fifths of the risk, whatever the signal.

    Args:
        cost: round trip, in the same unit as `stop` (fraction or bps).
        stop: distance from entry to stop.
        reward_multiple: target distance over stop distance.
    Raises:
        UserError: if the stop or the multiple is not positive, or the cost negative.
    Source: own; expectation of a two-outcome bet set to zero.

    Example:
        >>> round(break_even_hit_rate(0.0010, 0.0025, 2.0), 4)
        0.4667
    """
    if not (stop > 0.0 and reward_multiple > 0.0 and cost >= 0.0):
        raise UserError("The stop distance and the reward multiple must be positive, and the cost not negative.")
    return (1.0 + cost / stop) / (1.0 + reward_multiple)


def trades_needed(edge: float, sd: float, *, power: float = 0.8, alpha: float = 0.05, tests: int = 1) -> float:
    """Independent trades after which a one-sided test finds an edge with the asked power; a fraction, not rounded.

    Definition: `((z_{1 - alpha/tests} + z_power) sd / edge)^2`.

    Args:
        edge: mean net result of a trade, in the unit of `sd` (R multiples or bps).
        tests: number of questions asked, for Bonferroni.
    Raises:
        UserError: if the edge or the spread is not positive, or a probability is not between 0 and 1.

    Example:
        >>> round(trades_needed(0.1, 1.5)), round(trades_needed(0.1, 1.5, tests=45))
        (1391, 3423)
    """
    if not (edge > 0.0 and sd > 0.0 and tests >= 1 and 0.0 < power < 1.0 and 0.0 < alpha < 1.0):
        raise UserError("Edge and spread must be positive, power and alpha between 0 and 1, tests at least 1.")
    return ((-float(special.ndtri(alpha / tests)) + float(special.ndtri(power))) * sd / edge) ** 2


def power_of_mean(edge: float, sd: float, n: float, *, alpha: float = 0.05, tests: int = 1) -> float:
    """The chance that a one-sided test on `n` independent trades finds a true edge.

    Definition: `Phi(edge sqrt(n) / sd - z_{1 - alpha/tests})`. A verdict REJECTED needs at least 0.8 at the break-even edge.

    Raises:
        UserError: if the spread is not positive, or alpha is not between 0 and 1.

    Example:
        >>> round(power_of_mean(0.1, 1.5, 1391), 3)
        0.8
    """
    if not (sd > 0.0 and n >= 0.0 and tests >= 1 and 0.0 < alpha < 1.0):
        raise UserError("The spread must be positive, n not negative, alpha between 0 and 1, tests at least 1.")
    return float(special.ndtr(edge * math.sqrt(n) / sd + special.ndtri(alpha / tests)))
