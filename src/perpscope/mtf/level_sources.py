"""Where the levels of the map come from: one reader per family of folds, each in terms of rows known by a moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perpscope.core.table import Table
from perpscope.core.time import DAY, NULL_TS
from perpscope.market.episodes import alive


@dataclass(frozen=True)
class Candidate:
    """A level before it is ranked: edges low..high (equal for a line) and when it was first known."""

    family: str
    name: str
    frame: str
    low: float
    high: float
    first_seen: int
    estimated: bool = False

    @property
    def label(self) -> str:
        return f"{self.name} {self.frame}".strip()


ZONES = {
    "fair_value_gaps": "fair value gap",
    "inverse_fair_value_gaps": "inverse gap",
    "order_blocks": "order block",
    "breaker_blocks": "breaker block",
    "opening_gaps": "opening gap",
}
_ZONE_ENDS = frozenset({"filled", "broken", "expired"})
_POOL_ENDS = frozenset({"swept", "broken", "expired"})
_LEVEL_ENDS = frozenset({"filled", "expired"})


def candidates(rows: Mapping[str, Table], at: int, price: float, reach: float) -> Iterator[Candidate]:
    """Everything the rows say about levels at `at`; round numbers within `reach` (log) of the price besides."""
    for key, table in rows.items():
        name, _, frame = key.partition("@")
        reader = READERS.get(name)
        if reader is not None and len(table) and int(table.clock[0]) <= at:
            yield from reader(table, at, name, frame)
    yield from round_numbers(price, reach)


def _zones(table: Table, at: int, name: str, frame: str) -> Iterator[Candidate]:
    first, last = alive(table, at, _ZONE_ENDS)
    for a, b in zip(first.rows(), last.rows(), strict=True):
        side = "support" if a["direction"] == "up" else "resistance"
        yield Candidate("structure", f"{ZONES[name]} ({side})", frame, b["bottom"], b["top"], a["known_ts"])


def _pools(table: Table, at: int, name: str, frame: str) -> Iterator[Candidate]:
    first, last = alive(table, at, _POOL_ENDS)
    for a, b in zip(first.rows(), last.rows(), strict=True):
        many = int(b["members"]) > 1
        what = f"equal {b['side']}s" if many else f"swing {b['side']}"
        yield Candidate("structure", what, frame, b["price"], b["price"], a["known_ts"])


def _naked(table: Table, at: int, name: str, frame: str) -> Iterator[Candidate]:
    first, last = alive(table, at, _LEVEL_ENDS)
    for a, b in zip(first.rows(), last.rows(), strict=True):
        yield Candidate("profile", "naked POC", frame, b["price"], b["price"], a["known_ts"])


def _clusters(table: Table, at: int, name: str, frame: str) -> Iterator[Candidate]:
    column = table.schema.by_name["event"]
    lasting = {"opened", "grown", "faded", "touched"}
    ends = frozenset(m.name.lower() for m in column.enum or ()) - lasting
    first, last = alive(table, at, ends)
    for a, b in zip(first.rows(), last.rows(), strict=True):
        what = f"liquidations of {b['side']}s"
        yield Candidate("liquidation", what, frame, b["price_low"], b["price_high"], a["known_ts"], True)


def _valid(table: Table, at: int) -> Iterator[dict[str, Any]]:
    """Rows of levels that hold from when they are known until another of their name takes over."""
    seen = table[(table.clock <= at) & (table["valid_to"] > at)]
    yield from seen.rows()


def _levels(table: Table, at: int, name: str, frame: str) -> Iterator[Candidate]:
    for row in _valid(table, at):
        clock = {"utc": "", "new_york_17": " (17:00 NY)", "new_york_00": " (00:00 NY)"}[row["day_definition"]]
        what = f"previous {row['period']} {row['kind']}{clock}"
        yield Candidate("session", what, "", row["price"], row["price"], row["known_ts"])


def _opens(table: Table, at: int, name: str, frame: str) -> Iterator[Candidate]:
    for row in _valid(table, at):
        what = f"{row['session']} open" if row["name"] == "session" else f"{row['name']} open"
        yield Candidate("session", what.replace("_", " "), "", row["price"], row["price"], row["known_ts"])


def _ranges(table: Table, at: int, name: str, frame: str) -> Iterator[Candidate]:
    """High and low of the newest occurrence of each session, if it is not older than a day and a half."""
    seen = table[(table.clock <= at) & (table.clock > at - 3 * DAY // 2)]
    newest = {row["session"]: row for row in seen.rows()}
    for session, row in newest.items():
        for edge in ("high", "low"):
            what = f"{session.replace('_', ' ')} {edge}"
            yield Candidate("session", what, "", row[edge], row[edge], row["known_ts"])


def _profile(table: Table, at: int, name: str, frame: str) -> Iterator[Candidate]:
    seen = table[table.clock <= at]
    if not len(seen) or at - int(seen.clock[-1]) > DAY:
        return
    row = next(seen[-1:].rows())
    known = row["known_ts"]
    for column, what in (
        ("poc", "today's POC"), ("vah", "today's VAH"), ("val", "today's VAL"),
        ("previous_poc", "yesterday's POC"), ("previous_vah", "yesterday's VAH"), ("previous_val", "yesterday's VAL"),
    ):  # fmt: skip
        if row[column] is not None:
            begun = known if not column.startswith("previous") else known // DAY * DAY
            yield Candidate("profile", what, "", row[column], row[column], begun, bool(row["estimated"]))


def _session_profiles(table: Table, at: int, name: str, frame: str) -> Iterator[Candidate]:
    seen = table[(table.clock <= at) & (table.clock > at - 3 * DAY // 2)]
    for row in {r["session"]: r for r in seen.rows()}.values():
        what = f"{row['session'].replace('_', ' ')} POC"
        yield Candidate("profile", what, "", row["poc"], row["poc"], row["known_ts"], True)


def _averages(table: Table, at: int, name: str, frame: str) -> Iterator[Candidate]:
    seen = table[table.clock <= at]
    if not len(seen) or at - int(seen.clock[-1]) > DAY:
        return
    row = next(seen[-1:].rows())
    for anchor in ("day", "week", "month"):
        for column, what in (("vwap", "VWAP"), ("upper_1", "VWAP + 1 sd"), ("lower_1", "VWAP - 1 sd")):
            value = row.get(f"{anchor}_{column}")
            if value is not None:
                yield Candidate("vwap", f"{anchor} {what}", "", value, value, row["known_ts"], bool(row["estimated"]))


def _stack(table: Table, at: int, name: str, frame: str) -> Iterator[Candidate]:
    seen = table[table.clock <= at]
    if len(seen):
        row = next(seen[-1:].rows())
        for span in (50, 200):
            yield Candidate("structure", f"EMA {span}", frame, row[f"ema_{span}"], row[f"ema_{span}"], row["known_ts"])


def round_numbers(price: float, reach: float) -> Iterator[Candidate]:
    """Prices that people round to: multiples of a tenth of the price's power of ten; those of half that power are major.

    Example:
        >>> [(c.name, c.low) for c in round_numbers(54_300.0, 0.03)]
        [('round number', 53000.0), ('round number', 54000.0), ('major round number', 55000.0)]
    """
    step = 10.0 ** (math.floor(math.log10(price)) - 1)
    for k in range(math.ceil(price * math.exp(-reach) / step), math.floor(price * math.exp(reach) / step) + 1):
        name = "major round number" if k % 5 == 0 else "round number"
        yield Candidate("round", name, "", round(k * step, 12), round(k * step, 12), NULL_TS)


READERS: dict[str, Callable[[Table, int, str, str], Iterator[Candidate]]] = {
    **dict.fromkeys(ZONES, _zones),
    "pools": _pools,
    "naked_poc": _naked,
    "liquidation_clusters": _clusters,
    "levels": _levels,
    "opens": _opens,
    "session_ranges": _ranges,
    "volume_profile": _profile,
    "session_profiles": _session_profiles,
    "anchored_vwap": _averages,
    "average_stack": _stack,
}
"""Readers by the fold whose rows they read."""
