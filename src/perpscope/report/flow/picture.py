"""The picture: the book and the orders that met it, the footprint, the day's profile, delta and its running sum.

Drawn like the report's, without a display, a clock or the user's settings, so that the same rows give the same bytes.
"""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perpscope.core.table import Table
from perpscope.report import palette
from perpscope.report.flow.axis import FlowAxis
from perpscope.report.flow.book_pane import draw_book, draw_dots, draw_path, draw_quotes, legend_text
from perpscope.report.flow.build import Flow
from perpscope.report.flow.cells import cells_to_draw
from perpscope.report.flow.delta_pane import draw_delta, draw_running
from perpscope.report.flow.footprint_pane import WORDS, draw_footprint
from perpscope.report.flow.profile_pane import draw_profile
from perpscope.report.panes.canvas import compact, dress, dress_side, headroom, label_box, nothing, price_text
from perpscope.report.panes.hatch import EVERYWHERE, draw_holes
from perpscope.report.panes.prices import price_ticks

WIDTH, HEIGHT, DPI = 1600, 1600, 100
LEFT, RIGHT = 40, 1200
SIDE_LEFT, SIDE_RIGHT = 1300, 1580
BOOK = 104, 590
FOOTPRINT = 606, 1200
DELTA = 1216, 1346
CVD = 1362, 1512
MOST_LISTED = 30
KEY = (
    "Times are UTC. Delta = aggressive buys - aggressive sells; CVD its running sum since the window began, with its extremes "
    "inside each bar.",
    "Footprint: framed cell (yellow stroke) = the bar's point of control; bright bold number = 3 x the other side one row "
    "across and among the largest fifth shown. Profile: value area bright.",
)

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": palette.TEXT,
    "axes.labelcolor": palette.MUTED,
    "hatch.color": palette.GAP,
    "hatch.linewidth": 0.9,
    "axes.unicode_minus": True,
    "text.parse_math": False,
}


def draw_flow(flow: Flow) -> bytes:
    """The order flow as a PNG of WIDTH x HEIGHT pixels, without date or software in its metadata."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=palette.GROUND)
        FigureCanvasAgg(figure)
        _draw(figure, flow)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=DPI, facecolor=palette.GROUND, metadata={"Software": None})
    return out.getvalue()


def _box(figure: Figure, left: float, top: float, right: float, bottom: float) -> Any:
    return figure.add_axes((left / WIDTH, 1 - bottom / HEIGHT, (right - left) / WIDTH, (bottom - top) / HEIGHT))


def _draw(figure: Figure, flow: Flow) -> None:
    time = FlowAxis(flow.window)
    low, high = _limits(flow.trades)
    _head(figure, flow)
    _book(figure, flow, time, low, high)
    _side_profile(figure, flow, low, high)
    _footprint(figure, flow, time, low, high)
    _largest(figure, flow)
    base, frame = flow.document.meta.base, flow.frame.name
    delta, bars = flow.table("delta"), flow.table("bars")
    for box, title, last in ((DELTA, f"Delta per {frame}", False), (CVD, "CVD since the window began", True)):
        axis = _box(figure, LEFT, box[0], RIGHT, box[1])
        dress(axis, time, "", base, bottom=last)
        if delta is not None and bars is not None and len(delta):
            if last:
                draw_running(axis, time, delta, bars)
            else:
                draw_delta(axis, time, delta, RIGHT - LEFT)
            headroom(axis)
            low_edge, high_edge = axis.get_ylim()
            axis.set_ylim(low_edge - 0.14 * (high_edge - low_edge), high_edge)
        else:
            nothing(axis, "no bar closed in the window")
        dress(axis, time, title, base, bottom=last)
        draw_holes(axis, time, flow.holes, EVERYWHERE)
    for k, line in enumerate(KEY):
        figure.text(LEFT / WIDTH, 1 - (HEIGHT - 46 + 19 * k) / HEIGHT, line, fontsize=9.5, color=palette.MUTED, va="top")


def _limits(trades: Table) -> tuple[float, float]:
    low, high = float(trades["price"].min()), float(trades["price"].max())
    air = 0.08 * (high - low) or low * 1e-4
    return low - air, high + air


def _head(figure: Figure, flow: Flow) -> None:
    meta = flow.document.meta
    window = f"{meta.start:%Y-%m-%d %H:%M:%S} to {meta.end:%Y-%m-%d %H:%M:%S} UTC; nothing later is used"
    said = flow.document.summary
    lines = [
        (f"{meta.symbol}  {meta.venue}  order flow, {meta.timeframe} bars", 19, palette.TEXT),
        (f"{window}  |  {said[0]}", 11, palette.MUTED),
        ("  ".join(said[1 : 3 if flow.document.profile else 2]), 11, palette.MUTED),
    ]
    y = 12.0
    for text, size, colour in lines:
        figure.text(LEFT / WIDTH, 1 - y / HEIGHT, text, fontsize=size, color=colour, ha="left", va="top")
        y += size * 1.39 + 8


def _prices(axis: Any, low: float, high: float, tick: float, wanted: int) -> None:
    axis.set_ylim(low, high)
    at = price_ticks(low, high, wanted)
    axis.set_yticks(at, [price_text(p, tick) for p in at])


def _book(figure: Figure, flow: Flow, time: FlowAxis, low: float, high: float) -> None:
    tick, base = flow.instrument.tick_size, flow.document.meta.base
    axis = _box(figure, LEFT, BOOK[0], RIGHT, BOOK[1])
    heat, quotes, orders, large = (flow.table(n) for n in ("liquidity_heatmap", "book_state", "orders", "large_trades"))
    full = None if heat is None else draw_book(axis, time, heat, low, high, BOOK[1] - BOOK[0])
    if full is None:
        draw_path(axis, time, flow.trades)
    if quotes is not None:
        draw_quotes(axis, time, quotes)
    most = 0.0 if orders is None or large is None else draw_dots(axis, time, orders, large)
    title = "Resting orders and trades" if full is not None else "Trades; NO ORDER BOOK in the lake for this window"
    dress(axis, time, title, "", bottom=False)
    _prices(axis, low, high, tick, 12)
    axis.grid(visible=full is None)
    axis.annotate(
        legend_text(full, most, base), (0, 0), xycoords="axes fraction", xytext=(6, 6), textcoords="offset points",
        fontsize=9.5, color=palette.TEXT, zorder=30, bbox=label_box(),
    )  # fmt: skip
    draw_holes(axis, time, flow.holes, (*EVERYWHERE, "book_delta"), named=True)
    if flow.profile is not None:
        for name, price in (("POC", flow.profile.poc), ("VAH", flow.profile.vah), ("VAL", flow.profile.val)):
            if low < price < high:
                axis.axhline(price, color=palette.LINE_POC, linewidth=0.9, linestyle=(0, (5, 3)), zorder=5)
                axis.annotate(
                    f"{name} {price_text(price, tick)}", (1, price), xycoords=("axes fraction", "data"), xytext=(-4, 2),
                    textcoords="offset points", ha="right", va="bottom", fontsize=9.5, color=palette.LINE_POC, zorder=31,
                )  # fmt: skip


def _side_profile(figure: Figure, flow: Flow, low: float, high: float) -> None:
    axis = _box(figure, SIDE_LEFT, BOOK[0], SIDE_RIGHT, BOOK[1])
    axis.set_ylim(low, high)
    unit = flow.document.meta.base
    if flow.profile is None:
        dress_side(axis, "Day's profile", unit)
        nothing(axis, "no bar of the day has closed")
        return
    draw_profile(axis, flow.profile, flow.instrument.tick_size, BOOK[1] - BOOK[0])
    at = price_ticks(low, high, 12)
    axis.set_yticks(at, [""] * len(at))
    for price in (flow.profile.poc, flow.profile.vah, flow.profile.val):
        if low < price < high:
            axis.axhline(price, color=palette.LINE_POC, linewidth=0.9, linestyle=(0, (5, 3)), zorder=5)
    p = flow.document.profile
    part = "" if p is not None and p.whole else " (part)"
    dress_side(axis, f"UTC day so far{part}", unit)


def _footprint(figure: Figure, flow: Flow, time: FlowAxis, low: float, high: float) -> None:
    axis = _box(figure, LEFT, FOOTPRINT[0], RIGHT, FOOTPRINT[1])
    tick, base = flow.instrument.tick_size, flow.document.meta.base
    rows, bars = flow.table("footprint"), flow.table("bars")
    width = (RIGHT - LEFT) / time.limits[1] * float(time.x(flow.window.end))
    cells = None if rows is None else cells_to_draw(rows, flow.frame.ns, flow.window, width, FOOTPRINT[1] - FOOTPRINT[0])
    if cells is None or bars is None:
        dress(axis, time, "Footprint", base)
        nothing(axis, f"no {flow.frame.name} bar closed in the window")
        return
    draw_footprint(axis, time, cells, bars, tick)
    joined = "" if cells.group == 1 else f", {cells.group} bars as one"
    title = f"Footprint, {flow.frame.name}{joined}: {WORDS[cells.detail]}, rows of {cells.step * tick:g}"
    dress(axis, time, title, base)
    _prices(axis, low, high, tick, 14)
    axis.grid(visible=False)
    draw_holes(axis, time, flow.holes, EVERYWHERE)


def _largest(figure: Figure, flow: Flow) -> None:
    """The largest orders as a list, and how many rows the folds wrote."""
    base = flow.document.meta.base
    left = (SIDE_LEFT + 4) / WIDTH
    y = FOOTPRINT[0] + 22.0

    def line(text: str, colour: str, size: float = 10.0, family: str = "DejaVu Sans") -> None:
        nonlocal y
        figure.text(left, 1 - y / HEIGHT, text, fontsize=size, color=colour, va="top", family=family)
        y += size * 1.39 + 6

    line(f"Largest orders, {base}", palette.TEXT, 11)
    for order in flow.document.largest:
        colour = palette.BUY if order.side == "buy" else palette.SELL
        price = price_text(order.vwap, flow.instrument.tick_size)
        mark = " *" if order.large else ""
        line(f"{order.at:%H:%M:%S} {compact(order.quantity):>6s} @ {price:>10s}{mark}", colour, 10, "DejaVu Sans Mono")
    if any(order.large for order in flow.document.largest):
        line("* above the 99.5 % of orders before it", palette.MUTED, 9)
    y += 10
    line("Rows written", palette.TEXT, 11)
    said = {key: count for key, count in flow.document.rows.items() if count}
    for key, count in list(said.items())[:MOST_LISTED]:
        name = key.partition("@")[0].replace("_", " ")
        line(f"{name:<22s}{count:>9,}", palette.MUTED, 9.2, "DejaVu Sans Mono")
    silent = len(flow.document.rows) - len(said)
    if silent or len(said) > MOST_LISTED:
        more = f"{len(said) - MOST_LISTED} more; " if len(said) > MOST_LISTED else ""
        line(f"{more}{silent} folds had none", palette.OLD, 9.2, "DejaVu Sans Mono")
    if len(np.unique(flow.trades["aggressor_side"])) < 2:
        line("one side only traded", palette.WARNING, 10)
