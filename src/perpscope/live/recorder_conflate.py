"""Book updates made fewer when the disk cannot follow: the newest quantity of each level wins."""

from __future__ import annotations

from collections.abc import Sequence

from perpscope.venues.book_sync import BookMessage, Level


def levels_of(messages: Sequence[BookMessage]) -> int:
    return sum(len(m.bids) + len(m.asks) for m in messages)


def conflate(messages: Sequence[BookMessage]) -> BookMessage:
    """Consecutive messages of one book as one with the same effect. It is a snapshot if there was one among them; it begins
    with the first one's number and ends with the last one's number and time.

    Example:
        >>> a = BookMessage(1, 1, 5, 6, 4, [(9.0, 1.0)], [])
        >>> b = BookMessage(2, 3, 7, 8, 6, [(9.0, 0.0), (8.0, 2.0)], [])
        >>> conflate([a, b])[2:]
        (5, 8, 4, [(9.0, 0.0), (8.0, 2.0)], [], False)
    """
    started = max((k for k, m in enumerate(messages) if m.snapshot), default=-1)
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    for message in messages[max(0, started) :]:
        bids.update(message.bids)
        asks.update(message.asks)
    first, last = messages[0], messages[-1]
    whole = started >= 0
    return BookMessage(
        last.exchange_ts, last.receive_ts, first.first_id, last.last_id, first.previous_id,
        _sorted(bids, whole, down=True), _sorted(asks, whole, down=False), snapshot=whole,
    )  # fmt: skip


def _sorted(side: dict[float, float], whole: bool, down: bool) -> list[Level]:
    """Best first; a snapshot has no empty levels."""
    kept = [level for level in side.items() if level[1] or not whole]
    return sorted(kept, reverse=down)
