"""Breaks, swings and live zones at the report's time frame."""

from __future__ import annotations

from typing import TypeVar

from perpscope.report.document import Break, Level, Price, Structure, Zone
from perpscope.report.episodes import Life, lives
from perpscope.report.results import Results, exact, last_row, number, when

Near = TypeVar("Near", bound=Zone | Level)

ZONES = {
    "fair_value_gaps": "fair_value_gap",
    "inverse_fair_value_gaps": "inverse_fair_value_gap",
    "order_blocks": "order_block",
    "breaker_blocks": "breaker_block",
    "mitigation_blocks": "mitigation_block",
}
"""Folds whose episodes are zones of price, and what one of them is called."""

_ENDINGS = frozenset({"filled", "broken", "expired"})
_POOL_ENDINGS = frozenset({"swept", "broken", "expired"})
_EACH_SIDE = 5
_LEVELS_EACH_SIDE = 3
_BREAKS = 6


def read_structure(results: Results, price: Price) -> Structure | str:
    """The last breaks, the last swing of each side, and the live zones nearest to the last price on each side."""
    breaks, swings = results.table("breaks"), results.table("swings")
    if breaks is None and swings is None and not any(results.table(name) is not None for name in ZONES):
        return results.why("breaks")
    rows = list(breaks[-_BREAKS:].rows()) if breaks is not None else []
    last = {row["side"]: row["price"] for row in swings[swings["event"] == 1][-200:].rows()} if swings is not None else {}
    stand = last_row(results.table("dealing_range"))
    return Structure(
        trend=rows[-1]["direction"] if rows else None,
        swing_high=number(last.get("high")),
        swing_low=number(last.get("low")),
        range_position=number(stand["position"]) if stand else None,
        range_zone=stand["zone"] if stand else None,
        breaks=[
            Break(
                direction=row["direction"],
                kind=row["kind"],
                level=exact(row["level"]),
                swing_at=when(row["ref_ts"]),
                known=when(row["known_ts"]),
            )
            for row in rows
        ],
        zones=_nearest(_zones(results, price), _EACH_SIDE),
        levels=_nearest(_levels(results, price.last), _LEVELS_EACH_SIDE),
    )


def _zones(results: Results, price: Price) -> list[Zone]:
    """A zone is alive until it is filled, broken or expired; touched and halved zones still are."""
    found = []
    for fold, kind in ZONES.items():
        rows = results.table(fold)
        if rows is not None:
            found += [_zone(kind, life, price.last) for life in lives(rows, _ENDINGS, results.at)]
    return found


def _zone(kind: str, life: Life, last: float) -> Zone:
    bottom, top = float(life.first["bottom"]), float(life.first["top"])
    near = 0.0 if bottom <= last <= top else (top if top < last else bottom) / last - 1.0
    return Zone(
        id=life.id,
        kind=kind,
        direction=life.first["direction"],
        bottom=exact(bottom),
        top=exact(top),
        known=when(life.opened_ts),
        state=life.last["event"],
        distance_fraction=exact(near),
    )


def _levels(results: Results, last: float) -> list[Level]:
    """Pools of two or more swings, which is what traders see as equal highs and lows, and points of control not revisited."""
    found: list[Level] = []
    pools, naked = results.table("pools"), results.table("naked_poc")
    if pools is not None:
        for life in lives(pools, _POOL_ENDINGS, results.at):
            if life.last["members"] >= 2:
                kind = "equal_highs" if life.last["side"] == "high" else "equal_lows"
                found.append(_level(life, kind, int(life.last["members"]), last))
    if naked is not None:
        found += [_level(life, "naked_poc", 1, last) for life in lives(naked, _ENDINGS, results.at)]
    return found


def _level(life: Life, kind: str, members: int, last: float) -> Level:
    level = float(life.last["price"])
    return Level(
        id=life.id,
        kind=kind,
        price=exact(level),
        members=members,
        known=when(life.last["known_ts"]),
        distance_fraction=exact(level / last - 1.0),
    )


def _nearest(things: list[Near], each_side: int) -> list[Near]:
    """The nearest above, the farthest first, then the nearest at or below."""
    above = sorted((t for t in things if t.distance_fraction > 0), key=lambda t: (t.distance_fraction, t.id))
    below = sorted((t for t in things if t.distance_fraction <= 0), key=lambda t: (-t.distance_fraction, t.id))
    return above[:each_side][::-1] + below[:each_side]
