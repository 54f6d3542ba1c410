"""The door of the statistics: arrays are checked once, here, and then trusted.

A NaN among observations is refused, never skipped: a mean that quietly drops absent rows hides the gap it rests on.
Whoever calls decides what an absent observation means and says so by leaving the row out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


def series(values: npt.ArrayLike, name: str, at_least: int = 1) -> Floats:
    """`values` as a contiguous float64 vector of finite numbers.

    Raises:
        UserError: if it is not one-dimensional, is shorter than `at_least`, or holds NaN or infinity.
    """
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise UserError(f"{name} must be one column of numbers, not an array of shape {array.shape}.")
    if len(array) < at_least:
        raise UserError(f"{name} has {len(array)} observations; at least {at_least} are needed.")
    _refuse_absent(array, name)
    return array


def panel(values: npt.ArrayLike, name: str, at_least: int = 1) -> Floats:
    """`values` as a contiguous float64 matrix (rows = time, columns = strategies) of finite numbers.

    Raises:
        UserError: if it is not two-dimensional, has fewer than `at_least` rows or no column, or holds NaN or infinity.
    """
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] == 0:
        raise UserError(f"{name} must be a matrix with a row per moment and a column per strategy, not of shape {array.shape}.")
    if len(array) < at_least:
        raise UserError(f"{name} has {len(array)} rows; at least {at_least} are needed. Rows are time, columns strategies.")
    _refuse_absent(array, name)
    return array


def times(values: npt.ArrayLike, name: str) -> Integers:
    """`values` as an int64 vector that never decreases.

    Raises:
        UserError: if it holds fractions, is not one-dimensional, or goes back in time.
    """
    array = integers(values, name)
    if len(array) > 1 and np.any(np.diff(array) < 0):
        at = int(np.argmax(np.diff(array) < 0)) + 1
        raise UserError(f"{name} goes back at row {at}. Sort the rows by time first.")
    return array


def integers(values: npt.ArrayLike, name: str) -> Integers:
    """`values` as an int64 vector: labels of days, strata, or times.

    Raises:
        UserError: if it is not a vector of integers or booleans.
    """
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iub"):
        raise UserError(f"{name} must be one column of integers, not {array.dtype} of shape {array.shape}.")
    return np.ascontiguousarray(array, dtype=np.int64)


def outcomes(values: npt.ArrayLike, name: str, at_least: int = 1) -> Floats:
    """`values` as float64 zeros and ones.

    Raises:
        UserError: if there is any other value.
    """
    array = series(values, name, at_least)
    if np.any((array != 0.0) & (array != 1.0)):
        raise UserError(f"{name} must hold only 0 and 1 (or False and True).")
    return array


def probabilities(values: npt.ArrayLike, name: str, at_least: int = 1) -> Floats:
    """`values` as float64 in [0, 1].

    Raises:
        UserError: if a value lies outside.
    """
    array = series(values, name, at_least)
    if np.any((array < 0.0) | (array > 1.0)):
        raise UserError(f"{name} must lie between 0 and 1 (a fraction, not percent).")
    return array


def same_length(**arrays: npt.NDArray[Any]) -> int:
    """The common number of rows of the named arrays.

    Raises:
        UserError: if they differ.
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise UserError(f"These must have one value per observation, and their lengths differ: {listed}.")
    return next(iter(lengths.values()))


def check_level(level: float) -> None:
    """Refuse a confidence level outside (0, 1).

    Raises:
        UserError: for 95 instead of 0.95, and the like.
    """
    if not 0.0 < level < 1.0:
        raise UserError(f"A confidence level is a fraction between 0 and 1, such as 0.95, not {level}.")


def _refuse_absent(array: Floats, name: str) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.argwhere(~finite)[0][0])
        count = int(array.size - np.count_nonzero(finite))
        raise UserError(f"{name} holds {count} absent or infinite values, the first in row {row}. Leave those rows out.")
