"""What is judged: every interval and side with a known report, split into weeks that the models have not seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, HOUR, Timeframe, format_ts
from perpscope.research.calibration.replay import open_interest_at
from perpscope.research.calibration.study import Study, excursions
from perpscope.research.skill.protocol import Protocol

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

SIDES = ("long", "short")


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows are (bar, side) of `study.bars`; arrays have the shape (bars, 2), longs first.

    Definition of a test: week i is [edges[i], edges[i+1]); what judges it was fitted on counted bars that began a purge
    before it. Counts are reports over `unit`, one twentieth of the mean report before the first week.
    """

    study: Study
    protocol: Protocol

    @cached_property
    def edges(self) -> list[int]:
        """Beginnings of the test weeks, and the end."""
        start, end = self.study.start, self.study.end
        days = max(14, int(self.protocol.first_test_fraction * (end - start) / DAY))
        first = start + days * DAY
        if first + 7 * DAY > end:
            raise UserError(
                f"{format_ts(start)} .. {format_ts(end)} is too short: skill needs 14 days to learn from and a week to be "
                "judged on. Choose a longer range."
            )
        return [*range(first, end, self.protocol.refit_days * DAY), end]

    @cached_property
    def ref(self) -> Integers:
        """Beginnings of the bars, ns."""
        return self.study.bars["ref_ts"]

    @cached_property
    def day(self) -> Integers:
        """Days since 1970, by bar: the blocks of the bootstrap."""
        return self.ref // DAY

    @cached_property
    def hours(self) -> float:
        """Length of a bar."""
        return Timeframe.parse(self.study.interval).ns / HOUR

    @cached_property
    def known(self) -> Booleans:
        """Rows that count and whose report is known."""
        found: Booleans = np.isfinite(self.study.reported) & self.study.counted[:, None]
        return found

    @cached_property
    def test(self) -> Booleans:
        """Rows that are judged."""
        inside = (self.ref >= self.edges[0]) & (self.ref < self.edges[-1])
        return self.known & inside[:, None]

    def train(self, edge: int) -> Booleans:
        """Rows that may be learned from for the week that begins at `edge`."""
        return self.known & (self.ref < edge - self.protocol.purge_hours * HOUR)[:, None]

    def week(self, i: int) -> Booleans:
        """Rows of the i-th test week."""
        return self.test & ((self.ref >= self.edges[i]) & (self.ref < self.edges[i + 1]))[:, None]

    @property
    def weeks(self) -> int:
        return len(self.edges) - 1

    @cached_property
    def first_train(self) -> Booleans:
        """Rows known before the first week: the only ones that scales and floors are taken from."""
        return self.train(self.edges[0])

    @cached_property
    def unit(self) -> float:
        """The quantity that counts as one.

        Raises:
            UserError: if nothing was reported before the first week.
        """
        mean = float(self.study.reported[self.first_train].mean()) if self.first_train.any() else 0.0
        if not mean > 0.0:
            raise UserError("No liquidation is reported before the first week to be judged. Choose a longer window.")
        return mean / self.protocol.counts_per_mean

    @cached_property
    def counts(self) -> Floats:
        """Reports in units; NaN where unknown."""
        return self.study.reported / self.unit

    @cached_property
    def open_interest(self) -> Floats:
        """Known at the beginning of each bar: float64 (bars,)."""
        return open_interest_at(self.study)

    @cached_property
    def excursion(self) -> Floats:
        """How far price went against each side: float64 (bars, 2), log price."""
        return excursions(self.study.bars)

    @cached_property
    def sigma(self) -> Floats:
        """Volatility of a bar's log return, exponentially weighted over the bars strictly before: float64 (bars,)."""
        close = np.log(self.study.bars["close"])
        returns = np.diff(close, prepend=np.log(self.study.bars["open"][0]))
        fade = 2.0 ** (-1.0 / self.protocol.sigma_half_life_bars)
        variance = float(np.mean(returns[: max(2, int(self.protocol.sigma_half_life_bars))] ** 2))
        out = np.empty(len(returns))
        for t, value in enumerate(returns.tolist()):
            out[t] = variance
            variance = fade * variance + (1.0 - fade) * value * value
        return np.sqrt(np.maximum(out, 1e-16))

    def log(self, amount: Floats) -> Floats:
        """Logarithm of an amount with a floor of one hundredth of its mean before the first week: a condition."""
        mean = float(amount[self.first_train].mean())
        if not mean > 0.0:
            return np.zeros_like(amount)
        return np.log(np.maximum(amount, 0.0) + self.protocol.floor_of_mean * mean)
