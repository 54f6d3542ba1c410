"""The view of the sessions as tables of text."""

from __future__ import annotations

from perpscope.core.time import parse_ts
from perpscope.report.grids import Sheet, grid_of
from perpscope.report.panes.canvas import compact, price_text
from perpscope.report.results import ts_of
from perpscope.report.views.session_board import SessionsView
from perpscope.report.words import UNKNOWN, at_text, lasting, plain, signed_percent


def session_sheets(view: SessionsView, tick: float) -> list[Sheet]:
    """Now and next, ranges, openings, levels and gaps."""
    at = _at(view)
    rows = [(plain(w.name), "open", at_text(w.opens), at_text(w.closes)) for w in view.now]
    rows += [(plain(w.name), f"in {lasting((ts_of(w.opens) - at) // 1_000_000_000)}", at_text(w.opens), at_text(w.closes))
             for w in view.next]  # fmt: skip
    notes = []
    if view.next_funding is not None:
        notes.append(f"Next funding payment {at_text(view.next_funding)}, if the interval of the last one holds.")
    if view.night:
        side = view.night["direction"] or "no direction"
        known = str(view.night["known"])[:16].replace("T", " ")
        notes.append(f"Power of three, newest event {known} UTC: {view.night['event']}, {side}.")
    ranges = [
        (plain(r.name), at_text(r.start), _price(r.low, tick), _price(r.high, tick), _price(r.vwap, tick), _price(r.poc, tick),
         UNKNOWN if r.volume is None else compact(r.volume), UNKNOWN if r.delta is None else compact(r.delta),
         ("developing" if r.developing else "final") + ("" if r.whole else ", incomplete"))
        for r in view.ranges
    ]  # fmt: skip
    openings = [
        (plain(o.session), f"{o.minutes}m", at_text(o.start), _price(o.low, tick), _price(o.high, tick),
         o.event + (f" {o.side}" if o.side else ""), at_text(o.known))
        for o in view.opening_ranges
    ]  # fmt: skip
    levels = [
        (x.name + (" (synthetic)" if x.synthetic else ""), _price(x.price, tick), signed_percent(x.distance_fraction),
         at_text(x.since), at_text(x.last_touched))
        for x in view.levels
    ]  # fmt: skip
    gaps = [
        (g.kind, g.direction, _price(g.bottom, tick), _price(g.top, tick), g.state, at_text(g.since),
         "yes" if g.synthetic else "no")
        for g in view.gaps
    ]  # fmt: skip
    return [
        Sheet("Sessions", tuple(notes), (grid_of("", "session|state|opens|closes", rows),)),
        Sheet(
            "Ranges",
            ("Average prices and POCs are made from bars. An opening range tells the last thing that happened to it.",),
            (
                grid_of("", "session|began|low|high|VWAP|POC|volume|delta|state", ranges, "low|high|VWAP|POC|volume|delta"),
                grid_of("Opening ranges", "session|length|began|low|high|last event|known", openings, "low|high"),
            ),
        ),
        Sheet(
            "Levels of periods and opens",
            (),
            (
                grid_of("", "level|price|away|since|last touched", levels, "price|away"),
                grid_of("Live opening gaps", "kind|direction|bottom|top|state|since|synthetic", gaps, "bottom|top"),
            ),
        ),
    ]


def _at(view: SessionsView) -> int:
    return parse_ts(view.at)


def _price(value: float | None, tick: float) -> str:
    return UNKNOWN if value is None else price_text(value, tick)
