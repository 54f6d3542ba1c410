"""The view of the time frames as tables of text."""

from __future__ import annotations

from perpscope.report.grids import Sheet, grid_of
from perpscope.report.panes.canvas import price_text
from perpscope.report.views.frames import FramesView
from perpscope.report.words import UNKNOWN, at_text, percent, plain, signed, signed_percent


def frames_sheets(view: FramesView, tick: float) -> list[Sheet]:
    """Frames, horizons, zones and entries."""
    rows = [
        (
            f.timeframe,
            plain(f.trend or UNKNOWN),
            plain(f.momentum or UNKNOWN),
            UNKNOWN if f.rsi is None else f"{f.rsi:.0f}",
            plain(f.volatility or UNKNOWN),
            UNKNOWN if f.volatility_rank is None else percent(f.volatility_rank, 2),
            signed(f.score),
            UNKNOWN if f.forming is None else percent(f.forming.elapsed_fraction, 2),
        )
        for f in view.frames
    ]
    frames = grid_of("", "frame|trend|momentum|RSI|volatility|rank|lean|forming", rows, "RSI|rank|lean|forming")
    stacks = grid_of(
        "Averages (EMA 9, 21, 50, 200) and structure; slopes and distances in ATR",
        "frame|order|slope 50|to 200|last break|last close",
        [(f.timeframe, plain(f.order or UNKNOWN), signed(f.slope_50), signed(f.distance_200),
          plain(f.last_break) if f.last_break else UNKNOWN, at_text(f.known) + (", partial" if f.partial else ""))
         for f in view.frames],
        "slope 50|to 200",
    )  # fmt: skip
    together = grid_of(
        "Together",
        "horizon|frames|score|agrees|known|side",
        [(h.name, ", ".join(h.frames) or UNKNOWN, signed(h.score), percent(h.agreement), percent(h.weight_known), h.side)
         for h in view.horizons],
        "score|agrees|known",
    )  # fmt: skip
    zones = grid_of(
        "Live zones of higher frames, nearest first",
        "frame|zone|direction|bottom|top|away|sigma|state|known",
        [(z.timeframe, z.kind, z.direction, price_text(z.bottom, tick), price_text(z.top, tick),
          signed_percent(z.distance_fraction), signed(z.distance_sigma), z.state, at_text(z.known)) for z in view.zones],
        "bottom|top|away|sigma",
    )  # fmt: skip
    entries = grid_of(
        "Entries of the lowest frame at those zones (unproven)",
        "known|direction|trigger|zone|bottom|top|close|stop",
        [(at_text(e.known), e.direction, plain(e.trigger), f"{e.zone_timeframe} {e.zone_kind}", price_text(e.bottom, tick),
          price_text(e.top, tick), price_text(e.close, tick), price_text(e.stop, tick)) for e in view.entries],
        "bottom|top|close|stop",
    )  # fmt: skip
    note = "Figures are of closed bars; 'forming' is the share of the next bar that has passed, and nothing else uses it."
    return [
        Sheet("Time frames", (note,), (frames, stacks, together)),
        Sheet("Zones and entries", () if view.zones else ("No live zone within three daily sigma.",), (zones, entries)),
    ]
