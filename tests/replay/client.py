"""A plain client of the simulated exchange: aiohttp and nothing of the package under test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import aiohttp

from perpscope.replay import ReplayServer

PATIENCE_S = 20.0


async def collect(server: ReplayServer, path: str, *, say: Iterable[Any] = ()) -> list[Any]:
    """Every message of one connection, decoded where it is JSON, until the tape has run out or the venue hangs up."""
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(f"http://127.0.0.1:{server.port}{path}", max_msg_size=0, autoping=False) as socket,
    ):
        for line in say:
            await socket.send_str(line if isinstance(line, str) else json.dumps(line))
        reader = asyncio.create_task(_read(socket))
        ended = asyncio.create_task(server.drained())
        await asyncio.wait({reader, ended}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            await socket.ping(b"the end")
        ended.cancel()
        return await asyncio.wait_for(reader, PATIENCE_S)


async def _read(socket: aiohttp.ClientWebSocketResponse) -> list[Any]:
    got: list[Any] = []
    while True:
        message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            return got
        try:
            got.append(json.loads(message.data))
        except ValueError:
            got.append(message.data)


async def ask(server: ReplayServer, path: str, **query: Any) -> tuple[int, Any, Any]:
    """Status, decoded body and headers of a GET."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{server.port}{path}", params={k: str(v) for k, v in query.items()}) as answer,
    ):
        return answer.status, json.loads(await answer.read()), answer.headers
