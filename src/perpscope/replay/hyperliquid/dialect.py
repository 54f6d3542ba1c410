"""Hyperliquid in one piece for the server: /ws and POST /info."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from perpscope.core.units import ContractKind
from perpscope.replay.bars import bars, known
from perpscope.replay.dialect import Answer, Reply, Request, Session, plain
from perpscope.replay.frames import MS, Frame, Tape, Track
from perpscope.replay.hyperliquid.tape import INTERVALS, MINUTE, context, encoded, recorded
from perpscope.replay.lines import Line
from perpscope.replay.market import HOUR, Market, text
from perpscope.replay.scenario import FaultKind

MOST_SUBSCRIPTIONS = 1000
_ASKED = ("l2Book", "recentTrades", "fundingHistory", "candleSnapshot")
_UNREADABLE = b'"Failed to deserialize the JSON body into the target type"'
_NAMED = ("l2Book", "trades", "activeAssetCtx", "candle", "bbo")


class Hyperliquid:
    name = "hyperliquid"
    sockets: Sequence[str] = ("/ws",)
    weight_limit = 1_200
    messages_per_s = 33

    def recorded(self, recording: Iterable[Line], symbols: Sequence[str]) -> Tape:
        return recorded(recording, symbols)

    def encode(self, markets: Sequence[Market]) -> Tape:
        return encoded(markets)

    def open(self, number: int, path: str, query: Mapping[str, str]) -> tuple[Session, Reply]:
        return Session(number), Reply()

    def hear(self, session: Session, text: bytes) -> Reply:
        try:
            control = msgspec.json.decode(text)
            method = control["method"]
            if method == "ping":
                return Reply([b'{"channel":"pong"}'])
            asked = control["subscription"]
            topic = f"{asked['type']}:{asked['coin']}"
        except (msgspec.DecodeError, KeyError, TypeError):
            return Reply([_error(f"Error parsing JSON into valid websocket request: {text[:80].decode(errors='replace')}")])
        if asked["type"] not in _NAMED or method not in ("subscribe", "unsubscribe"):
            return Reply([_error(f"Invalid subscription {plain(asked).decode()}")])
        if asked["type"] == "candle":
            topic = f"{topic}:{asked.get('interval', '')}"
        told = {"channel": "subscriptionResponse", "data": {"method": method, "subscription": asked}}
        if method == "unsubscribe":
            return Reply([plain(told)], (), [topic] if session.heard.pop(topic, None) is not None else [])
        if topic in session.heard:
            return Reply([_error(f"Already subscribed: {plain(asked).decode()}")])
        if len(session.heard) >= MOST_SUBSCRIPTIONS:
            return Reply([_error("Cannot track more than 1000 total subscriptions.")])
        session.heard[topic] = topic
        return Reply([plain(told)], [topic])

    def greet(self, session: Session, topic: str, tape: Tape, told: int) -> list[tuple[Track, Frame]]:
        """The latest book or context, and for trades the latest of before, again."""
        track = tape.track(topic)
        return [] if track is None or told == 0 or track.channel == "candle" else [(track, track.frames[told - 1])]

    def wrap(self, session: Session, topic: str, track: Track, data: bytes) -> bytes:
        return data

    def answer(self, request: Request, tape: Tape) -> Answer:
        if request.path != "/info" or request.method != "POST":
            return Answer(b"Not Found", 404, headers={"Content-Type": "text/plain"})
        try:
            asked = msgspec.json.decode(request.body)
            kind = asked["type"]
        except (msgspec.DecodeError, KeyError, TypeError):
            return Answer(_UNREADABLE, 422)
        if kind in ("meta", "metaAndAssetCtxs"):
            universe = {"universe": [_coin(tape.facts[c]) for c in tape.symbols], "marginTables": []}
            contexts = [context(tape.facts[c], request.now) for c in tape.symbols]
            return Answer(plain(universe if kind == "meta" else [universe, contexts]), weight=20)
        if kind not in _ASKED:
            return Answer(_UNREADABLE, 422)
        inner = asked.get("req", asked)
        market = tape.facts.get(inner.get("coin", ""))
        if market is None:
            return Answer(b"null", 500 if kind == "l2Book" else 200, weight=20)
        return self._of(kind, inner, market, request, tape)

    def used_weight(self, used: int) -> Mapping[str, str]:
        return {}

    def disturbed(self, kind: FaultKind, value: float, session: Session, track: Track, frame: Frame) -> list[Frame]:
        return [frame]

    def refusal(self, status: int, wait_s: int) -> Answer:
        return Answer(b"null", status, headers={} if status == 503 else {"Retry-After": str(wait_s)})

    def _of(self, kind: str, asked: Mapping[str, Any], market: Market, request: Request, tape: Tape) -> Answer:
        coin, now = market.instrument.symbol, request.now
        low, high = asked.get("startTime", 0) * MS, asked.get("endTime", 2**43) * MS
        if kind == "l2Book":
            track = tape.tracks.get(f"l2Book:{coin}")
            at = -1 if track is None else track.position(now + 1) - 1
            if track is None or at < 0:
                return Answer(plain({"coin": coin, "time": now // MS, "levels": [[], []]}), weight=2)
            return Answer(plain(msgspec.json.decode(track.frames[at].data)["data"]), weight=2)
        if kind == "recentTrades":
            rows: list[Any] = [
                {"coin": coin, "side": "B" if d.bought else "A", "px": d.price, "sz": d.quantity, "time": d.ts // MS,
                 "tid": d.number, "hash": "0x" + "0" * 64, "users": []}
                for d in reversed(known(market.deals, now)[-10:])
            ]  # fmt: skip
        elif kind == "fundingHistory":
            told = [r for r in market.rates if r.ts <= now and low <= r.ts <= high]
            rows = [
                {"coin": coin, "fundingRate": f"{float(r.rate) * HOUR / r.interval:.10f}", "premium": "0.0", "time": r.ts // MS}
                for r in told[:500]
            ]
        elif kind == "candleSnapshot" and asked.get("interval") in INTERVALS:
            step = INTERVALS[asked["interval"]] * MINUTE
            rows = [
                {"t": b.open_ts // MS, "T": (b.open_ts + step) // MS - 1, "s": coin, "i": asked["interval"], "o": b.open,
                 "c": b.close, "h": b.high, "l": b.low, "v": f"{b.volume}", "n": b.trades}
                for b in bars(known(market.deals, now), step)
                if low <= b.open_ts <= high
            ][-5000:]  # fmt: skip
        else:
            return Answer(_UNREADABLE, 422)
        return Answer(plain(rows), weight=20)


def _error(words: str) -> bytes:
    return plain({"channel": "error", "data": words})


def _coin(market: Market) -> dict[str, Any]:
    i = market.instrument
    places = len(text(i.lot_size).partition(".")[2]) if i.kind is ContractKind.LINEAR else 0
    return {"name": i.symbol, "szDecimals": places, "maxLeverage": 50, "marginTableId": 50}
