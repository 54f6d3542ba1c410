"""Blocks of the stationary bootstrap: how long they should be, and drawing them.

The chance comes from the caller's generator; the kernels only receive the drawn numbers. Blocks are drawn a chunk of
replications at a time, so that ten thousand replications of a long series need no more memory than a few.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.numeric.jit import njit
from perpscope.stats.inputs import Floats, Integers, series

Numbers = npt.NDArray[Any]

_CHUNK = 1 << 17  # numbers held at a time: about the second-level cache, and part of the draw order (do not tune)


def optimal_block_length(values: npt.ArrayLike) -> float:
    """The mean block length at which the stationary bootstrap estimates the variance of a mean best.

    Definition: `b = (G^2/S^2)^(1/3) n^(1/3)`, `G = sum |k| w(k/M) g_k`, `S = sum w(k/M) g_k`, flat-top window w; M is twice
    the first lag after which `max(5, log10 n)` autocorrelations in a row stay within `2 sqrt(log10(n)/n)`. Capped at
    `ceil(min(3 sqrt n, n/3))` and not below 1 (a block is at least one observation). A constant series gives 1.

    Source: Politis and White 2004 with the correction of Patton, Politis and White 2009; the first lag is counted as in
    Patton's program, one more than in the text of the paper.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> noise, values = rng.standard_normal(1000), np.zeros(1000)
        >>> for t in range(1, 1000):
        ...     values[t] = 0.5 * values[t - 1] + noise[t]
        >>> 6 < optimal_block_length(values) < 20
        True
    """
    x = series(values, "values", at_least=3)
    n = len(x)
    deviation = x - x.mean()
    largest = float(np.abs(deviation).max())
    if largest <= 1e-12 * float(np.abs(x).max()):
        return 1.0
    deviation /= largest  # the length has no unit, and tiny numbers would underflow when squared
    covariance = [float(deviation @ deviation) / n]
    calm = max(5, int(math.log10(n)))
    farthest = min(math.ceil(math.sqrt(n)) + calm, n - 1)
    threshold = 2.0 * math.sqrt(math.log10(n) / n) * covariance[0]
    reach, quiet = farthest, 0
    for lag in range(1, farthest + 1):
        covariance.append(float(deviation[lag:] @ deviation[:-lag]) / n)
        quiet = quiet + 1 if abs(covariance[lag]) < threshold else 0
        if quiet == calm:
            reach = min(2 * (lag - calm + 1), farthest)
            break
    for lag in range(len(covariance), reach + 1):
        covariance.append(float(deviation[lag:] @ deviation[:-lag]) / n)
    weighted, spectrum = 0.0, covariance[0]
    for lag in range(1, reach + 1):
        window = min(1.0, 2.0 * (1.0 - lag / reach))
        weighted += 2.0 * window * lag * covariance[lag]
        spectrum += 2.0 * window * covariance[lag]
    longest = float(math.ceil(min(3.0 * math.sqrt(n), n / 3.0)))
    if spectrum == 0.0:
        return longest
    return float(min(max(((weighted / spectrum) ** 2 * n) ** (1.0 / 3.0), 1.0), longest))


def drawn_blocks(n: int, block_length: float, replications: int, rng: np.random.Generator) -> Iterator[tuple[Integers, Floats]]:
    """Starts of the blocks of each replication and what their lengths are made of, a chunk of replications at a time.

    Definition: starts uniform on 0..n-1, lengths geometric with mean `block_length`, blocks run on from the last row to
    the first. A length is `1 + floor(e)` with e the second matrix, exponential draws scaled so that the result is geometric
    (the generator's exponential is four times as fast as its geometric). A row holds more blocks than it needs (the number
    needed is 1 + Binomial(n-1, 1/b); eight standard deviations are kept in reserve): readers stop after n observations, and
    stretch the last block in the 1e-15 of cases left.

    Returns: pairs of matrices (replications of the chunk, blocks), int64 and float64.

    Raises:
        UserError: if a length is below one, or there is nothing to draw.
    Source: Politis and Romano 1994.
    """
    if n < 1 or replications < 1:
        raise UserError(f"Nothing to resample: {n} observations, {replications} replications.")
    if not 1.0 <= block_length < math.inf:
        raise UserError(f"A block is at least one observation long, not {block_length}.")
    return _chunks(n, block_length, replications, rng)


def _chunks(n: int, block_length: float, replications: int, rng: np.random.Generator) -> Iterator[tuple[Integers, Floats]]:
    chance = 1.0 / block_length
    width = min(n, math.ceil(n * chance + 8.0 * math.sqrt(n * chance * (1.0 - chance))) + 1)
    at_once = max(1, _CHUNK // n)
    scale = 0.0 if chance == 1.0 else -1.0 / math.log1p(-chance)
    single = np.zeros((at_once, width))
    for first in range(0, replications, at_once):
        shape = (min(at_once, replications - first), width)
        starts = rng.integers(0, n, size=shape)
        if chance == 1.0:
            yield starts, single[: shape[0]]
        else:
            waiting = rng.standard_exponential(size=shape)
            waiting *= scale
            yield starts, waiting


def resampled_paths(
    values: Floats, block_length: float, replications: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.float64]]:
    """Replications of a series, a chunk of rows at a time: float64 (replications of the chunk, n).

    The matrix is overwritten by the next chunk: reduce it before going on.
    """
    room = np.empty((max(1, _CHUNK // max(len(values), 1)), len(values)))
    for starts, waiting in drawn_blocks(len(values), block_length, replications, rng):
        paths = room[: len(starts)]
        fill_paths(values, starts, waiting, paths)
        yield paths


def resampled_rows(n: int, block_length: float, replications: int, rng: np.random.Generator) -> Iterator[Integers]:
    """Row numbers of one replication after another: int64 (n,)."""
    order = np.arange(n, dtype=np.int64)
    for starts, waiting in drawn_blocks(n, block_length, replications, rng):
        rows = np.empty((len(starts), n), dtype=np.int64)
        fill_paths(order, starts, waiting, rows)
        yield from rows


def resampled_means(columns: Floats, block_length: float, replications: int, rng: np.random.Generator) -> Floats:
    """Means of every column in every replication: float64 (replications, columns).

    A block's sum is the difference of two running sums, so the cost grows with the number of blocks, not of
    observations. Columns are centred first, so that the running sums lose no digits.
    """
    n = len(columns)
    centre = columns.mean(axis=0)
    centred = columns - centre
    running = np.zeros((2 * n + 1, columns.shape[1]))
    np.cumsum(np.concatenate([centred, centred]), axis=0, out=running[1:])
    means = np.empty((replications, columns.shape[1]))
    done = 0
    for starts, waiting in drawn_blocks(n, block_length, replications, rng):
        sums = means[done : done + len(starts)]
        if block_length == 1.0:  # single observations: adding them up is three times as fast as two running sums each
            for c in range(columns.shape[1]):
                centred[:, c].take(starts).sum(axis=1, out=sums[:, c])
        else:
            block_sums(running, n, starts, waiting, sums)
        done += len(starts)
    return means / n + centre


@njit
def fill_paths(values: Numbers, starts: Integers, waiting: Floats, paths: Numbers) -> None:
    """Write each replication of `values` into a row of `paths`."""
    n = paths.shape[1]
    last = starts.shape[1] - 1
    for r in range(paths.shape[0]):
        filled, block = 0, 0
        while filled < n:
            at = starts[r, block]
            take = n - filled
            if block < last and waiting[r, block] < take - 1:
                take = int(waiting[r, block]) + 1
            for _ in range(take):
                paths[r, filled] = values[at]
                filled += 1
                at += 1
                if at == n:
                    at = 0
            block += 1


@njit
def block_sums(running: Floats, n: int, starts: Integers, waiting: Floats, sums: Floats) -> None:
    """Write the column sums of each replication into a row of `sums`; `running` are running sums of two rounds."""
    last = starts.shape[1] - 1
    columns = running.shape[1]
    for r in range(sums.shape[0]):
        for c in range(columns):
            sums[r, c] = 0.0
        filled, block = 0, 0
        while filled < n:
            take = n - filled
            if block < last and waiting[r, block] < take - 1:
                take = int(waiting[r, block]) + 1
            at = starts[r, block]
            for c in range(columns):
                sums[r, c] += running[at + take, c] - running[at, c]
            filled += take
            block += 1
