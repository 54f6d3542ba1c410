"""Tracks made when somebody asks: bars of merged trades, and arrays of all symbols."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from perpscope.replay.binance.merged import AggTrade
from perpscope.replay.binance.tape import track_of
from perpscope.replay.frames import MS, Frame, Tape, Track

INTERVALS_MS = {
    "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000, "1h": 3_600_000, "2h": 7_200_000,
    "4h": 14_400_000, "6h": 21_600_000, "8h": 28_800_000, "12h": 43_200_000, "1d": 86_400_000,
}  # fmt: skip
UPDATE_MS = 250
"""A bar channel tells the running bar at most this often."""


class Bar(msgspec.Struct):
    """A bar in exact decimals: times in ms, `first` and `last` trade ids, `taker` what aggressors bought."""

    open_time: int
    close_time: int
    open: str
    high: Decimal
    low: Decimal
    close: str
    volume: Decimal
    value: Decimal
    taker: Decimal
    taker_value: Decimal
    first: int
    last: int

    def add(self, row: AggTrade) -> None:
        price, quantity = Decimal(row.p), Decimal(row.q)
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), row.p
        self.volume += quantity
        self.value += price * quantity
        if not row.m:
            self.taker += quantity
            self.taker_value += price * quantity
        self.last = row.l


def bar_of(row: AggTrade, interval_ms: int) -> Bar:
    """A bar that begins with a trade."""
    opened = row.T // interval_ms * interval_ms
    price, nothing = Decimal(row.p), Decimal(0)
    bar = Bar(opened, opened + interval_ms - 1, row.p, price, price, row.p, nothing, nothing, nothing, nothing, row.f, row.l)
    bar.add(row)
    return bar


def bars(rows: Sequence[AggTrade], interval_ms: int) -> list[Bar]:
    """Bars of merged trades, in order; an interval without a trade has none."""
    out: list[Bar] = []
    for row in rows:
        if out and row.T // interval_ms * interval_ms == out[-1].open_time:
            out[-1].add(row)
        else:
            out.append(bar_of(row, interval_ms))
    return out


def make(topic: str, tape: Tape) -> Track | None:
    """A bar track ("btcusdt@kline_1m") or an array track ("!forceOrder@arr"); None where the source has nothing for it."""
    symbol, _, channel = topic.partition("@")
    if channel.startswith("kline_") and symbol.upper() in tape.facts and channel[6:] in INTERVALS_MS:
        source = tape.tracks.get(f"{symbol}@aggTrade")
        return None if source is None else _klines(topic, source, tape.facts[symbol.upper()].merged, channel[6:])
    if topic.startswith("!") and channel == "arr":
        return _array(topic, tape)
    return None


def _klines(topic: str, source: Track, rows: Sequence[AggTrade], interval: str) -> Track:
    track = track_of(topic)
    step = INTERVALS_MS[interval]
    running: Bar | None = None
    told = 0
    for row, frame in zip(rows, source.frames, strict=True):
        if running is not None and running.close_time < row.T:
            track.frames.append(_kline(track.symbol, interval, running, max(frame.at, 0), frame.order, closed=True))
            running = None
        if running is None:
            running, told = bar_of(row, step), 0
        else:
            running.add(row)
        if frame.at // MS - told >= UPDATE_MS:
            told = frame.at // MS
            track.frames.append(_kline(track.symbol, interval, running, frame.at, frame.order, closed=False))
    return track


def _kline(symbol: str, interval: str, bar: Bar, at: int, order: int, closed: bool) -> Frame:
    k = {
        "t": bar.open_time, "T": bar.close_time, "s": symbol, "i": interval, "f": bar.first, "L": bar.last, "o": bar.open,
        "c": bar.close, "h": f"{bar.high}", "l": f"{bar.low}", "v": f"{bar.volume}", "n": bar.last - bar.first + 1,
        "x": closed, "q": f"{bar.value}", "V": f"{bar.taker}", "Q": f"{bar.taker_value}", "B": "0",
    }  # fmt: skip
    body = {"e": "kline", "E": at // MS, "s": symbol, "k": k}
    return Frame(at, order, msgspec.json.encode(body), bar.open_time * MS, events=int(closed))


def _array(topic: str, tape: Tape) -> Track | None:
    """All symbols of a channel at once: forced orders one by one, marks once a second. One frame, one array."""
    channel = topic[1:].partition("@")[0]
    sources = [t for t in tape.tracks.values() if t.channel == channel and not t.topic.startswith("!")]
    frames = sorted((f for t in sources for f in t.frames), key=lambda f: (f.at, f.order))
    if not frames:
        return None
    track = Track(topic, channel, sources[0].kind, "")
    if channel == "forceOrder":
        track.frames = frames
        return track
    seconds: dict[int, list[Frame]] = {}
    for frame in frames:
        seconds.setdefault(frame.at // (1000 * MS), []).append(frame)
    for group in seconds.values():
        last = group[-1]
        data = b"[" + b",".join(f.data for f in group) + b"]"
        track.frames.append(Frame(last.at, last.order, data, last.exchange_ts, events=len(group)))
    return track
