"""The network as the transport sees it: a connection that gives payloads, and a request that gives a reply.

Everything above is tested against a network in memory under virtual time; this is the real one, on aiohttp.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import aiohttp
import msgspec

LARGEST_FRAME = 16 << 20
_CONNECT_S, _REPLY_S = 10.0, 10.0
_HEARTBEAT_S = 4.0


class NetworkError(Exception):
    """The world failed: refused, reset, closed, timed out. Its text says how."""


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection(Protocol):
    """An open WebSocket."""

    async def pump(self, deliver: Callable[[bytes], None]) -> None:
        """Hand over every payload as it comes, until NetworkError: the connection is closed or broken."""
        ...

    async def send(self, payload: bytes) -> None:
        """NetworkError if it is closed."""
        ...

    async def close(self) -> None: ...


class Network(Protocol):
    async def connect(self, url: str) -> Connection:
        """NetworkError if it cannot be opened."""
        ...

    async def request(self, method: str, url: str, query: Mapping[str, str | int], body: Mapping[str, Any] | None) -> Reply:
        """NetworkError if no whole reply came."""
        ...


class _Socket:
    def __init__(self, ws: aiohttp.ClientWebSocketResponse[Any]) -> None:
        self._ws = ws

    async def pump(self, deliver: Callable[[bytes], None]) -> None:
        receive, text, binary = self._ws.receive, aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY
        while True:
            message = await receive()
            if message.type is text or message.type is binary:
                deliver(message.data)
            else:
                break
        if message.type is aiohttp.WSMsgType.ERROR:
            raise NetworkError(f"broken: {message.data!r}")
        raise NetworkError(f"closed with code {self._ws.close_code}")

    async def send(self, payload: bytes) -> None:
        try:
            await self._ws.send_frame(payload, aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, OSError) as fault:
            raise NetworkError(f"sending failed: {fault}") from None

    async def close(self) -> None:
        # a peer that no longer answers must not hold us: the closing handshake is waited for a second only
        try:
            async with asyncio.timeout(1.0):
                await self._ws.close()
        except (TimeoutError, aiohttp.ClientError, OSError):
            return


class AiohttpNetwork:
    """Sockets and requests on one aiohttp session; use it as an async context.

    Every socket pings the peer after 4 s of silence and is broken if nothing comes back in 2 s, so that a half-open
    connection is noticed even where the market is quiet.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> AiohttpNetwork:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_REPLY_S, connect=_CONNECT_S), connector=aiohttp.TCPConnector(limit=64)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def connect(self, url: str) -> Connection:
        try:
            async with asyncio.timeout(_CONNECT_S):
                ws = await self._opened.ws_connect(
                    url,
                    heartbeat=_HEARTBEAT_S,
                    max_msg_size=LARGEST_FRAME,
                    decode_text=False,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                )
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise NetworkError(f"connecting failed: {fault or 'timed out'}") from None
        return _Socket(ws)

    async def request(self, method: str, url: str, query: Mapping[str, str | int], body: Mapping[str, Any] | None) -> Reply:
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            # redirects would lead to hosts nobody configured
            async with self._opened.request(
                method, url, params=query, data=content, headers=headers, allow_redirects=False
            ) as reply:
                return Reply(reply.status, dict(reply.headers), await reply.read())
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise NetworkError(f"{method} {url} failed: {fault or 'timed out'}") from None

    @property
    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise NetworkError("the network was not opened")
        return self._session
