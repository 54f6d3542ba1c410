"""Sessions in one picture: their ranges over the candles, the levels in force, and the season of the day beneath."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from perpscope.core.time import TimeRange, parse_ts
from perpscope.report import palette
from perpscope.report.panes.candles import candle_frame, draw_candles
from perpscope.report.panes.canvas import TimeAxis, dress, nothing, price_text
from perpscope.report.panes.prices import Tag, draw_tags, dress_prices
from perpscope.report.panes.sessions import NAMES, draw_sessions
from perpscope.report.results import inside, ts_of
from perpscope.report.views.page import Sheet, draw, plain_axis
from perpscope.report.views.session_board import SessionsView
from perpscope.report.views.snapshot import Snapshot
from perpscope.report.words import UNKNOWN, plain

WIDTH, HEIGHT = 1600, 1210
LEFT, RIGHT = 76, 1040
TOP, PRICE_TOP, PRICE_BOTTOM = 78, 138, 830
SEASON_TOP, SEASON_BOTTOM = 898, 1120
NOTES = (
    "Boxes: high and low of each session from its open to its end, in local clocks turned to UTC; dotted line inside: its "
    "average price so far. Sessions with a missing bar are hatched.",
    "Season: by New York's clock over the history before the moment; bands are 95 % intervals by blocks of 14 days. Returns "
    "whose band holds zero say nothing about direction. Times are UTC but for the season.",
)


def draw_sessions_view(view: SessionsView, snap: Snapshot, lookback: int) -> bytes:
    """The picture as a PNG, WIDTH x HEIGHT pixels."""
    return draw(WIDTH, HEIGHT, lambda sheet: _draw(sheet, view, snap, lookback))


def _draw(sheet: Sheet, view: SessionsView, snap: Snapshot, lookback: int) -> None:
    tick = snap.instrument.tick_size
    now = ", ".join(plain(w.name) for w in view.now) or "no session"
    facts = f"{view.venue}, known at {view.at[:16].replace('T', ' ')} UTC, last {price_text(view.price, tick)}; open now: {now}"
    sheet.heading(f"{view.symbol}: sessions", facts, NOTES)
    time = TimeAxis(TimeRange(max(snap.at - lookback, int(snap.bars()["ref_ts"][0])), snap.at))
    draw_sessions(sheet.box(LEFT, TOP, RIGHT, PRICE_TOP - 6), time)
    axis = sheet.box(LEFT, PRICE_TOP, RIGHT, PRICE_BOTTOM)
    bars = inside(snap.bars(), time.window)
    frame = candle_frame(snap.frame, time.window.end - time.window.start)
    dress(axis, time, f"Price, {frame.name} candles", "UTC", bottom=True)
    low, high = float(bars["low"].min()), float(bars["high"].max())
    low, high = low - 0.05 * (high - low), high + 0.07 * (high - low)
    dress_prices(axis, low, high, tick)
    _boxes(axis, time, snap)
    draw_candles(axis, time, bars, frame)
    tags = [Tag("last", view.price, palette.CANDLE_UP, strong=True)]
    for level in view.levels:
        if "(" in level.name or not low < level.price < high:
            continue
        colour = palette.LINE_POC if level.name.startswith("previous") else palette.LINE_VWAP
        short = level.name.replace("previous ", "prev ").replace(" new york", " NY").replace("new york", "NY")
        tags.append(Tag(short, level.price, colour, ts_of(level.since)))
    draw_tags(axis, time, tags, low, high, tick, PRICE_BOTTOM - PRICE_TOP, 66 / (RIGHT - LEFT))
    _right(sheet, view, tick)
    _season(sheet, view)


def _boxes(axis: Any, time: TimeAxis, snap: Snapshot) -> None:
    table = snap.table("session_ranges")
    if table is None:
        return
    recent = table[table["known_ts"] > time.window.start]
    last = {(r["session"], r["ref_ts"]): r for r in recent.rows()}
    for (name, start), row in last.items():
        if name not in NAMES:
            continue
        colour = palette.SESSIONS[name]
        left, right = max(0.0, float(time.x(start))), float(time.x(min(row["end_ts"], snap.at)))
        box = Rectangle((left, row["low"]), right - left, row["high"] - row["low"], facecolor=colour, alpha=0.10, linewidth=0)
        edge = Rectangle((left, row["low"]), right - left, row["high"] - row["low"], fill=False, edgecolor=colour,
                         linewidth=1.0, alpha=0.8, hatch=None if row["complete"] else "//")  # fmt: skip
        axis.add_patch(box)
        axis.add_patch(edge)
        if row["vwap"] is not None:
            axis.plot([left, right], [row["vwap"]] * 2, color=colour, linestyle=":", linewidth=1.3, zorder=8)


def _right(sheet: Sheet, view: SessionsView, tick: float) -> None:
    left, y = 1290, TOP
    sheet.text(left, y, "Next", points=12, weight="bold")
    at = parse_ts(view.at)
    for k, window in enumerate(view.next[:6]):
        wait = (ts_of(window.opens) - at) // 60_000_000_000
        sheet.text(left, y + 24 + 18 * k, plain(window.name), palette.MUTED, 10)
        words = f"{window.opens:%d %b %H:%M}, in {wait // 60}h {wait % 60:02d}m"
        sheet.text(left + 124, y + 24 + 18 * k, words, palette.MUTED, 10)
    y += 146
    funding = "not known" if view.next_funding is None else f"{view.next_funding:%d %b %H:%M}"
    sheet.text(left, y, f"Next funding payment: {funding}", palette.LINE_INTEREST, 10)
    y += 34
    sheet.text(left, y, "Newest range of each session", points=12, weight="bold")
    y += 24
    for row in view.ranges[::-1]:
        state = ("developing" if row.developing else "final") + ("" if row.whole else ", incomplete")
        colour = palette.SESSIONS.get(row.name, palette.TEXT)
        sheet.text(left, y, f"{plain(row.name)}, {row.start:%d %b %H:%M}, {state}", colour, 10)
        words = f"{_p(row.low, tick)} - {_p(row.high, tick)}"
        sheet.text(left, y + 16, words, palette.TEXT, 10)
        extra = f"VWAP {_p(row.vwap, tick)}" + (f"   POC {_p(row.poc, tick)} (est.)" if row.poc is not None else "")
        sheet.text(left, y + 32, extra, palette.MUTED, 10)
        y += 56
    if view.night:
        sheet.text(left, y + 6, "Power of three", points=12, weight="bold")
        side = view.night["direction"] or "no direction"
        sheet.text(left, y + 30, f"{view.night['event']}, {side}", palette.TEXT, 10)
        when = str(view.night["known"])[:16].replace("T", " ")
        sheet.text(left, y + 46, f"known {when} UTC", palette.MUTED, 10)
        y += 70
    for opening in view.opening_ranges[:6]:
        side = f" {opening.side}" if opening.side else ""
        words = f"{plain(opening.session)} first {opening.minutes}m: {opening.event}{side}, {opening.known:%d %b %H:%M}"
        sheet.text(left, y + 12, words, palette.MUTED, 9.5)
        y += 17


def _season(sheet: Sheet, view: SessionsView) -> None:
    wanted = (
        ("volatility", "Volatility", palette.LINE_CVD),
        ("volume", "Volume", palette.LINE_INTEREST),
        ("return", "Return", palette.BUY),
        ("delta", "Delta", palette.LINE_VWAP),
    )
    width = (1584 - LEFT) / 4
    for k, (name, title, colour) in enumerate(wanted):
        axis = sheet.box(LEFT + k * width, SEASON_TOP, LEFT + (k + 1) * width - 58, SEASON_BOTTOM)
        unit = view.season_units.get(name, "").split(",")[0]
        plain_axis(axis, f"{title} by hour, New York" + (f" ({unit})" if unit else ""))
        known = [(h.hour, h.measures[name]) for h in view.season if name in h.measures and None not in h.measures[name]]
        if not known:
            nothing(axis, "no taker volume" if name == "delta" and view.season else "less than 8 weeks of history")
            axis.set_xticks([])
            continue
        hour = np.array([h for h, _ in known], float)
        value, low, high = np.array([m for _, m in known], float).T
        axis.fill_between(hour, low, high, color=colour, alpha=0.25, linewidth=0)
        axis.plot(hour, value, color=colour, linewidth=1.6)
        if name in ("return", "delta"):
            axis.axhline(0, color=palette.EDGE, linewidth=1)
        axis.set_xlim(0, 23)
        axis.set_xticks(range(0, 24, 4), [f"{h:02d}:00" for h in range(0, 24, 4)])


def _p(value: float | None, tick: float) -> str:
    return UNKNOWN if value is None else price_text(value, tick)
