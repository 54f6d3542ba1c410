"""The view of structure as tables of text."""

from __future__ import annotations

from perpscope.report.grids import Grid, Sheet, grid_of
from perpscope.report.panes.canvas import price_text
from perpscope.report.views.levels import LevelRow, LevelsView
from perpscope.report.words import UNKNOWN, at_text, percent, plain, signed, signed_percent

SHOWN = 24


def levels_sheets(view: LevelsView, tick: float) -> list[Sheet]:
    """Where structure stands, the level map, breaks, sweeps and divergences."""
    swings = f"Last swing high {_price(view.swing_high, tick)}, low {_price(view.swing_low, tick)}"
    if view.range_position is not None:
        swings += f"; the last price stands at {percent(view.range_position)} of that range ({view.range_zone})"
    notes = [f"Trend by the last break at {view.timeframe}: {view.trend or UNKNOWN}. {swings}."]
    if view.ote_low is not None and view.ote_high is not None:
        notes.append(f"Optimal trade entry of the leg: {price_text(view.ote_low, tick)} to {price_text(view.ote_high, tick)}.")
    if view.night:
        side = view.night["direction"] or "no direction yet"
        notes.append(f"Asian range of the last night: {view.night['event']}, {side}.")
    breaks = grid_of(
        "Breaks, newest last",
        "known|direction|kind|level|displaced|after a sweep",
        [(at_text(b.known), b.direction, plain(b.kind), price_text(b.level, tick), _yes(b.displaced), _yes(b.after_sweep))
         for b in view.breaks],
        "level",
    )  # fmt: skip
    sweeps = grid_of(
        "Sweeps, newest last",
        "known|side|price|depth, ATR|swings",
        [(at_text(s.known), s.side, price_text(s.price, tick), signed(s.depth_atr), str(s.members)) for s in view.sweeps],
        "price|depth, ATR|swings",
    )
    grids = [breaks, sweeps]
    if view.divergences:
        grids.append(
            grid_of(
                "Divergence from the companion (SMT), newest last",
                "known|leans|price|before|companion|companion before",
                [(at_text(d.known), d.direction, price_text(d.price, tick), price_text(d.previous_price, tick),
                  f"{d.other_price:g}", f"{d.other_previous_price:g}") for d in view.divergences],
                "price|before|companion|companion before",
            )
        )  # fmt: skip
    return [
        Sheet("Structure", tuple(notes), ()),
        Sheet("Level map", (_about(view),), (level_grid(view.levels[:SHOWN], tick),)),
        Sheet("What happened", (), tuple(grids)),
    ]


def level_grid(levels: list[LevelRow], tick: float, brief: bool = True) -> Grid:
    """The map as a table, best first; levels of one group share its number."""
    rows = [
        (
            str(level.group),
            f"{level.name} {level.timeframe}".strip() + (" (est.)" if level.estimated else ""),
            price_text(level.low, tick)
            if level.low == level.high
            else f"{price_text(level.low, tick)} - {price_text(level.high, tick)}",
            signed_percent(level.distance_fraction),
            signed(level.distance_sigma),
            str(len(level.coincides) + 1),
            at_text(level.first_seen)[:16],
            at_text(level.last_touched)[:16],
        )
        for level in levels
    ]
    return grid_of(
        "", "group|level|price|away|sigma|lines|first seen|last touched", rows, "group|price|away|sigma|lines", brief
    )


def _edges(level: LevelRow, tick: float) -> str:
    low, high = price_text(level.low, tick), price_text(level.high, tick)
    return low if level.low == level.high else f"{low} - {high}"


def _about(view: LevelsView) -> str:
    return (
        f"{len(view.levels)} levels; groups of one number coincide, those with more kinds of reason stand first. Sigma: one "
        "daily standard deviation. Whether confluence is worth anything is unproven."
    )


def _price(value: float | None, tick: float) -> str:
    return UNKNOWN if value is None else price_text(value, tick)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
