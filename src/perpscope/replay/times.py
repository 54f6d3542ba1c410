"""Times inside payloads, moved: for a clock that is wrong, and for a tape that pretends to be now."""

from __future__ import annotations

import re
from collections.abc import Mapping

from perpscope.replay.frames import MS

DAY_MS = 86_400_000
_TIMES = re.compile(rb"(?<![\d.])1[4-9]\d{11}(?:\d{6})?(?![\d.])")


def moved(payload: bytes, by_ms: int, around_ms: int) -> bytes:
    """A payload whose times are later by `by_ms`.

    Definition: a time is a whole number of thirteen digits (ms) or nineteen (ns) within 400 days of `around_ms`, quoted or not.
    No id of the four venues is one (Binance's have other leading digits, the rest another length).

    Example:
        >>> moved(b'{"E":1723161256322,"u":5123107839020,"ts":"1723161256000"}', 1000, 1723161256000)
        b'{"E":1723161257322,"u":5123107839020,"ts":"1723161257000"}'
        >>> moved(b'{"timeNano":"1723161256000000000"}', 1000, 1723161256000)
        b'{"timeNano":"1723161257000000000"}'
    """
    if not by_ms:
        return payload

    def later(found: re.Match[bytes]) -> bytes:
        value = int(found.group())
        unit = MS if len(found.group()) > 13 else 1
        return b"%d" % (value + by_ms * unit) if abs(value // unit - around_ms) < 400 * DAY_MS else found.group()

    return _TIMES.sub(later, payload)


def moved_query(query: Mapping[str, str], by_ms: int, around_ms: int) -> dict[str, str]:
    """A query whose times are later by `by_ms`."""
    return {k: moved(v.encode(), by_ms, around_ms).decode() for k, v in query.items()}


def ms(ns: int) -> int:
    return ns // MS
