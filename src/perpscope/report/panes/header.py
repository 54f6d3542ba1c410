"""The head of the picture: what, when, how much is known, and what the colours mean in dollars."""

from __future__ import annotations

from typing import Any

from perpscope.report import palette
from perpscope.report.document import Document, Leverage
from perpscope.report.panes.canvas import money
from perpscope.report.words import at_text, percent, signed_percent


def head_lines(document: Document) -> list[tuple[str, int, str]]:
    """(text, font size, colour) from top to bottom."""
    meta, price = document.meta, document.price
    day = next((m for m in price.moves if m.span == "24h"), None)
    parts = [
        f"known at {at_text(meta.at)}",
        f"window from {at_text(meta.window_start)}",
        f"{meta.bars} of {meta.bars_expected} bars",
    ]
    if day is not None and day.change_fraction is not None:
        parts.append(f"24h {signed_percent(day.change_fraction)}")
    if price.daily_sigma_fraction is not None:
        parts.append(f"daily sigma {percent(price.daily_sigma_fraction)}")
    lines = [
        (f"{meta.symbol}  {meta.venue}  {meta.timeframe}", 19, palette.TEXT),
        ("  |  ".join(parts), 11, palette.MUTED),
    ]
    if document.leverage is None:
        lines.append((f"No liquidation estimate: {document.absent.get('leverage', '')}", 11, palette.WARNING))
    else:
        lines += leverage_lines(document.leverage)
    return lines


def leverage_lines(leverage: Leverage) -> list[tuple[str, int, str]]:
    """What must stand beside every heatmap: totals, coverage, unplaced share, mix, skill."""
    mix = leverage.mix
    dated = f"dated {mix.dated:%Y-%m-%d}" if mix.dated else "undated"
    return [
        (
            f"ESTIMATED liquidations within 20% of price, if it goes there: longs {money(leverage.longs_usd)} below, shorts "
            f"{money(leverage.shorts_usd)} above  |  opened within a day: {percent(leverage.supported_fraction)}",
            11,
            palette.TEXT,
        ),
        (
            f"coverage of open interest: longs {percent(leverage.coverage_longs)}, shorts {percent(leverage.coverage_shorts)}"
            f"  |  unplaced: longs {percent(leverage.unplaced_longs)}, shorts {percent(leverage.unplaced_shorts)}",
            11,
            palette.MUTED,
        ),
        (
            f"leverage mix: {mix.name} ({dated}, {'learned' if mix.learned else 'not learned'} on this instrument)"
            f"  |  skill here: {leverage.skill}  |  {leverage.mark_source} price",
            11,
            palette.MUTED,
        ),
    ]


def draw_head(figure: Any, document: Document, left: float, width: float, height: float) -> None:
    """The lines at the top left corner of a figure of the given pixel size."""
    y = 14.0
    for text, size, colour in head_lines(document):
        figure.text(left / width, 1 - y / height, text, fontsize=size, color=colour, ha="left", va="top")
        y += size * 1.39 + (10 if size > 12 else 8)
