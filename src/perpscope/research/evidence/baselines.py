"""What needs no factor: holding, holding at a steady risk, trend by one rule, channels, carry, and the hour of the day.

All on our own daily closes (UTC), funding paid; the published numbers stand beside them on the results page.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

YEAR_DAYS = 365.0
CHANNELS = (5, 10, 20, 30, 60, 90, 150, 250, 360)


@dataclass(frozen=True, eq=False)
class Daily:
    """Daily closes of an instrument and the funding a long paid since the close before.

    Attributes:
        day: int64 (n,), UTC day numbers of the closes, without a hole.
        close: float64 (n,), last price at 24:00 UTC.
        moved: float64 (n,), close / close before - 1; 0 for the first.
        paid: float64 (n,), funding rates stamped in (close before, close]; 0 for the first.
    """

    day: Integers
    close: Floats
    moved: Floats
    paid: Floats


def daily(bars: Table, funding: Table | None) -> Daily:
    """From bars of any length that divide a day.

    Raises:
        UserError: if there are fewer than two days, or one is missing in between.
    """
    ends = np.flatnonzero(bars.clock % DAY == 0)
    day = bars.clock[ends] // DAY - 1
    if len(day) < 2 or np.any(np.diff(day) != 1):
        raise UserError("Daily baselines need at least two days of bars without a missing day.")
    close = bars["close"][ends]
    paid = np.zeros(len(day))
    if funding is not None and len(funding):
        # a stamp may be some milliseconds late (0 to 47): it still belongs to the close before it
        at = np.searchsorted(bars.clock[ends] + HOUR // 60, funding.clock, side="left")
        inside = (at > 0) & (at < len(day))
        np.add.at(paid, at[inside], funding["funding_rate"][inside])
    return Daily(day, close, np.concatenate([[0.0], close[1:] / close[:-1] - 1.0]), paid)


def hold(one: Daily, *, funded: bool = True) -> Floats:
    """Daily returns of a long of one times the equity, rebalanced daily, without fees.

    Definition: r_d = close_d / close_{d-1} - 1 - funding in (d-1, d]. Sharpe over 365-day years.
    """
    return one.moved - (one.paid if funded else 0.0)


def trailing_volatility(one: Daily, days: int = 28) -> Floats:
    """Annual volatility of the last `days` daily returns (ddof 1), known at each close; NaN before."""
    out = np.full(len(one.close), np.nan)
    for d in range(days, len(one.close)):
        out[d] = one.moved[d - days + 1 : d + 1].std(ddof=1) * np.sqrt(YEAR_DAYS)
    return out


def followed(one: Daily, exposure: Floats, cost: float) -> Floats:
    """Daily returns of an exposure chosen at each close and held over the next day.

    Definition: r_d = e_{d-1} (moved_d - paid_d) - cost |e_{d-1} - e_{d-2}|: what is decided at a close is held, and its change
    paid for, on the day after; an unknown exposure is 0.

    Args:
        cost: fraction of notional per unit of turnover.
    """
    held = np.nan_to_num(exposure)
    before = np.concatenate([[0.0], held[:-1]])
    changed = np.abs(np.diff(before, prepend=0.0))
    return before * (one.moved - one.paid) - cost * changed


def steady_risk(one: Daily, target: float = 0.25, cap: float = 2.0) -> Floats:
    """Exposure of a long sized to an annual volatility of `target`, at most `cap`."""
    return np.minimum(target / trailing_volatility(one), cap)


def time_series_momentum(one: Daily, days: int = 28, target: float = 0.25, cap: float = 2.0, *, flat: bool = False) -> Floats:
    """Exposure by the sign of the return of `days` days, sized by volatility; `flat`: out of the market instead of short.

    Source: Moskowitz, Ooi and Pedersen 2012; the parameters are EVIDENCE 10's.
    """
    past = np.full(len(one.close), np.nan)
    past[days:] = one.close[days:] / one.close[:-days] - 1.0
    sign = np.sign(past)
    return (np.maximum(sign, 0.0) if flat else sign) * steady_risk(one, target, cap)


def donchian(one: Daily, channels: tuple[int, ...] = CHANNELS, target: float = 0.25, cap: float = 2.0) -> Floats:
    """Exposure by the mean vote of closing-price channels, long or flat, sized by volatility.

    Definition: a channel of L days goes long at its highest close of L days, and flat below the middle of highest and lowest
    (a trailing stop that never falls while long). Our choice: closes only, one instrument.

    Source: Zarattini, Pagani and Barbon 2025 (SSRN 5209907).
    """
    votes = np.zeros((len(channels), len(one.close)))
    for k, days in enumerate(channels):
        long, stop = False, 0.0
        for d in range(days - 1, len(one.close)):
            window = one.close[d - days + 1 : d + 1]
            top, middle = window.max(), (window.max() + window.min()) / 2.0
            if long:
                stop = max(stop, middle)
                long = one.close[d] >= stop
            elif one.close[d] >= top:
                long, stop = True, middle
            votes[k, d] = float(long)
    return votes.mean(axis=0) * steady_risk(one, target, cap)


def frame_trend(one: Daily, target: float = 0.25, cap: float = 2.0) -> Floats:
    """Exposure by the agreement of three trends (7, 28 and 90 days): long or short when all agree, else out; by volatility."""
    signs = []
    for days in (7, 28, 90):
        past = np.full(len(one.close), np.nan)
        past[days:] = one.close[days:] / one.close[:-days] - 1.0
        signs.append(np.sign(past))
    agree = np.where(np.abs(np.sum(signs, axis=0)) == 3.0, signs[0], 0.0)
    return np.where(np.isnan(signs[2]), np.nan, agree) * steady_risk(one, target, cap)


def carry(one: Daily) -> Floats:
    """Daily returns of funding received delta-neutral: short the perpetual, long the coin, one times the equity, no costs.

    The basis between the two is not in our data; what is left out is small against a year of funding.
    """
    return one.paid.copy()


def cross_section(many: list[Daily], cost: float, lookback: int = 7) -> tuple[Integers, Floats]:
    """Long the third of the instruments with the lowest funding of `lookback` days, short the third with the highest.

    Definition: weekly, equal weights of one half of the equity on either side, funding paid, `cost` per unit of turnover.

    Returns: days that all instruments have, and the daily returns on them.

    Raises:
        UserError: if there are fewer than three instruments, or they share no days.
    """
    if len(many) < 3:
        raise UserError(f"A cross-section needs at least three instruments, not {len(many)}.")
    first, last = max(int(one.day[0]) for one in many), min(int(one.day[-1]) for one in many)
    if last - first < lookback + 2:
        raise UserError("The instruments share too few days for a cross-section.")
    days = np.arange(first, last + 1)
    cut = [slice(first - int(one.day[0]), last - int(one.day[0]) + 1) for one in many]
    paid, moved = (np.stack([getattr(one, name)[c] for one, c in zip(many, cut)]) for name in ("paid", "moved"))
    third = len(many) // 3
    weight, out = np.zeros(len(many)), np.zeros(len(days))
    for d in range(len(days)):
        out[d] = weight @ (moved[:, d] - paid[:, d])
        if d >= lookback and days[d] % 7 == 0:
            order = np.argsort(paid[:, d - lookback + 1 : d + 1].sum(axis=1), kind="stable")
            chosen = np.zeros(len(many))
            chosen[order[:third]] = 0.5 / third
            chosen[order[-third:]] = -0.5 / third
            out[d] -= cost * np.abs(chosen - weight).sum()
            weight = chosen
    return days, out


def hour_returns(bars: Table, hour: int) -> Floats:
    """Returns of the 1 h bars that open at `hour` UTC, bps, open to close."""
    chosen = (bars["ref_ts"] // HOUR % 24 == hour) & (bars["known_ts"] - bars["ref_ts"] == HOUR)
    return 1e4 * (bars["close"][chosen] / bars["open"][chosen] - 1.0)
