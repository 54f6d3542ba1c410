"""The picture of a page: effect by horizon with the placebo band, the daily record beside baselines, effect by quarter."""

from __future__ import annotations

import io
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perpscope.report import palette
from perpscope.research.evidence.record import Curve, EvidencePage
from perpscope.setups.base import Verdict

WIDTH, HEIGHT, DPI = 1600, 1180, 100
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "text.color": palette.TEXT,
    "axes.unicode_minus": True,
    "text.parse_math": False,
}
COLOURS = {
    Verdict.PROVEN: palette.BUY,
    Verdict.RISK_ONLY: palette.LINE_INTEREST,
    Verdict.WEAK: palette.WARNING,
    Verdict.UNPROVEN: palette.NEUTRAL,
    Verdict.REJECTED: palette.SELL,
}
LINES = {
    "net": palette.BUY,
    "gross": palette.NEUTRAL,
    "holding": palette.LINE_CVD,
    "steady-risk holding": palette.LINE_VWAP,
    "price-only trend": palette.LINE_INTEREST,
}


def draw_page(page: EvidencePage) -> bytes:
    """The page as a PNG, without date or software in its metadata."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=palette.GROUND)
        FigureCanvasAgg(figure)
        _head(figure, page)
        curves = {curve.name: curve for curve in page.curves}
        if "effect" in curves and curves["effect"].x:
            _effect(_axes(figure, 80, 250, 640, 380), page, curves)
        if "quarters" in curves and curves["quarters"].x:
            _quarters(_axes(figure, 880, 250, 640, 380), curves["quarters"])
        if "equity net" in curves:
            _equity(_axes(figure, 80, 730, 1440, 380), curves, page)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=DPI, facecolor=palette.GROUND, metadata={"Software": None})
    return out.getvalue()


def _head(figure: Figure, page: EvidencePage) -> None:
    def write(y: float, text: str, size: float, colour: str) -> None:
        figure.text(24 / WIDTH, 1 - y / HEIGHT, text, fontsize=size, color=colour, va="top")

    more = f" ({page.qualifier})" if page.qualifier else ""
    write(18, page.title, 22, palette.TEXT)
    write(58, f"{page.verdict}{more}", 20, COLOURS[page.verdict])
    lines = wrap(page.sentence, 150)[:3]
    for k, line in enumerate(lines):
        write(98 + 24 * k, line, 13, palette.TEXT)
    where = (
        f"{', '.join(page.symbols)} on {page.venue}, bars of {page.timeframe}, {page.start} .. {page.end} (UTC); "
        f"{page.n} matched events, {page.trials} trials, cost {page.cost_bps:g} bps, seed {page.seed}, "
        f"data {page.data_hash[:12]}"
    )
    write(176, where, 11, palette.MUTED)


def _axes(figure: Figure, x: float, y: float, w: float, h: float) -> Axes:
    axes = figure.add_axes((x / WIDTH, 1 - (y + h) / HEIGHT, w / WIDTH, h / HEIGHT), facecolor=palette.PANEL)
    axes.tick_params(colors=palette.MUTED, labelsize=11)
    axes.grid(color=palette.GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_color(palette.EDGE)
    return axes


def _values(curve: Curve) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in curve.y])


def _effect(axes: Axes, page: EvidencePage, curves: dict[str, Curve]) -> None:
    x = np.arange(len(curves["effect"].x))
    y, low, high = (_values(curves[n]) for n in ("effect", "effect low", "effect high"))
    axes.fill_between(
        x, _values(curves["band low"]), _values(curves["band high"]), color=palette.EDGE, alpha=0.8, label="random moments, 95%"
    )
    axes.errorbar(x, y, yerr=[y - low, high - y], color=palette.BUY, fmt="o", capsize=4, label="matched effect, 95%")
    axes.axhline(0, color=palette.MUTED, linewidth=1)
    directional = page.facts.directional
    if directional:
        axes.axhline(page.cost_bps, color=palette.SELL, linewidth=1, linestyle="--", label="cost of a round trip")
    names = [f"{n}\nprimary" if n == page.horizon else n for n in curves["effect"].x]
    axes.set_xticks(x, names)
    unit = "bps, in the direction of the event" if directional else "logarithm of volatility (0.1 = 10%)"
    axes.set_title(f"Effect by horizon, {unit}", color=palette.TEXT, fontsize=13, loc="left")
    _legend(axes)


def _quarters(axes: Axes, curve: Curve) -> None:
    y = _values(curve)
    x = np.arange(len(y))
    colours = [palette.BUY if v > 0 else palette.SELL for v in y]
    axes.bar(x, np.nan_to_num(y), color=colours, width=0.7)
    axes.axhline(0, color=palette.MUTED, linewidth=1)
    every = -(-len(x) // 6)
    axes.set_xticks(x[::every], curve.x[::every])
    axes.set_title("Matched effect by quarter, bps", color=palette.TEXT, fontsize=13, loc="left")


def _equity(axes: Axes, curves: dict[str, Curve], page: EvidencePage) -> None:
    for name, colour in LINES.items():
        curve = curves.get(f"equity {name}")
        if curve is None:
            continue
        label = {"net": f"net of {page.cost_bps:g} bps", "gross": "before costs"}.get(name, f"{name}, same exposure")
        days = np.array(curve.x, dtype="datetime64[D]")
        axes.plot(days, 100 * _values(curve), color=colour, linewidth=2.0 if name == "net" else 1.3, label=label)
    axes.axhline(0, color=palette.MUTED, linewidth=1)
    axes.set_title(
        "The simplest strategy: each event held for the primary horizon; running sum of daily returns, % (UTC days)",
        color=palette.TEXT,
        fontsize=13,
        loc="left",
    )
    _legend(axes)


def _legend(axes: Axes) -> None:
    box = axes.legend(facecolor=palette.PANEL, edgecolor=palette.EDGE, fontsize=11, loc="best", framealpha=0.85)
    for text in box.get_texts():
        text.set_color(palette.TEXT)
