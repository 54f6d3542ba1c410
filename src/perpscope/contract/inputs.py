"""What the doors of the contract accept: sides, kinds, numbers - and the sentences they refuse with."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from perpscope.core.errors import UserError
from perpscope.core.units import ContractKind, PositionSide
from perpscope.numeric.jit import Kernel

Floats = NDArray[np.float64]
Number: TypeAlias = float | Floats
"""A float or a float64 array; arguments broadcast. A call with floats only returns a float, else a float64 array."""
Sides: TypeAlias = PositionSide | NDArray[Any]
"""One side, or an integer array of `PositionSide` codes."""


def signs(side: Sides) -> Number:
    """+1.0 for long, -1.0 for short.

    Raises:
        UserError: if a code is neither long (1) nor short (2).
    """
    if isinstance(side, PositionSide):
        return float(side.sign)
    codes = np.asarray(side)
    wrong = (codes != PositionSide.LONG) & (codes != PositionSide.SHORT)
    if codes.dtype.kind not in "iu" or wrong.any():
        raise UserError(
            "A side must be PositionSide.LONG or PositionSide.SHORT, or an integer array of their codes 1 and 2; "
            f"got {codes.ravel()[:3].tolist()}."
        )
    return 3.0 - 2.0 * codes.astype(np.float64)


def above_zero(what: str, value: Number) -> Floats:
    """`value` as float64; NaN (absent) passes and comes out as NaN.

    Raises:
        UserError: naming the first value that is not above zero, or is infinite.
    """
    return _within(what, value, "must be a number above zero", lambda x: (x > 0.0) & (x < np.inf))


def not_negative(what: str, value: Number) -> Floats:
    """As `above_zero`, with zero allowed."""
    return _within(what, value, "must be zero or more", lambda x: (x >= 0.0) & (x < np.inf))


def finite(what: str, value: Number) -> Floats:
    """As `above_zero`, with any sign allowed."""
    return _within(what, value, "must be a finite number", np.isfinite)


def rate_fraction(what: str, value: Number) -> Floats:
    """A rate as a fraction in [0, 1): 0.004, not 0.4."""
    return _within(what, value, "must be a fraction from 0 to below 1 (0.4% is 0.004)", lambda x: (x >= 0.0) & (x < 1.0))


def contract_kind(kind: ContractKind) -> int:
    """The kernel's code of a contract with margin.

    Raises:
        UserError: for spot, which has no margin and cannot be liquidated.
    """
    if kind not in (ContractKind.LINEAR, ContractKind.INVERSE):
        raise UserError("Only linear and inverse contracts have margin; choose ContractKind.LINEAR or ContractKind.INVERSE.")
    return int(kind)


def refuse(what: str, bad: NDArray[np.bool_], value: Number) -> UserError:
    """The sentence for values that break a rule: how many, and the first of them."""
    values = np.broadcast_to(np.asarray(value, dtype=np.float64), bad.shape)
    first = f"{values[bad].ravel()[0]:.12g}"
    if bad.ndim == 0:
        return UserError(f"{what}; got {first}.")
    return UserError(f"{what}; {int(bad.sum())} of {bad.size} values break this, the first is {first}.")


def elementwise(loop: Kernel, head: tuple[Any, ...], values: tuple[Number, ...]) -> Any:
    """Run a loop kernel over broadcast values; a float when every value is a scalar."""
    arrays = [np.asarray(value, dtype=np.float64) for value in values]
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    # Copies, so that the kernel always sees one type (contiguous, writable) and never the caller's memory.
    flat = [np.array(np.broadcast_to(array, shape), order="C").ravel() for array in arrays]
    out = np.empty(int(np.prod(shape)), dtype=np.float64)
    loop(*head, *flat, out)
    return out.reshape(shape) if shape else float(out[0])


def answer(value: Any) -> Any:
    """A 0-d result as a float."""
    return value if np.ndim(value) else float(value)


def _within(what: str, value: Number, rule: str, good: Any) -> Floats:
    numbers = np.asarray(value, dtype=np.float64)
    bad = ~(good(numbers) | np.isnan(numbers))
    if bad.any():
        raise refuse(f"{what[0].upper()}{what[1:]} {rule}", np.asarray(bad), numbers)
    return numbers
