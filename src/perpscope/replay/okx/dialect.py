"""OKX v5 in one piece for the server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from perpscope.replay.dialect import Answer, Reply, Request, Session, plain
from perpscope.replay.frames import MS, Frame, Tape, Track
from perpscope.replay.lines import Line
from perpscope.replay.market import Market
from perpscope.replay.okx.rest import OkxRest
from perpscope.replay.okx.tape import encoded, recorded
from perpscope.replay.scenario import FaultKind

_CHECKSUM = re.compile(rb'"checksum":-?\d+')
_NUMBERS = re.compile(rb'"(seqId|prevSeqId)":(\d+)')
_KNOWN = (
    "books", "trades", "tickers", "mark-price", "index-tickers", "open-interest", "funding-rate", "liquidation-orders",
)  # fmt: skip


class _Control(msgspec.Struct):
    op: str
    args: list[dict[str, str]] = []
    id: str = ""


_control = msgspec.json.Decoder(_Control)


class Okx:
    """Public channels; candles live on /business, everything else on /public."""

    name = "okx"
    sockets: Sequence[str] = ("/ws/v5/public", "/ws/v5/business")
    weight_limit = 600
    messages_per_s = 20

    def __init__(self) -> None:
        self._rest = OkxRest()

    def recorded(self, recording: Iterable[Line], symbols: Sequence[str]) -> Tape:
        return recorded(recording, symbols)

    def encode(self, markets: Sequence[Market]) -> Tape:
        return encoded(markets)

    def open(self, number: int, path: str, query: Mapping[str, str]) -> tuple[Session, Reply]:
        return Session(number, path.rpartition("/")[2]), Reply()

    def hear(self, session: Session, text: bytes) -> Reply:
        if text == b"ping":
            return Reply([b"pong"])
        try:
            control = _control.decode(text)
        except msgspec.MsgspecError:
            return Reply([_error("60012", f"Invalid request: {text[:80].decode(errors='replace')}")])
        if control.op not in ("subscribe", "unsubscribe"):
            return Reply([_error("60012", f"Invalid request: {text[:80].decode(errors='replace')}")])
        answers, begun, ended = [], [], []
        for arg in control.args:
            channel = arg.get("channel", "")
            candle = channel.startswith("candle")
            if (channel not in _KNOWN and not candle) or candle != (session.route == "business"):
                answers.append(_error("60018", f"Wrong URL or channel:{channel},instId:{arg.get('instId', '')} doesn't exist."))
                continue
            topic = f"{channel}:{arg.get('instId') or arg.get('instType', '')}"
            answers.append(plain({"event": control.op, "arg": arg, "connId": f"replay{session.number}"}))
            if control.op == "unsubscribe":
                ended += [topic] if session.heard.pop(topic, None) is not None else []
            elif topic not in session.heard:
                session.heard[topic] = topic
                begun.append(topic)
        return Reply(answers, begun, ended)

    def greet(self, session: Session, topic: str, tape: Tape, told: int) -> list[tuple[Track, Frame]]:
        """A snapshot of the book, unless the tape's own is still to come; the latest value of the slow channels."""
        track = tape.track(topic)
        if track is None or told == 0:
            return []
        before = track.frames[told - 1]
        if track.channel == "books":
            book = self._rest.book(track.symbol, tape)
            return [] if book is None else [(track, self._snapshot(track, before, *book.first(told).best(400)))]
        slow = track.channel in ("mark-price", "index-tickers", "open-interest", "funding-rate", "tickers")
        return [(track, before)] if slow else []

    def wrap(self, session: Session, topic: str, track: Track, data: bytes) -> bytes:
        return data

    def answer(self, request: Request, tape: Tape) -> Answer:
        return self._rest.answer(request, tape)

    def used_weight(self, used: int) -> Mapping[str, str]:
        return {}

    def disturbed(self, kind: FaultKind, value: float, session: Session, track: Track, frame: Frame) -> list[Frame]:
        """`checksum` 0, or numbers that begin again at 1 after maintenance: the first message has `seqId` < `prevSeqId`."""
        if track.channel != "books":
            return [frame]
        if kind is FaultKind.CHECKSUM_ZERO:
            return [frame._replace(data=_CHECKSUM.sub(b'"checksum":0', frame.data))]
        if kind is not FaultKind.SEQUENCE_RESET or frame.last < 0:
            return [frame]
        first = track.topic not in session.memory
        by = session.memory.setdefault(track.topic, frame.last - 1)

        def moved(found: re.Match[bytes]) -> bytes:
            if first and found[1] == b"prevSeqId":
                return found[0]
            return b'"%s":%d' % (found[1], int(found[2]) - by)

        return [frame._replace(data=_NUMBERS.sub(moved, frame.data), first=frame.first - by, last=frame.last - by)]

    def refusal(self, status: int, wait_s: int) -> Answer:
        code, words = ("50001", "Service temporarily unavailable.") if status == 503 else ("50011", "Too Many Requests")
        return Answer(plain({"code": code, "msg": words, "data": []}), 429 if status == 418 else status)

    def _snapshot(self, track: Track, before: Frame, bids: Any, asks: Any) -> Frame:
        sides = ([[p, q, "0", "1"] for p, q in side] for side in (asks, bids))
        row: dict[str, Any] = dict(zip(("asks", "bids"), sides, strict=True))
        row |= {"ts": str(before.exchange_ts // MS), "checksum": 0}
        if before.last >= 0:
            row |= {"seqId": before.last, "prevSeqId": -1}
        body = {"arg": {"channel": "books", "instId": track.symbol}, "action": "snapshot", "data": [row]}
        return before._replace(data=plain(body), events=len(bids) + len(asks), whole=True)


def _error(code: str, words: str) -> bytes:
    return plain({"event": "error", "code": code, "msg": words, "connId": "replay"})
