"""The real sockets and requests, against a small aiohttp server on loopback. The answers are what the server did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import WSCloseCode, web

from perpscope.venues.transport.network import LARGEST_FRAME, AiohttpNetwork, NetworkError

Handler = Callable[[web.Request], Awaitable[Any]]


async def served(handler: Handler, script: Callable[[AiohttpNetwork, str], Awaitable[None]]) -> None:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with AiohttpNetwork() as network:
            await script(network, host)
    finally:
        await runner.cleanup()


def test_payloads_arrive_as_bytes_in_order_and_a_close_says_its_code() -> None:
    heard: list[bytes] = []

    async def handler(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        assert (await ws.receive()).data == '{"subscribe":1}'
        for n in range(300):
            await ws.send_str(f"message {n} \u20ac")
        await ws.send_bytes(b"\x00\xff")
        await ws.close(code=WSCloseCode.GOING_AWAY)
        return ws

    async def script(network: AiohttpNetwork, host: str) -> None:
        socket = await network.connect(f"ws://{host}/stream")
        await socket.send(b'{"subscribe":1}')
        with pytest.raises(NetworkError, match="1001"):
            await socket.pump(heard.append)
        await socket.close()

    asyncio.run(served(handler, script))
    assert heard == [f"message {n} \u20ac".encode() for n in range(300)] + [b"\x00\xff"]


def test_a_frame_too_large_breaks_the_connection_and_not_the_program() -> None:
    heard: list[bytes] = []

    async def handler(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("before")
        await ws.send_bytes(bytes(LARGEST_FRAME + 1))
        await ws.receive()
        return ws

    async def script(network: AiohttpNetwork, host: str) -> None:
        socket = await network.connect(f"ws://{host}/")
        with pytest.raises(NetworkError):
            await socket.pump(heard.append)
        await socket.close()

    asyncio.run(served(handler, script))
    assert heard == [b"before"]


def test_what_cannot_be_reached_is_the_worlds_fault() -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/elsewhere":
            return web.Response(status=302, headers={"Location": "/target"})
        return web.Response(status=429, headers={"Retry-After": "7"}, text="slow down")

    async def script(network: AiohttpNetwork, host: str) -> None:
        with pytest.raises(NetworkError):
            await network.connect(f"ws://{host}/")  # answers, but is no WebSocket
        with pytest.raises(NetworkError):
            await network.connect("ws://127.0.0.1:1/")
        with pytest.raises(NetworkError):
            await network.request("GET", "http://127.0.0.1:1/", {}, None)
        reply = await network.request("GET", f"http://{host}/a", {"symbol": "BTCUSDT", "limit": 5}, None)
        assert (reply.status, reply.headers["Retry-After"], reply.body) == (429, "7", b"slow down")
        reply = await network.request("GET", f"http://{host}/elsewhere", {}, None)
        assert reply.status == 302, "a redirect leads to a host that nobody configured: it is not followed"

    asyncio.run(served(handler, script))


def test_a_body_is_sent_as_json() -> None:
    asked: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append((request.method, request.content_type, await request.json()))
        return web.Response(text="{}")

    async def script(network: AiohttpNetwork, host: str) -> None:
        await network.request("POST", f"http://{host}/info", {}, {"type": "l2Book", "coin": "BTC"})

    asyncio.run(served(handler, script))
    assert asked == [("POST", "application/json", {"type": "l2Book", "coin": "BTC"})]
