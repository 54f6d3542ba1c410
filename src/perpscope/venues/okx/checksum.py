"""Books as printed, kept only as long as the venue sends checksums of them (before 2026-06-23)."""

from __future__ import annotations

from perpscope.venues.okx.book import TextLevel, checksum, printed_levels

_Sides = tuple[dict[str, str], dict[str, str]]


class PrintedBooks:
    """Each symbol's levels as text, because the checksum is over the text; nothing where the checksum is 0 (absent)."""

    def __init__(self) -> None:
        self._books: dict[str, _Sides] = {}

    def agrees(self, symbol: str, payload: bytes, snapshot: bool, told: int) -> bool:
        """Whether the book after this frame is the venue's; also where that cannot be judged: no checksum, or an update of a
        book whose snapshot had none. A book found wrong is forgotten until its next snapshot."""
        if told == 0 or (not snapshot and symbol not in self._books):
            self.forget(symbol)
            return True
        bids, asks, _ = printed_levels(payload)
        book: _Sides = ({}, {}) if snapshot else self._books[symbol]
        for side, levels in zip(book, (bids, asks), strict=True):
            side.update(levels)
            for price, quantity in levels:
                if float(quantity) == 0:
                    side.pop(price, None)
        self._books[symbol] = book
        if checksum(_best(book[0], -1), _best(book[1], 1)) == told:
            return True
        self.forget(symbol)
        return False

    def forget(self, symbol: str) -> None:
        self._books.pop(symbol, None)


def _best(side: dict[str, str], sign: int) -> list[TextLevel]:
    return sorted(side.items(), key=lambda level: sign * float(level[0]))[:25]
