"""Rows of the same fact, told twice: which one is kept.

Keyed kinds have a natural key (a bar its open, a trade its instant and id). Of several rows with one key the richest
is kept (a bar with `buy_volume` beats one without), then the one of the higher rank. Trades without ids and book
updates have no key: there a stretch of time belongs wholly to one teller, or volume would be counted twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.core.time import MINUTE, NULL_TS, parse_span

KEYS: dict[str, tuple[str, ...]] = {
    "trade": ("exchange_ts", "trade_id"),
    "mark_price": ("exchange_ts",),
    "funding": ("exchange_ts",),
    "open_interest": ("exchange_ts",),
    "liquidation": ("exchange_ts", "position_side", "price", "quantity", "bankruptcy_price"),
    "bars": ("ref_ts",),
    "mark_bars": ("ref_ts",),
    "liquidation_totals": ("ref_ts",),
    "long_short_ratio": ("ref_ts", "ratio_kind"),
    "position": ("exchange_ts", "wallet"),
    "risk_tier": ("ref_ts", "floor"),
    "gap": ("ref_ts", "end_ts", "kind", "cause", "known_ts"),
}
"""The natural key of a kind. Funding stamps carry jitter, so they are compared by the minute."""

BY_STRETCH = frozenset({"trade", "book_delta", "mark_price", "open_interest", "liquidation"})
"""Kinds of which each origin tells a stretch of time as a whole. Two origins poll open interest at different instants
and print trades under different ids (raw or aggregated), so mixing their rows would invent changes or volume."""

VENDORS = (
    "binance-vision",
    "binance-vision-raw",
    "rest",
    "tardis",
    "freqtrade",
    "tape",
    "coinalyze",
    "coinalyze-daily",
    "coinglass",
)

NO_PARTS = np.empty(0, np.int64)
_NOT_CONTENT = frozenset({"receive_ts"})


@dataclass(frozen=True)
class Merged:
    """The kept rows by clock, which part each came from, and what became of the others."""

    table: Table
    part: npt.NDArray[np.int64]
    duplicates: int = 0
    revised: int = 0
    clash: tuple[dict[str, Any], ...] = ()


def rank(origin: str, venue: str) -> tuple[int, int, str]:
    """Sort key of who is believed first, all else equal.

    What was recorded from the wire, what the venue published (its origin is the venue's name), the vendors in the
    order of `VENDORS`, then others by name; of one source the shorter beat ('coinalyze-5m' before 'coinalyze-1h').

    Example:
        >>> sorted(["coinalyze-1h", "zoo", "coinalyze-5m", "binance", "recording"], key=lambda o: rank(o, "binance"))
        ['recording', 'binance', 'coinalyze-5m', 'coinalyze-1h', 'zoo']
    """
    base, beat = origin, 0
    if found := re.fullmatch(r"(.+)-(\d+[smhdw])", origin):
        base, beat = found[1], parse_span(found[2])
    if base in ("recording", "live"):
        return (0, beat, origin)
    if base == venue:
        return (1, beat, origin)
    return (2 + (VENDORS.index(base) if base in VENDORS else len(VENDORS)), beat, origin)


def has_key(table: Table) -> bool:
    """Whether the rows can be told apart by a natural key."""
    if table.schema.name == "trade":
        return len(table) == 0 or bool((table["trade_id"] >= 0).all())
    return table.schema.name in KEYS


def by_key(parts: list[Table]) -> Merged:
    """The parts as one table with one row a key; earlier parts are believed first, unless a later one is richer.

    `duplicates` counts dropped rows that say nothing else, `revised` those that contradict what was kept; `clash`
    shows the first such pair. Rows of one instant stand in the order of their part, the last part first: it is the older
    one, and within a part the order of arrival is kept.
    """
    table = Table.concat(parts)
    part = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    keys = [_comparable(table, name) for name in KEYS[table.schema.name]]
    if _ascending(keys):
        return Merged(table.sorted(), part)
    order = np.lexsort((np.arange(len(table)), part, _poverty(table), *reversed(keys)))
    same = np.ones(len(table) - 1, np.bool_)
    for key in keys:
        same &= key[order[1:]] == key[order[:-1]]
    first = np.concatenate([[True], ~same])
    kept = order[first]
    kept = kept[np.lexsort((kept, -part[kept], table.clock[kept]))]
    heads = order[np.flatnonzero(first)[np.cumsum(first) - 1]]
    dropped, winners = order[~first], heads[~first]
    agrees = _agrees(table, winners, dropped)
    clash: tuple[dict[str, Any], ...] = ()
    if not agrees.all():
        at = int(np.flatnonzero(~agrees)[0])
        clash = tuple(table[np.array([winners[at], dropped[at]])].rows())
    return Merged(table[kept], part[kept], int(agrees.sum()), int((~agrees).sum()), clash)


def _ascending(keys: list[npt.NDArray[Any]]) -> bool:
    """Whether the keys, read as one, strictly ascend: then nothing is told twice."""
    later = np.zeros(max(len(keys[0]) - 1, 0), np.bool_)
    equal = ~later
    for key in keys:
        later |= equal & (key[1:] > key[:-1])
        equal &= key[1:] == key[:-1]
    return bool(later.all())


def _comparable(table: Table, name: str) -> npt.NDArray[Any]:
    values = table[name]
    if table.schema.name == "funding" and name == "exchange_ts":
        return (values + MINUTE // 2) // MINUTE
    return np.nan_to_num(values, nan=-1.0) if values.dtype.kind == "f" else values


def _poverty(table: Table) -> npt.NDArray[np.int64]:
    """How many columns of a row are absent; the poorer loses."""
    absent = np.zeros(len(table), np.int64)
    for name, values in table.columns().items():
        if name not in _NOT_CONTENT and values.dtype.kind == "f":
            absent += np.isnan(values)
    return absent


def _agrees(table: Table, winners: npt.NDArray[np.int64], dropped: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether a dropped row says nothing that the kept one does not."""
    agrees = np.ones(len(dropped), np.bool_)
    for name, values in table.columns().items():
        if name in _NOT_CONTENT:
            continue
        kept, other = values[winners], values[dropped]
        absent = np.isnan(other) if values.dtype.kind == "f" else (other == NULL_TS if values.dtype == np.int64 else False)
        agrees &= (kept == other) | absent
    return agrees
