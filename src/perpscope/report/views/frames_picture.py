"""The time frames in one picture: a strip of candles with its averages for each, the parts of the lean beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from perpscope.core.time import Timeframe, TimeRange
from perpscope.report import palette
from perpscope.report.panes.candles import draw_candles
from perpscope.report.panes.canvas import TimeAxis, dress, label_box, price_text
from perpscope.report.results import ts_of
from perpscope.report.views.frames import FrameRow, FramesView
from perpscope.report.views.page import Sheet, draw
from perpscope.report.views.snapshot import Snapshot
from perpscope.report.words import UNKNOWN, at_text, percent, plain, signed

WIDTH = 1600
BARS = 130
LEFT, RIGHT, SIDE = 34, 1000, 1090
TOP, STRIP, GAP = 74, 232, 26
AVERAGES = {"ema_9": palette.LINE_CVD, "ema_21": palette.LINE_VWAP, "ema_50": palette.LINE_INTEREST, "ema_200": palette.WARNING}
COLOURS = {"up": palette.BUY, "long": palette.BUY, "bull": palette.BUY, "down": palette.SELL, "short": palette.SELL}
NOTES = (
    "Figures are of bars closed at the moment named above; a forming bar is dotted and used nowhere else. Times are UTC. "
    "Sigma: one standard deviation of a day's return.",
    "Lean: close against EMA200, EMA50 against EMA200, slope of EMA50 in ATR, direction of the last break; the mean of the "
    "four. Unproven.",
    "Zones: live fair value gaps and order blocks of the frame, from when each was known. A triangle: an entry of the lowest "
    "frame at such a zone (change of character or sweep). Unproven.",
)


def draw_frames(view: FramesView, snap: Snapshot) -> bytes:
    """The picture as a PNG, WIDTH pixels wide."""
    height = max(TOP + len(view.frames) * (STRIP + GAP), TOP + 540) + 96
    return draw(WIDTH, height, lambda sheet: _draw(sheet, view, snap))


def _draw(sheet: Sheet, view: FramesView, snap: Snapshot) -> None:
    tick = snap.instrument.tick_size
    facts = f"{view.venue}, known at {view.at[:16].replace('T', ' ')} UTC, last {price_text(view.price, tick)}"
    if view.daily_sigma_fraction:
        facts += f", daily sigma {percent(view.daily_sigma_fraction, 2)}"
    sheet.heading(f"{view.symbol}: time frames", facts, NOTES)
    for k, row in enumerate(view.frames):
        top = TOP + 14 + k * (STRIP + GAP)
        _strip(sheet.box(LEFT, top, RIGHT, top + STRIP), view, row, snap)
        _beside(sheet, SIDE, top, row)
    _together(sheet, view, TOP + 8, tick)


def _strip(axis: Any, view: FramesView, row: FrameRow, snap: Snapshot) -> None:
    bars = snap.bars(row.timeframe)[-BARS:]
    if not len(bars):
        return
    time = TimeAxis(TimeRange(int(bars["ref_ts"][0]), snap.at))
    dress(axis, time, f"{row.timeframe}", "", bottom=True)
    axis.tick_params(labelsize=9)
    low, high = float(bars["low"].min()), float(bars["high"].max())
    low, high = low - 0.06 * (high - low), high + 0.12 * (high - low)
    axis.set_ylim(low, high)
    for zone in (z for z in view.zones if z.timeframe == row.timeframe):
        colour = COLOURS.get(zone.direction, palette.NEUTRAL)
        start = max(0.0, float(time.x(ts_of(zone.known))))
        corner = (start, zone.bottom)
        patch = Rectangle(corner, time.limits[1] - start, zone.top - zone.bottom, facecolor=colour, alpha=0.18, linewidth=0)
        axis.add_patch(patch)
    stack = snap.table("average_stack", row.timeframe)
    if stack is not None:
        seen = stack[stack["ref_ts"] >= time.window.start]
        for name, colour in AVERAGES.items():
            axis.plot(time.x(seen["known_ts"]), seen[name], color=colour, linewidth=1.0, zorder=8)
    draw_candles(axis, time, bars, Timeframe.parse(row.timeframe))
    if row.forming is not None:
        left, right = time.now, min(time.limits[1], time.now + float(Timeframe.parse(row.timeframe).ns / 3.6e12))
        bottom, top = sorted((row.forming.open, row.forming.last))
        box = Rectangle((left, bottom), right - left, max(top - bottom, (high - low) * 0.004), fill=False, linestyle=":",
                        edgecolor=palette.TEXT, linewidth=1.1, zorder=12)  # fmt: skip
        axis.add_patch(box)
        axis.plot(
            [(left + right) / 2] * 2, [row.forming.low, row.forming.high], color=palette.TEXT, linestyle=":", linewidth=1.0
        )
    if row is view.frames[-1]:
        for entry in view.entries:
            up = entry.direction == "up"
            x = float(time.x(ts_of(entry.known)))
            if x >= 0:
                axis.plot([x], [entry.close], marker="^" if up else "v", color=COLOURS[entry.direction], markersize=8,
                          markeredgecolor=palette.GROUND, zorder=14)  # fmt: skip
    words = f"trend {plain(row.trend or UNKNOWN)}   momentum {row.momentum or UNKNOWN}   volatility {row.volatility or UNKNOWN}"
    axis.annotate(
        words + ("   PARTIAL: some trades of a bar are missing" if row.partial else ""), (0, 1), xycoords="axes fraction",
        xytext=(52, -5), textcoords="offset points", ha="left", va="top", fontsize=11, zorder=30, bbox=label_box(),
        color=COLOURS.get(row.trend or "", palette.TEXT),
    )  # fmt: skip


def _beside(sheet: Sheet, left: float, top: float, row: FrameRow) -> None:
    """The four parts as bars from -1 to 1, and the numbers."""
    axis = sheet.box(left + 60, top + 20, left + 250, top + 124)
    axis.set_facecolor(palette.PANEL)
    names = ("price", "averages", "slope", "structure")
    values = np.array([row.parts.get(n) if row.parts.get(n) is not None else np.nan for n in names], float)
    colours = [palette.BUY if v > 0 else palette.SELL for v in values]
    axis.barh(np.arange(4), np.nan_to_num(values), color=colours, height=0.62)
    axis.set_xlim(-1.05, 1.05)
    axis.set_ylim(3.6, -0.6)
    axis.axvline(0, color=palette.EDGE, linewidth=1)
    axis.set_yticks(np.arange(4), names, fontsize=10, color=palette.MUTED)
    axis.set_xticks([])
    for side in axis.spines.values():
        side.set_color(palette.EDGE)
    colour = palette.NEUTRAL if row.score is None else palette.BUY if row.score > 0 else palette.SELL
    sheet.text(left - 10, top - 2, f"{row.timeframe} lean {signed(row.score)}", colour, 12, weight="bold")
    atr = UNKNOWN if row.atr_fraction is None else percent(row.atr_fraction, 2)
    rank = UNKNOWN if row.volatility_rank is None else percent(row.volatility_rank, 2)
    rsi = UNKNOWN if row.rsi is None else f"{row.rsi:.0f}"
    lines = (
        f"RSI {rsi}, rate {signed(row.rate)} ATR",
        f"ATR {atr} of price, rank {rank}",
        f"slope 50 {signed(row.slope_50)}, to EMA200 {signed(row.distance_200)} ATR",
        f"last break {plain(row.last_break) if row.last_break else UNKNOWN}",
        f"closed {at_text(row.known)}",
        f"next bar {percent(row.forming.elapsed_fraction, 2)} formed" if row.forming else "",
    )
    for k, line in enumerate(lines):
        sheet.text(left - 10, top + 130 + 17 * k, line, palette.MUTED, 9.5)


def _together(sheet: Sheet, view: FramesView, top: float, tick: float) -> None:
    left = 1372
    sheet.text(left, top, "Together", points=12, weight="bold")
    y = top + 26
    for h in view.horizons:
        side = COLOURS.get(h.side, palette.NEUTRAL)
        sheet.text(left, y, f"{h.name} term: {h.side}", side, 12)
        sheet.text(left, y + 20, ", ".join(h.frames) or "no such frame", palette.MUTED, 9.5)
        agrees = f"score {signed(h.score)}, {percent(h.agreement)} agree" if h.frames else ""
        sheet.text(left, y + 36, agrees, palette.MUTED, 9.5)
        y += 66
    sheet.text(left, y + 8, "Averages", points=12, weight="bold")
    for k, (name, colour) in enumerate(AVERAGES.items()):
        sheet.text(left, y + 32 + 18 * k, name.replace("_", " ").upper(), colour, 10)
    y += 122
    sheet.text(left, y, "Nearest zones", points=12, weight="bold")
    y += 24
    if not view.zones:
        sheet.text(left, y, "none within 3 sigma", palette.MUTED, 9.5)
    for zone in view.zones[:9]:
        colour = COLOURS.get(zone.direction, palette.NEUTRAL)
        sheet.text(left, y, f"{zone.timeframe} {zone.kind}", colour, 9.5)
        sheet.text(left, y + 15, f"{price_text(zone.bottom, tick)} - {price_text(zone.top, tick)}", palette.MUTED, 9.5)
        sheet.text(left, y + 30, f"{signed(zone.distance_sigma)} sigma, {zone.state}", palette.MUTED, 9.5)
        y += 54
