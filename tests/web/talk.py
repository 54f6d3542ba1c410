"""A client of the page's protocol, written from the head of `web/wire.py` alone: JSON texts and binary frames over a socket."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

SECONDS = 20.0


def address(url: str) -> str:
    return url.replace("http://", "ws://") + "ws"


class Client:
    """One socket; `head` reads a frame's header."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.texts: list[dict[str, Any]] = []

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """The next message, a frame's header or a text."""
        async with asyncio.timeout(SECONDS):
            told = await self.socket.recv()
        return json.loads(told) if isinstance(told, str) else head(told)

    async def hear_until(self, wanted: Callable[[dict[str, Any]], bool], acknowledge: bool = False) -> dict[str, Any]:
        """Listen until a message is the wanted one; what came before is kept in `texts`."""
        while True:
            told = await self.hear()
            if acknowledge and "seq" in told:
                await self.say(type="ack", id=told["id"], seq=told["seq"])
            if wanted(told):
                return told
            self.texts.append(told)

    async def begin(self) -> dict[str, Any]:
        await self.say(type="hello", protocol=1)
        return await self.hear()

    async def follow(self, id: int = 1, **more: Any) -> dict[str, Any]:
        """Subscribe, and hear the snapshot."""
        asked = {"venue": "demo", "symbol": "BTCUSDT", "frame": "1h", "bars": 100, "layers": ["cvd"], **more}
        await self.say(type="subscribe", id=id, **asked)
        return await self.hear_until(is_frame)


def head(frame: bytes) -> dict[str, Any]:
    length = struct.unpack("<I", frame[:4])[0]
    return json.loads(frame[4 : 4 + length])


def is_frame(told: dict[str, Any]) -> bool:
    return told["type"] in ("snapshot", "delta")


def is_type(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda told: told["type"] == name


def talk(url: str, what: Callable[[Client], Any], **options: Any) -> Any:
    """Open a socket from the server's own page, talk, close."""

    async def talking() -> Any:
        origin = options.pop("origin", url.rstrip("/"))
        async with connect(address(url), origin=origin, max_size=2**24, **options) as socket:
            return await what(Client(socket))

    return asyncio.run(talking())
