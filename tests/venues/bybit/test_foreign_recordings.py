"""Answers: the `Door` protocol: a payload of another venue is refused, or counted as unknown, and tells no event."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from perpscope.core.errors import DataError
from perpscope.venues.door import Told
from perpscope.venues.registry import door
from venues.recordings import capture_lines

OWN = {"bybit": "none of v5", "okx": "OKX", "hyperliquid": "none"}


@pytest.mark.parametrize("name", OWN)
def test_the_recordings_of_a_dozen_other_venues_tell_nothing_here(name: str, shared_data: Path) -> None:
    one, seen = door(name), 0
    for path in sorted((shared_data / "wire/captures").glob("*.gz")):
        if path.name.startswith(OWN[name]):
            continue
        for _, stamp, body in islice(capture_lines(path), 100):
            seen += 1
            try:
                message = one.parse(body, stamp)
            except DataError:
                continue
            assert (message.rows, message.book) == ((), None), body[:200]
            assert message.told is not Told.EVENTS
    assert seen > 1_000
