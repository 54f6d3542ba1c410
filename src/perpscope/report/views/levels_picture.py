"""Structure in one picture: candles with breaks, zones and the best levels of the map; the map itself beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from perpscope.core.time import TimeRange
from perpscope.report import palette
from perpscope.report.panes.candles import candle_frame, draw_candles
from perpscope.report.panes.canvas import TimeAxis, dress, label_box, price_text, spread
from perpscope.report.panes.sessions import shade_sessions
from perpscope.report.results import inside, ts_of
from perpscope.report.views.levels import LevelRow, LevelsView
from perpscope.report.views.page import Sheet, draw
from perpscope.report.views.snapshot import Snapshot
from perpscope.report.words import UNKNOWN, percent, signed

WIDTH, HEIGHT = 1600, 1180
LEFT, RIGHT, TOP, BOTTOM = 20, 870, 80, 1096
TABLE = 950
FAMILY = {
    "structure": palette.BUY,
    "session": palette.SESSIONS["london"],
    "profile": palette.LINE_POC,
    "vwap": palette.LINE_VWAP,
    "liquidation": palette.SELL,
    "round": palette.MUTED,
}
ROWS = 46
NOTES = (
    "BOS break of structure, CHoCH change of character: a line from the swing to the close that broke it. x: a sweep, at its "
    "return. Bands: live gaps and blocks, from when each was known.",
    "Lines: groups of the level map, named on the left by how many kinds of reason coincide. Levels in grey rows are alone. "
    "(est.): estimated, not printed. Times are UTC. Whether confluence is worth anything is unproven.",
)


def draw_levels_view(view: LevelsView, snap: Snapshot, lookback: int) -> bytes:
    """The picture as a PNG, WIDTH x HEIGHT pixels; the candles reach back over `lookback` ns."""
    return draw(WIDTH, HEIGHT, lambda sheet: _draw(sheet, view, snap, lookback))


def _draw(sheet: Sheet, view: LevelsView, snap: Snapshot, lookback: int) -> None:
    tick = snap.instrument.tick_size
    where = "" if view.range_position is None else f", {percent(view.range_position)} of the range ({view.range_zone})"
    sigma = percent(view.daily_sigma_fraction, 2) if view.daily_sigma_fraction else UNKNOWN
    facts = (
        f"{view.venue}, {view.timeframe}, known at {view.at[:16].replace('T', ' ')} UTC, last {price_text(view.price, tick)}, "
        f"trend {view.trend or UNKNOWN}{where}, daily sigma {sigma}"
    )
    sheet.heading(f"{view.symbol}: structure and levels", facts, NOTES)
    time = TimeAxis(TimeRange(max(snap.at - lookback, int(snap.bars()["ref_ts"][0])), snap.at))
    axis = sheet.box(LEFT, TOP, RIGHT, BOTTOM)
    bars = inside(snap.bars(), time.window)
    frame = candle_frame(snap.frame, time.window.end - time.window.start)
    dress(axis, time, f"{frame.name} candles", "UTC", bottom=True)
    shade_sessions(axis, time)
    low, high = float(bars["low"].min()), float(bars["high"].max())
    low, high = low - 0.05 * (high - low), high + 0.07 * (high - low)
    axis.set_ylim(low, high)
    axis.yaxis.set_major_formatter(lambda value, _: price_text(value, max(tick, 1.0) if high > 1000 else tick))
    _zones(axis, time, view, low, high)
    _lines(axis, view, low, high)
    _events(axis, time, view)
    draw_candles(axis, time, bars, frame)
    _map(sheet, view, tick)


def _zones(axis: Any, time: TimeAxis, view: LevelsView, low: float, high: float) -> None:
    for level in view.levels:
        if level.low == level.high or level.family != "structure" or level.high < low or level.low > high:
            continue
        colour = palette.BUY if "support" in level.name else palette.SELL
        start = 0.0 if level.first_seen is None else max(0.0, float(time.x(ts_of(level.first_seen))))
        corner = (start, level.low)
        patch = Rectangle(corner, time.limits[1] - start, level.high - level.low, facecolor=colour, alpha=0.14, linewidth=0)
        axis.add_patch(patch)


def _lines(axis: Any, view: LevelsView, low: float, high: float) -> None:
    """One line for every group of two kinds or more, at the mean of its prices, named at the left edge."""
    groups: dict[int, list[LevelRow]] = {}
    for level in view.levels:
        if level.families > 1:
            groups.setdefault(level.group, []).append(level)
    shown = [(float(np.mean([x.price for x in g])), g) for g in list(groups.values())[:12]]
    shown = [(p, g) for p, g in shown if low < p < high]
    places = spread(np.array([(p - low) / (high - low) for p, _ in shown]), 0.019, 0.02, 0.93)
    for (price, group), y in zip(shown, places, strict=True):
        axis.axhline(price, color=palette.LINE_POC, linewidth=0.9, alpha=0.35 + 0.13 * min(group[0].families, 4), zorder=7)
        axis.annotate(
            f"{group[0].group}: {group[0].families} kinds, {len(group)} levels", (0, y), xycoords="axes fraction",
            xytext=(4, 0), textcoords="offset points", va="center", fontsize=9, color=palette.LINE_POC, zorder=20,
            bbox=label_box(0.75),
        )  # fmt: skip


def _events(axis: Any, time: TimeAxis, view: LevelsView) -> None:
    for broken in view.breaks:
        left, right = float(time.x(ts_of(broken.swing))), float(time.x(ts_of(broken.known)))
        if right < 0:
            continue
        colour = palette.BUY if broken.direction == "up" else palette.SELL
        axis.plot([max(0.0, left), right], [broken.level] * 2, color=colour, linewidth=1.2, linestyle="--", zorder=12)
        name = {"break_of_structure": "BOS", "change_of_character": "CHoCH"}.get(broken.kind, "first")
        up = broken.direction == "up"
        axis.annotate(
            name, (right, broken.level), xytext=(-2, 3 if up else -3), textcoords="offset points", ha="right",
            va="bottom" if up else "top", fontsize=8.5, color=colour, zorder=13, annotation_clip=True,
        )  # fmt: skip
    for sweep in view.sweeps:
        x = float(time.x(ts_of(sweep.known)))
        if x >= 0:
            axis.plot([x], [sweep.price], marker="x", color=palette.WARNING, markersize=8, markeredgewidth=2, zorder=15)


def _map(sheet: Sheet, view: LevelsView, tick: float) -> None:
    rows = []
    for level in view.levels[:ROWS]:
        colour = FAMILY[level.family]
        strong = palette.TEXT if level.families > 1 else palette.MUTED
        price = price_text(level.low, tick)
        if level.low != level.high:
            price += f" - {price_text(level.high, tick)}"
        name = f"{level.name} {level.timeframe}".strip() + (" (est.)" if level.estimated else "")
        seen = UNKNOWN if level.first_seen is None else f"{level.first_seen:%d %b %H:%M}"
        touched = UNKNOWN if level.last_touched is None else f"{level.last_touched:%d %b %H:%M}"
        rows.append(
            [(str(level.group), strong), (name, colour), (price, strong), (signed(level.distance_sigma), strong),
             (seen, palette.MUTED), (touched, palette.MUTED)]
        )  # fmt: skip
    sheet.text(TABLE, TOP - 4, "Level map, groups with most kinds of reason first", points=12, weight="bold")
    headings = ("group", "level", "price", "sigma", "first seen", "last touched")
    sheet.table(TABLE, TOP + 20, (0, 42, 256, 390, 442, 536), headings, rows, step=20.5, points=9.5)
