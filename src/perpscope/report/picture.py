"""The picture: price with the estimated heatmap beneath, and under it what traded, who pushed and what it cost to hold.

Drawn with matplotlib's Agg canvas and its own DejaVu fonts, without a display, a clock or the user's settings, so
that the same report gives the same bytes.
"""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perpscope.core.time import DAY, Timeframe
from perpscope.features.liquidation.map import newest_cells
from perpscope.report import palette
from perpscope.report.build import Report
from perpscope.report.document import Document
from perpscope.report.heat import ahead, raster
from perpscope.report.panes.candles import candle_frame, draw_candles
from perpscope.report.panes.canvas import TimeAxis, dress, headroom
from perpscope.report.panes.clusters import draw_names, draw_paths
from perpscope.report.panes.cvd import draw_cvd
from perpscope.report.panes.forced import draw_forced
from perpscope.report.panes.funding import draw_funding
from perpscope.report.panes.hatch import EVERYWHERE, draw_holes
from perpscope.report.panes.header import draw_head
from perpscope.report.panes.heat import draw_heat, draw_legend
from perpscope.report.panes.interest import draw_interest
from perpscope.report.panes.leverage_map import draw_map
from perpscope.report.panes.prices import Tag, draw_tags, dress_prices, price_limits
from perpscope.report.panes.profile import draw_profile
from perpscope.report.panes.reasons import draw_reasons
from perpscope.report.panes.sessions import NAMES, draw_sessions, shade_sessions
from perpscope.report.panes.structure import draw_breaks, draw_levels, draw_zones
from perpscope.report.panes.volume import draw_delta, draw_volume
from perpscope.report.results import Results, inside, ts_of

WIDTH, HEIGHT, DPI = 1600, 2020, 100
LEFT, RIGHT = 76, 1046  # the columns of the time axis, pixels
TAGS = 60  # where the tags of the price axis begin, right of it
MAP_LEFT, MAP_RIGHT = 1254, 1478
PROFILE_LEFT, PROFILE_RIGHT = 1484, 1580
SESSIONS_TOP, PRICE_TOP, PRICE_BOTTOM = 152, 208, 1108
LEGEND = (1254, 56, 1570, 98)

PANES = (("volume", 110), ("delta", 120), ("cvd", 120), ("interest", 130), ("funding", 100), ("forced", 130))
GAP = 12
FOOT, NOTES = 1924, 2
TAGGED = 30 * DAY  # in a longer window the ranges of a session are too narrow to be told apart
KEY = (
    "Times are UTC. FVG fair value gap, iFVG inverse gap, OB order block, BB breaker block, BOS break of structure, CHoCH "
    "change of character, EQH/EQL equal highs/lows: drawn from the moment each was known.",
    "POC, VAH, VAL: point of control and value area of yesterday. H, L: high and low of the session's newest range.",
    "Heat: estimated dollars that would be closed by force if price went there, as known at the time; bright = opened within "
    "about a day, grey = older, unsupported by our tests. Dashed: peaks of clusters, to the x where price swept them.",
)
TITLES = {
    "volume": ("Volume", "{base}"),
    "delta": ("Delta: aggressive buys - sells", "{base}"),
    "cvd": ("CVD since the window began", "{base}"),
    "interest": ("Open interest", "{base}"),
    "funding": ("Funding per payment", "above 0 longs pay"),
    "forced": ("Reported liquidations: shorts up, longs down", "{base}"),
}
HOLES = {"interest": (*EVERYWHERE, "open_interest"), "forced": (*EVERYWHERE, "liquidation")}

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


def draw_picture(report: Report) -> bytes:
    """The report as a PNG of WIDTH x HEIGHT pixels, without date or software in its metadata."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=palette.GROUND)
        FigureCanvasAgg(figure)
        _draw(figure, report)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=DPI, facecolor=palette.GROUND, metadata={"Software": None})
    return out.getvalue()


def box(figure: Figure, left: float, top: float, right: float, bottom: float) -> Any:
    """An axis from pixel edges counted from the top left corner."""
    return figure.add_axes((left / WIDTH, 1 - bottom / HEIGHT, (right - left) / WIDTH, (bottom - top) / HEIGHT))


def _draw(figure: Figure, report: Report) -> None:
    document, results = report.document, report.results
    time = TimeAxis(results.window)
    frame = candle_frame(results.frame, results.window.end - results.window.start)
    draw_head(figure, document, 16, WIDTH, HEIGHT)
    draw_sessions(box(figure, LEFT, SESSIONS_TOP, RIGHT, PRICE_TOP - 4), time)
    _price(figure, report, time, frame)
    top = PRICE_BOTTOM + GAP
    for name, height in PANES:
        axis = box(figure, LEFT, top, RIGHT, top + height)
        shade_sessions(axis, time)
        _pane(axis, name, report, time, frame, bottom=name == PANES[-1][0])
        draw_holes(axis, time, results.holes, HOLES.get(name, EVERYWHERE))
        top += height + GAP
    side = PRICE_BOTTOM + 56, top - GAP
    reasons = box(figure, MAP_LEFT, side[0], PROFILE_RIGHT, side[1])
    draw_reasons(reasons, document, PROFILE_RIGHT - MAP_LEFT, side[1] - side[0])
    _foot(figure, document)


def _price(figure: Figure, report: Report, time: TimeAxis, frame: Timeframe) -> None:
    document, results = report.document, report.results
    price, tick = document.price, document.meta.tick_size
    low, high = price_limits(price.window_low, price.window_high, price.last, price.daily_sigma_fraction)
    axis = box(figure, LEFT, PRICE_TOP, RIGHT, PRICE_BOTTOM)
    dress(axis, time, f"Price, {frame.name} candles, UTC", results.instrument.quote or "quote")
    dress_prices(axis, low, high, tick)
    leverage, heat = document.leverage, results.table("liquidation_heatmap")
    beside = {"left": MAP_LEFT, "right": MAP_RIGHT}
    side = box(figure, beside["left"], PRICE_TOP, beside["right"], PRICE_BOTTOM)
    profile = box(figure, PROFILE_LEFT, PRICE_TOP, PROFILE_RIGHT, PRICE_BOTTOM)
    for other in (side, profile):
        dress_prices(other, low, high, tick)
    held = None
    if leverage is not None and heat is not None:
        pool = frame.ns // results.frame.ns
        edges = np.arange(results.window.start, results.window.end, results.frame.ns)
        grid = raster(heat, np.append(edges, (results.at, time.end)), pool, low, high)
        if grid is not None:
            draw_heat(axis, time, grid, leverage.scale.high_usd)
        draw_legend(box(figure, *LEGEND), leverage.scale.high_usd)
        held = ahead(newest_cells(heat, results.at), leverage.mark)
    draw_map(side, held, price.mark or price.last)
    clusters = results.table("liquidation_clusters")
    if leverage is not None and clusters is not None:
        draw_paths(axis, time, clusters, low, high)
        draw_names(side, leverage, low, high, PRICE_BOTTOM - PRICE_TOP)
    draw_profile(
        profile, results.table("profile_bins"), results.window.start, results.window.end, low, high, results.instrument.base
    )
    if document.structure is not None:
        size = (float(RIGHT - LEFT), float(PRICE_BOTTOM - PRICE_TOP))
        named = draw_zones(axis, time, document.structure, low, high, size)
        draw_levels(axis, time, document.structure, low, high)
        draw_breaks(axis, time, document.structure, low, high, size, named)
    draw_candles(axis, time, results.window_bars, frame)
    draw_tags(axis, time, _tags(document, results), low, high, tick, PRICE_BOTTOM - PRICE_TOP, TAGS / (RIGHT - LEFT))
    draw_holes(axis, time, results.holes, EVERYWHERE, named=True)


def _pane(axis: Any, name: str, report: Report, time: TimeAxis, frame: Timeframe, bottom: bool) -> None:
    results, base = report.results, report.document.meta.base
    delta = results.table("delta")
    window_delta = None if delta is None else inside(delta, results.window)
    title, unit = TITLES[name]
    dress(axis, time, title, unit.format(base=base), bottom)
    match name:
        case "volume":
            draw_volume(axis, time, results.window_bars, frame)
        case "delta":
            draw_delta(axis, time, window_delta, frame)
        case "cvd":
            draw_cvd(axis, time, window_delta)
        case "interest":
            draw_interest(axis, time, results.stream("open_interest"))
        case "funding":
            draw_funding(axis, time, results.stream("funding"))
        case "forced":
            totals = results.stream("liquidation_totals")
            draw_forced(axis, time, None if totals is None else inside(totals, results.window), frame)
    if name != "funding":
        headroom(axis)


def _tags(document: Document, results: Results) -> list[Tag]:
    """The last price, today's and the week's average price, and yesterday's value."""
    tags = [Tag("last", document.price.last, palette.CANDLE_UP, strong=True)]
    profile = document.profile
    if profile is not None:
        day, week = Timeframe.parse("1d").floor(results.at), Timeframe.parse("1w").floor(results.at)
        begins = {"day": day} if day == week else {"day": day, "week": week}
        for average in profile.averages:
            if average.vwap is not None and average.anchor in begins:
                tags.append(Tag(f"VWAP {average.anchor}", average.vwap, palette.LINE_VWAP, begins[average.anchor]))
        for name, value in (
            ("POC", profile.previous_poc),
            ("VAH", profile.previous_value_area_high),
            ("VAL", profile.previous_value_area_low),
        ):
            if value is not None:
                tags.append(Tag(name, value, palette.LINE_POC, day))
    short = results.window.end - results.window.start <= TAGGED
    for found in document.sessions.ranges if document.sessions and short else []:
        for letter, value in (("H", found.high), ("L", found.low)):
            if value is not None and found.whole:
                name, colour = NAMES.get(found.name, found.name), palette.SESSIONS.get(found.name, palette.NEUTRAL)
                tags.append(Tag(f"{name} {letter}", value, colour, ts_of(found.start)))
    return tags


def _foot(figure: Figure, document: Document) -> None:
    """What the marks mean, and every warning that fits."""
    lines = [
        *((line, palette.MUTED) for line in KEY),
        *((f"Note: {w}", palette.WARNING) for w in document.warnings[:NOTES]),
    ]
    if len(document.warnings) > NOTES:
        more = len(document.warnings) - NOTES
        lines[-1] = (f"{lines[-1][0]} ({more} more note{'s' * (more > 1)} in the report)", palette.WARNING)
    for k, (line, colour) in enumerate(lines):
        figure.text(16 / WIDTH, 1 - (FOOT + 17 * k) / HEIGHT, line, fontsize=9, color=colour, ha="left", va="top")
