"""Binance in one piece for the server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from perpscope.replay.binance import disturbances, stream
from perpscope.replay.binance.encode import encoded
from perpscope.replay.binance.rest import Rest
from perpscope.replay.binance.tape import tape_of
from perpscope.replay.dialect import Answer, Reply, Request, Session, plain
from perpscope.replay.frames import Frame, Tape, Track
from perpscope.replay.lines import Line
from perpscope.replay.market import Market
from perpscope.replay.scenario import FaultKind


class Binance:
    """`product`: "um" (USDT-M), "cm" (COIN-M) or "spot"."""

    def __init__(self, name: str, product: str) -> None:
        self.name, self.product = name, product
        self.sockets: Sequence[str] = ("/ws", "/ws/{rest:.*}", "/stream")
        if product == "um":
            routed = [f"/{route}{path}" for route in ("public", "market", "private") for path in self.sockets]
            self.sockets = (*self.sockets, *routed)
        self.weight_limit = 6000 if product == "spot" else 2400
        self.messages_per_s = 5 if product == "spot" else 10
        self._rest = Rest(product)

    def recorded(self, recording: Iterable[Line], symbols: Sequence[str]) -> Tape:
        return tape_of(recording, symbols)

    def encode(self, markets: Sequence[Market]) -> Tape:
        return encoded(markets, self.product)

    def open(self, number: int, path: str, query: Mapping[str, str]) -> tuple[Session, Reply]:
        return stream.opened(number, path, query, self.product == "um")

    def hear(self, session: Session, text: bytes) -> Reply:
        return stream.heard(session, text)

    def greet(self, session: Session, topic: str, tape: Tape, told: int) -> list[tuple[Track, Frame]]:
        return []

    def wrap(self, session: Session, topic: str, track: Track, data: bytes) -> bytes:
        return stream.wrapped(session, topic, data)

    def answer(self, request: Request, tape: Tape) -> Answer:
        return self._rest.answer(request, tape)

    def used_weight(self, used: int) -> Mapping[str, str]:
        return {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1M": str(used)}

    def disturbed(self, kind: FaultKind, value: float, session: Session, track: Track, frame: Frame) -> list[Frame]:
        if kind is FaultKind.SEQUENCE_RESET and track.channel == "depth":
            return [disturbances.jumped_back(frame, int(value))]
        if kind is FaultKind.MERGED_PRODUCTS and track.topic.startswith("!"):
            return disturbances.merged_products(track, frame)
        return [frame]

    def refusal(self, status: int, wait_s: int) -> Answer:
        if status == 503:
            text = "Unknown error, please check your request or try again later."
            return Answer(plain({"code": -1000, "msg": text}), 503)
        text = f"Too many requests; current limit is {self.weight_limit} request weight per 1 MINUTE."
        if status == 418:
            text = f"Way too many requests; IP banned for {wait_s} seconds."
        return Answer(plain({"code": -1003, "msg": text}), status, headers={"Retry-After": str(wait_s)})
