"""Bybit v5 messages as tracks: recorded, or made from a market.

Source: Bybit v5 WebSocket public pages (orderbook, publicTrade, tickers, allLiquidation).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from perpscope.core.errors import DataError, UserError
from perpscope.core.instrument import Instrument
from perpscope.replay.bars import closed
from perpscope.replay.dialect import plain
from perpscope.replay.frames import MS, Frame, Tape, Track, span
from perpscope.replay.lines import Line
from perpscope.replay.market import HOUR, Deal, Market, chained, contracts

MINUTE = 60_000 * MS
INTERVALS = {"1": 1, "3": 3, "5": 5, "15": 15, "30": 30, "60": 60, "120": 120, "240": 240, "360": 360, "720": 720, "D": 1440}
KINDS = {
    "orderbook": "book_delta",
    "publicTrade": "trade",
    "tickers": "mark_price",
    "allLiquidation": "liquidation",
    "kline": "bars",
}


class _Message(msgspec.Struct):
    topic: str
    ts: int
    data: Any
    type: str = "snapshot"
    cts: int = 0


_message = msgspec.json.Decoder(_Message)


def canonical(name: str) -> str:
    """The one spelling of a topic: the depth of a book is left out.

    Example:
        >>> canonical("orderbook.200.BTCUSDT"), canonical("kline.5.BTCUSDT")
        ('orderbook.BTCUSDT', 'kline.5.BTCUSDT')
    """
    parts = name.split(".")
    return f"orderbook.{parts[-1]}" if parts[0] == "orderbook" else name


def track_of(topic: str) -> Track:
    channel, _, rest = topic.partition(".")
    return Track(topic, channel, KINDS.get(channel, channel), rest.rpartition(".")[2])


def recorded(recording: Iterable[Line], symbols: Sequence[str]) -> Tape:
    """Recorded messages as a tape.

    Raises:
        UserError: if nothing of the symbols asked for was recorded.
        DataError: for a line that is no v5 message (the API before v5 spoke otherwise).
    """
    tracks: dict[str, Track] = {}
    facts: dict[str, Market] = {}
    clock = 0
    for order, line in enumerate(recording):
        if line.url:
            continue
        try:
            m = _message.decode(line.body)
        except msgspec.MsgspecError as fault:
            raise DataError(f"A line of the recording is no message of Bybit v5 ({fault}).", line.body[:200]) from None
        track = tracks.get(canonical(m.topic)) or track_of(canonical(m.topic))
        if symbols and track.symbol not in symbols:
            continue
        tracks[track.topic] = track
        market = facts.setdefault(track.symbol, Market(Instrument("bybit", track.symbol)))
        clock = max(clock, m.ts * MS)
        own = (m.cts or m.ts) * MS
        if track.channel == "orderbook":
            count = len(m.data["b"]) + len(m.data["a"])
            track.frames.append(Frame(clock, order, line.body, own, m.data["u"], m.data["u"], count, (), m.type == "snapshot"))
            continue
        if track.channel == "publicTrade":
            for t in m.data:
                market.deals.append(Deal(t["T"] * MS, len(market.deals) + 1, t["p"], t["v"], t["S"] == "Buy"))
            own = m.data[0]["T"] * MS
        track.frames.append(Frame(clock, order, line.body, own, events=len(m.data) if isinstance(m.data, list) else 1))
    return finished(tracks, facts, "the recording")


def finished(tracks: dict[str, Track], facts: dict[str, Market], what: str) -> Tape:
    if not tracks:
        raise UserError(f"There is nothing to send in {what}.")
    start, end = span(list(tracks.values()))
    return Tape(sorted(facts), tracks, dict(facts), start, end, lambda topic: klines(topic, facts))


def klines(topic: str, facts: Mapping[str, Market]) -> Track | None:
    """`kline.<minutes>.<symbol>`, closed bars only; None for anything else."""
    channel, _, rest = topic.partition(".")
    interval, _, symbol = rest.partition(".")
    if channel != "kline" or interval not in INTERVALS or symbol not in facts or not facts[symbol].deals:
        return None
    track = track_of(topic)
    step = INTERVALS[interval] * MINUTE
    for k, (at, b) in enumerate(closed(facts[symbol].deals, step)):
        row = {
            "start": b.open_ts // MS, "end": at // MS - 1, "interval": interval, "open": b.open, "close": b.close,
            "high": b.high, "low": b.low, "volume": f"{b.volume}", "turnover": f"{b.value}", "confirm": True,
            "timestamp": at // MS,
        }  # fmt: skip
        track.frames.append(Frame(at, k, plain({"topic": topic, "type": "snapshot", "ts": at // MS, "data": [row]}), b.open_ts))
    return track


def encoded(markets: Sequence[Market]) -> Tape:
    """Markets as a tape: a first snapshot of the book, then differences with `u` rising by one."""
    tracks: dict[str, Track] = {}
    for market in markets:
        for track in (_book(market), _trades(market), _tickers(market), _forced(market)):
            if track.frames:
                tracks[track.topic] = track
    return finished(tracks, {m.instrument.symbol: m for m in markets}, "the market")


def _message_of(track: Track, kind: str, ts: int, data: Any, **more: Any) -> bytes:
    topic = track.topic.replace("orderbook.", "orderbook.200.")
    return plain({"topic": topic, "type": kind, "ts": ts // MS, "data": data, **more})


def _book(market: Market) -> Track:
    symbol = market.instrument.symbol
    track = track_of(f"orderbook.{symbol}")
    for k, u in enumerate(chained(market.book)):
        b, a = ([[p, contracts(market.instrument, q, p)] for p, q in side] for side in (u.bids, u.asks))
        data = {"s": symbol, "b": b, "a": a, "u": k + 2, "seq": u.number}
        body = _message_of(track, "delta" if k else "snapshot", u.ts, data, cts=u.ts // MS)
        track.frames.append(Frame(u.ts, k, body, u.ts // MS * MS, k + 2, k + 2, len(b) + len(a), (), not k))
    return track


def _trades(market: Market) -> Track:
    symbol = market.instrument.symbol
    track = track_of(f"publicTrade.{symbol}")
    for k, d in enumerate(market.deals):
        row = {
            "T": d.ts // MS, "s": symbol, "S": "Buy" if d.bought else "Sell",
            "v": contracts(market.instrument, d.quantity, d.price), "p": d.price, "L": "ZeroPlusTick",
            "i": f"00000000-0000-5000-8000-{d.number:012x}", "BT": False,
        }  # fmt: skip
        track.frames.append(Frame(d.ts, k, _message_of(track, "snapshot", d.ts, [row]), d.ts // MS * MS))
    return track


def _tickers(market: Market) -> Track:
    """Marks, open interest and funding in one channel: all fields first, then those that changed."""
    symbol = market.instrument.symbol
    track = track_of(f"tickers.{symbol}")
    changes: list[tuple[int, int, dict[str, str]]] = []
    for mark in market.marks:
        rate, due = market.next_payment(mark.ts)
        fields = {"markPrice": mark.mark, "indexPrice": mark.oracle, "fundingRate": rate, "nextFundingTime": str(due // MS)}
        changes.append((mark.ts, 0, fields))
    for i in market.interest:
        changes.append((i.ts, 1, {"openInterest": i.quantity, "openInterestValue": i.value}))
    hours = market.rates[0].interval // HOUR if market.rates else 8
    told: dict[str, str] = {}
    for k, (ts, is_interest, fields) in enumerate(sorted(changes, key=lambda c: c[:2])):
        changed = {name: v for name, v in fields.items() if v and told.get(name) != v}
        data = {"symbol": symbol, **changed}
        if not told:
            data |= {"fundingIntervalHour": str(hours)}
        kind = "delta" if told else "snapshot"
        told |= changed
        events = -(-len({"markPrice", "indexPrice"} & set(changed)) // 2) if not is_interest else 0
        track.frames.append(Frame(ts, k, _message_of(track, kind, ts, data), ts // MS * MS, events=events))
    return track


def _forced(market: Market) -> Track:
    symbol = market.instrument.symbol
    track = track_of(f"allLiquidation.{symbol}")
    for k, f in enumerate(market.forced):
        price = f.bankruptcy or f.price
        v = contracts(market.instrument, f.quantity, price)
        row = {"T": f.ts // MS, "s": symbol, "S": "Buy" if f.long else "Sell", "v": v, "p": price}
        track.frames.append(Frame(f.ts, k, _message_of(track, "snapshot", f.ts, [row]), f.ts // MS * MS))
    return track
