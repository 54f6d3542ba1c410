"""Compiled kernels, with a switch that turns compilation off.

A kernel is a module-level function on arrays and scalars. `njit` here compiles it on its *first call*, not on
import, so that `perpscope --help` need not load numba. `PERPSCOPE_JIT=0`, read once by the command line or a
test through `disable()`, runs the same functions as plain Python, for a debugger or a coverage run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_enabled = True


def disable() -> None:
    """From now on kernels that were not yet called run as plain Python."""
    global _enabled
    _enabled = False


class Kernel:
    """A function compiled on first use; `kernel.python` is the function as written.

    When another kernel calls it, numba needs the compiled dispatcher itself: it finds it through
    `_numba_type_`, which compiles on demand.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.python = function
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        run = self._compiled
        if run is None:
            run = self.compiled() if _enabled else self.python
        return run(*arguments)

    def compiled(self) -> Callable[..., Any]:
        if self._compiled is None:
            import numba

            self._compiled = numba.njit(cache=True, nogil=True)(self.python)
        return self._compiled

    @property
    def _numba_type_(self) -> Any:
        from numba.core import types

        return types.Dispatcher(self.compiled())


def njit(function: Callable[..., Any]) -> Kernel:
    """Mark a module-level function on arrays as a kernel.

    Example:
        >>> import numpy as np
        >>> @njit
        ... def total(values):
        ...     sum_ = 0.0
        ...     for i in range(len(values)):
        ...         sum_ += values[i]
        ...     return sum_
        >>> float(total.python(np.array([1.0, 2.0])))
        3.0
    """
    return Kernel(function)
