"""What a control must share with its event: the hour, the volatility, the return before, and where price stands.

All of it is known at the close of the bar itself, except the edges of the deciles, which are of the whole path: they
decide only which moments are compared, never what is traded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.time import DAY, HOUR
from perpscope.numeric.atr import atr_reset, atr_state, atr_step
from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

EXTREME_BARS = 20
ATR_BARS = 14
BUCKETS = (10, 5, 3, 1)
LEAST_IN_CELL = 100
FEWEST_SIGMA_BARS = 20
AFRESH = 256
_CELLS = 24 * 2 * 2


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Per bar, known at its close; NaN until enough bars without a hole lie behind it, and in bars without volume.

    Attributes:
        sigma: root mean square return of one bar over the past 24 h (at least 20 bars), bps.
        to_high, to_low: distance to the highest high and lowest low of 20 bars, in ATR(14).
        bar_range: of the bar itself, in ATR(14).
        mean_volume: of a bar over the same stretch as `sigma`.
        mean_liquidated: likewise; NaN where a bar of the stretch is unknown.
        unbroken: int64, bars since the last hole, this one included.
    """

    sigma: Floats
    to_high: Floats
    to_low: Floats
    bar_range: Floats
    mean_volume: Floats
    mean_liquidated: Floats
    unbroken: Integers


@dataclass(frozen=True, eq=False)
class Conditions:
    """The matching for one horizon.

    Attributes:
        cell: int64 (n,), the exact cell of each bar: hour of day, weekend, volatility bucket, sign of the return before;
            -1 where something is unknown.
        features: float64 (n, 6), what is matched nearest: return before over its sigma, `to_high`, `to_low`, `bar_range`,
            ln `sigma`, ln of volume over `mean_volume`, each divided by its interquartile range over the path.
        buckets: of volatility: deciles where they leave 100 moments to a cell on average, else fewer.
        members: int64, bars ordered by cell, then time; starts: int64 (cells + 1,), where each cell begins in `members`.
    """

    cell: Integers
    features: Floats
    members: Integers
    starts: Integers
    buckets: int


def surroundings(
    known_ts: Integers, high: Floats, low: Floats, close: Floats, volume: Floats, liquidated: Floats, step: int
) -> Surroundings:
    """Compute the surroundings of every bar in one pass."""
    n, span = len(close), max(int(DAY // step), FEWEST_SIGMA_BARS)
    out = np.full((6, n), np.nan)
    unbroken = np.zeros(n, np.int64)
    walk_bars(known_ts, high, low, close, volume, liquidated, step, span, atr_state(), out, unbroken)
    return Surroundings(out[0], out[1], out[2], out[3], out[4], out[5], unbroken)


@dataclass(frozen=True, eq=False)
class Standing:
    """The part of the conditions that no horizon changes: five scaled features, the bucket of volatility, the calendar.

    `place`: int64 (n,), hour and weekend of each bar; `known`: where all five are.
    """

    features: Floats
    known: Booleans
    bucket: Integers
    buckets: int
    place: Integers


def standing(
    known_ts: Integers, volume: Floats, around: Surroundings, step: int, least_in_cell: int = LEAST_IN_CELL
) -> Standing:
    """Scale what does not depend on the horizon, over the bars at which all of it is known.

    Volatility is split into as many buckets as leave `least_in_cell` bars to each cell of hour, weekend and bucket.
    """
    calm, busy = _log(around.sigma), _log(volume / around.mean_volume)
    features = np.column_stack([around.to_high, around.to_low, around.bar_range, calm, busy])
    known = np.asarray(np.isfinite(features).all(axis=1))
    buckets = next(b for b in BUCKETS if b == 1 or known.sum() >= least_in_cell * _CELLS * b)
    bucket = np.zeros(len(known), np.int64)
    if known.any():
        edges = np.quantile(around.sigma[known], np.arange(1, buckets) / buckets)
        bucket = np.searchsorted(edges, around.sigma, side="right").astype(np.int64)
        for column in features.T:
            column /= _spread(column[known])
    opened = known_ts - step
    weekend = ((opened // DAY + 3) % 7 >= 5).astype(np.int64)  # 1970-01-01 was a Thursday
    return Standing(features, known, bucket, buckets, opened // HOUR % 24 * 2 + weekend)


def conditions(close: Floats, around: Surroundings, stand: Standing, bars: int) -> Conditions:
    """Cells and features when the horizon is `bars` bars."""
    n = len(close)
    before = np.full(n, np.nan)
    if bars < n:
        past = 1e4 * (close[bars:] / close[:-bars] - 1.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            before[bars:] = np.where(around.unbroken[bars:] > bars, past / (around.sigma[bars:] * np.sqrt(bars)), np.nan)
    known = stand.known & np.isfinite(before)
    upward = (before >= 0.0).astype(np.int64)
    cell = np.where(known, (stand.place * 2 + upward) * stand.buckets + stand.bucket, -1)
    if known.any():
        before /= _spread(before[known])
    short = cell.astype(np.int16)  # a radix sort, which int64 would not get
    members = np.argsort(short, kind="stable")
    starts = np.searchsorted(short[members], np.arange(_CELLS * stand.buckets + 1))
    features = np.column_stack([before, stand.features])
    return Conditions(cell, features, members.astype(np.int64), starts.astype(np.int64), stand.buckets)


def _spread(values: Floats) -> float:
    """Interquartile range; 1 where there is none, so that nothing is divided by 0."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low) if high > low else 1.0


def _log(values: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.log(values, out=np.full(len(values), np.nan), where=values > 0.0)


@njit
def square_move(close: Floats, i: int) -> float:
    """Squared return of bar i, bps^2."""
    moved = 1e4 * (close[i] / close[i - 1] - 1.0)
    return moved * moved


@njit
def walk_bars(
    known_ts: Integers,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    liquidated: Floats,
    step: int,
    span: int,
    atr: Floats,
    out: Floats,
    unbroken: Integers,
) -> None:
    """Write sigma, to_high, to_low, bar_range, mean_volume, mean_liquidated of each bar; restart at a hole.

    Sums slide by one bar and are taken afresh every `AFRESH` bars, so that rounding errors cannot gather.
    """
    run, summed = 0, -2
    squares, traded, forced = 0.0, 0.0, 0.0
    for i in range(close.size):
        if i > 0 and known_ts[i] - known_ts[i - 1] != step:
            run = 0
            atr_reset(atr)
        average = atr_step(atr, high[i], low[i], close[i], ATR_BARS)
        run += 1
        unbroken[i] = run
        if volume[i] == 0.0:
            continue
        if run > span:
            if summed != i - 1 or i % AFRESH == 0:
                squares, traded, forced = 0.0, 0.0, 0.0
                for j in range(i - span + 1, i + 1):
                    squares += square_move(close, j)
                    traded += volume[j]
                    forced += liquidated[j]
            else:
                squares += square_move(close, i) - square_move(close, i - span)
                traded += volume[i] - volume[i - span]
                forced += liquidated[i] - liquidated[i - span]
                if forced != forced:
                    forced = 0.0
                    for j in range(i - span + 1, i + 1):
                        forced += liquidated[j]
            summed = i
            out[0, i] = np.sqrt(max(squares, 0.0) / span)
            out[4, i] = traded / span
            out[5, i] = forced / span
        if run >= EXTREME_BARS and average > 0.0:
            top, bottom = high[i], low[i]
            for j in range(i - EXTREME_BARS + 1, i):
                top = max(top, high[j])
                bottom = min(bottom, low[j])
            out[1, i] = (top - close[i]) / average
            out[2, i] = (close[i] - bottom) / average
            out[3, i] = (high[i] - low[i]) / average
