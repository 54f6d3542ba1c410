"""What a recorded book would have charged a taker, by quantity: slippage that rests on depth, not on a guess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.account.book import BOOK, clear, cost_to_walk, set_level
from perpscope.account.config import Slippage
from perpscope.account.replay import events_of
from perpscope.account.tape import ASK, BID, GAP, SNAPSHOT
from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import SECOND
from perpscope.numeric.jit import njit

NOTIONALS = (1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6)
SEEN = 0.9
"""A size counts if at least this part of the samples showed enough depth for it."""
FEWEST = 60

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Depth:
    """Cost of taking a quantity at once: bps of price beyond the mid = bps + k (quantity in base units) ** exponent.

    `bps` is half the mean spread. `quantities` and `costs` (bps, mean over both sides and all samples) are what was measured;
    `error` is the largest relative miss of the fit among them. `samples` seconds of book between `first_ts` and `last_ts`.
    """

    bps: float
    k: float
    exponent: float
    quantities: tuple[float, ...]
    costs: tuple[float, ...]
    error: float
    samples: int
    first_ts: int
    last_ts: int

    def slippage(self, stress: float = 1.0) -> Slippage:
        return Slippage("from_book", bps=self.bps, k=self.k, exponent=self.exponent, stress=stress)


def fit_depth(book_delta: Table, tick_size: float, gaps: Table | None = None) -> Depth:
    """Walk the recorded book once a second for a grid of sizes, and fit bps + k quantity ** exponent.

    Definition: mean cost of the sizes worth 1,000 to 3,000,000 of quote on both sides, those that at least 90 % of the
    seconds could serve. bps = the mean cost of next to nothing (half the spread); k and the exponent by least squares of
    log(cost - bps) on log(quantity), over the sizes that cost at least half as much again; k = 0 where fewer than two do.
    Inputs: `book_delta` of a linear contract (quantities in base units).
    Raises: UserError with fewer than 60 seconds of a two-sided book.
    Source: own. A power law, because displayed depth is no impact model: what our order would make others do is not in it.

    Example:
        >>> from perpscope.core.events import BOOK_DELTA
        >>> n, t = 50, 100 * SECOND
        >>> price = np.r_[100.0 - 0.1 * np.arange(1, n + 1), 100.0 + 0.1 * np.arange(1, n + 1), 95.0]
        >>> rows = Table.of(BOOK_DELTA, exchange_ts=[0] * 2 * n + [t], receive_ts=[0] * 2 * n + [t], sequence=range(2 * n + 1),
        ...     side=[1] * n + [2] * n + [1], price=price, quantity=[1e5] * (2 * n + 1), snapshot=[True] + [False] * 2 * n)
        >>> found = fit_depth(rows, 0.1)
        >>> found.samples, round(found.bps, 6), round(found.k, 6)
        (100, 10.0, 0.0)
    """
    tables = {"book_delta": book_delta} if gaps is None else {"book_delta": book_delta, "gap": gaps}
    ts, kind, price, quantity = events_of(Batch(int(book_delta.clock[-1]) if len(book_delta) else 0, tables))
    if not len(ts):
        raise UserError("There is no recorded book to fit slippage on: give bps and k, or use the model fixed.")
    middle = float(np.median(price[(kind == BID) | (kind == ASK)]))
    sizes = np.array(NOTIONALS) / middle
    sums, counts = np.zeros(len(sizes) + 1), np.zeros(len(sizes) + 1, np.int64)
    ticks = np.floor(price / tick_size + 0.5).astype(np.int64)
    _sample(np.zeros(1, BOOK), ts, kind, ticks, quantity, int(SECOND), sizes, sums, counts)
    samples = int(counts[-1])
    if samples < FEWEST:
        raise UserError(
            f"The recorded book shows both sides in {samples} seconds only; slippage is fitted on {FEWEST} or more."
        )
    seen = counts[:-1] >= SEEN * 2 * samples
    if not seen.any():
        raise UserError("The recorded book shows too little depth to take even 1,000 of it: slippage cannot be fitted on it.")
    costs = 1e4 * sums[:-1][seen] / counts[:-1][seen]
    bps = 1e4 * float(sums[-1]) / (2 * samples)
    dear = costs > 1.5 * bps
    k, exponent = _power(sizes[seen][dear], (costs - bps)[dear])
    error = float(np.max(np.abs((bps + k * sizes[seen] ** exponent) / costs - 1.0)))
    return Depth(bps, k, exponent, tuple(sizes[seen].tolist()), tuple(costs.tolist()), error, samples, int(ts[0]), int(ts[-1]))


def _power(sizes: Floats, beyond: Floats) -> tuple[float, float]:
    """k and exponent of beyond = k sizes ** exponent."""
    if len(sizes) < 2:
        return 0.0, 0.5
    rows = np.stack([np.ones(len(sizes)), np.log(sizes)], axis=1)
    log_k, exponent = np.linalg.lstsq(rows, np.log(beyond), rcond=None)[0]
    return float(np.exp(log_k)), float(exponent)


@njit
def _sample(books: Any, ts: Any, kind: Any, ticks: Any, quantity: Any, every: int, sizes: Any, sums: Any, counts: Any) -> None:
    b = books[0]
    due = ts[0] + every
    for i in range(len(ts)):
        while ts[i] >= due:
            smallest = cost_to_walk(b, True, 1e-12) + cost_to_walk(b, False, 1e-12)
            if smallest == smallest:
                counts[len(sizes)] += 1
                sums[len(sizes)] += smallest
                for j in range(len(sizes)):
                    for side in range(2):
                        cost = cost_to_walk(b, side == 0, sizes[j])
                        if cost == cost:
                            sums[j] += cost
                            counts[j] += 1
            due += every
        if kind[i] == SNAPSHOT or kind[i] == GAP:
            clear(b)
        elif kind[i] == BID or kind[i] == ASK:
            set_level(b, kind[i] == BID, ticks[i], quantity[i])
