"""True liquidation levels beside the estimated ones: possible only where every position is known."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perpscope.core.table import Table
from perpscope.core.time import format_ts
from perpscope.core.units import PositionSide
from perpscope.report import palette
from perpscope.report.panes.canvas import money
from perpscope.report.picture import STYLE

Floats = npt.NDArray[np.float64]

REACH = 0.12
"""How far from the mark, as a fraction, the comparison looks: where levels can be reached within days."""


@dataclass(frozen=True)
class Comparison:
    """Both maps on one grid of prices (edges), USD per bin and side, and how well they agree.

    `ratio` is estimated / true dollars; `correlation` the rank correlation of bins. NaN where a side is empty.
    """

    edges: Floats
    true_usd: dict[PositionSide, Floats]
    estimated_usd: dict[PositionSide, Floats]
    ratio: dict[PositionSide, float]
    correlation: dict[PositionSide, float]

    def sentence(self, side: PositionSide) -> str:
        """Agreement of one side in words."""
        return (
            f"{side.name.lower()}s: estimated {money(float(self.estimated_usd[side].sum()))}, "
            f"true {money(float(self.true_usd[side].sum()))} (ratio {self.ratio[side]:.2f}), "
            f"rank correlation of the bins {self.correlation[side]:.2f}"
        )


def compare(held: Table, levels: Table, mark: float, bins: int = 48) -> Comparison:
    """Sum both maps into equal log bins within REACH of the mark.

    `held`: rows of `liquidation_heatmap` that hold now. `levels`: true levels with liquidation_price, side, quantity.
    """
    from scipy.stats import spearmanr

    edges = mark * np.exp(np.linspace(np.log(1 - REACH), np.log(1 + REACH), bins + 1))
    centre = np.sqrt(held["price_low"] * held["price_high"])
    middle = np.sqrt(edges[1:] * edges[:-1])
    true_usd, estimated_usd, ratio, correlation = {}, {}, {}, {}
    for side in PositionSide:
        mine, real = held["side"] == side, levels["side"] == side
        estimated = np.histogram(centre[mine], edges, weights=held["notional"][mine])[0]
        worth = levels["quantity"][real] * levels["liquidation_price"][real]
        true = np.histogram(levels["liquidation_price"][real], edges, weights=worth)[0]
        ahead = middle < mark if side is PositionSide.LONG else middle > mark
        estimated, true = np.where(ahead, estimated, 0.0), np.where(ahead, true, 0.0)
        estimated_usd[side], true_usd[side] = estimated, true
        ratio[side] = float(estimated.sum() / true.sum()) if true.sum() > 0 else float("nan")
        varied = np.ptp(estimated[ahead]) > 0 and np.ptp(true[ahead]) > 0
        correlation[side] = float(spearmanr(estimated[ahead], true[ahead]).statistic) if varied else float("nan")
    return Comparison(edges, true_usd, estimated_usd, ratio, correlation)


def draw_comparison(made: Comparison, mark: float, at: int, title: str) -> bytes:
    """True levels to the left, estimated to the right of one price axis; the same scale on both sides. PNG bytes."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(12, 9), dpi=100, facecolor=palette.GROUND)
        FigureCanvasAgg(figure)
        axis: Any = figure.add_axes((0.09, 0.12, 0.88, 0.72), facecolor=palette.GROUND)
        height = np.diff(made.edges) * 0.92
        middle = (made.edges[1:] + made.edges[:-1]) / 2
        most = max(float(v.max(initial=1.0)) for d in (made.true_usd, made.estimated_usd) for v in d.values())
        for side, colour in ((PositionSide.LONG, palette.SELL), (PositionSide.SHORT, palette.BUY)):
            axis.barh(middle, -made.true_usd[side], height, color=colour, alpha=0.95)
            axis.barh(middle, made.estimated_usd[side], height, color=colour, alpha=0.55)
        axis.axvline(0, color=palette.TEXT, linewidth=0.8)
        axis.axhline(mark, color=palette.CANDLE_UP, linewidth=1.0)
        axis.annotate(f"mark {mark:,.1f}", (0.005, mark), xycoords=("axes fraction", "data"), va="bottom", color=palette.TEXT)
        axis.set_xlim(-1.05 * most, 1.05 * most)
        ticks = np.array([-1.0, -0.5, 0.0, 0.5, 1.0]) * most
        axis.set_xticks(ticks, [money(abs(t)) for t in ticks])
        axis.set_ylim(made.edges[0], made.edges[-1])
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.set_ylabel("price, USDT")
        axis.tick_params(colors=palette.MUTED)
        for spine in axis.spines.values():
            spine.set_color(palette.MUTED)
        axis.text(
            0.25, 1.015, "TRUE levels (every position is known)", transform=axis.transAxes, ha="center", color=palette.TEXT
        )
        axis.text(0.75, 1.015, "ESTIMATED levels (from public data)", transform=axis.transAxes, ha="center", color=palette.TEXT)
        figure.text(0.09, 0.955, title, fontsize=15, color=palette.TEXT)
        figure.text(
            0.09,
            0.92,
            f"as known at {format_ts(at)}; USD per bin of price; shorts above the mark, longs below",
            color=palette.MUTED,
        )
        for row, side in enumerate((PositionSide.SHORT, PositionSide.LONG)):
            figure.text(0.09, 0.055 - 0.03 * row, made.sentence(side), color=palette.MUTED)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=100, facecolor=palette.GROUND, metadata={"Software": None})
    return out.getvalue()
