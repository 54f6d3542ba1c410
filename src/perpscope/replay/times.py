"""Times inside payloads, moved: for a clock that is wrong, and for a tape that pretends to be now."""

from __future__ import annotations

import re
from collections.abc import Mapping

from perpscope.replay.frames import MS

DAY_MS = 86_400_000
_MILLISECONDS = re.compile(rb"(?<![\d.])1[4-9]\d{11}(?![\d.])")


def moved(payload: bytes, by_ms: int, around_ms: int) -> bytes:
    """A payload whose times are later by `by_ms`.

    Definition: a time is a whole number of thirteen digits within 400 days of `around_ms`, quoted or not. No id of the
    four venues is one (Binance's have other leading digits, the rest another length).

    Example:
        >>> moved(b'{"E":1723161256322,"u":5123107839020,"ts":"1723161256000"}', 1000, 1723161256000)
        b'{"E":1723161257322,"u":5123107839020,"ts":"1723161257000"}'
    """
    if not by_ms:
        return payload

    def later(found: re.Match[bytes]) -> bytes:
        value = int(found.group())
        return b"%d" % (value + by_ms) if abs(value - around_ms) < 400 * DAY_MS else found.group()

    return _MILLISECONDS.sub(later, payload)


def moved_query(query: Mapping[str, str], by_ms: int, around_ms: int) -> dict[str, str]:
    """A query whose times are later by `by_ms`."""
    return {k: moved(v.encode(), by_ms, around_ms).decode() for k, v in query.items()}


def ms(ns: int) -> int:
    return ns // MS
