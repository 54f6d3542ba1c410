"""A number with the range it may lie in: `Estimate`, and the intervals that have a formula."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from perpscope.core.errors import ProgrammerError, UserError
from perpscope.stats.inputs import check_level, series


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with its two-sided confidence interval.

    Attributes:
        value: the statistic; NaN when it is undefined on these data, and then `note` says why.
        low, high: the interval at `level`, `low <= value <= high`; NaN when there is none (`note` says why); infinite
            when the data set no bound on that side.
        level: confidence, a fraction such as 0.95.
        n: observations the value rests on (not bootstrap draws).
        method: how the interval was made, with its settings.
        note: what the reader must know: the reason of a NaN, draws left out, an interval that was widened.

    Example:
        >>> print(Estimate(1.2, 0.4, 2.0, 0.95, 250, "t"))
        1.2 (0.4 .. 2, 95%, n 250)
    """

    value: float
    low: float
    high: float
    level: float
    n: int
    method: str
    note: str = ""

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise ProgrammerError(f"level {self.level} is no fraction")
        if math.isnan(self.low) != math.isnan(self.high):
            raise ProgrammerError("an interval has two ends or none")
        if self.has_interval and not self.low <= self.value <= self.high:
            raise ProgrammerError(f"{self.low} .. {self.high} does not hold {self.value}")
        if not self.has_interval and not self.note:
            raise ProgrammerError("an estimate without an interval says why in its note")

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return not math.isnan(self.low)

    def excludes(self, number: float) -> bool:
        """Whether `number` lies outside the interval; False without an interval, which excludes nothing."""
        return self.has_interval and not self.low <= number <= self.high

    def scaled(self, factor: float) -> Estimate:
        """The same estimate in another unit, for instance times the root of the periods per year."""
        ends = sorted((self.low * factor, self.high * factor)) if self.has_interval else (math.nan, math.nan)
        return replace(self, value=self.value * factor, low=ends[0], high=ends[1])

    def __str__(self) -> str:
        if not self.has_interval:
            return f"{self.value:.4g} (no interval: {self.note}; n {self.n})"
        return f"{self.value:.4g} ({self.low:.4g} .. {self.high:.4g}, {100 * self.level:g}%, n {self.n})"


def absent(reason: str, *, level: float, n: int, method: str, value: float = math.nan) -> Estimate:
    """An estimate that has no interval, or not even a value, and the reason."""
    return Estimate(value, math.nan, math.nan, level, n, method, reason)


def two_sided_z(level: float) -> float:
    """The normal quantile of a two-sided interval: 1.959964 at 0.95."""
    check_level(level)
    return float(special.ndtri(0.5 + level / 2.0))


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """The mean with Student's t interval; for independent observations only.

    Definition: `mean +- t_{n-1} sd / sqrt(n)`, sd with ddof = 1. Dependent rows (overlapping horizons, hours of one
    day) need `newey_west` or a block bootstrap.

    Source: Student 1908.

    Example:
        >>> print(mean_interval([9.0, -2 / 3, 10.0, 1.0]))
        4.833 (-3.834 .. 13.5, 95%, n 4)
    """
    check_level(level)
    x = series(values, "values")
    n, mean = len(x), float(x.mean())
    if n < 2:
        return absent("one observation has no spread", level=level, n=n, method="t", value=mean)
    half = float(special.stdtrit(n - 1, 0.5 + level / 2.0)) * float(x.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, level, n, "t")


def newey_west_error(values: npt.ArrayLike, lags: int | None = None) -> float:
    """The standard error of a mean of serially correlated observations.

    Definition: `sqrt((g0 + 2 sum_{k<=K} (1 - k/(K+1)) g_k) / T)` with `g_k = sum_t e_t e_{t-k} / T`, `e` the deviations
    from the mean. Our choice for `lags=None`: `floor(4 (T/100)^(2/9))`; pass the overlap of the horizons where there is
    one. No small-sample factor.

    Raises:
        UserError: if `lags` is negative or not below the number of observations.
    Source: Newey and West 1987; the rule for K: Newey and West 1994 as used by common software.

    Example:
        >>> round(newey_west_error([1, 2, 4, 3, 5, 4, 6, 8, 7, 9, 8, 10], lags=2), 6)
        1.165702
    """
    x = series(values, "values", at_least=2)
    n = len(x)
    reach = math.floor(4.0 * (n / 100.0) ** (2.0 / 9.0)) if lags is None else lags
    if not 0 <= reach < n:
        raise UserError(f"lags must lie between 0 and {n - 1}, not {reach}.")
    deviation = x - x.mean()
    variance = float(deviation @ deviation) / n
    for k in range(1, reach + 1):
        variance += 2.0 * (1.0 - k / (reach + 1.0)) * float(deviation[k:] @ deviation[:-k]) / n
    return math.sqrt(max(variance, 0.0) / n)


def newey_west(values: npt.ArrayLike, lags: int | None = None, level: float = 0.95) -> Estimate:
    """The mean with a normal interval on the Newey-West standard error.

    Example:
        >>> print(newey_west([1, 2, 4, 3, 5, 4, 6, 8, 7, 9, 8, 10], lags=2))
        5.583 (3.299 .. 7.868, 95%, n 12)
    """
    x = series(values, "values", at_least=2)
    half = two_sided_z(level) * newey_west_error(x, lags)
    mean = float(x.mean())
    used = "rule" if lags is None else lags
    return Estimate(mean, mean - half, mean + half, level, len(x), f"Newey-West, lags {used}")


def proportion(successes: int, n: int, level: float = 0.95) -> Estimate:
    """A share of independent trials with Wilson's score interval.

    Definition: all p with `|x/n - p| <= z sqrt(p (1-p) / n)`. It stays inside [0, 1] and holds its level also for 0 of n,
    where the textbook interval shrinks to a point.

    Raises:
        UserError: if `successes` is not between 0 and `n`.
    Source: Wilson 1927; Brown, Cai and DasGupta 2001.

    Example:
        >>> print(proportion(0, 20))
        0 (0 .. 0.1611, 95%, n 20)
    """
    if n < 0 or not 0 <= successes <= n:
        raise UserError(f"{successes} successes of {n} trials is not possible.")
    z = two_sided_z(level)
    if n == 0:
        return absent("no trials", level=level, n=0, method="Wilson")
    share = successes / n
    centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n)
    half = z / (1.0 + z * z / n) * math.sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n))
    low = 0.0 if successes == 0 else min(centre - half, share)
    high = 1.0 if successes == n else max(centre + half, share)
    return Estimate(share, low, high, level, n, "Wilson")


def correlation_interval(r: float, n: int, *, controls: int = 0, rank: bool = False, level: float = 0.95) -> Estimate:
    """A correlation with Fisher's z interval.

    Definition: `tanh(atanh(r) +- z se)`, `se^2 = c / (n - 3 - controls)`, c = 1 for Pearson and `1 + r^2/2` for Spearman.
    Assumes independent rows; for hours of one day use `clusters.cluster_bootstrap`.

    Source: Fisher 1921; Bonett and Wright 2000 for ranks.

    Example:
        >>> print(correlation_interval(0.5, 103))
        0.5 (0.3393 .. 0.6323, 95%, n 103)
    """
    z = two_sided_z(level)
    method = "Fisher z, ranks" if rank else "Fisher z"
    if math.isnan(r):
        return absent("a constant column has no correlation", level=level, n=n, method=method)
    freedom = n - 3 - controls
    if freedom < 1:
        return absent(f"{n} observations are too few for an interval", level=level, n=n, method=method, value=r)
    if abs(r) >= 1.0:
        return absent("a perfect correlation has no interval by formula", level=level, n=n, method=method, value=r)
    half = z * math.sqrt((1.0 + r * r / 2.0 if rank else 1.0) / freedom)
    centre = math.atanh(r)
    low, high = math.tanh(centre - half), math.tanh(centre + half)
    return Estimate(r, min(low, r), max(high, r), level, n, method)


def binomial_band(n: int, p: float, level: float = 0.95) -> tuple[int, int]:
    """The central band of the number of successes in `n` independent trials.

    Definition: the smallest k with `P(X <= k) >= (1-level)/2`, and the smallest with `P(X <= k) >= 1 - (1-level)/2`. It is
    what a correct test may show when run `n` times on data without an effect.

    Raises:
        UserError: if `p` is no probability or `n` is not positive.

    Example:
        >>> binomial_band(1000, 0.05)
        (37, 64)
    """
    check_level(level)
    if n < 1 or not 0.0 <= p <= 1.0:
        raise UserError(f"A band needs trials and a probability, not n {n}, p {p}.")
    below = special.bdtr(np.arange(n + 1, dtype=np.float64), n, p)
    tail = (1.0 - level) / 2.0
    return int(np.argmax(below >= tail)), int(np.argmax(below >= 1.0 - tail))
