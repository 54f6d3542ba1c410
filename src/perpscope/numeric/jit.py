"""Compiled kernels, with a switch that turns compilation off.

A kernel is a module-level function on arrays and scalars. `njit` here compiles it on its *first call*, not on
import, so that `perpscope --help` need not load numba. `PERPSCOPE_JIT=0`, read once by the command line or a
test through `disable()`, runs the same functions as plain Python, for a debugger or a coverage run.

numba keeps compiled code on disk and notices a change in a kernel's own file, but not in a kernel that it calls from
another file. So each kernel is kept under a digest of every file its code comes from (decision 0004).
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
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

            config: Any = numba.config
            before = config.CACHE_DIR
            config.CACHE_DIR = _cache_dir(self) or before
            try:
                self._compiled = numba.njit(cache=True, nogil=True)(self.python)
            finally:
                config.CACHE_DIR = before
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


def sources(kernel: Kernel) -> frozenset[str]:
    """The files whose text decides what the kernel compiles to: its own, and those of all kernels it can reach."""
    found: set[str] = set()
    waiting, seen = [kernel], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        found.add(one.python.__code__.co_filename)
        for name in set(_names(one.python.__code__)):
            value = one.python.__globals__.get(name)
            if isinstance(value, Kernel):
                waiting.append(value)
            elif isinstance(value, ModuleType) and value.__name__.startswith("perpscope"):
                found.add(str(value.__file__))
                reached = (getattr(value, other, None) for other in _names(one.python.__code__))
                waiting += [v for v in reached if isinstance(v, Kernel)]
    return frozenset(found)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _cache_dir(kernel: Kernel) -> str | None:
    """Beside the package when it can be written to, else None: numba then chooses a place of the user's."""
    files = sorted(path for path in sources(kernel) if os.path.isfile(path))
    home = Path(__file__).resolve().parents[1] / "__pycache__"
    if not files or not os.access(home if home.is_dir() else home.parent, os.W_OK):
        return None
    digest = hashlib.sha256(sys.version.encode())
    for path in files:
        digest.update(_content(path))
    return str(home / f"kernels-{digest.hexdigest()[:16]}")


@functools.cache
def _content(path: str) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()
