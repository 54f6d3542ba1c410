"""The tables of T1 and T2, and the forecast without the path."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from perpscope.core.time import DAY, format_ts
from perpscope.research.skill.forecast import expected_touch, known_before
from perpscope.research.skill.judge import Bench, Judged
from perpscope.research.skill.path import DAY as OPENED_TODAY
from perpscope.research.skill.path import (
    FAST_CLOSING,
    GEOMETRY,
    INTEREST_ONLY,
    LADDER_MAP,
    MAP,
    OLD,
    PRIOR_MAP,
    YOUNG,
    PathScores,
)
from perpscope.research.skill.profile import Profile
from perpscope.research.skill.ranks import rank_skill
from perpscope.research.skill.result import Measured, Row, Table, columns, measured, row
from perpscope.research.skill.sample import SIDES, Sample
from perpscope.research.skill.within_day import gains_within_day
from perpscope.stats.calibration import equal_classes
from perpscope.stats.interval import Estimate

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Cells: TypeAlias = dict[str, Estimate | Measured]

ADDED_FIRST = (MAP, PRIOR_MAP, LADDER_MAP, FAST_CLOSING, YOUNG, OPENED_TODAY, OLD, INTEREST_ONLY, GEOMETRY)
INFORMED = "map with the bar's volume, range, return"
ALONE = (MAP, PRIOR_MAP, LADDER_MAP, FAST_CLOSING, YOUNG, INTEREST_ONLY, GEOMETRY)


def alone_table(bench: Bench, scores: PathScores, coarse: PathScores) -> Table:
    """T1: each model by itself against a constant rate, the map against each of them, and the level; on a finer path also
    against the regression that sees the interval's own path only."""
    ours = scores.scored[MAP].alone
    names = [*ALONE, *(name for name in scores.scored if name[0] == "B")]
    rows = []
    for name in names:
        one = scores.scored[name]
        cells: Cells = {"constant": bench.gain(one.alone, bench.constant)}
        if name != MAP:
            cells["map"] = bench.gain(ours, one.alone)
        if one.predictor.amount is not None and name != GEOMETRY:
            cells["level"] = bench.ratio(one.predictor.amount)
        cells["level_after"] = bench.ratio(one.alone.predicted)
        rows.append(row(name, cells))
    regression = "R regression" + ("" if _coarse(bench, scores) else " with the fine path")
    known = [(regression, scores.base), (INFORMED, scores.informed)]
    if scores is not coarse:
        known.insert(0, (f"R regression, {coarse.path} path only", coarse.base))
    for label, judged in known:
        cells = {"constant": bench.gain(judged, bench.constant), "map": bench.gain(ours, judged)}
        rows.append(row(label, {**cells, "level_after": bench.ratio(judged.predicted)}))
    return Table(
        "T1",
        f"Path-conditional score, {scores.path} path",
        "If price goes there, how much is reported liquidated? Each model alone, calibrated on its past in the same way.",
        columns(
            constant="gain over a constant rate, nats", map="map better by, nats", level="predicted / reported, raw",
            level_after="predicted / reported, calibrated",
        ),
        rows,
        [
            "Nats per interval and side, negative binomial log score, 98% model + 2% constant; above 0 is better.",
            "Raw level: a censored feed reports a fraction of what happens, so a ratio above 1 need not be wrong.",
        ],
    )  # fmt: skip


def added_table(bench: Bench, scores: PathScores) -> Table:
    """T2: what each adds to the regression, and what the map adds to regression and geometry together."""
    ours = scores.scored[MAP].added
    rows = []
    for name in [*ADDED_FIRST, *(n for n in scores.scored if n not in ADDED_FIRST)]:
        one = scores.scored[name]
        cells: Cells = {"added": bench.gain(one.added, scores.base), "plain": bench.gain(one.added, scores.base, plain=True)}
        if name != MAP:
            cells["map"] = bench.gain(ours, one.added)
        rows.append(row(name, cells))
    both: Cells = {
        "added": bench.gain(scores.full, scores.geometry_base),
        "plain": bench.gain(scores.full, scores.geometry_base, plain=True),
    }
    rows.insert(1, row("map, learned mix, given also G", both))
    given = "range, return, excursion, open interest, volatility, volume, new extremes"
    if not _coarse(bench, scores):
        given += ", and the fine path's lengths, depths and volatility"
    return Table(
        "T2",
        f"Added to the regression, {scores.path} path",
        f"What does each add to a regression on {given}?",
        columns(added="gain over the regression, nats", map="map better by, nats", plain="without the 2% constant"),
        rows,
        ["G: the same filter fed with constant volume and open interest: what the price path alone puts on the map."],
    )


def within_day_table(bench: Bench, scores: PathScores) -> Table:
    """T3 on totals: information gain per liquidated dollar, where in the day's path."""
    ours = scores.scored[MAP].alone
    names = [n for n in scores.scored if n != MAP and (n in ALONE or n[0] == "B")]
    others = [(name, scores.scored[name].alone) for name in names] + [("R regression", scores.base)]
    rows = [row(f"over {name}", {"gain": gain}) for name, gain in gains_within_day(bench, ours, others).items()]
    return Table(
        "T3",
        f"Where in the day's path, {scores.path} path",
        "Given what was liquidated in a day, did the map put it in the right hours and on the right side?",
        columns(gain="nats per liquidated dollar"),
        rows,
        ["The day's total drops out, so no level matters. Large hours count by their dollars: intervals are wide."],
    )


def regimes_table(bench: Bench, scores: PathScores) -> Table:
    """The same, on calm days and on the tenth of days with most movement, and by side."""
    sample = bench.sample
    wild = cascade_days(sample)
    rows = []
    both = np.ones_like(sample.test)
    sides = [np.broadcast_to(np.array([s == 0, s == 1]), sample.test.shape) for s in range(2)]
    for label, chosen in (
        ("all days", both), ("calm days", ~wild), ("cascade days", wild), ("longs", sides[0]), ("shorts", sides[1]),
    ):  # fmt: skip
        cells: Cells = {
            "geometry": bench.gain(scores.scored[MAP].alone, scores.scored[GEOMETRY].alone, chosen),
            "regression": bench.gain(scores.scored[MAP].added, scores.base, chosen),
            "both": bench.gain(scores.full, scores.geometry_base, chosen),
        }
        rows.append(row(label, cells))
    return Table(
        "T1/T2",
        f"Calm and cascade days, {scores.path} path",
        "Does it hold when it matters?",
        columns(geometry="map - G, alone", regression="map on R", both="map on R and G"),
        rows,
        ["Cascade: the tenth of judged days with the largest realised volatility."],
    )


def rank_table(bench: Bench, scores: list[PathScores]) -> Table:
    """T2 in ranks: Spearman correlation with the reports, alone and at fixed conditions."""
    sample = bench.sample
    spread = np.log(sample.study.bars["high"] / sample.study.bars["low"])
    volume = sample.study.bars["volume"]
    rows = []
    for one in scores:
        ours, geometry = one.map.expected(), one.geometry.expected()
        for s, side in enumerate(SIDES):
            cells: Cells = {
                "range": rank_skill(sample, s, spread, [], bench.blocks),
                "geometry": rank_skill(sample, s, geometry, [], bench.blocks),
                "map": rank_skill(sample, s, ours, [], bench.blocks),
                "given": rank_skill(sample, s, ours, [spread, volume], bench.blocks),
                "given_geometry": rank_skill(sample, s, ours, [spread, volume, geometry], bench.blocks),
            }
            rows.append(row(f"{side}, {one.path} path", cells))
    return Table(
        "T2",
        "Rank correlation with what was reported",
        "How much of the raw rank skill is geometry?",
        columns(
            range="range", geometry="G", map="map", given="map given range, volume",
            given_geometry="map given range, volume, G",
        ),
        rows,
        ["Spearman; partial where something is given. 1 is perfect, 0 is none."],
    )  # fmt: skip


def decile_table(bench: Bench, scores: PathScores) -> Table:
    """Predicted against reported by tenth of the prediction."""
    sample = bench.sample
    rows_of = sample.test
    predicted, day = scores.scored[MAP].alone.predicted[rows_of], bench.day(rows_of)
    reported = sample.study.reported[rows_of]
    rows = []
    for i, tenth in enumerate(equal_classes(predicted, 10)):
        said, found = _plain(float(predicted[tenth].mean()), len(tenth)), _plain(float(reported[tenth].mean()), len(tenth))
        ratio = measured(bench.blocks.ratio(predicted[tenth], reported[tenth], day[tenth]))
        rows.append(Row(f"tenth {i + 1}", {"predicted": said, "reported": found, "ratio": ratio}))
    return Table(
        "T1",
        f"Calibration by tenth of the prediction, {scores.path} path",
        "Where the map says much, is much reported?",
        columns(predicted="mean predicted, base", reported="mean reported, base", ratio="predicted / reported"),
        rows,
    )


def miss_table(bench: Bench, scores: PathScores, count: int = 5) -> Table:
    """The rows that cost the map most against the constant rate."""
    sample, ours = bench.sample, scores.scored[MAP].alone
    loss = np.where(sample.test, ours.plain - bench.constant.plain, np.inf)
    rows = []
    for flat in np.argsort(loss, axis=None)[:count].tolist():
        t, s = divmod(flat, 2)
        cells = {
            "reported": _plain(float(sample.study.reported[t, s]), 1),
            "predicted": _plain(float(ours.predicted[t, s]), 1),
            "excursion": _plain(float(sample.excursion[t, s] * 1e4), 1),
            "loss": _plain(float(loss[t, s]), 1),
        }
        rows.append(Row(f"{format_ts(int(sample.ref[t]))} {SIDES[s]}", cells))
    return Table(
        "T1",
        f"Worst five misses, {scores.path} path",
        "Where was it wrong?",
        columns(
            reported="reported, base", predicted="predicted, base", excursion="path against the side, bps",
            loss="score against the constant, nats",
        ),
        rows,
        ["Single rows have no interval. Look at them: a mis-stamped hour of the source looks like a miss."],
    )  # fmt: skip


def forecast_table(bench: Bench, by_distance: Profile) -> Table:
    """The next interval without its path: what the map adds to what is known before."""
    sample = bench.sample
    base = known_before(sample)
    one, two = bench.judge(base), bench.judge(base, sample.log(expected_touch(sample, by_distance)))
    rows = [
        row("known before", {"gain": bench.gain(one, bench.constant)}),
        row("map added", {"gain": bench.gain(two, one)}),
    ]
    return Table(
        "F",
        "Forecast of the next interval, without its path",
        "Not knowing where price will go, does expected USD = sum of map x P(touch) help?",
        columns(gain="gain, nats"),
        rows,
        ["The first row is over a constant rate, the second over the first."],
    )


def cascade_days(sample: Sample) -> Booleans:
    """Rows of the judged days with the largest realised volatility: bool (bars, 2)."""
    close = np.log(sample.study.bars["close"])
    squares = np.diff(close, prepend=close[0]) ** 2
    judged = sample.test.any(axis=1)
    days, index = np.unique(sample.day, return_inverse=True)
    turmoil = np.bincount(index, weights=squares)
    inside = np.isin(days, sample.day[judged])
    wild = inside & (turmoil > np.quantile(turmoil[inside], sample.protocol.cascade_quantile))
    return np.broadcast_to(wild[index][:, None], sample.test.shape)


def daily_gain(bench: Bench, model: Judged, base: Judged) -> tuple[list[float], list[float]]:
    """Day (ns) and summed gain of that day, in time order."""
    rows = bench.sample.test
    day, gain = bench.day(rows), (model.robust - base.robust)[rows]
    days, index = np.unique(day, return_inverse=True)
    return (days * DAY).astype(float).tolist(), np.bincount(index, weights=gain).tolist()


def _coarse(bench: Bench, scores: PathScores) -> bool:
    return scores.path == bench.sample.study.interval


def _plain(value: float, n: int) -> Measured:
    return Measured(value, None, None, 0.95, n, "as it is", "a single figure")
