"""What was measured of a factor, as plain numbers: all that a verdict may read."""

from __future__ import annotations

import math

import msgspec
from scipy import special

from perpscope.stats.interval import Estimate


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An estimate for the page and the file: None where it is not known, and then `note` says why."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    note: str = ""

    @classmethod
    def of(cls, estimate: Estimate) -> Number:
        """From a statistic; digits that the bootstrap cannot vouch for are rounded away."""
        note = "" if estimate.has_interval else estimate.note
        return cls(rounded(estimate.value), rounded(estimate.low), rounded(estimate.high), estimate.n, note)

    @property
    def known(self) -> bool:
        """Whether it has an interval."""
        return self.low is not None and self.high is not None and self.value is not None

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low is not None and self.low > 0.0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.high is not None and self.high < 0.0

    def error(self, level: float) -> float:
        """The standard error that the interval's width stands for; NaN without an interval."""
        if self.low is None or self.high is None:
            return math.nan
        return (self.high - self.low) / (2.0 * float(special.ndtri(0.5 + level / 2.0)))

    def shifted(self, by: float) -> Number:
        """The same, moved: net of a cost."""
        value, low, high = (None if x is None else rounded(x + by) for x in (self.value, self.low, self.high))
        return Number(value, low, high, self.n, self.note)

    def __str__(self) -> str:
        if self.value is None:
            return "-"
        if self.low is None or self.high is None:
            return f"{self.value:.3g}"
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def rounded(value: float) -> float | None:
    """Ten significant digits; None for NaN and infinity, which JSON does not know."""
    return float(f"{value:.10g}") if math.isfinite(value) else None


class Risk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One outcome without direction, at the primary horizon.

    `effect`: of a logarithm. `p`: two-sided. `steady`: the same sign in every year and symbol with enough events.
    """

    target: str
    effect: Number
    p: float | None
    steady: bool


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The numbers of a factor at its primary horizon.

    Attributes:
        missing: inputs that the data lacks; empty when the factor could be run.
        given: events before thinning; effect: matched, bps, in the direction of the claim.
        p: one-sided, of the effect; risks: outcomes without direction.
        balance: the largest standardised difference of a matched variable.
        years, symbols, halves: the effect in parts, by name; halves are research and validation.
        neighbours: smallest effect of a neighbouring horizon per its own sigma, over the primary one's; None without any.
        without_best_days, without_best_trades: mean net result of a trade without them, bps.
        length, needed_length: days of the record, and MinTRL; None when no length would do.
        median_sharpe, low_sharpe: of CPCV paths, annual.
        superior: p-value of SPA by baseline.
        trials: N, distinct trials of the family.
        suspects: leak suspicions in words; registered: the plan was entered before the data was read.
    """

    directional: bool
    missing: str = ""
    given: int = 0
    effect: Number = Number(None, None, None, 0, "not measured")
    p: float | None = None
    risks: list[Risk] = []
    balance: float | None = None
    years: dict[str, Number] = {}
    symbols: dict[str, Number] = {}
    halves: dict[str, Number] = {}
    neighbours: float | None = None
    without_best_days: float | None = None
    without_best_trades: float | None = None
    sharpe: Number = Number(None, None, None, 0, "not measured")
    psr: float | None = None
    dsr: float | None = None
    pbo: float | None = None
    length: int = 0
    needed_length: float | None = None
    median_sharpe: float | None = None
    low_sharpe: float | None = None
    superior: dict[str, float | None] = {}
    shuffled_p: float | None = None
    trials: int = 0
    suspects: list[str] = []
    registered: bool = False
