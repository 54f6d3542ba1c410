"""OKX v5 messages as tracks: recorded, or made from a market. Topics here are "<channel>:<instId or instType>".

Source: OKX v5 docs, "WebSocket / Public channel", "Order book trading / Market data".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from perpscope.core.errors import DataError, UserError
from perpscope.core.instrument import Instrument
from perpscope.core.units import ContractKind
from perpscope.replay.bars import Bar, closed
from perpscope.replay.dialect import plain
from perpscope.replay.frames import MS, NO_ID, Frame, Tape, Track, span
from perpscope.replay.lines import Line
from perpscope.replay.market import Deal, Market, chained, contracts, text

KINDS = {
    "books": "book_delta",
    "trades": "trade",
    "mark-price": "mark_price",
    "open-interest": "open_interest",
    "funding-rate": "funding",
    "liquidation-orders": "liquidation",
}
MINUTE = 60_000 * MS
INTERVALS = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1H": 60, "2H": 120, "4H": 240, "6Hutc": 360, "12Hutc": 720, "1Dutc": 1440,
}  # fmt: skip


class _Message(msgspec.Struct):
    arg: dict[str, str]
    data: list[dict[str, Any]] = []
    event: str = ""
    action: str = ""


_message = msgspec.json.Decoder(_Message)


def track_of(topic: str) -> Track:
    channel, _, name = topic.partition(":")
    kind = "bars" if channel.startswith("candle") else KINDS.get(channel, channel)
    return Track(topic, channel, kind, name)


def recorded(recording: Iterable[Line], symbols: Sequence[str]) -> Tape:
    """Recorded messages as a tape; instruments come from the REST answers of a capture.

    Raises:
        UserError: if nothing of the instruments asked for was recorded.
        DataError: for a line that is no message of the venue.
    """
    tracks: dict[str, Track] = {}
    facts: dict[str, Market] = {}
    infos: dict[str, dict[str, Any]] = {}
    clock = 0
    for order, line in enumerate(recording):
        try:
            if line.url:
                if "instruments" in line.url:
                    infos |= {row["instId"]: row for row in msgspec.json.decode(line.body)["data"]}
                continue
            m = _message.decode(line.body)
        except (msgspec.MsgspecError, KeyError, TypeError) as fault:
            raise DataError(f"A line of the recording is no message of OKX v5 ({fault}).", line.body[:200]) from None
        symbol = m.arg.get("instId", "")
        if m.event or not m.data or (symbols and symbol not in symbols):
            continue
        topic = f"{m.arg['channel']}:{symbol}"
        track = tracks.setdefault(topic, track_of(topic))
        market = facts.setdefault(symbol, Market(Instrument("okx", symbol)))
        own = int(m.data[-1]["ts"]) * MS
        clock = max(clock, own)
        if track.channel == "trades":
            deals = [Deal(int(t["ts"]) * MS, int(t["tradeId"]), t["px"], t["sz"], t["side"] == "buy") for t in m.data]
            market.deals.extend(deals)
            ids = tuple(d.number for d in deals)
            track.frames.append(Frame(clock, order, line.body, own, min(ids), max(ids), len(ids), ids))
        elif track.channel == "books":
            number = m.data[0].get("seqId", NO_ID)
            count = len(m.data[0]["bids"]) + len(m.data[0]["asks"])
            whole = m.action == "snapshot"
            track.frames.append(Frame(clock, order, line.body, own, number, number, count, (), whole))
        else:
            track.frames.append(Frame(clock, order, line.body, own, events=len(m.data)))
    tape = finished(tracks, facts)
    tape.facts = {symbol: (market, infos.get(symbol)) for symbol, market in facts.items()}
    return tape


def finished(tracks: dict[str, Track], facts: dict[str, Market]) -> Tape:
    """A tape whose facts are (market, recorded instrument or None) by symbol."""
    if not tracks:
        raise UserError("There is nothing of OKX to send in this source.")
    start, end = span(list(tracks.values()))
    told = {symbol: (market, None) for symbol, market in facts.items()}
    return Tape(sorted(facts), tracks, told, start, end, lambda topic: candles(topic, facts))


def candles(topic: str, facts: Mapping[str, Market]) -> Track | None:
    """`candle<interval>:<instId>`, closed bars only; None for anything else."""
    channel, _, symbol = topic.partition(":")
    interval = channel.removeprefix("candle")
    if not channel.startswith("candle") or interval not in INTERVALS or symbol not in facts or not facts[symbol].deals:
        return None
    track = track_of(topic)
    for k, (at, bar) in enumerate(closed(facts[symbol].deals, INTERVALS[interval] * MINUTE)):
        body = {"arg": {"channel": channel, "instId": symbol}, "data": [candle(facts[symbol], bar, True)]}
        track.frames.append(Frame(at, k, plain(body), bar.open_ts))
    return track


def candle(market: Market, bar: Bar, confirmed: bool) -> list[str]:
    volume = f"{bar.volume}"
    return [
        str(bar.open_ts // MS), bar.open, bar.high, bar.low, bar.close, contracts(market.instrument, volume, bar.close), volume,
        f"{bar.value}", str(int(confirmed)),
    ]  # fmt: skip


def encoded(markets: Sequence[Market]) -> Tape:
    """Markets as a tape, in contracts; checksums are 0, as in production since 2026-06-23."""
    tracks: dict[str, Track] = {}
    forced = Track("liquidation-orders:SWAP", "liquidation-orders", "liquidation", "")
    for market in markets:
        made = [_books(market), _trades(market), *_marks(market), _interest(market), _funding(market)]
        tracks |= {track.topic: track for track in made if track.frames}
        forced.frames += _forced(market)
    forced.symbol = markets[0].instrument.symbol if len(markets) == 1 else ""
    forced.frames.sort(key=lambda f: f.at)
    if forced.frames:
        tracks[forced.topic] = forced
    return finished(tracks, {m.instrument.symbol: m for m in markets})


def _frame(track: Track, k: int, ts: int, row: dict[str, Any], **more: Any) -> Frame:
    channel, _, name = track.topic.partition(":")
    body = {"arg": {"channel": channel, "instId": name}, **more, "data": [row]}
    return Frame(ts, k, plain(body), ts // MS * MS)


def _books(market: Market) -> Track:
    track = track_of(f"books:{market.instrument.symbol}")
    before = -1
    for k, u in enumerate(chained(market.book)):
        bids, asks = ([[p, contracts(market.instrument, q, p), "0", "1"] for p, q in side] for side in (u.bids, u.asks))
        row = {"asks": asks, "bids": bids, "ts": str(u.ts // MS), "checksum": 0, "seqId": u.number, "prevSeqId": before}
        frame = _frame(track, k, u.ts, row, action="update" if k else "snapshot")
        whole = not k
        track.frames.append(frame._replace(first=u.number, last=u.number, events=len(bids) + len(asks), whole=whole))
        before = u.number
    return track


def _trades(market: Market) -> Track:
    i = market.instrument
    track = track_of(f"trades:{i.symbol}")
    for k, d in enumerate(market.deals):
        row = {
            "instId": i.symbol, "tradeId": str(d.number), "px": d.price, "sz": contracts(i, d.quantity, d.price),
            "side": "buy" if d.bought else "sell", "ts": str(d.ts // MS), "count": "1", "seqId": d.number,
        }  # fmt: skip
        track.frames.append(_frame(track, k, d.ts, row)._replace(first=d.number, last=d.number))
    return track


def _marks(market: Market) -> list[Track]:
    symbol = market.instrument.symbol
    name = "-".join(symbol.split("-")[:2])
    marks, index = track_of(f"mark-price:{symbol}"), track_of(f"index-tickers:{name}")
    index.symbol = symbol
    for k, m in enumerate(market.marks):
        ts = str(m.ts // MS)
        if m.oracle:
            index.frames.append(_frame(index, k, m.ts, {"instId": name, "idxPx": m.oracle, "ts": ts}))
        row = {"instType": "SWAP", "instId": symbol, "markPx": m.mark, "ts": ts}
        marks.frames.append(_frame(marks, k, m.ts, row))
    return [marks, index]


def _interest(market: Market) -> Track:
    symbol = market.instrument.symbol
    track = track_of(f"open-interest:{symbol}")
    for k, i in enumerate(market.interest):
        track.frames.append(_frame(track, k, i.ts, interest_row(market, k)))
    return track


def interest_row(market: Market, k: int) -> dict[str, str]:
    """An entry of open interest: in contracts, coins and USD."""
    i = market.interest[k]
    inst = market.instrument
    price = f"{float(i.value) / float(i.quantity)}" if i.value and float(i.quantity) else "1"
    return {
        "instType": "SWAP", "instId": inst.symbol, "oi": contracts(inst, i.quantity, price), "oiCcy": i.quantity,
        "oiUsd": i.value or "", "ts": str(i.ts // MS),
    }  # fmt: skip


def _funding(market: Market) -> Track:
    """Told once a minute: the rate to come, and the one settled last."""
    track = track_of(f"funding-rate:{market.instrument.symbol}")
    due = 0
    for k, m in enumerate(market.marks):
        if m.ts >= due:
            due = m.ts + MINUTE
            track.frames.append(_frame(track, k, m.ts, funding_row(market, m.ts)))
    return track


def funding_row(market: Market, ts: int) -> dict[str, str]:
    """Funding as the venue tells it at a time."""
    rate, next_ts = market.next_payment(ts)
    last = next((r for r in reversed(market.rates) if r.ts <= ts), None)
    interval = market.rates[0].interval if market.rates else 8 * 60 * MINUTE
    return {
        "instType": "SWAP", "instId": market.instrument.symbol, "method": "current_period", "fundingRate": rate,
        "nextFundingRate": "", "fundingTime": str(next_ts // MS), "nextFundingTime": str((next_ts + interval) // MS),
        "prevFundingTime": str(last.ts // MS) if last else "", "settFundingRate": last.rate if last else "",
        "settState": "settled", "ts": str(ts // MS),
    }  # fmt: skip


def _forced(market: Market) -> list[Frame]:
    i = market.instrument
    out = []
    family = "-".join(i.symbol.split("-")[:2])
    for k, f in enumerate(market.forced):
        price = f.bankruptcy or f.price
        detail = {
            "side": "sell" if f.long else "buy", "posSide": "long" if f.long else "short", "bkPx": price, "bkLoss": "0",
            "sz": contracts(i, f.quantity, price), "ccy": "", "ts": str(f.ts // MS),
        }  # fmt: skip
        row = {"instType": "SWAP", "instFamily": family, "instId": i.symbol, "uly": family, "details": [detail]}
        body = {"arg": {"channel": "liquidation-orders", "instType": "SWAP"}, "data": [row]}
        out.append(Frame(f.ts, k, plain(body), f.ts // MS * MS))
    return out


def instrument_row(market: Market, now: int) -> dict[str, str]:
    """An entry of public/instruments."""
    i = market.instrument
    inverse = i.kind is ContractKind.INVERSE
    base, _, rest = i.symbol.partition("-")
    quote = rest.partition("-")[0]
    return {
        "instType": "SWAP" if i.symbol.endswith("SWAP") else "FUTURES", "instId": i.symbol, "uly": f"{base}-{quote}",
        "instFamily": f"{base}-{quote}", "baseCcy": "", "quoteCcy": "", "settleCcy": base if inverse else quote,
        "ctVal": text(i.contract_size), "ctMult": "1", "ctValCcy": "USD" if inverse else base,
        "ctType": "inverse" if inverse else "linear", "tickSz": text(i.tick_size), "lotSz": "0.01", "minSz": "0.01",
        "lever": "100", "listTime": "1569398400000", "expTime": "", "state": "live", "ruleType": "normal",
    }  # fmt: skip
