"""The sheet that the pictures of the views are drawn on: dark ground, a heading, boxes in pixels, tables of text."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perpscope.report import palette
from perpscope.report.picture import STYLE

DPI = 100


class Sheet:
    """A figure of a width and height in pixels; boxes are counted from its top left corner."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=palette.GROUND)
        FigureCanvasAgg(self.figure)

    def box(self, left: float, top: float, right: float, bottom: float) -> Any:
        """An axis between pixel edges."""
        across, down = self.width, self.height
        return self.figure.add_axes((left / across, 1 - bottom / down, (right - left) / across, (bottom - top) / down))

    def text(self, left: float, top: float, words: str, colour: str = palette.TEXT, points: float = 11, **more: Any) -> None:
        """A line of text whose top left corner is at a pixel."""
        given = {"ha": "left", "va": "top", **more}
        self.figure.text(left / self.width, 1 - top / self.height, words, fontsize=points, color=colour, **given)

    def heading(self, title: str, facts: str, notes: Sequence[str]) -> None:
        """What it is, about what and when; beneath it what the reader must know."""
        self.text(16, 12, title, points=18, weight="bold")
        self.text(16, 42, facts, palette.MUTED, 11.5)
        for k, note in enumerate(notes):
            self.text(16, self.height - 18 * (len(notes) - k) - 4, note, palette.MUTED, 9.5)

    def table(
        self, left: float, top: float, edges: Sequence[float], headings: Sequence[str],
        rows: Sequence[Sequence[tuple[str, str]]], step: float = 19, points: float = 10,
    ) -> float:  # fmt: skip
        """Columns that begin at `left` + edges; every cell is (words, colour). Returns the pixel below the last row."""
        for x, words in zip(edges, headings, strict=True):
            self.text(left + x, top, words, palette.MUTED, points)
        for k, row in enumerate(rows):
            for x, (words, colour) in zip(edges, row, strict=True):
                self.text(left + x, top + (k + 1) * step + 3, words, colour, points)
        return top + (len(rows) + 1) * step + 8


def draw(width: int, height: int, on: Callable[[Sheet], None]) -> bytes:
    """A PNG with matplotlib's own fonts and nobody's settings, without date or software in it: same view, same bytes."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        sheet = Sheet(width, height)
        on(sheet)
        out = io.BytesIO()
        sheet.figure.savefig(out, format="png", dpi=DPI, facecolor=palette.GROUND, metadata={"Software": None})
    return out.getvalue()


def plain_axis(axis: Any, title: str = "", bottom: bool = True) -> None:
    """The look of a pane whose abscissa is not time."""
    axis.set_facecolor(palette.PANEL)
    axis.grid(True, color=palette.GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(axis="both", colors=palette.MUTED, length=3, labelsize=10, width=0.7, labelbottom=bottom)
    for side in axis.spines.values():
        side.set_color(palette.EDGE)
        side.set_linewidth(0.8)
    if title:
        axis.set_title(title, loc="left", fontsize=11, color=palette.TEXT, pad=5)
