"""Hyperliquid messages as tracks: recorded, or made from a market. Topics here are "<type>:<coin>".

Source: Hyperliquid docs, "WebSocket subscriptions" and "Info endpoint".
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
from perpscope.replay.market import HOUR, Deal, Market, chained

KINDS = {"l2Book": "book_delta", "trades": "trade", "activeAssetCtx": "context", "candle": "bars"}
MINUTE = 60_000 * MS
INTERVALS = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "8h": 480, "12h": 720, "1d": 1440}
LEVELS = 20
ZERO = "0x" + "0" * 40


class _Message(msgspec.Struct):
    channel: str
    data: Any


_message = msgspec.json.Decoder(_Message)


def track_of(topic: str) -> Track:
    channel, _, coin = topic.partition(":")
    return Track(topic, channel, KINDS.get(channel, channel), coin)


def recorded(recording: Iterable[Line], symbols: Sequence[str]) -> Tape:
    """Recorded messages as a tape. The first trades message of a connection tells trades of before: they keep their times.

    Raises:
        UserError: if nothing of the coins asked for was recorded.
        DataError: for a line that is no message of the venue.
    """
    tracks: dict[str, Track] = {}
    facts: dict[str, Market] = {}
    clock = 0
    for order, line in enumerate(recording):
        try:
            m = _message.decode(line.body)
        except msgspec.MsgspecError as fault:
            raise DataError(f"A line of the recording is no message of Hyperliquid ({fault}).", line.body[:200]) from None
        if m.channel not in KINDS:
            continue
        coin = m.data[0]["coin"] if isinstance(m.data, list) else m.data["coin"]
        if symbols and coin not in symbols:
            continue
        track = tracks.setdefault(f"{m.channel}:{coin}", track_of(f"{m.channel}:{coin}"))
        market = facts.setdefault(coin, Market(Instrument("hyperliquid", coin)))
        if m.channel == "trades":
            times = [t["time"] * MS for t in m.data]
            clock = max(clock, max(times))
            deals = [Deal(t["time"] * MS, t["tid"], t["px"], t["sz"], t["side"] == "B") for t in m.data]
            market.deals.extend(deals)
            ids = tuple(d.number for d in deals)
            track.frames.append(Frame(clock, order, line.body, max(times), min(ids), max(ids), len(ids), ids))
        else:
            own = m.data.get("time", clock // MS) * MS
            clock = max(clock, own)
            count = sum(map(len, m.data["levels"])) if m.channel == "l2Book" else 1
            track.frames.append(Frame(clock, order, line.body, own, events=count))
    for market in facts.values():
        market.deals.sort(key=lambda d: d.ts)
    return finished(tracks, facts)


def finished(tracks: dict[str, Track], facts: dict[str, Market]) -> Tape:
    if not tracks:
        raise UserError("There is nothing of Hyperliquid to send in this source.")
    start, end = span(list(tracks.values()))
    return Tape(sorted(facts), tracks, dict(facts), start, end, lambda topic: candles(topic, facts))


def candles(topic: str, facts: Mapping[str, Market]) -> Track | None:
    """`candle:<coin>:<interval>`, closed bars only; None for anything else."""
    channel, _, rest = topic.partition(":")
    coin, _, interval = rest.partition(":")
    if channel != "candle" or interval not in INTERVALS or coin not in facts or not facts[coin].deals:
        return None
    track = Track(topic, "candle", "bars", coin)
    for k, (at, b) in enumerate(closed(facts[coin].deals, INTERVALS[interval] * MINUTE)):
        row = {
            "t": b.open_ts // MS, "T": at // MS - 1, "s": coin, "i": interval, "o": b.open, "c": b.close, "h": b.high,
            "l": b.low, "v": f"{b.volume}", "n": b.trades,
        }  # fmt: skip
        track.frames.append(Frame(at, k, plain({"channel": "candle", "data": row}), b.open_ts))
    return track


def encoded(markets: Sequence[Market]) -> Tape:
    """Markets as a tape: the best 20 levels of a side at most twice a second, as the venue tells its books."""
    tracks: dict[str, Track] = {}
    for market in markets:
        for track in (_books(market), _trades(market), _contexts(market)):
            if track.frames:
                tracks[track.topic] = track
    return finished(tracks, {m.instrument.symbol: m for m in markets})


def _books(market: Market) -> Track:
    coin = market.instrument.symbol
    track = track_of(f"l2Book:{coin}")
    sides: tuple[dict[str, str], dict[str, str]] = {}, {}
    due = 0
    updates = chained(market.book)
    for k, u in enumerate(updates):
        for levels, changed in zip(sides, (u.bids, u.asks), strict=True):
            for price, quantity in changed:
                if float(quantity):
                    levels[price] = quantity
                else:
                    levels.pop(price, None)
        if u.ts < due:
            continue
        due = u.ts + 500 * MS
        best = [sorted(levels.items(), key=lambda x: sign * float(x[0]))[:LEVELS] for levels, sign in zip(sides, (-1, 1))]
        told = [[{"px": p, "sz": q, "n": 1} for p, q in side] for side in best]
        data = {"coin": coin, "time": u.ts // MS, "levels": told}
        count = sum(map(len, told))
        track.frames.append(Frame(u.ts, k, plain({"channel": "l2Book", "data": data}), u.ts // MS * MS, events=count))
    return track


def _trades(market: Market) -> Track:
    coin = market.instrument.symbol
    track = track_of(f"trades:{coin}")
    for k, d in enumerate(market.deals):
        row = {
            "coin": coin, "side": "B" if d.bought else "A", "px": d.price, "sz": d.quantity, "hash": "0x" + "0" * 64,
            "time": d.ts // MS, "tid": d.number, "users": [ZERO, ZERO],
        }  # fmt: skip
        body = plain({"channel": "trades", "data": [row]})
        track.frames.append(Frame(d.ts, k, body, d.ts // MS * MS, d.number, d.number, 1, (d.number,)))
    return track


def context(market: Market, now: int) -> dict[str, str]:
    """The asset context of market time: mark, oracle, open interest, funding per hour."""
    mark = next((m for m in reversed(market.marks) if m.ts <= now), None)
    interest = next((i for i in reversed(market.interest) if i.ts <= now), None)
    return {} if mark is None else _context(market, mark.ts, mark.mark, mark.oracle, interest.quantity if interest else "0")


def _context(market: Market, ts: int, mark: str, index: str, interest: str) -> dict[str, str]:
    rate, _ = market.next_payment(ts)
    hours = market.rates[0].interval / HOUR if market.rates else 8.0
    per_hour = f"{float(rate) / hours:.10f}"
    oracle = index or mark
    premium = f"{float(mark) / float(oracle) - 1:.10f}"
    return {
        "funding": per_hour, "openInterest": interest, "prevDayPx": mark, "dayNtlVlm": "0", "premium": premium,
        "oraclePx": oracle, "markPx": mark, "midPx": mark, "dayBaseVlm": "0",
    }  # fmt: skip


def _contexts(market: Market) -> Track:
    coin = market.instrument.symbol
    track = track_of(f"activeAssetCtx:{coin}")
    waiting = list(market.interest)
    interest, k = "0", 0
    for n, m in enumerate(market.marks):
        while k < len(waiting) and waiting[k].ts <= m.ts:
            interest, k = waiting[k].quantity, k + 1
        body = {"channel": "activeAssetCtx", "data": {"coin": coin, "ctx": _context(market, m.ts, m.mark, m.oracle, interest)}}
        track.frames.append(Frame(m.ts, n, plain(body), m.ts))
    return track
