"""From the premium of a perpetual over its index to the funding rate it will settle: dated rules of the venues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.time import parse_ts

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PremiumRule:
    """How a venue turns premium samples into a rate.

    `linear`: late samples weigh more (1, 2, .. n), else all the same. `interest_24h`: interest per 24 hours, shared out by
    the interval, or `interest_fixed` per payment whatever the interval. `per_8h`: the formula's result is for 8 hours and
    is divided by 8 / interval.
    """

    linear: bool = True
    interest_24h: float = 0.0003
    interest_fixed: float = float("nan")
    per_8h: bool = False
    clamp: float = 0.0005
    cap_per_hour: float = float("inf")

    def rate(self, average: Floats | float, hours: Floats | float) -> Floats:
        """average + clamp(interest - average), scaled to the interval of so many hours.

        Example:
            >>> float(PremiumRule().rate(8e-4, 8.0).round(10))
            0.0003
        """
        fixed = self.interest_fixed == self.interest_fixed
        interest = self.interest_fixed if fixed else self.interest_24h * np.asarray(hours) / 24.0
        rate = average + np.clip(interest - average, -self.clamp, self.clamp)
        rate = rate * np.asarray(hours) / 8.0 if self.per_8h else rate
        bound = self.cap_per_hour * np.asarray(hours)
        return np.clip(rate, -bound, bound)


_DATED: dict[str, tuple[tuple[int, PremiumRule], ...]] = {
    "binance": (
        (parse_ts("2019-09-01"), PremiumRule()),
        (parse_ts("2025-09-18T08:01Z"), PremiumRule(interest_fixed=0.0001, per_8h=True)),
    ),
    "bybit": ((parse_ts("2019-01-01"), PremiumRule()),),
    "okx": (
        (parse_ts("2019-01-01"), PremiumRule(linear=False, interest_24h=0.0)),
        (parse_ts("2025-04-24"), PremiumRule()),
    ),
    "hyperliquid": ((parse_ts("2023-01-01"), PremiumRule(False, interest_fixed=0.0001, per_8h=True, cap_per_hour=0.04)),),
}


def premium_rule(venue: str, at: int) -> PremiumRule:
    """The rule of a venue at a time, its first one before that; of an unknown venue the common form (linear, 0.0003 a day).

    Source: Binance announcement of 2025-09-16; Bybit help centre, "What is funding rate"; OKX help centre, 2025-04 (the last
    of three dates, 10th, 17th, 24th by batch); Hyperliquid docs, funding. STRUCTURE ST29.

    Example:
        >>> premium_rule("binance", parse_ts("2025-10-01")).per_8h, premium_rule("binance", parse_ts("2025-01-01")).per_8h
        (True, False)
    """
    dated = _DATED.get(venue, ((0, PremiumRule()),))
    found = dated[0][1]
    for since, rule in dated:
        if at >= since:
            found = rule
    return found


def impact_price(prices: Floats, quantities: Floats, notional: float) -> float:
    """Average fill of an order of `notional` against the levels of one side, best first; NaN if they do not hold it.

    Example:
        >>> round(impact_price(np.array([60000.0, 60010.0]), np.array([0.2, 9.0]), 25_000.0), 4)
        60005.1996
    """
    worth = prices * quantities
    before = np.concatenate([[0.0], np.cumsum(worth)[:-1]])
    taken = np.clip(notional - before, 0.0, worth)
    if taken.sum() < notional:
        return float("nan")
    return float(notional / (taken / prices).sum())


def premium_index(impact_bid: Floats | float, impact_ask: Floats | float, index: Floats | float) -> Floats:
    """(max(0, impact_bid - index) - max(0, index - impact_ask)) / index.

    Example:
        >>> float(premium_index(60030.0, 60036.0, 60000.0)), float(premium_index(59990.0, 60010.0, 60000.0))
        (0.0005, 0.0)
    """
    bid, ask, fair = np.asarray(impact_bid), np.asarray(impact_ask), np.asarray(index)
    return (np.maximum(0.0, bid - fair) - np.maximum(0.0, fair - ask)) / fair


def hold_average(seen: Floats, total: int, linear: bool) -> float:
    """The interval's average if the last premium held to its end: `seen` samples of `total`, weighted.

    Example:
        >>> float(round(hold_average(np.array([0.0, 0.0, 1e-3]), 4, linear=True), 10))
        0.0007
    """
    weights = np.arange(1.0, total + 1.0) if linear else np.ones(total)
    values = np.concatenate([seen, np.full(total - len(seen), seen[-1])])
    return float((weights * values).sum() / weights.sum())


def dated_basis(future: Floats | float, spot: Floats | float, days: Floats | float) -> Floats:
    """Yearly simple rate that a dated future pays over spot: (future / spot - 1) * 365 / days.

    Example:
        >>> float(dated_basis(61200.0, 60000.0, 90.0).round(6))
        0.081111
    """
    return (np.asarray(future) / np.asarray(spot) - 1.0) * 365.0 / np.asarray(days)
