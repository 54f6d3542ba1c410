"""The complementary error function on arrays, without loading a scientific library for one formula."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]


def erfc(values: npt.ArrayLike) -> Floats:
    """erfc(x) = 1 - erf(x), elementwise; NaN gives NaN.

    Source: the C library's erfc, as `math.erfc`.

    Example:
        >>> erfc([0.0, 1.0]).round(6).tolist()
        [1.0, 0.157299]
    """
    given = np.asarray(values, np.float64)
    return _erfc(given.ravel()).reshape(given.shape)


@njit
def _erfc(values: Floats) -> Floats:
    out = np.empty_like(values)
    for i in range(len(values)):
        out[i] = math.erfc(values[i])
    return out
