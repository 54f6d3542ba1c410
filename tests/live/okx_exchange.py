"""The same small exchange speaking OKX v5 `books` as it is since 2026: checksum 0, and a snapshot by the stream or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from live.exchange import Exchange, Socket

SYMBOL = "BTC-USDT-SWAP"


@dataclass(eq=False)
class OkxSocket(Socket):
    snapped: bool = False

    async def send(self, payload: bytes) -> None:
        if payload == b"ping":
            self.put(b"pong")
            return
        said = json.loads(payload)
        for arg in said["args"]:
            if said["op"] == "subscribe":
                self.streams.add(arg["channel"])
                self.snapped = False
            else:
                self.streams.discard(arg["channel"])
            self.put(json.dumps({"event": said["op"], "arg": arg, "connId": "1"}).encode())


class OkxExchange(Exchange):
    def __init__(self, own_snapshot: bool) -> None:
        super().__init__((SYMBOL,))
        self.own_snapshot, self.asked_books = own_snapshot, 0

    async def connect(self, url: str) -> Socket:
        await asyncio.sleep(0.01)
        socket = OkxSocket(self, url, born=asyncio.get_running_loop().time())
        self.sockets[socket] = None
        self.opened.append(socket)
        return socket

    def send(self, stream: str, data: Mapping[str, Any]) -> None:
        if "@depth" not in stream:
            return
        for socket in self.sockets:
            if isinstance(socket, OkxSocket) and "books" in socket.streams:
                if self.own_snapshot and not socket.snapped:
                    socket.put(self._frame("snapshot", self._book(self.snapshot(SYMBOL), -1)))
                else:
                    update = {"bids": data["b"], "asks": data["a"], "T": data["T"], "lastUpdateId": data["u"]}
                    socket.put(self._frame("update", self._book(update, data["pu"])))
                socket.snapped = True

    def _book(self, shot: Mapping[str, Any], previous: int) -> dict[str, Any]:
        sides = {k: [[p, q, "0", "1"] for p, q in shot[k]] for k in ("asks", "bids")}
        return {**sides, "ts": str(shot["T"]), "checksum": 0, "seqId": shot["lastUpdateId"], "prevSeqId": previous}

    def _frame(self, action: str, book: Mapping[str, Any]) -> bytes:
        arg = {"channel": "books", "instId": SYMBOL}
        return json.dumps({"arg": arg, "action": action, "data": [book]}).encode()

    def _answer(self, path: str, query: Mapping[str, Any]) -> Any:
        if path.endswith("/time"):
            data: Any = {"ts": str(self.ms())}
        elif path.endswith("/instruments"):
            data = {
                "instId": SYMBOL, "instType": "SWAP", "tickSz": "0.1", "lotSz": "1", "ctVal": "1", "ctMult": "1",
                "ctType": "linear", "ctValCcy": "BTC", "settleCcy": "USDT", "uly": "BTC-USDT", "state": "live",
            }  # fmt: skip
        elif path.endswith("/market/books"):
            self.asked_books += 1
            data = self._book(self.snapshot(SYMBOL), -1)
        else:
            raise AssertionError(path)
        return {"code": "0", "msg": "", "data": [data]}
