"""Bybit v5 in one piece for the server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from perpscope.replay.bybit.rest import BybitRest
from perpscope.replay.bybit.tape import canonical, encoded, recorded
from perpscope.replay.dialect import Answer, Reply, Request, Session, plain
from perpscope.replay.frames import MS, Frame, Tape, Track
from perpscope.replay.lines import Line
from perpscope.replay.market import Market
from perpscope.replay.scenario import FaultKind

_TOPIC = re.compile(rb'"topic":"[^"]*"')
_UPDATE = re.compile(rb'"u":\d+')
_KNOWN = ("orderbook.", "publicTrade.", "tickers.", "allLiquidation.", "kline.")
MOST_CHARACTERS = 21_000


class _Control(msgspec.Struct):
    op: str
    args: list[str] = []
    req_id: str = ""


_control = msgspec.json.Decoder(_Control)


class Bybit:
    """Public channels under /v5/public/{linear,inverse,spot}. The depth in a book's topic is the name it is told under; the
    levels are those of the source."""

    name = "bybit"
    sockets: Sequence[str] = ("/v5/public/linear", "/v5/public/inverse", "/v5/public/spot")
    weight_limit = 7_200
    messages_per_s = 50

    def __init__(self) -> None:
        self._rest = BybitRest()

    def recorded(self, recording: Iterable[Line], symbols: Sequence[str]) -> Tape:
        return recorded(recording, symbols)

    def encode(self, markets: Sequence[Market]) -> Tape:
        return encoded(markets)

    def open(self, number: int, path: str, query: Mapping[str, str]) -> tuple[Session, Reply]:
        return Session(number, path.rpartition("/")[2]), Reply()

    def hear(self, session: Session, text: bytes) -> Reply:
        try:
            control = _control.decode(text)
        except msgspec.MsgspecError:
            return Reply([self._said(session, False, "error:Invalid request", "", "")])
        if control.op == "ping":
            return Reply([self._said(session, True, "pong", control.req_id, "ping")])
        if control.op not in ("subscribe", "unsubscribe"):
            return Reply([self._said(session, False, f"error:unknown op {control.op}", control.req_id, control.op)])
        wrong = [name for name in control.args if not name.startswith(_KNOWN)]
        if wrong:
            words = f"error:handler not found,topic:{wrong[0]}"
            return Reply([self._said(session, False, words, control.req_id, control.op)])
        acknowledged = [self._said(session, True, "", control.req_id, control.op)]
        topics = [canonical(name) for name in control.args]
        if control.op == "unsubscribe":
            return Reply(acknowledged, (), [t for t in topics if session.heard.pop(t, None) is not None])
        if sum(map(len, [*session.heard.values(), *control.args])) > MOST_CHARACTERS:
            return Reply([self._said(session, False, "error:args too long", control.req_id, control.op)])
        begun = [t for t in topics if t not in session.heard]
        session.heard |= dict(zip(topics, control.args, strict=True))
        return Reply(acknowledged, begun)

    def greet(self, session: Session, topic: str, tape: Tape, told: int) -> list[tuple[Track, Frame]]:
        """A snapshot, unless the tape's own is still to come."""
        track = tape.track(topic)
        if track is None or told == 0:
            return []
        before = track.frames[told - 1]
        if track.channel == "orderbook":
            book = self._rest.book(track.symbol, tape)
            return [] if book is None else [(track, self._snapshot(track, before, *book.first(told).best(1000), before.last))]
        if track.channel == "tickers":
            fields: dict[str, Any] = {}
            for frame in track.frames[:told]:
                fields |= msgspec.json.decode(frame.data)["data"]
            body = {"topic": topic, "type": "snapshot", "ts": before.at // MS, "data": fields}
            return [(track, before._replace(data=plain(body)))]
        return []

    def wrap(self, session: Session, topic: str, track: Track, data: bytes) -> bytes:
        return _TOPIC.sub(b'"topic":"' + session.heard.get(topic, topic).encode() + b'"', data, count=1)

    def answer(self, request: Request, tape: Tape) -> Answer:
        return self._rest.answer(request, tape)

    def used_weight(self, used: int) -> Mapping[str, str]:
        return {"X-Bapi-Limit": "600", "X-Bapi-Limit-Status": str(max(0, 600 - used % 600))}

    def disturbed(self, kind: FaultKind, value: float, session: Session, track: Track, frame: Frame) -> list[Frame]:
        """`u` = 1: the service restarted. The whole book is told again and numbers go on from there."""
        if kind is not FaultKind.SEQUENCE_RESET or track.channel != "orderbook":
            return [frame]
        book = self._rest.books.get(track.symbol)
        if book is None:
            book = self._rest.book(track.symbol, Tape((), {track.topic: track}, {}, 0, 0))
        origin = session.memory.get(track.topic)
        if origin is None and book is not None:
            session.memory[track.topic] = frame.last
            return [self._snapshot(track, frame, *book.until(frame.at).best(1000), 1)]
        number = frame.last - int(origin or 0) + 1
        data = _UPDATE.sub(b'"u":%d' % number, frame.data, count=1)
        return [frame._replace(data=data, first=number, last=number)]

    def refusal(self, status: int, wait_s: int) -> Answer:
        """The venue stops a whole address with 403, and an account's requests with code 10006."""
        if status == 503:
            return Answer(b"", 503)
        if status == 418:
            return Answer(b'{"retCode":10006,"retMsg":"access too frequent"}', 403, headers={"Retry-After": str(wait_s)})
        body = {"retCode": 10006, "retMsg": "Too many visits. Exceeded the API Rate Limit.", "result": {}, "retExtInfo": {}}
        return Answer(plain(body), 429 if status == 429 else 200, headers={"Retry-After": str(wait_s)})

    def _snapshot(self, track: Track, frame: Frame, bids: Any, asks: Any, number: int) -> Frame:
        data = {"s": track.symbol, "b": bids, "a": asks, "u": number, "seq": number}
        body = {"topic": track.topic, "type": "snapshot", "ts": frame.at // MS, "data": data, "cts": frame.exchange_ts // MS}
        return frame._replace(data=plain(body), first=number, last=number, events=len(bids) + len(asks), whole=True)

    def _said(self, session: Session, success: bool, words: str, request: str, op: str) -> bytes:
        body = {"success": success, "ret_msg": words, "conn_id": f"replay-{session.number}", "op": op}
        return plain(body | ({"req_id": request} if request else {}))
