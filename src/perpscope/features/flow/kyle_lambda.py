"""Price impact per unit of signed volume: Kyle's lambda, re-estimated window by window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

KYLE_LAMBDA = row_schema(
    "kyle_lambda",
    Column("slope", "ratio", "price change per base unit of net buying"),
    price("intercept", "price change without net buying", mirror="negate"),
    Column("t", "sigma", "slope over its standard error"),
    Column("n", "count", "windows in the estimate"),
)


class KyleLambda(Feature):
    """How far the price moves per unit of net aggressive volume, by regression over the last hour of windows.

    Definition: least squares with intercept of (price_end - price_start) on net volume over the last `windows` flow
    windows with a price, recomputed from them each time, so no sum drifts; t from the residual variance with n - 2
    degrees of freedom. `through_origin` leaves the intercept out (n - 1). Quiet windows count (net 0). No row below
    `n_min` windows; a missing window empties the memory.
    Units: slope in price per base unit (times 1e10 / price^2 it is bps per million of notional). Known at the window's
    end; it describes the windows up to and including that one.
    Source: Kyle, Econometrica 53 (1985), for the model; regression on windows as is common.

    Example:
        >>> KyleLambda().warmup
        120
    """

    @dataclass(frozen=True)
    class Params:
        windows: int = 360
        n_min: int = 120
        through_origin: bool = False

        def __post_init__(self) -> None:
            at_least("kyle_lambda.n_min", self.n_min, 3)
            at_least("kyle_lambda.windows", self.windows, self.n_min)

    spec = FeatureSpec(
        name="kyle_lambda",
        title="Kyle's lambda",
        inputs=("flow_windows",),
        output=KYLE_LAMBDA,
        source="Kyle 1985",
        shape="line",
        pane="sigma",
        framed=False,
    )
    exempt: ClassVar = {
        "scale": "a slope in price per base unit scales by k / m, which no unit says; tests/features/flow holds it to that",
        "warmup": "its memory is counted in flow windows, which the law's bars do not count; tests/features/flow counts them",
    }

    @property
    def warmup(self) -> int:
        return int(self.params.n_min)

    def start(self, instrument: Instrument) -> State:
        return {"ints": np.array([NULL_TS, 0, 0], np.int64), "ring": np.zeros((2, self.params.windows))}

    def fold(self, state: State, batch: Batch) -> Table:
        flow, p = batch["flow_windows"], self.params
        out, rows = np.empty((4, len(flow))), np.empty(len(flow), np.int64)
        n = _lambda_kernel(
            flow["ref_ts"], flow["known_ts"], flow["net"], flow["price_end"] - flow["price_start"], p.n_min, p.through_origin,
            state["ints"], state["ring"], out, rows,
        )  # fmt: skip
        if not n:
            return KYLE_LAMBDA.empty()
        rows = rows[:n]
        values = {name: out[k, :n] for k, name in enumerate(KYLE_LAMBDA.names[2:])}
        return Table.of(KYLE_LAMBDA, ref_ts=flow["ref_ts"][rows], known_ts=flow["known_ts"][rows], **values)


@njit
def least_squares(x: Array, y: Array, n: int, through_origin: bool) -> tuple[float, float, float]:
    """(slope, intercept, t) over the first n points; NaN where x does not vary. An exact fit has an infinite t."""
    mean_x, mean_y = 0.0, 0.0
    if not through_origin:
        for k in range(n):
            mean_x += x[k]
            mean_y += y[k]
        mean_x, mean_y = mean_x / n, mean_y / n
    xx, xy = 0.0, 0.0
    for k in range(n):
        xx += (x[k] - mean_x) * (x[k] - mean_x)
        xy += (x[k] - mean_x) * (y[k] - mean_y)
    if xx <= 0:
        return np.nan, np.nan, np.nan
    slope = xy / xx
    rest = 0.0
    for k in range(n):
        miss = y[k] - mean_y - slope * (x[k] - mean_x)
        rest += miss * miss
    error = np.sqrt(rest / (n - (1 if through_origin else 2)) / xx)
    return slope, mean_y - slope * mean_x, slope / error if error > 0 else np.inf * np.sign(slope)


@njit
def _lambda_kernel(
    ref: Array, known: Array, net: Array, move: Array, n_min: int, through_origin: bool,
    ints: Array, ring: Array, out: Array, rows: Array,
) -> int:  # fmt: skip
    """ints: [expected start, next slot, windows held]."""
    n = 0
    for i in range(ref.size):
        if ints[0] != ref[i]:
            ints[1] = ints[2] = 0
        ints[0] = known[i]
        if move[i] != move[i]:
            continue
        ring[0, ints[1]], ring[1, ints[1]] = net[i], move[i]
        ints[1] = (ints[1] + 1) % ring.shape[1]
        ints[2] = min(ints[2] + 1, ring.shape[1])
        if ints[2] < n_min:
            continue
        out[0, n], out[1, n], out[2, n] = least_squares(ring[0], ring[1], ints[2], through_origin)
        out[3, n] = ints[2]
        rows[n] = i
        n += 1
    return n
