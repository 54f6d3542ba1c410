"""Zones of a higher frame, entries of a lower one: where both speak the same way."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from perpscope.core.table import Column, Table, choice, price, row_schema, ts
from perpscope.core.units import Direction


class Trigger(IntEnum):
    """What the lower frame showed: a change of character, or a sweep of the other side."""

    CHANGE_OF_CHARACTER = 1
    SWEEP = 2


ZONE_ENTRIES = row_schema(
    "zone_entries",
    Column("zone_id", "id", "the higher frame's zone", "int64"),
    choice("direction", Direction, "of the zone and of the trigger", mirror="flip"),
    choice("trigger", Trigger, "change of character or sweep on the lower frame"),
    price("bottom", "lower edge of the zone", mirror="swap:top"),
    price("top", "upper edge of the zone", mirror="swap:bottom"),
    ts("zone_known_ts", "when the zone was known"),
    ts("touched_ts", "close of the lower bar that last traded in the zone"),
    price("close", "of the lower bar at whose close the trigger was known"),
    price("stop", "beyond the zone's far edge, or the extreme since the touch where that is farther"),
)

_ENDED = ("BROKEN", "EXPIRED")


def zone_entries(
    zones: Table, breaks: Table, sweeps: Table, bars: Table, patience: int = 24, since: int | None = None
) -> Table:
    """Triggers of the lower frame at live zones of the higher one.

    Definition: a change of character (or a sweep: of lows for up, of highs for down) known at t, and a zone of the same
    direction known before t and not broken or expired by t, in which one of the last `patience` lower bars up to t has
    traded, after the zone was known. Where several zones fit, the one with the nearest far edge is named. Disputed: all of
    it; unproven. The stop is the zone's far edge or the extreme of the bars since the touch, whichever is farther.
    Inputs: rows of a zone feature at the higher frame; `breaks`, `sweeps`, `bars` of the lower; triggers known before
    `since` are left out. A row depends on nothing known after its known_ts.
    Returns: rows in known order, `ref_ts` = the bar of the trigger.
    Source: STRUCTURE ST19, without the bias and without the distance rule, which a reader adds.
    """
    lives = _lives(zones)
    codes = np.array([Trigger.CHANGE_OF_CHARACTER, Trigger.SWEEP])
    turned = breaks[breaks["kind"] == 3]
    known = np.concatenate([turned.clock, sweeps.clock])
    side = np.concatenate([turned["direction"], 3 - sweeps["side"]]).astype(np.int64)
    trigger = np.repeat(codes, [len(turned), len(sweeps)])
    order = np.argsort(known, kind="stable")
    rows: list[tuple[float, ...]] = []
    for i in order[known[order] >= (since if since is not None else np.iinfo(np.int64).min)]:
        last = int(np.searchsorted(bars["known_ts"], known[i], side="right"))
        window = bars[max(0, last - patience) : last]
        if len(window):
            rows += _entry(lives, int(known[i]), int(side[i]), int(trigger[i]), window)
    names = [c.name for c in ZONE_ENTRIES.columns]
    return Table.of(ZONE_ENTRIES, **{name: [row[k] for row in rows] for k, name in enumerate(names)})


def _lives(zones: Table) -> dict[str, np.ndarray]:
    """Per zone: id, direction, edges, when known, when ended (or never)."""
    enum = zones.schema.by_name["event"].enum
    ended = np.isin(zones["event"], [int(m) for m in enum or () if m.name in _ENDED])
    opened = zones[zones["event"] == 1]
    ends = dict(zip(zones["id"][ended].tolist(), zones.clock[ended].tolist(), strict=True))
    never = np.iinfo(np.int64).max
    until = np.array([ends.get(i, never) for i in opened["id"].tolist()], np.int64)
    return {
        "id": opened["id"], "direction": opened["direction"].astype(np.int64), "bottom": opened["bottom"], "top": opened["top"],
        "known": opened.clock, "until": until,
    }  # fmt: skip


def _entry(lives: dict[str, np.ndarray], at: int, direction: int, trigger: int, window: Table) -> list[tuple[float, ...]]:
    """At most one row: the fitting zone whose far edge is nearest."""
    live = np.flatnonzero((lives["direction"] == direction) & (lives["known"] < at) & (lives["until"] > at))
    bottom, top, known = lives["bottom"][live], lives["top"][live], lives["known"][live]
    inside = (
        (window["low"][None] <= top[:, None])
        & (window["high"][None] >= bottom[:, None])
        & (window["known_ts"][None] > known[:, None])
    )
    touched = np.flatnonzero(inside.any(axis=1))
    if not len(touched):
        return []
    far = bottom[touched] if direction == Direction.UP else -top[touched]
    k = int(touched[np.argmax(far)])
    when = int(np.flatnonzero(inside[k])[-1])
    first = int(np.flatnonzero(inside[k])[0])
    extreme = window["low"][first:].min() if direction == Direction.UP else window["high"][first:].max()
    stop = min(bottom[k], extreme) if direction == Direction.UP else max(top[k], extreme)
    zone = live[k]
    here = (int(window["ref_ts"][-1]), at, int(lives["id"][zone]), direction, trigger)
    edges = (float(bottom[k]), float(top[k]), int(known[k]), int(window["known_ts"][when]))
    return [(*here, *edges, float(window["close"][-1]), float(stop))]
