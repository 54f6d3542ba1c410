"""The skill report as one picture: map and reports, every model, calibration, and what is not there."""

from __future__ import annotations

import io
from textwrap import wrap
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perpscope.core.time import format_ts
from perpscope.report import palette
from perpscope.research.skill import panels
from perpscope.research.skill.path import GEOMETRY, MAP
from perpscope.research.skill.result import SkillReport, Table, Verdict
from perpscope.research.skill.run import SkillResult

WIDTH, HEIGHT, DPI = 1600, 2330, 100
PLAIN_HEIGHT = 1030
"""Without reported liquidations there is less to draw."""

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": palette.TEXT,
    "axes.unicode_minus": True,
    "text.parse_math": False,
}
COLOURS = {"better": palette.BUY, "worse": palette.SELL, "no difference": palette.NEUTRAL, "not measurable": palette.MUTED}
MARKS = {"better": "+", "worse": "-", "no difference": "0", "not measurable": "?"}


def draw_skill(result: SkillResult) -> bytes:
    """The report as a PNG, without date or software in its metadata."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        height = HEIGHT if result.scores else PLAIN_HEIGHT
        figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=palette.GROUND)
        FigureCanvasAgg(figure)
        top = _head(figure, result.report, height)
        if result.scores:
            _with_reports(figure, result, top, height)
        else:
            _plain(figure, result, top, height)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=DPI, facecolor=palette.GROUND, metadata={"Software": None})
    return out.getvalue()


def _head(figure: Figure, report: SkillReport, height: int) -> int:
    """Title, window, and the verdicts; returns the pixel row below them."""

    def write(y: float, text: str, size: float, colour: str) -> None:
        figure.text(24 / WIDTH, 1 - y / height, text, fontsize=size, color=colour, va="top")

    write(18, f"What the liquidation map of {report.instrument} ({report.venue}) is worth", 20, palette.TEXT)
    window = f"{format_ts(report.test_from)} .. {format_ts(report.test_to)}"
    counts = f"{report.rows} intervals and sides on {report.days} days" if report.rows else "no liquidations recorded"
    write(
        56,
        f"judged {window}, {report.interval} intervals, {counts}; fine path {report.fine_path}; {report.trials} models tried; "
        f"protocol {report.protocol} {report.protocol_sha256[:10]}; 95% day-block intervals",
        11,
        palette.MUTED,
    )
    y = 86
    for one in report.verdicts:
        for i, line in enumerate(wrap(one.sentence, 190)):
            write(y, ("   " if i else f"{MARKS[one.outcome]}  ") + line, 11, _colour(one))
            y += 19
    return y + 14


def _colour(one: Verdict) -> str:
    return COLOURS[one.outcome]


def _with_reports(figure: Figure, result: SkillResult, top: int, height: int) -> None:
    report, finest = result.report, result.scores[-1]
    base = result.sample.study.instrument.base or "base units"
    panels.heat(_box(figure, (84, top + 22, 1576, top + 440), height), result.sample, result.profile, reported=True)
    y = top + 520
    alone = [t for t in report.tables if t.title.startswith("Path-conditional")]
    added = [t for t in report.tables if t.title.startswith("Added to")]
    names = [row.label for row in alone[0].rows]
    paths = "" if len(result.scores) == 1 else f"; yellow: {report.interval}, blue: {report.fine_path} path"
    panels.forest(
        _box(figure, (236, y, 790, y + 470), height), alone, "constant", names,
        f"T1 alone: gain over a constant rate{paths}", "nats per interval and side",
    )  # fmt: skip
    rows = [row.label for row in added[0].rows]
    panels.forest(
        _box(figure, (1030, y, 1576, y + 470), height), added, "added", rows, f"T2 on top of the regression: gain{paths}",
        "nats per interval and side",
    )  # fmt: skip
    y += 590
    panels.scatter(_box(figure, (96, y, 540, y + 400), height), result.sample, finest, base)
    panels.gains(_box(figure, (630, y, 1070, y + 400), height), [c for c in report.curves if c.y_label.startswith("summed")])
    panels.mix(_box(figure, (1180, y, 1576, y + 400), height), _of(report, "mix"))
    y += 490
    _lower(figure, report, y, height)


def _plain(figure: Figure, result: SkillResult, top: int, height: int) -> None:
    panels.heat(_box(figure, (84, top + 22, 1576, top + 440), height), result.sample, result.profile, reported=False)
    _lower(figure, result.report, top + 520, height)


def _lower(figure: Figure, report: SkillReport, y: int, height: int) -> None:
    curves = [c for c in report.curves if c.x_label == "stated"]
    panels.reliability(_box(figure, (96, y, 540, y + 330), height), curves)
    panels.after_touch(_box(figure, (630, y, 1070, y + 330), height), _of(report, "T6"))
    axis = _box(figure, (1180, y, 1576, y + 330), height)
    table = _of(report, "T4")
    if table is not None and table.rows:
        shown = [r.label for r in table.rows if r.label.startswith((MAP, GEOMETRY, "B0", "B6", "R "))]
        panels.strata(axis, table, shown)
    else:
        panels.dress(axis, "T4 within strata")
        panels.nothing(axis, "no liquidations recorded")


def _of(report: SkillReport, name: str) -> Table | None:
    return next((t for t in report.tables if t.id == name), None)


def _box(figure: Figure, edges: tuple[float, float, float, float], height: int) -> Any:
    """An axis from pixel edges (left, top, right, bottom) counted from the top left corner."""
    left, top, right, bottom = edges
    return figure.add_axes((left / WIDTH, 1 - bottom / height, (right - left) / WIDTH, (bottom - top) / height))
