"""Broken messages: well-formed JSON with one or a few values that cannot be, and bytes that were cut or flipped."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import numpy as np

from perpscope.core.events import stream_schema
from perpscope.core.time import NULL_TS, plausible
from perpscope.venues.door import Message

MAY_BE_ABSENT = {
    "mark_price": {"index_price"},
    "liquidation": {"bankruptcy_price"},
    "open_interest": {"open_interest_notional"},
    "bars": {"buy_volume", "sell_volume", "trade_count", "min_delta", "max_delta"},
}
"""Columns whose help says that they are NaN where a venue does not tell them."""

_ODD: list[Any] = [
    None, True, False, "", "nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-1", "0", "0x10", "1_0", " 1", "\u0661", "\x00",
    -1, 0, 1, 3, 0.5, -0.0, 1e308, 5e-324, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30,
    [], {}, [[]], [None], "A" * 5_000,
    ["1", "2"], [["1", "nan"]], [["0", "1"]], {"e": "trade"}, "BUY", "SELL", "Buy", "1785000000000", 1785000000000000,
]  # fmt: skip
_NESTED = b"[" * 100_000


def mutants(payloads: list[bytes], random: Random) -> Iterator[bytes]:
    """Endless broken variants of payloads: three in four by structure, one in four by bytes."""
    trees = [_tree(p) for p in payloads]
    while True:
        k = random.randrange(len(payloads))
        tree = trees[k]
        if tree is None or random.random() < 0.25:
            yield _bytes(payloads[k], random)
            continue
        changed = msgspec.json.decode(payloads[k])
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            changed = _change(changed, random)
        yield json.dumps(changed).encode("utf-8", "surrogatepass") if random.random() < 0.999 else _nest(payloads[k])


def _tree(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return None


def _places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    if isinstance(node, dict | list):
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            found.append((node, key))
            _places(value, found)
    return found


def _change(tree: Any, random: Random) -> Any:
    places = _places(tree, [])
    if not places:
        return random.choice(_ODD)
    parent, key = random.choice(places)
    act = random.random()
    if act < 0.7:
        parent[key] = _copy(random.choice(_ODD))
    elif act < 0.8:
        del parent[key]
    elif act < 0.9:
        other, name = random.choice(places)
        parent[key] = _copy(other[name])
    elif isinstance(parent, dict):
        parent["new_field"] = _copy(random.choice(_ODD))
    else:
        parent.append(_copy(random.choice(_ODD)))
    return tree


def _copy(value: Any) -> Any:
    return copy.deepcopy(value) if isinstance(value, dict | list) else value


def _bytes(payload: bytes, random: Random) -> bytes:
    act = random.random()
    at = random.randrange(len(payload) + 1)
    if act < 0.4:
        return payload[:at]
    if act < 0.8:
        bad = bytearray(payload or b" ")
        for _ in range(random.randrange(1, 4)):
            bad[random.randrange(len(bad))] = random.randrange(256)
        return bytes(bad)
    if act < 0.9:
        return payload[:at] + payload
    return payload[:at] + bytes(random.randrange(256) for _ in range(8)) + payload[at:]


def _nest(payload: bytes) -> bytes:
    return payload[:-1] + b',"deep":' + _NESTED


def poison(message: Message) -> str:
    """What is wrong with the values of a message; "" if nothing."""
    for part in (message, *message.others):
        for stream, values in part.rows:
            schema = stream_schema(stream)
            if len(values) != len(schema.columns):
                return f"{stream} has {len(values)} values"
            for column, value in zip(schema.columns, values, strict=True):
                if wrong := _wrong(schema.name, column.name, column.dtype, column.unit, value):
                    return f"{stream}.{column.name} is {wrong}"
        if part.book is not None:
            book = part.book
            if not -(2**63) < book.exchange_ts < 2**63 or not -1 <= book.last_id < 2**63 or not -1 <= book.first_id < 2**63:
                return f"book numbers {book[:5]}"
            levels = np.array([*book.bids, *book.asks], np.float64).reshape(-1, 2)
            if not np.isfinite(levels).all() or (levels[:, 0] <= 0).any() or (levels[:, 1] < 0).any():
                return "a level is no level"
    return ""


def _wrong(schema: str, name: str, dtype: str, unit: str, value: Any) -> str:
    if dtype == "float64":
        if not isinstance(value, float | int) or isinstance(value, bool):
            return f"{value!r}"
        absent = value != value and name in MAY_BE_ABSENT.get(schema, ())
        return "" if absent or np.isfinite(value) else f"{value!r}"
    if not isinstance(value, int):
        return f"{value!r}"
    if unit == "ns" and name != "funding_interval":
        return "" if plausible(value) or (name == "receive_ts" and value == NULL_TS) else f"{value}"
    return "" if -(2**63) <= value < 2**63 else f"{value}"
