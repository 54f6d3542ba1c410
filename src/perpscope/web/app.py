"""The server: the guard, the routes, one WebSocket a client."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvicorn
from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.websockets import WebSocketDisconnect, WebSocketState

from perpscope.core.errors import DataError, PerpscopeError, UserError
from perpscope.web.desk import Desk
from perpscope.web.errors import error_message
from perpscope.web.files import StaticFiles
from perpscope.web.routes import routes
from perpscope.web.security import Door, Guard
from perpscope.web.stream.session import Session
from perpscope.web.wire import MAX_MESSAGE

LOG = logging.getLogger("perpscope.web")


def create_app(desk: Desk, door: Door, static: StaticFiles | None = None) -> Guard:
    """The application behind its guard; `door` says who may enter. Interactive API pages are left out: they would load scripts
    from elsewhere.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(desk.watch())
        yield
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching

    app = FastAPI(title="perpscope", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.include_router(routes(desk, door, static or StaticFiles()))

    @app.websocket("/ws")
    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        session = Session(_Socket(socket), desk)
        leave = desk.enter(session)
        try:
            await session.run()
        except PerpscopeError as fault:
            LOG.error("a session ended: %s", fault)
        finally:
            leave()
            if socket.client_state is WebSocketState.CONNECTED and socket.application_state is WebSocketState.CONNECTED:
                with contextlib.suppress(RuntimeError, TimeoutError):
                    async with asyncio.timeout(1.0):
                        await socket.close(1000)

    @app.exception_handler(PerpscopeError)
    async def refused(request: Request, fault: PerpscopeError) -> Response:
        match fault:
            case UserError():
                return _answer(404, "refused", fault)
            case DataError():
                return _answer(500, "damaged", fault)
        LOG.error("%s failed: %s", request.url.path, fault)
        return _answer(500, "internal", "The server has a fault. Look at its log, and report what it says.")

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, fault: RequestValidationError) -> Response:
        first = fault.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return _answer(422, "invalid", f"The parameter '{where}' cannot be used: {first['msg'].lower()}. Correct the address.")

    @app.exception_handler(HTTPException)
    async def odd(request: Request, fault: HTTPException) -> Response:
        return _answer(fault.status_code, "http", f"{fault.detail}. Begin at the page itself: /.")

    @app.exception_handler(Exception)
    async def broken(request: Request, fault: Exception) -> Response:
        LOG.exception("%s failed", request.url.path, exc_info=fault)
        return _answer(500, "internal", "The server has a fault. Look at its log, and report what it says.")

    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5)
    return Guard(app, door)


def server(app: Guard, host: str, port: int) -> uvicorn.Server:
    """A uvicorn server with the limits of the page: small messages in, no access log, no banner."""
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", access_log=False, server_header=False, ws_max_size=MAX_MESSAGE,
        ws_max_queue=32, ws_per_message_deflate=False, limit_concurrency=512, timeout_graceful_shutdown=2, proxy_headers=False,
    )  # fmt: skip
    return uvicorn.Server(config)


def _answer(status: int, code: str, fault: PerpscopeError | str) -> Response:
    body = msgspec.json.encode(error_message(code, fault))
    return Response(body, status_code=status, media_type="application/json", headers={"cache-control": "no-store"})


class _Socket:
    """A Starlette WebSocket as a session wants it."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket

    async def receive(self) -> str | bytes | None:
        message: Any = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text = message.get("text")
        return text if text is not None else message.get("bytes") or b""

    async def send_text(self, text: str) -> None:
        await self._sent(self.socket.send_text(text))

    async def send_bytes(self, data: bytes) -> None:
        await self._sent(self.socket.send_bytes(data))

    async def close(self, code: int, reason: str) -> None:
        with contextlib.suppress(RuntimeError, TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(1.0):
                await self.socket.close(code, reason)

    async def _sent(self, sending: Any) -> None:
        try:
            await sending
        except (WebSocketDisconnect, RuntimeError) as fault:
            raise ConnectionError("the client is gone") from fault
