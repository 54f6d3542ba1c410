"""Numbers as venues send them, most of them in strings, bounded so that no NaN, infinity or impossible time gets in."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from perpscope.core.errors import DataError
from perpscope.core.time import plausible

Price = Annotated[float, Meta(ge=1e-15, le=1e15)]
Quantity = Annotated[float, Meta(ge=0, le=1e18)]
Rate = Annotated[float, Meta(ge=-1, le=1)]
Ident = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Millis = Annotated[int, Meta(ge=0, le=4_102_444_800_000)]
Levels = list[tuple[Price, Quantity]]

LARGEST = 4 << 20
"""No message of a public channel comes near 4 MB; a larger one is refused unread."""

_MS = 1_000_000
_T = TypeVar("_T")


def decoder(kind: type[_T]) -> msgspec.json.Decoder[_T]:
    """A decoder that takes numbers in strings."""
    return msgspec.json.Decoder(kind, strict=False)


def read(wanted: msgspec.json.Decoder[_T], payload: bytes | msgspec.Raw, what: str) -> _T:
    """One payload through a decoder.

    Raises:
        DataError: if it is broken, too large, too deeply nested, or holds a number that cannot be.

    Example:
        >>> read(decoder(tuple[Price, Quantity]), b'["99.5", "2"]', "level")
        (99.5, 2.0)
        >>> read(decoder(tuple[Price, Quantity]), b'["nan", "2"]', "level")
        Traceback (most recent call last):
        perpscope.core.errors.DataError: This is no level (Expected `float` >= 1e-15 - at `$[0]`). Offending piece: ...
    """
    if len(bytes(payload) if isinstance(payload, msgspec.Raw) else payload) > LARGEST:
        raise DataError(f"This is no {what}: it has more than {LARGEST} bytes.", bytes(payload)[:200])
    try:
        return wanted.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as fault:
        raise DataError(f"This is no {what} ({str(fault)[:200]}).", bytes(payload)[:200]) from None


def to_ns(millis: int, payload: Any) -> int:
    """A venue's milliseconds in ns.

    Raises:
        DataError: if they lie outside 2009 to 2100, as seconds or microseconds taken for milliseconds do.
    """
    ns = millis * _MS
    if not plausible(ns):
        raise DataError(f"The time {millis} ms lies outside 2009 to 2100.", payload)
    return ns
