"""T6: after a dense level is touched, does price run on, stir, or fade, compared with touches of thin levels?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.numeric.asof import asof_values
from perpscope.research.calibration.replay import base_units
from perpscope.research.calibration.study import side_index
from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.conditions import trailing_maximum
from perpscope.research.skill.maps import LearnedMap
from perpscope.research.skill.sample import Sample
from perpscope.stats.interval import Estimate
from perpscope.stats.matched import matched_differences, standardised_difference

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MEASURES = ("onward return, bps", "volatility", "volume", "open interest, bps")


@dataclass(frozen=True)
class Response:
    """Differences (dense minus matched thin touches) at one horizon, by measure; `touches` dense ones had controls; `balance`
    is the largest standardised difference of the matching conditions (below 0.1 is balanced)."""

    minutes: int
    differences: dict[str, Estimate]
    touches: int
    balance: float


def responses(sample: Sample, learned: LearnedMap, blocks: DayBlocks) -> list[Response]:
    """Matched differences after first touches, on the map's own path.

    Definition: a touch is a bar of the path that goes beyond the extreme of the last hours on a side. Its density is the
    expected liquidation it swept per open interest and log length. Touches in the top tenth of density are dense, unless one
    on that side was within the hour before; those of the lower half are thin. Each dense touch is compared with the thin
    ones of its side nearest in new depth, range, volatility, and in the volume and volatility of the hours before (a map
    weighted by volume is dense where trading was busy); without near ones it is left out. Onward return is positive when
    price goes on in the direction of the sweep; volatility is |return| and volume the bars' sum, both relative to the day
    before.
    """
    p, study = sample.protocol.response, sample.study.on_path(learned.swept.study.path)
    bars = study.tables[f"bars@{study.path}"]
    step = int(np.median(bars["known_ts"] - bars["ref_ts"]))
    touches = _touches(sample, learned, bars, step)
    if touches is None:
        return []
    out = []
    for minutes in p.minutes:
        ahead = round(minutes * 60e9 / step)
        if ahead >= 1:
            out.append(_compared(sample, touches, ahead, minutes, blocks))
    return out


@dataclass(frozen=True, eq=False)
class _Touches:
    at: Integers
    side: Integers
    density: Floats
    conditions: Floats
    bars: dict[str, Floats]
    day: Integers


def _touches(sample: Sample, learned: LearnedMap, bars: Table, step: int) -> _Touches | None:
    p = sample.protocol.response
    low, high, close = np.log(bars["low"]), np.log(bars["high"]), np.log(bars["close"])
    window = max(1, round(p.extreme_hours * 3.6e12 / step))
    per_day = max(2, round(24 * 3.6e12 / step))
    returns = np.diff(close, prepend=close[0])
    turmoil = np.sqrt(np.maximum(_trailing_mean(returns**2, per_day), 1e-16))
    usual = np.maximum(_trailing_mean(bars["volume"], per_day), 1e-12)
    lately = np.maximum(_trailing_mean(bars["volume"], window), 1e-12)
    stirred = np.sqrt(np.maximum(_trailing_mean(returns**2, window), 1e-16))
    held = _interest(sample, bars)
    rows = learned.swept.rows
    place = np.searchsorted(bars["ref_ts"], rows["ref_ts"])
    fits = (place < len(bars)) & (bars["ref_ts"][np.minimum(place, len(bars) - 1)] == rows["ref_ts"])
    expected = _expected_by_bar(learned, rows[fits], place[fits], len(bars))
    counted = (bars["ref_ts"] >= sample.edges[0]) & (bars["ref_ts"] < sample.edges[-1])
    parts = []
    for s, reach in enumerate((-low, high)):
        beyond = reach - trailing_maximum(reach, window)
        at = np.flatnonzero(counted & (beyond > 0.0))
        length = np.maximum(beyond[at], 1e-5)
        density = expected[at, s] / held[at] / length
        conditions = np.column_stack(
            [
                np.log(beyond[at] / turmoil[at]),
                np.log((high - low)[at] / turmoil[at] + 1e-3),
                np.log(turmoil[at]),
                np.log(lately[at] / usual[at]),
                np.log(stirred[at] / turmoil[at]),
            ]
        )
        parts.append((at, np.full(len(at), s), density, conditions))
    at, side, density, conditions = (np.concatenate(column) for column in zip(*parts))
    if len(at) < 50:
        return None
    series = {"close": close, "volume": bars["volume"], "usual": usual, "turmoil": turmoil, "held": held}
    return _Touches(at, side, density, conditions, series, bars["ref_ts"][at] // (24 * 3_600_000_000_000))


def _compared(sample: Sample, touches: _Touches, ahead: int, minutes: int, blocks: DayBlocks) -> Response:
    p = sample.protocol.response
    usable = touches.at + ahead < len(touches.bars["close"])
    high, low = np.quantile(touches.density[usable], [1.0 - p.top_share, p.control_share])
    dense = np.flatnonzero(usable & (touches.density >= high))
    thin = np.flatnonzero(usable & (touches.density <= low))
    dense = dense[_first_within_hour(touches.at[dense], touches.side[dense], ahead, minutes)]
    scale = touches.conditions[usable].std(axis=0)
    events, controls, counts, kept, matches = [], [], [], [], []
    measures = _measures(touches, ahead)
    for i in dense:
        same = thin[(touches.side[thin] == touches.side[i]) & (np.abs(touches.at[thin] - touches.at[i]) > ahead)]
        if len(same) < p.controls:
            continue
        apart = (((touches.conditions[same] - touches.conditions[i]) / scale) ** 2).sum(axis=1)
        order = np.argsort(apart, kind="stable")[: p.controls]
        if apart[order].mean() > p.caliper**2:
            continue
        nearest = same[order]
        kept.append(i)
        matches.append(nearest)
        events.append(measures[i])
        controls.append(measures[nearest])
        counts.append(len(nearest))
    if len(kept) < 20:
        none = blocks.absent(f"only {len(kept)} dense touches with controls", len(kept))
        return Response(minutes, dict.fromkeys(MEASURES, none), len(kept), float("nan"))
    one, two = np.array(events), np.concatenate(controls)
    day = touches.day[np.array(kept)]
    found = {}
    for j, name in enumerate(MEASURES):
        known = np.isfinite(one[:, j]) & np.isfinite(two[:, j].reshape(len(kept), -1)).all(axis=1)
        if known.sum() < 20 or len(np.unique(day[known])) < 3:
            found[name] = blocks.absent("not recorded on this path", int(known.sum()))
            continue
        differences = matched_differences(
            one[known, j], two[:, j].reshape(len(kept), -1)[known].reshape(-1), np.array(counts)[known]
        )
        found[name] = blocks.mean(differences, day[known])
    own, matched = touches.conditions[np.array(kept)], touches.conditions[np.concatenate(matches)]
    balance = max(abs(standardised_difference(own[:, j], matched[:, j])) for j in range(own.shape[1]))
    return Response(minutes, found, len(kept), balance)


def _measures(touches: _Touches, ahead: int) -> Floats:
    """What followed each touch: float64 (touches, measures)."""
    series, at = touches.bars, np.minimum(touches.at, len(touches.bars["close"]) - 1 - ahead)
    sign = np.where(touches.side == 0, -1.0, 1.0)
    moved = series["close"][at + ahead] - series["close"][at]
    running = np.concatenate([[0.0], np.cumsum(series["volume"])])
    volume = (running[at + ahead + 1] - running[at + 1]) / (ahead * series["usual"][at])
    held = np.log(series["held"][at + ahead] / series["held"][at]) * 1e4
    changed = np.where(series["held"][at + ahead] == series["held"][at], np.nan, held)
    return np.column_stack([sign * moved * 1e4, np.abs(moved) / (series["turmoil"][at] * np.sqrt(ahead)), volume, changed])


def _first_within_hour(at: Integers, side: Integers, ahead: int, minutes: int) -> npt.NDArray[np.bool_]:
    """Which touches are not preceded by another of their side within an hour."""
    hour = max(1, round(60 * ahead / minutes))
    keep = np.zeros(len(at), np.bool_)
    for s in range(2):
        mine = np.flatnonzero(side == s)
        ordered = mine[np.argsort(at[mine], kind="stable")]
        last = -(10**9)
        for i in ordered.tolist():
            keep[i] = at[i] - last > hour
            last = at[i]
    return keep


def _expected_by_bar(learned: LearnedMap, rows: Table, place: Integers, bars: int) -> Floats:
    """Expected liquidations swept by each bar of the path: float64 (bars, 2)."""
    side = side_index(rows["side"])
    weights = learned.weights_at(rows["ref_ts"])
    amount = np.einsum("rk,rk->r", base_units(learned.swept.study, rows), weights[np.arange(len(side)), side])
    out = np.zeros(2 * bars)
    np.add.at(out, place * 2 + side, amount)
    return out.reshape(bars, 2)


def _interest(sample: Sample, bars: Table) -> Floats:
    """Open interest known at the beginning of each bar of the path."""
    held = sample.study.tables["open_interest"]
    values = asof_values(held["exchange_ts"], held["open_interest"], bars["ref_ts"])
    return np.where(np.isfinite(values), values, held["open_interest"][0])


def _trailing_mean(values: Floats, window: int) -> Floats:
    """Mean of the `window` values before each one; the first has itself."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    end = np.arange(len(values))
    begin = np.maximum(end - window, 0)
    count = np.maximum(end - begin, 1)
    means: Floats = (sums[np.maximum(end, 1)] - sums[begin]) / count
    return means
