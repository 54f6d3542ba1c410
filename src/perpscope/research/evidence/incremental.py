"""What a factor adds to all the others: one plain model with it and without it, judged on months that it had not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from perpscope.core.time import DAY
from perpscope.research.event_study import events_at
from perpscope.research.event_study.targets import horizon_bars
from perpscope.research.evidence.facts import Number
from perpscope.research.evidence.record import Line, Table
from perpscope.research.evidence.tables import Ready
from perpscope.stats.clusters import cluster_mean
from perpscope.stats.logistic import ridge_logistic
from perpscope.stats.splits import Split, month_edges, walk_forward

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

HORIZON = "4h"
MONTHS = 6
LEARN = 365 * DAY
RIDGE = 20.0
REPLICATIONS = 500
MILLI = 1e3


class Added(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one factor adds out of sample, each with its day-block interval; absent where it had no event in the grid.

    Attributes:
        direction: log-loss of up or down without it minus with it, in thousandths of a nat per moment.
        risk: squared error of log volatility without it minus with it, in thousandths.
        direction_alone, risk_alone: the same for the factor alone over the base rate.
        moments: rows that were judged; active: the share in which the factor had said something.
    """

    name: str
    direction: Number
    direction_alone: Number
    risk: Number
    risk_alone: Number
    moments: int
    active: float


@dataclass(frozen=True, eq=False)
class Grid:
    """Moments one horizon apart, of all instruments in order of time: what each factor had said since the last, what came."""

    known_ts: Integers
    said: Floats
    up: npt.NDArray[np.bool_]
    risk: Floats


def grid_of(ready: Ready, names: Sequence[str], horizon: str) -> Grid:
    """The design: `said` float64 (rows, factors), the sum of signs in (last moment, moment], clipped to -1..1.

    An event without direction counts as 1. Rows whose outcome is not known (a hole, the end) are left out, as are returns
    of exactly 0, which are neither up nor down.
    """
    parts: list[tuple[Integers, Floats, Floats, Floats]] = []
    for one, path in zip(ready.collected, ready.prepared, strict=True):
        bars = horizon_bars(path.path.step)[horizon]
        closes = path.path.known_ts
        moments = np.flatnonzero(closes % (bars * path.path.step) == 0)
        said = np.zeros((len(moments), len(names)))
        for k, name in enumerate(names):
            claim = one.claims[name]
            events = events_at(path.path, claim.known_ts, claim.sign)
            sign = np.where(events.sign == 0.0, 1.0, events.sign)
            row = np.searchsorted(moments, events.at, side="left")
            inside = row < len(moments)
            inside &= closes[moments[np.minimum(row, len(moments) - 1)]] - closes[events.at] < bars * path.path.step
            said[:, k] = np.clip(np.bincount(row[inside], weights=sign[inside], minlength=len(moments)), -1.0, 1.0)
        parts.append(
            (closes[moments], said, path.outcome("return_bps", bars)[moments], path.outcome("volatility", bars)[moments])
        )
    known, said, moved, risk = (np.concatenate([part[k] for part in parts]) for k in range(4))
    kept = np.isfinite(moved) & np.isfinite(risk) & (moved != 0.0)
    order = np.flatnonzero(kept)[np.argsort(known[kept], kind="stable")]
    return Grid(known[order], said[order], moved[order] > 0.0, risk[order])


def incremental(ready: Ready, names: Sequence[str], rng: np.random.Generator) -> list[Added]:
    """The value of every factor given all the others, and alone.

    Definition: every `HORIZON` each factor is -1, 0 or 1: what it said since the last such moment. A ridge-logistic model of
    the sign of the next return, and a ridge regression of the next log volatility (over what the past 24 h foresaw) on the
    absolute values, are fitted on all settled moments before each half-year, a year at least, and judged on that half-year;
    then again without the factor. Gains are per judged moment; positive: the factor helped where it had not been seen.
    Returns: one per name; fewer than two half-years, or a factor that never spoke, give no number and the reason.
    Disputed: leave-one-out gives nothing to either of two factors that say the same. `alone` beside it tells the two apart.
    """
    steps = horizon_bars(ready.prepared[0].path.step)
    horizon = HORIZON if HORIZON in steps else next(iter(steps))
    ns = steps[horizon] * ready.prepared[0].path.step
    grid = grid_of(ready, names, horizon)
    begin, end = ready.window.start + LEARN, ready.window.end
    edges = month_edges(begin, end, MONTHS) if end > begin else np.zeros(0, np.int64)
    splits = walk_forward(grid.known_ts, grid.known_ts + ns, edges) if len(edges) > 2 and len(grid.known_ts) else []
    splits = [split for split in splits if len(split.train) >= 200 and 0 < grid.up[split.train].mean() < 1]
    if not splits:
        why = Number(None, None, None, 0, "the window is too short to learn from a year and be judged on two half-years")
        return [Added(name, why, why, why, why, 0, 0.0) for name in names]
    judged = np.concatenate([split.test for split in splits])
    full = _losses(grid, splits, grid.said)
    base = _losses(grid, splits, grid.said[:, :0])
    days = grid.known_ts[judged] // DAY
    out = []
    for k, name in enumerate(names):
        active = float((grid.said[judged, k] != 0.0).mean())
        if not np.any(grid.said[:, k]):
            silent = Number(None, None, None, 0, "it said nothing in the window")
            out.append(Added(name, silent, silent, silent, silent, len(judged), 0.0))
            continue
        without = _losses(grid, splits, np.delete(grid.said, k, axis=1))
        alone = _losses(grid, splits, grid.said[:, [k]])
        gains = (without[0] - full[0], base[0] - alone[0], without[1] - full[1], base[1] - alone[1])
        direction, direction_alone, risk, risk_alone = (_gain(gain, days, ready, rng) for gain in gains)
        out.append(Added(name, direction, direction_alone, risk, risk_alone, len(judged), round(active, 6)))
    return out


def _losses(grid: Grid, splits: Sequence[Split], said: Floats) -> tuple[Floats, Floats]:
    """Log-loss of the direction and squared error of the risk at every judged moment."""
    direction, risk = [], []
    for split in splits:
        train, test = split.train, split.test
        direction.append(_log_loss(said[train], grid.up[train], said[test], grid.up[test]))
        risk.append(_squared(np.abs(said[train]), grid.risk[train], np.abs(said[test]), grid.risk[test]))
    return np.concatenate(direction), np.concatenate(risk)


def _log_loss(x: Floats, y: npt.NDArray[np.bool_], unseen: Floats, came: npt.NDArray[np.bool_]) -> Floats:
    if x.shape[1]:
        odds = ridge_logistic(x, y.astype(np.float64), RIDGE).log_odds(unseen)
    else:
        odds = np.full(len(unseen), math.log(y.mean() / (1.0 - y.mean())))
    return np.logaddexp(0.0, np.where(came, -odds, odds))


def _squared(x: Floats, y: Floats, unseen: Floats, came: Floats) -> Floats:
    middle = y.mean()
    if not x.shape[1]:
        return (came - middle) ** 2
    centre = x.mean(axis=0)
    inner = x - centre
    weights = np.linalg.solve(inner.T @ inner + RIDGE * np.eye(x.shape[1]), inner.T @ (y - middle))
    return (came - middle - (unseen - centre) @ weights) ** 2


def _gain(gain: Floats, days: Integers, ready: Ready, rng: np.random.Generator) -> Number:
    return Number.of(cluster_mean(MILLI * gain, days, rng=rng, replications=REPLICATIONS, level=ready.gates.level))


def incremental_table(one: Added) -> Table:
    """Table 8 of the page."""
    question = (
        f"What the factor adds, every {HORIZON}, to a plain model of all other factors of this run, on half-years that it "
        "had not seen; and alone, over the base rate. Thousandths of a nat (direction) and of squared log volatility (risk); "
        "positive helps."
    )
    rows = [
        Line("direction", {"added to the others": one.direction, "alone": one.direction_alone, "moments": one.moments}),
        Line("risk", {"added to the others": one.risk, "alone": one.risk_alone, "active in": f"{one.active:.1%} of them"}),
    ]
    return Table("8", "Incremental value", question, rows)
