"""What has been seen already, by natural key: after a reconnect, and while two sockets bring the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

_KEPT = 20_000


class Seen:
    """Keys remembered in two halves of `kept` each: the older half is forgotten when the newer one is full.

    Example:
        >>> seen = Seen()
        >>> [seen.first(k) for k in ("a", "b", "a")]
        [True, True, False]
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._new: set[Hashable] = set()
        self._old: set[Hashable] = set()

    def first(self, key: Hashable) -> bool:
        """Whether the key was never seen; it is now."""
        if key in self._new or key in self._old:
            return False
        self._new.add(key)
        if len(self._new) >= self._kept:
            self._old, self._new = self._new, set()
        return True


class Twice:
    """Events without ids on two sockets at once. Two equal prints on one socket are two prints; the same two on the other
    socket are the same two: the n-th of a key is new only if no socket has brought n before.

    Example:
        >>> twice = Twice()
        >>> [twice.fresh(line, "x") for line in (1, 1, 2, 2, 2)]
        [True, True, False, False, True]
    """

    def __init__(self) -> None:
        self._by_line: dict[int, Counter[Hashable]] = {}
        self._told: Counter[Hashable] = Counter()

    def fresh(self, line: int, key: Hashable) -> bool:
        mine = self._by_line.setdefault(line, Counter())
        mine[key] += 1
        if mine[key] <= self._told[key]:
            return False
        self._told[key] = mine[key]
        return True

    def forget(self) -> None:
        self._by_line.clear()
        self._told.clear()
