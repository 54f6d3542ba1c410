"""A string that must not be seen: the address of a sink carries its token."""

from __future__ import annotations


class Secret:
    """Shows itself as stars everywhere; `reveal()` is the one way to its value, and is called where it is used.

    Example:
        >>> f"{Secret('https://x.example/token')} {[Secret('t')]!r}"
        '*** [***]'
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> str:
        raise TypeError("A secret is not written down.")
