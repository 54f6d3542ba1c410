"""The picture of a backtest: equity beside its yardsticks, drawdown, the trades on the price, and the numbers."""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perpscope.backtest.history import History
from perpscope.backtest.performance import daily_equity
from perpscope.backtest.result import BacktestResult
from perpscope.core.orders import PositionLeg
from perpscope.core.table import Table
from perpscope.core.time import DAY
from perpscope.report import palette
from perpscope.report.backtest.tables import Sheet, estimate, number, sheets

WIDTH, DPI = 1600, 100
HEAD, PANE, GAP, TABLES = 124, 240, 62, 520
LEFT, RIGHT = 90, 1570
LINES = (palette.LINE_INTEREST, palette.LINE_VWAP)
SHOWN_PRICES, SHOWN_SETUPS = 3, 10

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": palette.TEXT,
    "axes.facecolor": palette.PANEL,
    "axes.edgecolor": palette.EDGE,
    "axes.labelcolor": palette.MUTED,
    "xtick.color": palette.MUTED,
    "ytick.color": palette.MUTED,
    "grid.color": palette.GRID,
    "text.parse_math": False,
}


def draw_backtest(result: BacktestResult) -> bytes:
    """The result as a PNG 1600 pixels wide, without date or software in its metadata."""
    shown = result.run.histories[:SHOWN_PRICES]
    panes = 3 + len(shown)
    height = HEAD + panes * (PANE + GAP) + TABLES
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=palette.GROUND)
        FigureCanvasAgg(figure)
        _head(figure, result, height)
        axes = [_box(figure, HEAD + k * (PANE + GAP), PANE, height) for k in range(panes)]
        _equity(axes[0], result)
        _drawdown(axes[1], result)
        _exposure(axes[2], result)
        for axis, history in zip(axes[3:], shown):
            _prices(axis, result, history)
        for axis in axes:
            axis.set_xlim(_dates(_days(result)[0][:1] - 1)[0], _dates(_days(result)[0][-1:] + 1)[0])
        _numbers(figure, result, HEAD + panes * (PANE + GAP), height)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=DPI, facecolor=palette.GROUND, metadata={"Software": None})
    return out.getvalue()


def _box(figure: Figure, top: float, height: float, whole: float) -> Any:
    axis = figure.add_axes((LEFT / WIDTH, 1 - (top + height) / whole, (RIGHT - LEFT) / WIDTH, height / whole))
    axis.grid(True, linewidth=0.6)
    axis.xaxis.set_major_locator(mdates.AutoDateLocator(maxticks=14))
    axis.xaxis.set_major_formatter(mdates.ConciseDateFormatter(axis.xaxis.get_major_locator(), tz="UTC"))
    return axis


def _head(figure: Figure, result: BacktestResult, height: float) -> None:
    config, run = result.run.config, result.run
    names = ", ".join(h.instrument.symbol for h in run.histories)
    setups = ", ".join(dict.fromkeys(use.name for use in config.setup))
    title = f"{config.name}: {names} on {config.data.venue}, {config.data.timeframe}"
    figure.text(LEFT / WIDTH, 1 - 20 / height, title, fontsize=17, va="top", weight="bold")
    line = f"{config.data.start} to {config.data.end} UTC; setups: {setups}"
    figure.text(LEFT / WIDTH, 1 - 50 / height, line[:190], fontsize=11, va="top", color=palette.MUTED)
    doubt = result.warnings[-1]
    figure.text(LEFT / WIDTH, 1 - 70 / height, doubt, fontsize=11, va="top", color=palette.WARNING)


def _equity(axis: Any, result: BacktestResult) -> None:
    days, values = _days(result)
    axis.plot(_dates(days + 1), values, color=palette.CANDLE_UP, linewidth=1.6, label="this run")
    for colour, yardstick in zip(LINES, result.yardsticks):
        curve = result.performance.initial * np.array(yardstick.curve)
        axis.plot(_dates(days[len(days) - len(curve) :] + 1), curve, color=colour, linewidth=1.0, label=yardstick.title)
    axis.axhline(result.performance.initial, color=palette.EDGE, linewidth=0.8)
    axis.set_title("Equity at each UTC midnight, settlement coin", loc="left", fontsize=11)
    axis.legend(loc="upper left", fontsize=9.5, facecolor=palette.GROUND, edgecolor=palette.EDGE, labelcolor=palette.TEXT)
    top = max(values.max(initial=0.0), *(result.performance.initial * max(y.curve, default=1.0) for y in result.yardsticks))
    bottom = min(
        values.min(initial=np.inf), *(result.performance.initial * min(y.curve, default=1.0) for y in result.yardsticks)
    )
    axis.set_ylim(bottom - 0.05 * (top - bottom), top + 0.55 * (top - bottom))


def _drawdown(axis: Any, result: BacktestResult) -> None:
    days, values = _days(result)
    peak = np.maximum.accumulate(np.maximum(values, result.performance.initial))
    axis.fill_between(_dates(days + 1), 100.0 * (values / peak - 1.0), 0.0, color=palette.SELL, alpha=0.55, linewidth=0)
    axis.set_title("Below the highest equity so far, %", loc="left", fontsize=11)
    axis.set_ylim(top=0.0)


def _exposure(axis: Any, result: BacktestResult) -> None:
    """The largest long and the largest short exposure of each day: a bar a day stays honest where hours are too narrow."""
    rows = result.run.rows.equity
    alive = rows["equity"] > 0.0
    net = np.where(alive, rows["net_notional"] / np.where(alive, rows["equity"], 1.0), 0.0)
    day = (rows["ref_ts"] - 1) // DAY
    starts = np.flatnonzero(np.diff(day, prepend=-1))
    x = _dates(day[starts])
    axis.bar(x, np.maximum(np.maximum.reduceat(net, starts), 0.0), width=1.0, color=palette.BUY, linewidth=0)
    axis.bar(x, np.minimum(np.minimum.reduceat(net, starts), 0.0), width=1.0, color=palette.SELL, linewidth=0)
    axis.set_title("Largest net notional over equity of each day, x: long above, short below", loc="left", fontsize=11)


def _prices(axis: Any, result: BacktestResult, history: History) -> None:
    place = [h.instrument.symbol for h in result.run.histories].index(history.instrument.symbol)
    trips = result.run.rows.round_trips
    trips = trips[trips["instrument"] == place]
    bars = history.bars
    step = max(1, len(bars) // 6000)
    axis.plot(_stamps(bars["known_ts"][::step]), bars["close"][::step], color=palette.CANDLE_DOWN, linewidth=0.7)
    for leg, colour, marker, words in (
        (PositionLeg.LONG, palette.BUY, "^", "long entries"),
        (PositionLeg.SHORT, palette.SELL, "v", "short entries"),
    ):
        mine: Table = trips[trips["leg"] == leg]
        x = _stamps(mine["entry_ts"])
        axis.scatter(
            x, mine["entry_price"], s=9, marker=marker, color=colour, linewidths=0, label=f"{len(mine)} {words}", zorder=3
        )
    won = trips["net"] > 0.0
    for mask, colour, words in ((won, palette.TEXT, "exits won"), (~won, palette.WARNING, "exits lost")):
        axis.scatter(
            _stamps(trips["ref_ts"][mask]), trips["exit_price"][mask], s=5, marker="o", color=colour, linewidths=0, alpha=0.8,
            label=f"{int(mask.sum())} {words}", zorder=3,
        )  # fmt: skip
    axis.set_title(
        f"{history.instrument.symbol}: last price and round trips, {history.instrument.quote or 'quote'}",
        loc="left",
        fontsize=11,
    )
    low, high = float(bars["low"].min()), float(bars["high"].max())
    axis.set_ylim(low - 0.03 * (high - low), high + 0.22 * (high - low))
    axis.legend(
        loc="upper left", ncols=4, fontsize=9.5, facecolor=palette.GROUND, edgecolor=palette.EDGE, labelcolor=palette.TEXT
    )


def _numbers(figure: Figure, result: BacktestResult, top: float, height: float) -> None:
    """Returns beside the yardsticks, trades, costs; beneath them the setups and the timing."""
    by_title = {sheet.title.split(",")[0]: sheet for sheet in sheets(result)}
    _sheet(figure, by_title["Daily returns"], (LEFT, top), (190, 180, 180, 180), height)
    _sheet(figure, by_title["Trades"], (LEFT + 780, top), (280, 120), height)
    costs = by_title["Costs"]
    _sheet(figure, Sheet("Costs, settlement coin", costs.headings, costs.rows), (LEFT + 1_230, top), (170, 80), height)
    below = top + 260
    rows = [
        (name, str(g.round_trips), number(g.net), estimate(g.expectancy), number(g.hit_rate.value, True))
        for name, g in result.splits.get("setup", {}).items()
    ]
    if rows:
        by_setup = Sheet("By setup", ("", "trips", "net", f"per trip, {result.unit}", "won"), tuple(rows[:SHOWN_SETUPS]))
        _sheet(figure, by_setup, (LEFT, below), (230, 80, 110, 200, 110), height)
    timing = [
        (r.symbol, number(r.mean_bps), f"{number(r.low_bps)} .. {number(r.high_bps)}", f"{r.p_value:.3f}")
        for r in result.random_entries[:SHOWN_SETUPS]
    ]
    if timing:
        title = "Timing: bps of notional per trip after costs, beside random entries"
        said = Sheet(title, ("", "this run", "5 .. 95 % of random", "p"), tuple(timing))
        _sheet(figure, said, (LEFT + 780, below + 30), (120, 100, 180, 80), height)


def _sheet(figure: Figure, sheet: Sheet, at: tuple[float, float], widths: tuple[int, ...], height: float) -> None:
    left, top = at
    figure.text(left / WIDTH, 1 - top / height, sheet.title, fontsize=10.5, weight="bold", va="top")
    for k, row in enumerate((sheet.headings, *sheet.rows)):
        y = 1 - (top + 22 + 19 * k) / height
        x = left
        for column, (cell, width) in enumerate(zip(row, widths)):
            right = column > 0
            colour = palette.MUTED if k == 0 or column == 0 else palette.TEXT
            figure.text(
                (x + (width if right else 0)) / WIDTH,
                y,
                cell,
                fontsize=8.6,
                va="top",
                ha="right" if right else "left",
                color=colour,
            )
            x += width


def _days(result: BacktestResult) -> tuple[np.ndarray, np.ndarray]:
    return daily_equity(result.run.rows.equity, result.performance.initial)


def _dates(days: np.ndarray) -> np.ndarray:
    return days.astype("datetime64[D]")


def _stamps(ts: np.ndarray) -> np.ndarray:
    return ts.astype("datetime64[ns]").astype("datetime64[s]")
