"""Funding: what a position pays or receives, how long an interval is, and rates made comparable."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perpscope.contract import kernels
from perpscope.contract.inputs import Number, Sides, above_zero, answer, contract_kind, finite, signs
from perpscope.core.errors import UserError
from perpscope.core.time import HOUR, MINUTE
from perpscope.core.units import ContractKind

INTERVALS = (1.0, 2.0, 4.0, 8.0)
"""Funding intervals venues are known to use, in hours."""

_JITTER = MINUTE


def funding_payment(
    side: Sides, quantity: Number, price: Number, rate: Number, *, kind: ContractKind = ContractKind.LINEAR
) -> Any:
    """The cash a position receives at a funding stamp; negative where it pays.

    Definition: -s x notional(price) x rate: **a positive rate means that longs pay shorts**. The payments of a long
    and a short of equal quantity cancel exactly.

    Args:
        side: `PositionSide`, or an integer array of its codes.
        quantity: base units (linear) or face value in USD (inverse), above zero, held *at* the stamp.
        price: the mark at the stamp (Binance, Bybit, OKX) or the oracle price (Hyperliquid), above zero.
        rate: a fraction per interval (0.0001 is 0.01%), as settled; a predicted rate is never paid.

    Returns:
        Margin currency, signed for the holder; a float or a float64 array; NaN where an input is NaN.

    Raises:
        UserError: if the quantity or the price is not above zero, or the rate is infinite.

    Source: Binance FAQ, "Introduction to Binance Futures Funding Rates"; Hyperliquid docs, "Funding";
        docs/definitions/funding_payment.md.

    Example:
        >>> from perpscope.core.units import PositionSide
        >>> round(funding_payment(PositionSide.LONG, 0.5, 60_200.0, 0.0001), 8)
        -3.01
        >>> round(funding_payment(PositionSide.SHORT, 2.0, 3_000.5, 0.0000125), 8)
        0.0750125
    """
    return answer(
        kernels.funding_payment.python(
            contract_kind(kind),
            signs(side),
            above_zero("quantity", quantity),
            above_zero("price", price),
            finite("funding rate", rate),
        )
    )


def settlement_hours(stamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Funding stamps on the full hour they settle for, in ns.

    Definition: the nearest full hour where it is within 60 s (venues stamp a settlement up to 47 ms late in our
    files); a stamp farther off is left as it is.

    Args:
        stamps: int64 ns UTC.

    Returns:
        int64 ns UTC, same length.

    Example:
        >>> settlement_hours(np.array([8 * HOUR + 47_000_000])) // HOUR
        array([8])
    """
    ts = np.asarray(stamps, dtype=np.int64)
    hour = (ts + HOUR // 2) // HOUR * HOUR
    return np.where(np.abs(ts - hour) <= _JITTER, hour, ts)


def funding_intervals(stamps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Hours that each settled rate covers, read from the stamps themselves.

    Definition: the distance to the previous stamp, after `settlement_hours`, where it is one of `INTERVALS`. Venues
    change the interval of one symbol (SOLUSDT went 8 h, 4 h, 2 h and back in November 2022), so it is never assumed.
    A hole of exactly an allowed length (one missing stamp in a 4 h series) cannot be told from a longer interval;
    other holes come out as NaN.

    Args:
        stamps: int64 ns UTC, strictly rising.

    Returns:
        float64 hours, same length; NaN for the first stamp (nothing before it) and across holes.

    Raises:
        UserError: if the stamps do not rise strictly.

    Source: own; measured on recorded Binance stamps.

    Example:
        >>> funding_intervals(np.array([0, 8, 12, 14, 38]) * HOUR)
        array([nan,  8.,  4.,  2., nan])
    """
    ts = settlement_hours(stamps)
    steps = np.diff(ts)
    if (steps <= 0).any():
        raise UserError("Funding stamps must rise strictly; sort them and drop repeated settlements first.")
    hours = steps / HOUR
    known = np.where(np.isin(hours, INTERVALS), hours, np.nan)
    return np.concatenate((np.full(min(1, len(ts)), np.nan), known))


def funding_interval(stamps: NDArray[np.int64]) -> float:
    """The most frequent interval of a stretch of stamps, in hours; the shorter one where two are equally frequent.

    Returns:
        Hours; NaN where no step is an allowed interval (fewer than two stamps, or only holes).

    Raises:
        UserError: if the stamps do not rise strictly.

    Example:
        >>> funding_interval(np.array([0, 8, 16, 20, 28]) * HOUR)
        8.0
    """
    hours = funding_intervals(stamps)
    counts = [int((hours == length).sum()) for length in INTERVALS]
    return INTERVALS[int(np.argmax(counts))] if any(counts) else float("nan")


def funding_rate_annual(rate: Number, interval_hours: Number) -> Any:
    """A funding rate per 365-day year, simple, not compounded.

    Definition: F x (24 / H) x 365.

    Args:
        rate: a fraction per interval.
        interval_hours: H, above zero; NaN where unknown.

    Returns:
        A fraction per year; a float or a float64 array.

    Raises:
        UserError: if the interval is not above zero.

    Example:
        >>> round(funding_rate_annual(0.0001, 8.0), 6)
        0.1095
    """
    return answer(finite("funding rate", rate) * (24.0 / above_zero("funding interval", interval_hours)) * 365.0)


def funding_rate_8h(rate: Number, interval_hours: Number) -> Any:
    """A funding rate as if it were settled every 8 hours: F x 8 / H; makes venues comparable.

    Args:
        rate, interval_hours: as in `funding_rate_annual`.

    Returns:
        A fraction per 8 hours; a float or a float64 array.

    Raises:
        UserError: if the interval is not above zero.

    Example:
        >>> round(funding_rate_8h(0.0000125, 1.0), 9)
        0.0001
    """
    return answer(finite("funding rate", rate) * (8.0 / above_zero("funding interval", interval_hours)))
