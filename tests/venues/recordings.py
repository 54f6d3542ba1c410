"""Recorded messages of the venues, read line by line as they were received."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from perpscope.venues.book_sync import BookMessage, BookSync, SequenceRule

Parse = Callable[[bytes, int], BookMessage]


class Quote(msgspec.Struct):
    """A bookTicker message."""

    u: int
    b: float
    a: float


class Envelope(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class Replay(NamedTuple):
    sync: BookSync
    told: list[BookMessage]
    quotes: dict[int, tuple[float, float]]


_envelope, _quote = msgspec.json.Decoder(Envelope), msgspec.json.Decoder(Quote, strict=False)


def replay_binance(paths: list[Path], rule: SequenceRule, parse_depth: Parse, parse_snapshot: Parse) -> Replay:
    """Depth messages and the snapshot through the sequence machine; best prices of bookTicker by update number."""
    sync, told, quotes = BookSync(rule), [], {}
    for path in paths:
        for line in gzip.decompress(path.read_bytes()).splitlines():
            stamp, _, body = line.partition(b" ")
            if b"@trade" in body[:60]:
                continue
            if body.startswith(b'{"lastUpdateId"'):
                told += sync.feed(parse_snapshot(body, int(stamp)))
                continue
            message = _envelope.decode(body)
            if "@depth" in message.stream:
                told += sync.feed(parse_depth(bytes(message.data), int(stamp)))
            else:
                quote = _quote.decode(message.data)
                quotes[quote.u] = quote.b, quote.a
    return Replay(sync, told, quotes)


def capture_lines(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """(url or "", local ns, JSON) of a capture: lines `<time>: <JSON>` and `<url> -> <time>: <JSON>`."""
    for line in gzip.decompress(path.read_bytes()).splitlines():
        head, _, body = line.partition(b": ")
        if b" <" in head or not body.startswith((b"{", b"[")) or head.startswith(b"configuration"):
            continue
        url, arrow, stamp = head.rpartition(b" -> ")
        yield url.decode() if arrow else "", int(float(stamp) * 1e9), body


def zipped_lines(path: Path) -> list[bytes]:
    with zipfile.ZipFile(path) as archive:
        return io.BytesIO(archive.read(archive.namelist()[0])).read().splitlines()


def equal_quotes(rows: dict[str, np.ndarray], quotes: dict[int, tuple[float, float]]) -> tuple[int, int]:
    """How many updates share their number with a quote, and at how many of those both best prices are equal."""
    best = zip(rows["sequence"].tolist(), rows["bid_price"].tolist(), rows["ask_price"].tolist(), strict=True)
    compared = [(quotes[u], (bid, ask)) for u, bid, ask in best if u in quotes]
    return len(compared), sum(a == b for a, b in compared)
