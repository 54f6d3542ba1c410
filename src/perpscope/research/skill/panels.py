"""The panels of the skill picture: each draws numbers that also stand in the report's tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import FuncFormatter, NullFormatter

from perpscope.core.time import to_datetime
from perpscope.report import palette
from perpscope.research.skill.path import GEOMETRY, MAP, PathScores
from perpscope.research.skill.profile import Profile
from perpscope.research.skill.result import Curve, Row, Table
from perpscope.research.skill.sample import Sample

Floats = npt.NDArray[np.float64]

FIRST, SECOND = palette.LINE_POC, palette.LINE_INTEREST
"""The interval's own path, and the fine path."""

REACH = 0.035
"""How far from price the map is drawn: where 25x and more break; beyond it there is mostly the prior."""

MARKS = (palette.LINE_POC, palette.LINE_INTEREST, palette.BUY, palette.LINE_VWAP)


def dress(axis: Any, title: str, x: str = "", y: str = "") -> None:
    """Dark ground, thin grid, title above, units on the axes."""
    axis.set_facecolor(palette.PANEL)
    axis.grid(True, color=palette.GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(colors=palette.MUTED, labelsize=10, length=3)
    for side in axis.spines.values():
        side.set_color(palette.EDGE)
    axis.set_title(title, loc="left", fontsize=12, color=palette.TEXT, pad=6)
    axis.set_xlabel(x, fontsize=10, color=palette.MUTED)
    axis.set_ylabel(y, fontsize=10, color=palette.MUTED)


def forest(axis: Any, tables: Sequence[Table], column: str, names: Sequence[str], title: str, x: str) -> None:
    """Points with 95% intervals, one line a model, one colour a path; zero is "no gain"."""
    dress(axis, title, x)
    known = [name for name in names if any(_row(t, name) is not None for t in tables)]
    for i, name in enumerate(known):
        for j, table in enumerate(tables):
            row = _row(table, name)
            cell = None if row is None else row.cells.get(column)
            if cell is None or cell.value is None:
                continue
            at = -i + (0.16 if j == 0 else -0.16) * (len(tables) > 1)
            colour = (FIRST, SECOND)[j]
            if cell.low is not None and cell.high is not None:
                axis.plot([cell.low, cell.high], [at, at], color=colour, linewidth=2.2, solid_capstyle="butt")
            axis.plot([cell.value], [at], "o", color=colour, markersize=4.5)
    axis.axvline(0.0, color=palette.MUTED, linewidth=1.0)
    axis.set_yticks([-i for i in range(len(known))], [short(name) for name in known], fontsize=10, color=palette.TEXT)
    axis.set_ylim(-len(known) + 0.4, 0.6)
    axis.grid(False, axis="y")


def heat(axis: Any, sample: Sample, by_distance: Profile, reported: bool) -> None:
    """The published map over the judged weeks, the price, and what was reported liquidated, hour by hour."""
    bars = sample.study.bars
    inside = (sample.ref >= sample.edges[0]) & (sample.ref < sample.edges[-1])
    at = np.flatnonzero(inside)
    low, high = 0.97 * float(bars["low"][at].min()), 1.03 * float(bars["high"][at].max())
    rows = 260
    centres = np.log(low + (np.arange(rows) + 0.5) * (high - low) / rows)
    picture = np.zeros((rows, len(at)))
    before = np.log(np.concatenate([bars["open"][:1], bars["close"][:-1]]))
    reach = min(by_distance.mass.shape[2], round(REACH / by_distance.height))
    for j, t in enumerate(at.tolist()):
        away = (before[t] - centres) / by_distance.height
        for s, signed in ((0, away), (1, -away)):
            near = (signed >= 0.0) & (signed < reach)
            picture[near, j] += by_distance.mass[t, s, signed[near].astype(np.int64)]
    top = float(np.quantile(picture[picture > 0.0], 0.995)) if (picture > 0.0).any() else 1.0
    title = (
        f"Expected forced closes within {100 * REACH:g}% of price (bright: many; square root), price, what was reported, UTC"
    )
    dress(axis, title, y=f"price, {sample.study.instrument.quote}" if sample.study.instrument.quote else "price")
    days = (sample.ref[at[0]] / 86.4e12, sample.study.bars["known_ts"][at[-1]] / 86.4e12)
    axis.imshow(
        np.sqrt(np.clip(picture / top, 0.0, 1.0)), origin="lower", aspect="auto", cmap=palette.HEAT, interpolation="nearest",
        extent=(*days, low, high),
    )  # fmt: skip
    axis.plot(sample.ref[at] / 86.4e12, bars["close"][at], color=palette.CANDLE_UP, linewidth=0.9)
    if reported:
        for s, (edge, colour) in enumerate((("low", palette.BUY), ("high", palette.SELL))):
            amount = np.nan_to_num(sample.study.reported[at, s])
            scale = max(float(np.quantile(amount, 0.995)), 1e-12)
            big = amount > 0.05 * scale
            size = 90.0 * np.clip(amount[big] / scale, 0.0, 1.5)
            name = ("longs", "shorts")[s]
            axis.scatter(
                sample.ref[at][big] / 86.4e12, bars[edge][at][big], s=size, facecolors="none", edgecolors=colour,
                linewidths=1.1, label=f"reported: {name}",
            )  # fmt: skip
        axis.legend(loc="upper right", fontsize=10, facecolor=palette.GROUND, edgecolor=palette.EDGE, labelcolor=palette.TEXT)
    axis.grid(False)
    axis.set_xlim(*days)
    axis.set_ylim(low, high)
    day_ticks(axis, *days)


def day_ticks(axis: Any, first: float, last: float) -> None:
    """Dates, at most nine, UTC."""
    step = max(1, int(np.ceil((last - first) / 8)))
    days = np.arange(int(np.ceil(first)), int(last) + 1, step)
    axis.set_xticks(days, [to_datetime(int(day) * 86_400_000_000_000).strftime("%d %b %Y") for day in days], fontsize=10)


def scatter(axis: Any, sample: Sample, scores: PathScores, base: str) -> None:
    """Predicted against reported, row by row, and the means of the tenths; the line is equality."""
    rows = sample.test
    x, y = scores.scored[MAP].alone.predicted[rows], sample.study.reported[rows]
    floor = 0.02 * max(float(y.mean()), 1e-12)
    dress(
        axis,
        f"Predicted and reported, {scores.path} path, n {len(x)}",
        f"predicted, {base}",
        f"reported, {base} (0 drawn below)",
    )
    axis.scatter(np.maximum(x, floor), np.maximum(y, floor), s=5, color=palette.OLD, alpha=0.6, linewidths=0)
    tenths = np.array_split(np.argsort(x, kind="stable"), 10)
    means = [(float(x[t].mean()), float(y[t].mean())) for t in tenths]
    axis.plot(
        [max(a, floor) for a, _ in means], [max(b, floor) for _, b in means], "o-", color=FIRST, markersize=5, label="tenths"
    )
    ends = (floor, float(max(x.max(), y.max())))
    axis.plot(ends, ends, color=palette.MUTED, linewidth=1.0, label="equal")
    axis.set_xscale("log")
    axis.set_yscale("log")
    for ruler in (axis.xaxis, axis.yaxis):
        ruler.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ruler.set_minor_formatter(NullFormatter())
    legend(axis, "upper left")


def gains(axis: Any, curves: Sequence[Curve]) -> None:
    """Summed gain by day."""
    dress(axis, "Summed gain of the map, day by day", "", "nats since the first judged day")
    for i, curve in enumerate(curves):
        axis.plot(np.array(curve.x) / 86.4e12, curve.y, color=MARKS[i % len(MARKS)], linewidth=1.6, label=curve.name)
    axis.axhline(0.0, color=palette.MUTED, linewidth=1.0)
    if curves:
        first, last = float(curves[0].x[0]) / 86.4e12, float(curves[0].x[-1]) / 86.4e12
        step = max(1, int(np.ceil((last - first) / 4)))
        days = np.arange(int(np.ceil(first)), int(last) + 1, step)
        axis.set_xticks(days, [to_datetime(int(day) * 86_400_000_000_000).strftime("%d %b %Y") for day in days])
        legend(axis, "upper left")


def reliability(axis: Any, curves: Sequence[Curve]) -> None:
    """Stated against happened, with 95% intervals."""
    dress(axis, "Chance of a touch: stated and happened (95%)", "stated", "happened")
    axis.plot((0.0, 1.0), (0.0, 1.0), color=palette.MUTED, linewidth=1.0)
    for i, curve in enumerate(curves):
        colour = MARKS[i % len(MARKS)]
        x, y, low, high = (np.array(v) for v in (curve.x, curve.y, curve.low, curve.high))
        axis.errorbar(
            x, y, yerr=(y - low, high - y), fmt="o-", color=colour, markersize=4, linewidth=1.2, elinewidth=0.9,
            label=curve.name.removeprefix("P(touch) "),
        )  # fmt: skip
    axis.set_xlim(0.0, 1.0)
    axis.set_ylim(0.0, 1.0)
    legend(axis, "upper left")


def after_touch(axis: Any, table: Table | None) -> None:
    """Onward return after dense touches, less matched thin ones."""
    dress(axis, "After a dense level is touched, less matched thin ones", "", "onward return, bps (95%)")
    if table is None or not table.rows:
        nothing(axis, "too few touches")
        return
    for i, row in enumerate(table.rows):
        cell = row.cells["onward"]
        if cell.value is None or cell.low is None or cell.high is None:
            continue
        axis.errorbar(
            [i], [cell.value], yerr=([cell.value - cell.low], [cell.high - cell.value]), fmt="o", color=FIRST, elinewidth=2.2
        )
    for sign in (-12.0, 12.0):
        axis.axhline(sign, color=palette.WARNING, linewidth=1.0, linestyle="--")
    axis.axhline(0.0, color=palette.MUTED, linewidth=1.0)
    axis.set_xticks(range(len(table.rows)), [row.label for row in table.rows])
    axis.set_xlim(-0.6, len(table.rows) - 0.4)
    axis.annotate("12 bps: cost", (0.99, 12.0), xycoords=("axes fraction", "data"), xytext=(0, 4), textcoords="offset points",
                  ha="right", fontsize=9, color=palette.WARNING)  # fmt: skip


def mix(axis: Any, table: Table | None) -> None:
    """Learned shares with 90% intervals beside the prior, tier by tier, logarithmic."""
    dress(axis, "Leverage mix: prior, learned (90%)", "", "share of opens x kappa, log scale")
    if table is None or not table.rows:
        nothing(axis, "nothing learned")
        return
    for i, row in enumerate(table.rows):
        prior, share = row.cells["prior"], row.cells["share"]
        learned = row.note == "learned"
        axis.plot([i], [max(prior.value or 0.0, 1e-6)], "_", color=palette.MUTED, markersize=12, markeredgewidth=1.6)
        if share.value is None or share.low is None or share.high is None:
            continue
        colour = FIRST if learned else palette.OLD
        axis.plot([i, i], [max(share.low, 1e-6), max(share.high, 1e-6)], color=colour, linewidth=2.2)
        axis.plot([i], [max(share.value, 1e-6)], "o", color=colour, markersize=5)
    axis.set_yscale("log")
    axis.set_ylim(8e-7, 1.0)
    decades = [10.0**power for power in range(-6, 1)]
    axis.set_yticks(decades, [f"{100 * value:g}%" for value in decades])
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_xticks(range(len(table.rows)), [row.label for row in table.rows], rotation=60, fontsize=9)
    axis.annotate("yellow: learned; grey: the prior stands; dash: prior", (0.98, 0.95), xycoords="axes fraction", fontsize=9,
                  color=palette.MUTED, ha="right")  # fmt: skip


def strata(axis: Any, table: Table, names: Sequence[str]) -> None:
    """AUC within strata, with intervals; one half is no skill."""
    dress(axis, "T4 within strata of distance, side, speed (95%)", "AUC, 0.5: no skill")
    labels = []
    for i, name in enumerate(names):
        row = _row(table, name)
        cell = None if row is None else row.cells.get("auc")
        model, _, path = name.rpartition(", ")
        labels.append(f"{short(model).partition(' ')[0].rstrip(',')}, {path.removesuffix(' path')}")
        if cell is None or cell.value is None or cell.low is None or cell.high is None:
            continue
        axis.plot([cell.low, cell.high], [-i, -i], color=FIRST, linewidth=2.2)
        axis.plot([cell.value], [-i], "o", color=FIRST, markersize=4.5)
    axis.axvline(0.5, color=palette.MUTED, linewidth=1.0)
    axis.set_yticks([-i for i in range(len(names))], labels, fontsize=9, color=palette.TEXT)
    axis.grid(False, axis="y")


def nothing(axis: Any, why: str) -> None:
    """A panel without data says so."""
    axis.text(0.5, 0.5, why, transform=axis.transAxes, ha="center", va="center", fontsize=12, color=palette.MUTED)
    axis.set_xticks([])
    axis.set_yticks([])


def legend(axis: Any, where: str) -> None:
    axis.legend(
        loc=where, fontsize=9, facecolor=palette.GROUND, edgecolor=palette.EDGE, labelcolor=palette.TEXT, framealpha=0.85
    )


def short(name: str) -> str:
    """Names as they fit beside a panel.

    Example:
        >>> short("B6 peer: turnover ladder with half-lives")
        'B6 turnover ladder (peer)'
    """
    replaced = {
        GEOMETRY: "G geometry placebo",
        "map of open interest changes only (phi = 0)": "map, OI changes only",
        "map, high leverage closes faster (tilt 1)": "map, faster closing",
        "B3 volume profile shifted by ladder": "B3 shifted volume profile",
        "B5 peer: OI change, candle side (base)": "B5 OI change, base (peer)",
        "B5 peer: OI change, candle side (USD)": "B5 OI change, USD (peer)",
        "B6 peer: turnover ladder with half-lives": "B6 turnover ladder (peer)",
        "R regression with the fine path": "R regression",
        "map with the bar's volume, range, return": "map + bar's volume, return",
    }
    return replaced.get(name, name)


def _row(table: Table, name: str) -> Row | None:
    for row in table.rows:
        if row.label == name or short(row.label) == short(name):
            return row
    return None
