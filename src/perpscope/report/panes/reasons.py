"""Beside the lower panes: how the frames lean, and every line of the confluence as a bar."""

from __future__ import annotations

from typing import Any

from perpscope.report import palette
from perpscope.report.document import Document, Setup
from perpscope.report.words import percent, plain, signed

_ROW = 21.0
_MOST = 3
"""Proposals named in the picture."""


def draw_reasons(axis: Any, document: Document, width: float, height: float) -> None:
    """Text and bars in pixels from the top left corner of the axis."""
    axis.set_xlim(0, width)
    axis.set_ylim(height, 0)
    axis.axis("off")
    y = 14.0
    for setup in document.setups:
        if setup.name == "confluence":
            y = _setup(axis, setup, width, y) + 20
    y = _proposals(axis, [s for s in document.setups if s.name != "confluence"], y)
    y = _frames(axis, document, width, y) + 20
    _summary(axis, document, width, y, height)


def _heading(axis: Any, text: str, y: float) -> float:
    axis.text(0, y, text, fontsize=12, color=palette.TEXT, va="center", ha="left")
    return y + _ROW + 2


def _setup(axis: Any, setup: Setup, width: float, y: float) -> float:
    y = _heading(axis, f"{setup.title}: {signed(setup.score)} of {setup.most:.0f}", y)
    axis.text(
        0, y - 4, f"{setup.reasons_known} of {len(setup.reasons)} lines known, equal weights, long is positive", fontsize=9.5,
        color=palette.MUTED, va="center",
    )  # fmt: skip
    y += _ROW - 2
    middle, half = width * 0.585, width * 0.08
    for reason in setup.reasons:
        value = reason.contribution
        axis.text(0, y, reason.title, fontsize=9.5, color=palette.TEXT, va="center")
        axis.plot([middle, middle], [y - 8, y + 8], color=palette.EDGE, linewidth=1)
        if value is not None:
            colour = palette.BUY if value > 0 else palette.SELL
            axis.barh(y, value * half, left=middle, height=11, color=colour, linewidth=0)
        axis.text(middle + half + 46, y, signed(value), fontsize=10, color=palette.TEXT, va="center", ha="right")
        axis.text(width, y, reason.verdict, fontsize=9, color=palette.WARNING, va="center", ha="right")
        y += _ROW
    return y


def _proposals(axis: Any, setups: list[Setup], y: float) -> float:
    """One line for each setup whose proposal stands; the rest of what it says is in the document."""
    for setup in setups[:_MOST]:
        axis.text(0, y, f"{setup.title}: {setup.side}, unproven", fontsize=9, color=palette.TEXT, va="center")
        y += _ROW
    if len(setups) > _MOST:
        axis.text(
            0, y, f"and {len(setups) - _MOST} more proposals in report.json", fontsize=9.5, color=palette.MUTED, va="center"
        )
        y += _ROW
    return y + 20 if setups else y


def _frames(axis: Any, document: Document, width: float, y: float) -> float:
    frames = document.frames
    if frames is None or frames.score is None:
        return _heading(axis, "Time frames: not known", y)
    side = {"long": "long", "short": "short"}.get(frames.side or "", "split")
    y = _heading(axis, f"Frames lean {side} {signed(frames.score)}, {percent(frames.agreement)} agree", y)
    for lean in frames.frames:
        state = plain(lean.trend_state) if lean.trend_state else "not known"
        axis.text(0, y, f"{lean.timeframe}", fontsize=10.5, color=palette.TEXT, va="center")
        axis.text(width * 0.16, y, signed(lean.score), fontsize=10.5, color=_lean_colour(lean.score), va="center")
        axis.text(width * 0.34, y, f"averages {state}", fontsize=10.5, color=palette.MUTED, va="center")
        y += _ROW
    return y


def _lean_colour(score: float | None) -> str:
    return palette.NEUTRAL if not score else palette.BUY if score > 0 else palette.SELL


def _summary(axis: Any, document: Document, width: float, y: float, height: float) -> None:
    """The sentences of the summary, wrapped, as far as there is room."""
    y = _heading(axis, "In short", y)
    titles = tuple(s.title for s in document.setups)  # their lines stand above as bars
    for sentence in (s for s in document.summary if not s.startswith(titles)):
        for line in wrapped(sentence, int(width / 7.1)):
            if y > height - 8:
                return
            axis.text(0, y, line, fontsize=10, color=palette.NEUTRAL, va="center")
            y += 16.5
        y += 6


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, broken at spaces.

    Example:
        >>> wrapped("longs open or shorts cover", 12)
        ['longs open', 'or shorts', 'cover']
    """
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines
