"""The derivatives metrics in one picture: panes over the window on one time axis, the newest figures beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.core.table import Table
from perpscope.core.time import TimeRange
from perpscope.report import palette
from perpscope.report.panes.candles import candle_frame, draw_candles
from perpscope.report.panes.canvas import TimeAxis, compact, draw_columns, dress, headroom, nothing, price_text
from perpscope.report.panes.interest import draw_interest
from perpscope.report.panes.prices import dress_prices
from perpscope.report.results import inside
from perpscope.report.views.metrics import MetricsView
from perpscope.report.views.metrics_words import SHOWN, lines_of
from perpscope.report.views.page import Sheet, draw
from perpscope.report.views.snapshot import Snapshot
from perpscope.report.words import UNKNOWN, percent, plain

WIDTH, HEIGHT = 1600, 1560
LEFT, RIGHT, SIDE = 20, 1050, 1140
TOP, GAP = 78, 10
PANES = (("price", 300), ("interest", 140), ("change", 120), ("state", 110), ("funding", 130), ("premium", 120),
         ("ratios", 120), ("forced", 130), ("spread", 120))  # fmt: skip
STATES = {
    "long_build": palette.BUY,
    "short_cover": palette.LINE_CVD,
    "short_build": palette.SELL,
    "long_unwind": palette.LINE_VWAP,
    "flat": palette.OLD,
}
NOTES = (
    "Open interest in base units, one side. z: change against the 7 days before. State: colour of price x open interest; a "
    "bar's height is |z| of open interest; white dot: the aggressor disagrees (absorbed).",
    "Funding per payment; predicted is estimated from mark and index, dated venue rules. Liquidations as reported: a lower "
    "bound unless the feed is complete. Ratios count heads. Times are UTC.",
)


def draw_metrics(view: MetricsView, snap: Snapshot, lookback: int) -> bytes:
    """The picture as a PNG, WIDTH x HEIGHT pixels."""
    return draw(WIDTH, HEIGHT, lambda sheet: _draw(sheet, view, snap, lookback))


def _draw(sheet: Sheet, view: MetricsView, snap: Snapshot, lookback: int) -> None:
    tick, base = snap.instrument.tick_size, snap.instrument.base or "base"
    facts = (
        f"{view.venue}, {view.timeframe}, known at {view.at[:16].replace('T', ' ')} UTC, last {price_text(view.price, tick)}, "
        f"{view.window_days:g} days"
    )
    sheet.heading(f"{view.symbol}: derivatives metrics", facts, NOTES)
    time = TimeAxis(TimeRange(max(snap.at - lookback, int(snap.bars()["ref_ts"][0])), snap.at))
    top = TOP
    for name, height in PANES:
        axis = sheet.box(LEFT, top, RIGHT, top + height)
        _pane(axis, name, time, snap, base, bottom=name == PANES[-1][0])
        top += height + GAP
    _side(sheet, view, base)


def _pane(axis: Any, name: str, time: TimeAxis, snap: Snapshot, base: str, bottom: bool) -> None:
    def of(fold: str) -> Table | None:
        table = snap.table(fold)
        kept = None if table is None else table[table["known_ts"] > time.window.start]
        return kept if kept is not None and len(kept) else None

    titles = {
        "price": ("Price", "UTC"), "interest": ("Open interest", base),
        "change": ("Change of open interest, z", "sigma of 7 days"),
        "state": ("Price x open interest", "|z| of open interest"),
        "funding": ("Funding: paid (steps), predicted (dots)", "bps"),
        "premium": ("Premium (mark over index)", "bps"), "ratios": ("Long share", "percent"),
        "forced": ("Reported liquidations: shorts up, longs down", base), "spread": ("Spot - perpetual flow", "sigma"),
    }  # fmt: skip
    dress(axis, time, *titles[name], bottom=bottom)
    axis.tick_params(labelsize=9.5)
    match name:
        case "price":
            bars = inside(snap.bars(), time.window)
            low, high = float(bars["low"].min()), float(bars["high"].max())
            dress_prices(axis, low - 0.04 * (high - low), high + 0.09 * (high - low), snap.instrument.tick_size)
            draw_candles(axis, time, bars, candle_frame(snap.frame, time.window.end - time.window.start))
            return
        case "interest":
            draw_interest(axis, time, snap.recorded.get("open_interest"))
            if snap.recorded.get("open_interest") is None:
                return
        case "change":
            _columns(axis, time, of("open_interest_delta"), "z", _why(snap, "open_interest_delta", "no open interest"))
        case "state":
            _states(axis, time, of("positioning"), _why(snap, "positioning", "no open interest"))
        case "funding":
            _funding(axis, time, snap.table("funding_state"), of("premium"))
        case "premium":
            table, column = of("basis"), "basis_fraction"
            _line(axis, time, table, column, palette.LINE_VWAP, _why(snap, "basis", "no mark and index prices"), 1e4)
        case "ratios":
            _ratios(axis, time, of("ratios"))
        case "forced":
            _forced(axis, time, of("liquidation_volume"))
        case "spread":
            why = (
                "no spot companion: --companion spot=venue:symbol"
                if snap.table("flow_spread") is None
                else "not in this window"
            )
            _columns(axis, time, of("flow_spread"), "spread", why)
    if name != "funding":
        headroom(axis)


def _why(snap: Snapshot, fold: str, short: str) -> str:
    return f"{short} in the data" if snap.table(fold) is None else "not known in this window"


def _columns(axis: Any, time: TimeAxis, table: Table | None, column: str, why: str) -> None:
    if table is None or not np.isfinite(table[column]).any():
        nothing(axis, why)
        return
    values = table[column]
    colours = np.where(values >= 0, palette.BUY, palette.SELL)
    draw_columns(axis, time.x(table["ref_ts"]), time.x(table["known_ts"]), values, colours)
    axis.axhline(0, color=palette.EDGE, linewidth=0.8)


def _line(axis: Any, time: TimeAxis, table: Table | None, column: str, colour: str, why: str, scale: float = 1.0) -> None:
    if table is None or not np.isfinite(table[column]).any():
        nothing(axis, why)
        return
    axis.plot(time.x(table["known_ts"]), scale * table[column], color=colour, linewidth=1.2, zorder=4)
    axis.axhline(0, color=palette.EDGE, linewidth=0.8)


def _states(axis: Any, time: TimeAxis, table: Table | None, why: str) -> None:
    if table is None:
        nothing(axis, why)
        return
    names = [row["state"] for row in table.rows()]
    colours = np.array([STATES.get(name or "", palette.OLD) for name in names])
    height = np.abs(table["open_interest_z"]).clip(0, 4)
    draw_columns(axis, time.x(table["ref_ts"]), time.x(table["known_ts"]), height, colours)
    odd = table["absorbed"]
    middle = (time.x(table["ref_ts"]) + time.x(table["known_ts"])) / 2
    axis.plot(middle[odd], height[odd] + 0.15, "o", color=palette.TEXT, markersize=2.5, zorder=6)


def _funding(axis: Any, time: TimeAxis, paid: Table | None, predicted: Table | None) -> None:
    recent = None if paid is None else paid[paid["known_ts"] > time.window.start]
    if recent is None or not len(recent):
        nothing(axis, "no funding in the data" if paid is None else "no payment in this window")
        return
    x, rate = time.x(recent["known_ts"]), 1e4 * recent["funding_rate"]
    axis.step(np.append(x, time.now), np.append(rate, rate[-1]), where="post", color=palette.LINE_INTEREST, linewidth=1.5)
    axis.plot(x, rate, "o", color=palette.LINE_INTEREST, markersize=3)
    if predicted is not None:
        told = 1e4 * predicted["funding_rate_predicted"]
        axis.plot(time.x(predicted["known_ts"]), told, ".", color=palette.WARNING, markersize=2.5, zorder=4)
    axis.axhline(0, color=palette.EDGE, linewidth=0.8)
    headroom(axis)


def _ratios(axis: Any, time: TimeAxis, table: Table | None) -> None:
    if table is None:
        nothing(axis, "no long/short ratios in this window")
        return
    colours = {1: palette.LINE_CVD, 2: palette.LINE_VWAP, 3: palette.LINE_INTEREST}
    names = {1: "all accounts", 2: "top accounts", 3: "top positions"}
    for k, (kind, colour) in enumerate(colours.items()):
        mine = table[table["ratio_kind"] == kind]
        if len(mine):
            axis.plot(time.x(mine["known_ts"]), 100 * mine["long_fraction"], color=colour, linewidth=1.3)
            axis.annotate(names[kind], (0.2 + 0.12 * k, 1), xycoords="axes fraction", xytext=(0, -7), fontsize=10, color=colour,
                          textcoords="offset points", va="top")  # fmt: skip


def _forced(axis: Any, time: TimeAxis, table: Table | None) -> None:
    if table is None or not np.isfinite(table["long_quantity"]).any():
        nothing(axis, "no liquidations were reported in this window")
        return
    left, right = time.x(table["ref_ts"]), time.x(table["known_ts"])
    draw_columns(axis, left, right, table["short_quantity"], palette.BUY)
    draw_columns(axis, left, right, -table["long_quantity"], palette.SELL)
    axis.axhline(0, color=palette.EDGE, linewidth=0.8)
    axis.yaxis.set_major_formatter(lambda v, _: compact(abs(v)))


def _side(sheet: Sheet, view: MetricsView, base: str) -> None:
    y: float = TOP
    by = {m.fold: m for m in view.metrics}
    for fold, (title, _) in SHOWN.items():
        if fold not in by:
            continue
        sheet.text(SIDE, y, title, points=11.5, weight="bold")
        sheet.text(SIDE, y + 18, f"known {by[fold].known:%d %b %H:%M} UTC", palette.MUTED, 9)
        y += 36
        for words, value in lines_of(by[fold], base):
            sheet.text(SIDE, y, words, palette.MUTED, 10)
            sheet.text(1580, y, value, palette.TEXT, 10, ha="right")
            y += 17
        y += 12
    sheet.text(SIDE, y, "Long share", points=11.5, weight="bold")
    y += 20
    for kind, share in view.ratios.items():
        sheet.text(SIDE, y, plain(kind), palette.MUTED, 10)
        sheet.text(1580, y, UNKNOWN if share is None else percent(share), palette.TEXT, 10, ha="right")
        y += 17
    y += 12
    if view.states:
        sheet.text(SIDE, y, f"States of {view.window_days:g} days", points=11.5, weight="bold")
        y += 20
        for state in view.states:
            sheet.text(SIDE, y, plain(state.state), STATES.get(state.state, palette.TEXT), 10)
            words = f"{percent(state.share, 2)}, {state.bars} bars, {state.absorbed} absorbed"
            sheet.text(1580, y, words, palette.TEXT, 10, ha="right")
            y += 17
    if view.absent:
        y += 12
        sheet.text(SIDE, y, "Not in the data", palette.WARNING, 11.5, weight="bold")
        sheet.text(SIDE, y + 20, ", ".join(plain(k.partition("@")[0]) for k in list(view.absent)[:4]), palette.MUTED, 10)
