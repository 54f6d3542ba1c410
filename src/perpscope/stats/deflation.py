"""What a Sharpe ratio proves: probabilistic and deflated Sharpe ratio, and how long a record must be.

All Sharpe ratios here are **per period** of the returns (not annual) with ddof = 1; skewness and kurtosis are population
moments, and kurtosis is not excess (3 for a normal).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from perpscope.core.errors import UserError
from perpscope.stats.inputs import series
from perpscope.stats.interval import Estimate, absent, two_sided_z

_EULER = 0.5772156649015329
_NO_VARIANCE = "returns without variance have no Sharpe ratio"


@dataclass(frozen=True, slots=True)
class SharpeMoments:
    """The Sharpe ratio of a return series and what its sampling error depends on.

    Attributes:
        sharpe: mean / sd per period, ddof = 1.
        n: number of returns.
        skewness: third standardised population moment.
        kurtosis: fourth, not excess.
    """

    sharpe: float
    n: int
    skewness: float = 0.0
    kurtosis: float = 3.0

    @property
    def variance(self) -> float:
        """`(1 - g3 SR + (g4 - 1)/4 SR^2)`: the variance of `sqrt(n-1) SR`, for independent returns of any shape.

        Source: Mertens 2002; Christie 2005.
        """
        return 1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2


def sharpe_moments(returns: npt.ArrayLike) -> SharpeMoments:
    """Sharpe ratio, skewness and kurtosis of a return series.

    Raises:
        UserError: if there are fewer than three returns, or they have no variance (the ratio would be infinite or 0/0).

    Example:
        >>> m = sharpe_moments([0.01, -0.02, 0.03, 0.00, 0.01])
        >>> round(m.sharpe, 4), round(m.skewness, 4), round(m.kurtosis, 4)
        (0.3303, -0.179, 2.2686)
    """
    x = series(returns, "returns", at_least=3)
    mean, deviation = float(x.mean()), x - x.mean()
    second = float(np.mean(deviation**2))
    if math.sqrt(second) <= 1e-8 * abs(mean) or second == 0.0:
        raise UserError(f"The {len(x)} returns are all the same: {_NO_VARIANCE}.")
    spread = math.sqrt(second * len(x) / (len(x) - 1))
    third, fourth = float(np.mean(deviation**3)), float(np.mean(deviation**4))
    return SharpeMoments(mean / spread, len(x), third / second**1.5, fourth / second**2)


def sharpe_interval(returns: npt.ArrayLike, periods_per_year: float, level: float = 0.95) -> Estimate:
    """The annual Sharpe ratio with the analytic interval that PSR rests on; for serially independent returns.

    Definition: `SR sqrt(P)`, `+- z sqrt(variance / (n-1)) sqrt(P)`. Its lower end is above zero exactly when PSR(0) exceeds
    `1 - (1-level)/2`. For dependent returns use `measurement.measure`, which resamples blocks.

    Args:
        periods_per_year: of a 365-day year: 365 for daily returns, 8,760 for hourly.
    Source: Mertens 2002.

    Example:
        >>> t = np.arange(120)
        >>> print(sharpe_interval((((13 * t**2 + 7 * t) % 41) - 19) / 1000, 365))
        3.668 (0.1461 .. 7.189, 95%, n 120)
    """
    moments = sharpe_moments(returns)
    method = "Mertens"
    year = math.sqrt(periods_per_year)
    if moments.variance <= 0.0:
        return absent("the moments give no variance", level=level, n=moments.n, method=method, value=moments.sharpe * year)
    half = two_sided_z(level) * math.sqrt(moments.variance / (moments.n - 1))
    low, high = moments.sharpe - half, moments.sharpe + half
    return Estimate(moments.sharpe, low, high, level, moments.n, method).scaled(year)


def probabilistic_sharpe(moments: SharpeMoments, benchmark: float = 0.0) -> float:
    """PSR: the probability that the true Sharpe ratio exceeds `benchmark` (per period).

    Definition: `Phi((SR - s*) sqrt(n-1) / sqrt(1 - g3 SR + (g4-1)/4 SR^2))`. A probability, so it has no interval.

    Raises:
        UserError: if the moments give no positive variance, or there are fewer than two returns.
    Source: Bailey and Lopez de Prado 2012.

    Example:
        >>> round(probabilistic_sharpe(SharpeMoments(0.458, 24, -2.448, 10.164)), 6)
        0.913361
    """
    _check(moments)
    return float(special.ndtr((moments.sharpe - benchmark) * math.sqrt(moments.n - 1) / math.sqrt(moments.variance)))


def minimum_track_record(moments: SharpeMoments, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """MinTRL: the number of returns at which PSR(benchmark) reaches `confidence`; a fraction, not rounded up.

    Definition: `1 + (1 - g3 SR + (g4-1)/4 SR^2) (z_c / (SR - s*))^2`. NaN when the Sharpe ratio is not above the benchmark:
    no length of record will do.

    Raises:
        UserError: as `probabilistic_sharpe`, or a confidence not between 0.5 and 1.
    Source: Bailey and Lopez de Prado 2012.

    Example:
        >>> round((minimum_track_record(SharpeMoments(2 / 252**0.5, 750), 1 / 252**0.5)) / 252, 6)
        2.730984
    """
    _check(moments)
    if not 0.5 < confidence < 1.0:
        raise UserError(f"confidence must lie between 0.5 and 1, not {confidence}.")
    if moments.sharpe <= benchmark:
        return math.nan
    return 1.0 + moments.variance * (float(special.ndtri(confidence)) / (moments.sharpe - benchmark)) ** 2


def expected_maximum(trials: float) -> float:
    """The expected largest of `trials` independent standard normals: what luck alone reaches.

    Definition: `(1-g) z(1 - 1/N) + g z(1 - 1/(N e))`, g = 0.5772...; asymptotic: 2% high at N = 10. Our choice: 0 for one
    trial, and never below 0. `trials` may be a fraction (`effective_trials`).

    Raises:
        UserError: for fewer than one trial.
    Source: Bailey and Lopez de Prado 2014 (false strategy theorem).

    Example:
        >>> round(expected_maximum(100), 6), expected_maximum(1)
        (2.530603, 0.0)
    """
    if not 1.0 <= trials < math.inf:
        raise UserError(f"At least one trial was made; {trials} is not a number of trials.")
    if trials == 1.0:
        return 0.0
    likely, extreme = special.ndtri(1.0 - 1.0 / trials), special.ndtri(1.0 - 1.0 / (trials * math.e))
    return max(0.0, float((1.0 - _EULER) * likely + _EULER * extreme))


@dataclass(frozen=True, slots=True)
class DeflatedSharpe:
    """The deflated Sharpe ratio: `probability` that the true Sharpe ratio exceeds `threshold`, luck's best (per period)."""

    probability: float
    threshold: float
    trials: float


def deflated_sharpe(moments: SharpeMoments, trials: float, trial_variance: float) -> DeflatedSharpe:
    """DSR: the probabilistic Sharpe ratio against the best of `trials` skill-less trials.

    Definition: `PSR(sqrt(V) E[max_N])`. N counts every variant ever evaluated for the question, discarded ones too.

    Args:
        trial_variance: variance of the trials' Sharpe ratios, in the same period unit (annual variance / periods per year).
    Raises:
        UserError: as `probabilistic_sharpe` and `expected_maximum`, or a negative variance.
    Source: Bailey and Lopez de Prado 2014.

    Example:
        >>> found = deflated_sharpe(SharpeMoments(2.5 / 250**0.5, 1250, -3, 10), trials=100, trial_variance=0.5 / 250)
        >>> round(found.threshold, 6), round(found.probability, 6)
        (0.113172, 0.900397)
    """
    if not 0.0 <= trial_variance < math.inf:
        raise UserError(f"The variance of the trials' Sharpe ratios cannot be {trial_variance}.")
    threshold = math.sqrt(trial_variance) * expected_maximum(trials)
    return DeflatedSharpe(probabilistic_sharpe(moments, threshold), threshold, trials)


def minimum_backtest_years(trials: float, target: float = 1.0) -> float:
    """MinBTL: the years below which the best of `trials` skill-less strategies shows an annual Sharpe ratio of `target`.

    Definition: `(E[max_N] / target)^2`.

    Raises:
        UserError: if the target is not positive.
    Source: Bailey, Borwein, Lopez de Prado and Zhu 2014.

    Example:
        >>> round(minimum_backtest_years(45), 6)
        4.998087
    """
    if not target > 0.0:
        raise UserError(f"The target Sharpe ratio must be positive, not {target}.")
    return (expected_maximum(trials) / target) ** 2


def effective_trials(trials: float, mean_correlation: float) -> float:
    """The number of independent trials that `trials` correlated ones amount to.

    Definition: `rho + (1 - rho) N`, rho the mean pairwise correlation of their returns (below 0 counts as 0).

    Raises:
        UserError: if the correlation is no correlation, or there is less than one trial.
    Source: Lopez de Prado and Lewis 2019, the linear form.

    Example:
        >>> effective_trials(100, 0.5)
        50.5
    """
    if not -1.0 <= mean_correlation <= 1.0 or not trials >= 1.0:
        raise UserError(f"{trials} trials with mean correlation {mean_correlation} is not possible.")
    rho = max(mean_correlation, 0.0)
    return rho + (1.0 - rho) * trials


def _check(moments: SharpeMoments) -> None:
    if moments.n < 2 or not moments.variance > 0.0:
        raise UserError(
            f"A Sharpe ratio of {moments.sharpe:.4g} from {moments.n} returns with skewness {moments.skewness:.4g} and "
            f"kurtosis {moments.kurtosis:.4g} has no sampling variance: check the moments (kurtosis is not excess)."
        )
