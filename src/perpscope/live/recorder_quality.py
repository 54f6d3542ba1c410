"""How well a stream is recorded: rows, and the distributions of its lag and of the time until it was durable."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_EDGES_MS = np.concatenate([-np.geomspace(1e5, 1.0, 40), [0.0], np.geomspace(1.0, 1e6, 97)])
"""Edges of the bins, milliseconds, 15 % apart: what lies in one is told by its upper edge."""


class Distribution:
    """Counts of durations, and their quantiles.

    Example:
        >>> d = Distribution()
        >>> d.add(np.full(99, 10_000_000)); d.add(np.array([900_000_000]))
        >>> 10 <= d.quantile_ms(0.5) <= 11.6, 900 <= d.quantile_ms(0.999) <= 1_050
        (True, True)
    """

    def __init__(self) -> None:
        self._counts = np.zeros(len(_EDGES_MS) + 1, np.int64)

    def add(self, ns: npt.NDArray[np.int64]) -> None:
        at = np.searchsorted(_EDGES_MS, ns * 1e-6)
        self._counts += np.bincount(at, minlength=len(self._counts))

    def quantile_ms(self, share: float) -> float:
        """Milliseconds; NaN without any."""
        total = int(self._counts.sum())
        if not total:
            return float("nan")
        at = int(np.searchsorted(np.cumsum(self._counts), share * total))
        return float(_EDGES_MS[min(at, len(_EDGES_MS) - 1)])


class Quality:
    """Of one (symbol, stream)."""

    def __init__(self) -> None:
        self.rows = 0
        self.lag = Distribution()
        self.durable = Distribution()

    def plain(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "lag_p50_ms": self.lag.quantile_ms(0.5),
            "lag_p99_ms": self.lag.quantile_ms(0.99),
            "durable_p50_ms": self.durable.quantile_ms(0.5),
            "durable_p99_ms": self.durable.quantile_ms(0.99),
        }
