"""Walk-forward estimation of a confluence's weights: learned only from outcomes that were settled, dated, re-estimated."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.setups.weights import Calibration, Weights
from perpscope.stats.logistic import LogisticFit, ridge_logistic
from perpscope.stats.splits import walk_forward

METHODS = ("equal", "ridge")
LEAST_FORECASTS = 500
"""Independent forecasts (outcomes that do not overlap) that must have been judged before a probability is told."""

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]


def outcomes_of(bars: Table, horizon_bars: int) -> tuple[Times, Floats]:
    """For each bar when its outcome is settled, and whether the close `horizon_bars` later was higher.

    Returns: label_end_ts int64 and 1, 0 or NaN (float64): NaN where the close was equal, where a hole lies between, or where
    the future is not known yet; there label_end_ts is the bar's own close.

    Example:
        >>> from perpscope.core.events import BARS
        >>> known = np.arange(1, 5) * 10
        >>> bars = Table.filled(BARS, ref_ts=known - 10, known_ts=known, close=[5.0, 6.0, 4.0, 7.0], complete=[True] * 4)
        >>> [column.tolist() for column in outcomes_of(bars, 2)]
        [[30, 40, 30, 40], [0.0, 1.0, nan, nan]]
    """
    n, at, close = len(bars), bars.clock, bars["close"]
    ends, higher = at.copy(), np.full(n, np.nan)
    if horizon_bars < 1:
        raise UserError(f"An outcome lies at least one bar ahead, not {horizon_bars}.")
    if n > horizon_bars:
        hole = np.concatenate([[0], np.cumsum((bars["ref_ts"][1:] != at[:-1]) | ~bars["complete"][1:])])
        whole = hole[horizon_bars:] == hole[:-horizon_bars]
        change = close[horizon_bars:] - close[:-horizon_bars]
        told = whole & (change != 0.0)
        higher[:-horizon_bars] = np.where(told, change > 0.0, np.nan)
        ends[:-horizon_bars] = np.where(told, at[horizon_bars:], ends[:-horizon_bars])
    return ends, higher


def learn_weights(
    rows: Table,
    bars: Table,
    edges: npt.ArrayLike,
    *,
    frame: str,
    horizon_bars: int,
    method: str = "ridge",
    ridge: float = 10.0,
    embargo: int = 0,
    train_span: int | None = None,
    least_forecasts: int = LEAST_FORECASTS,
) -> list[Weights]:
    """Weights for each window that begins at an edge, learned from what was settled before it; the last edge begins the future.

    Definition: parts that are not known count 0. "ridge" fits one weight per factor, "equal" one for their sum. Training rows
    have an outcome with label_end_ts + embargo <= the edge (`stats.splits.walk_forward`), of at most `train_span` ns before it.
    The calibration of a window is a logistic fit of outcomes on the log-odds that the windows before it foretold, settled by
    its beginning; with fewer than `least_forecasts` independent ones, or a slope that is not positive, there is none.

    Args:
        rows: rows of `confluence`, one per bar. bars: the bars of the same frame.
        edges: rising times (ns): the beginning of each window, the last one the moment from which nothing is judged yet.

    Raises:
        UserError: for an unknown method, rows without parts or of other bars, or an edge before which nothing is settled.
    Source: own; EVIDENCE 6 (walk-forward, purge), BACKTEST on confluence.
    """
    if method not in METHODS:
        raise UserError(f"Weights are learned by {' or '.join(METHODS)}, not by '{method}'.")
    factors = tuple(n.removeprefix("part_") for n in rows.schema.names if n.startswith("part_"))
    if not factors:
        raise UserError(f"The rows of {rows.schema.name} carry no parts to learn from.")
    place = np.searchsorted(bars.clock, rows.clock)
    if not len(rows) or not np.array_equal(bars.clock[np.minimum(place, len(bars) - 1)], rows.clock):
        raise UserError("The rows and the bars do not close together. Give the bars that the rows were made from.")
    settled, came_true = outcomes_of(bars, horizon_bars)
    ends, higher = settled[place], came_true[place]
    told = ~np.isnan(higher)
    parts = np.stack([np.nan_to_num(rows[f"part_{f}"]) for f in factors], axis=1)[told]
    at, ends, higher = rows.clock[told], ends[told], higher[told]
    marks = np.asarray(edges, np.int64)
    made: list[Weights] = []
    foretold = np.full(len(at), np.nan)
    for edge, train, test in _windows(at, ends, marks, embargo, train_span):
        fit = _fit(parts[train], higher[train], method, ridge)
        judged = ~np.isnan(foretold) & (ends + embargo <= edge)
        made.append(
            Weights(
                method=method, factors=factors, weights=tuple((fit.weights + 0.0).tolist()), base=fit.base + 0.0, ridge=ridge,
                frame=Timeframe.parse(frame).name, horizon_bars=horizon_bars, first_ts=int(at[train[0]]),
                last_ts=int(ends[train].max()), effective_ts=edge, rows=len(train),
                independent=_independent(at[train], ends[train]), data_sha256=_digest(parts[train], higher[train], at[train]),
                calibration=_calibration(foretold[judged], higher[judged], at[judged], ends[judged], least_forecasts),
            )
        )  # fmt: skip
        foretold[test] = fit.log_odds(parts[test])
    return made


def _windows(at: Times, ends: Times, marks: Times, embargo: int, train_span: int | None) -> list[tuple[int, Times, Times]]:
    """(edge, training rows, rows of the window); the last edge has no rows of its own."""
    found = []
    for split in walk_forward(at, ends, marks, embargo=embargo, train_span=train_span):
        edge = int(marks[np.searchsorted(marks, at[split.test[0]], side="right") - 1])
        found.append((edge, split.train, split.test))
    last = int(marks[-1])
    usable = (at < last) & (ends <= last - embargo)
    if train_span is not None:
        usable &= at >= last - train_span
    if not usable.any():
        raise UserError("Nothing is settled before the last edge. Choose a later one.")
    return [*found, (last, np.flatnonzero(usable), np.empty(0, np.int64))]


def _fit(parts: Floats, higher: Floats, method: str, ridge: float) -> LogisticFit:
    if method == "ridge":
        return ridge_logistic(parts, higher, ridge)
    one = ridge_logistic(parts.sum(axis=1, keepdims=True), higher, ridge)
    return LogisticFit(one.base, np.full(parts.shape[1], one.weights[0]), one.deviance, one.rounds)


def _independent(at: Times, ends: Times) -> int:
    """How many of the rows can be taken one after the other without overlapping outcomes."""
    count, until = 0, np.iinfo(np.int64).min
    for begin, end in zip(at.tolist(), ends.tolist(), strict=True):
        if begin >= until:
            count, until = count + 1, end
    return count


def _calibration(log_odds: Floats, higher: Floats, at: Times, ends: Times, least: int) -> Calibration | None:
    if len(at) == 0 or _independent(at, ends) < least or higher.min() == higher.max():
        return None
    fit = ridge_logistic(log_odds[:, None], higher, 1e-6)
    slope = float(fit.weights[0])
    if slope <= 0.0:
        return None  # what was foretold came out the other way round: there is nothing to tell
    p = 1.0 / (1.0 + np.exp(-fit.log_odds(log_odds[:, None])))
    rate = float(higher.mean())
    return Calibration(
        slope=slope, base=fit.base, rows=len(at), brier=float(np.mean((p - higher) ** 2)), brier_base=rate * (1.0 - rate),
        first_ts=int(at[0]), last_ts=int(ends.max()),
    )  # fmt: skip


def _digest(parts: Floats, higher: Floats, at: Times) -> str:
    digest = hashlib.sha256()
    for column in (parts, higher, at):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()
