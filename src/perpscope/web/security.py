"""The guard at the door: who may ask, from which page, how much; and the headers of every answer.

Definition: a request is refused unless its Host is on the list (a rebound name is not); a WebSocket upgrade and every request
that changes something must come with an Origin on the list (evil, "null" and none are refused); bodies are JSON and short.
With a token, everything but the login page asks for the session cookie, which a POST with the token sets: HttpOnly,
SameSite=Strict, never in a URL; ten failures within a minute close the login for that minute.
"""

from __future__ import annotations

import hmac
import os
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

import msgspec

from perpscope.core.errors import UserError
from perpscope.web.wire import ErrorMessage

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "perpscope"
MOST_BODY = 1_000_000
MOST_QUERY = 2_000
MOST_PATH = 1_000
FAILURES, FAILURES_S = 10, 60.0
SESSIONS, SESSION_S = 64, 12 * 3600.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

OPEN = frozenset({"/login", "/login.js", "/page.css"})
"""Paths that a stranger may see, where a token is asked for: the way in, and nothing else."""

_SAFE = frozenset({"GET", "HEAD"})


@dataclass
class Door:
    """Who may enter. `hosts` are the Host headers answered to, as "127.0.0.1:8600"; `token` None asks for none."""

    hosts: frozenset[str]
    token: str | None = None
    scheme: str = "http"
    monotonic: Callable[[], float] = time.monotonic
    _sessions: dict[str, float] = field(default_factory=dict)
    _failures: dict[str, deque[float]] = field(default_factory=dict)

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(f"{self.scheme}://{host}" for host in self.hosts)

    def is_known(self, session: str | None) -> bool:
        """Whether a cookie's value is a session that was opened and has not run out."""
        if self.token is None:
            return True
        now = self.monotonic()
        found = False
        for known, until in self._sessions.items():
            found |= hmac.compare_digest(known, session or "") and now < until
        return found

    def enter(self, given: str, client: str) -> str | None:
        """The new session of someone who gives the token; None if it is another.

        Raises:
            UserError: after too many failures.
        """
        now = self.monotonic()
        tried = self._failures.setdefault(client, deque(maxlen=FAILURES))
        if len(tried) == FAILURES and tried[0] > now - FAILURES_S:
            raise UserError("Too many wrong tokens. Wait a minute, and copy the token from the file that the server named.")
        expected = self.token or ""
        if not hmac.compare_digest(given.encode(), expected.encode()) or not expected:
            tried.append(now)
            while len(self._failures) > 1000:
                self._failures.pop(next(iter(self._failures)))
            return None
        session = secrets.token_urlsafe(32)
        self._sessions = {s: t for s, t in self._sessions.items() if t > now}
        while len(self._sessions) >= SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        self._sessions[session] = now + SESSION_S
        return session

    def leave(self, session: str | None) -> None:
        self._sessions.pop(session or "", None)


class Guard:
    """ASGI middleware: refuses before anything else is looked at, and sets the headers of every answer."""

    def __init__(self, app: App, door: Door) -> None:
        self.app, self.door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        refused = self.refuse(scope)
        if refused is None:
            return await self.app(scope, _bounded(receive), _with_headers(send))
        status, message = refused
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008, "reason": message.code})
        return await answer(_with_headers(send), status, message)

    def refuse(self, scope: Scope) -> tuple[int, ErrorMessage] | None:
        """The status and the reason for which a request is turned away; None lets it in."""
        headers = _headers(scope)
        socket = scope["type"] == "websocket"
        method = "GET" if socket else scope["method"]
        path = scope["path"]
        if len(headers.get("host", [])) != 1 or headers["host"][0].lower() not in self.door.hosts:
            return 421, _told("host", "This server does not answer to that name.", "Open the address that it printed.")
        if len(path) > MOST_PATH or len(scope.get("query_string", b"")) > MOST_QUERY:
            return 414, _told("too-long", "The address is too long.", "Ask for less at once.")
        if socket or method not in _SAFE:
            origin = headers.get("origin", [])
            if len(origin) != 1 or origin[0] not in self.door.origins:
                return 403, _told("origin", "This request comes from another page.", "Open this server's own page.")
        if not socket and method not in _SAFE:
            kind = headers.get("content-type", [""])[0].partition(";")[0].strip().lower()
            if kind != "application/json":
                return 415, _told("content-type", "Only JSON is taken here.", "Send content-type: application/json.")
            length = headers.get("content-length", ["0"])[0]
            if not length.isdigit() or int(length) > MOST_BODY:
                return 413, _told("too-large", "The body is too large.", f"Send at most {MOST_BODY} bytes.")
        if path not in OPEN and not self.door.is_known(session_of(scope)):
            return 401, _told("login", "A token is needed.", "Log in at /login with the token from the server's token file.")
        return None


def session_of(scope: Scope) -> str | None:
    """The value of the session cookie."""
    for text in _headers(scope).get("cookie", []):
        try:
            found = SimpleCookie(text).get(COOKIE)
        except CookieError:
            continue
        if found is not None:
            return str(found.value)
    return None


def allowed_hosts(host: str, port: int, more: Iterable[str] = ()) -> frozenset[str]:
    """The Host headers of an address: loopback under its usual names, others as they are, and names given by the user.

    Example:
        >>> sorted(allowed_hosts("127.0.0.1", 8600))
        ['127.0.0.1:8600', '[::1]:8600', 'localhost:8600']
    """
    names = {*LOOPBACK} if host in LOOPBACK else {*LOOPBACK, host}
    names |= {name.strip().lower() for name in more}
    found = {f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name in names - {"0.0.0.0", "::"}}
    return frozenset(found)


def read_token(path: Path) -> tuple[str, bool]:
    """The token of a file, made there at first (43 characters from the system's generator, mode 0600), and whether it is new.

    Raises:
        UserError: if others may read the file, it holds no token, or it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            raise UserError(f"Others may read {path}. Close it first: chmod 600 {path}.") from None
        token = path.read_text(encoding="utf-8").strip()
        if len(token) < 20:
            raise UserError(f"{path} holds no token of 20 characters or more. Remove it, and one is made.") from None
        return token, False
    except OSError as fault:
        raise UserError(f"The token cannot be written to {path} ({fault.strerror}). Choose another --token-file.") from None
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(token + "\n")
    return token, True


async def answer(send: Send, status: int, message: ErrorMessage) -> None:
    """An error as JSON."""
    body = msgspec.json.encode(message)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope.get("headers", []):
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def _told(code: str, sentence: str, todo: str) -> ErrorMessage:
    return ErrorMessage(code=code, sentence=sentence, todo=todo)


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            held = {name.lower() for name, _ in message.get("headers", [])}
            more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in held]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return sending


def _bounded(receive: Receive) -> Receive:
    """A body that says nothing of its length ends where it grows too large."""
    taken = 0

    async def receiving() -> MutableMapping[str, Any]:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > MOST_BODY:
                return {"type": "http.disconnect"}
        return message

    return receiving
