"""Binance messages as tracks: recorded as they came, or made from trades (merged trades, bars)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, TypeVar

import msgspec

from perpscope.core.errors import DataError, UserError
from perpscope.replay.binance.merged import AggTrade, merged
from perpscope.replay.frames import MS, Frame, Tape, Track, span
from perpscope.replay.lines import Line

Read = TypeVar("Read")


class Print(msgspec.Struct, rename={"time": "T", "trade_id": "t", "price": "p", "quantity": "q", "maker": "m", "kind": "X"}):
    """A trade as the venue prints it. `maker`: the buyer is the maker, so the aggressor sold."""

    time: int
    trade_id: int
    price: str
    quantity: str
    maker: bool
    kind: str = "MARKET"


class _Depth(msgspec.Struct):
    E: int
    U: int
    u: int
    b: list[msgspec.Raw]
    a: list[msgspec.Raw]
    T: int = 0


class _Quote(msgspec.Struct):
    u: int
    E: int = 0
    T: int = 0


class _Timed(msgspec.Struct):
    E: int
    a: int = -1
    T: int = 0


class _Order(msgspec.Struct):
    T: int


class _Forced(msgspec.Struct):
    E: int
    o: _Order


class _Envelope(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class Snapshot(msgspec.Struct):
    """A REST book."""

    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    E: int = 0
    T: int = 0


class Rate(NamedTuple):
    """A settled funding payment or an open interest, as the venue prints it."""

    ts: int
    value: str
    mark: str = ""


@dataclass
class Facts:
    """What the REST side knows of a symbol. `info` is its entry of exchangeInfo where that was recorded."""

    symbol: str
    prints: list[Print] = field(default_factory=list)
    merged: list[AggTrade] = field(default_factory=list)
    snapshot: Snapshot | None = None
    info: dict[str, object] | None = None
    funding: list[Rate] = field(default_factory=list)
    interest: list[Rate] = field(default_factory=list)


KINDS = {
    "trade": "trade",
    "aggTrade": "trade",
    "depth": "book_delta",
    "bookTicker": "quote",
    "markPrice": "mark_price",
    "forceOrder": "liquidation",
}
_envelope = msgspec.json.Decoder(_Envelope)
_print, _depth = msgspec.json.Decoder(Print), msgspec.json.Decoder(_Depth)
_quote, _timed, _forced = msgspec.json.Decoder(_Quote), msgspec.json.Decoder(_Timed), msgspec.json.Decoder(_Forced)
_snapshot = msgspec.json.Decoder(Snapshot)


def canonical(name: str) -> str:
    """The one spelling of a channel: speeds left out.

    Example:
        >>> [canonical(n) for n in ("btcusdt@depth@100ms", "btcusdt@markPrice@1s", "!markPrice@arr@1s", "btcusdt@kline_1m")]
        ['btcusdt@depth', 'btcusdt@markPrice', '!markPrice@arr', 'btcusdt@kline_1m']
    """
    parts = name.split("@")
    if len(parts) > 2 and parts[-1].endswith(("ms", "s")) and parts[-1].rstrip("ms").isdigit():
        parts = parts[:-1]
    return "@".join([parts[0] if parts[0].startswith("!") else parts[0].lower(), *parts[1:]])


def track_of(topic: str) -> Track:
    symbol, _, channel = topic.partition("@")
    kind = "bars" if channel.startswith("kline") else KINDS.get(channel, channel)
    return Track(topic, channel, kind, symbol.upper())


def tape_of(recorded: Iterable[Line], symbols: Sequence[str]) -> Tape:
    """Recorded messages as a tape: what was streamed is sent as it came, `aggTrade` is derived where only `trade` was
    recorded, bars and arrays of all symbols are made on demand.

    Raises:
        UserError: if nothing of the symbols asked for was recorded.
        DataError: for a line that is no message of the venue.
    """
    tracks: dict[str, Track] = {}
    facts: dict[str, Facts] = defaultdict(lambda: Facts(""))
    clocks: dict[str, int] = defaultdict(int)
    only = {s.upper() for s in symbols}
    latest = ""
    for order, line in enumerate(recorded):
        if line.url:
            _rest(line, facts, only)
            continue
        if line.body.startswith(b'{"lastUpdateId"'):
            shot = _decoded(_snapshot, line.body)
            if latest:
                facts[latest].snapshot = facts[latest].snapshot or shot
            continue
        envelope = _decoded(_envelope, line.body)
        topic = canonical(envelope.stream)
        symbol = topic.partition("@")[0].upper()
        if only and symbol not in only:
            continue
        latest = symbol
        track = tracks.get(topic)
        if track is None:
            track = tracks[topic] = track_of(topic)
            facts[symbol].symbol = symbol
        frame = _frame(track, bytes(envelope.data), order, clocks[symbol], facts[symbol])
        clocks[symbol] = frame.at
        track.frames.append(frame)
    if not tracks:
        raise UserError(f"The recording holds nothing of {', '.join(sorted(only)) or 'any symbol'}.")
    return finished(tracks, dict(facts))


def finished(tracks: dict[str, Track], facts: dict[str, Facts]) -> Tape:
    """A tape with the derived tracks: `aggTrade` from `trade`, and bars and arrays when they are asked for."""
    facts = {symbol: fact for symbol, fact in facts.items() if fact.symbol}
    for symbol, fact in facts.items():
        lower = symbol.lower()
        if fact.prints and f"{lower}@aggTrade" not in tracks:
            fact.merged, track = merged(fact.prints, tracks[f"{lower}@trade"])
            tracks[track.topic] = track
        elif f"{lower}@aggTrade" in tracks and not fact.merged:
            fact.merged = [msgspec.json.decode(f.data, type=AggTrade) for f in tracks[f"{lower}@aggTrade"].frames]
    first, last = span(list(tracks.values()))
    tape = Tape(sorted(facts), tracks, dict(facts), first, last)
    from perpscope.replay.binance.derived import make  # which stands on this module

    tape.make = lambda topic: make(topic, tape)
    return tape


def _frame(track: Track, data: bytes, order: int, clock: int, facts: Facts) -> Frame:
    channel = track.channel
    if channel == "trade":
        p = _decoded(_print, data)
        facts.prints.append(p)
        at = max(clock, p.time * MS)
        return Frame(at, order, data, p.time * MS, p.trade_id, p.trade_id, 1 if p.kind == "MARKET" else 0)
    if channel == "depth":
        d = _decoded(_depth, data)
        return Frame(max(clock, d.E * MS), order, data, (d.T or d.E) * MS, d.U, d.u, len(d.b) + len(d.a))
    if channel == "bookTicker":
        q = _decoded(_quote, data)
        at = max(clock, q.E * MS)
        return Frame(at, order, data, q.T * MS or at, q.u, q.u)
    if channel == "forceOrder":
        forced = _decoded(_forced, data)
        return Frame(max(clock, forced.E * MS), order, data, forced.o.T * MS)
    m = _decoded(_timed, data)
    own = m.T if channel == "aggTrade" else m.E
    return Frame(max(clock, m.E * MS), order, data, own * MS, m.a, m.a)


def _rest(line: Line, facts: dict[str, Facts], only: set[str]) -> None:
    path, _, query = line.url.partition("?")
    if path.endswith("/depth"):
        symbol = dict(pair.split("=", 1) for pair in query.split("&"))["symbol"].upper()
        if not only or symbol in only:
            facts[symbol].snapshot = _decoded(_snapshot, line.body)
    elif path.endswith("/exchangeInfo"):
        for info in msgspec.json.decode(line.body)["symbols"]:
            if not only or info["symbol"] in only:
                facts[info["symbol"]].info = info


def _decoded(decoder: msgspec.json.Decoder[Read], data: bytes) -> Read:
    try:
        return decoder.decode(data)
    except msgspec.MsgspecError as fault:
        raise DataError(f"A line of the recording is no message of Binance ({fault}).", data[:200]) from None


def grid(values: Iterable[str]) -> str:
    """The greatest step all printed numbers are multiples of, as a number without trailing zeros.

    Example:
        >>> grid(["61659.70", "61659.80", "61600.00"])
        '0.1'
    """
    exact = {Decimal(v) for v in values}
    places = max((-int(d.as_tuple().exponent) for d in exact), default=0)
    whole = math.gcd(*(int(d.scaleb(places)) for d in exact)) if exact else 0
    return f"{Decimal(max(whole, 1)).scaleb(-places).normalize():f}"
