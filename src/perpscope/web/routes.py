"""The routes: history over HTTP with a tag for every answer, and the way in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from perpscope.core.errors import UserError
from perpscope.core.time import Timeframe
from perpscope.report.views.frames import read_frames_view
from perpscope.report.views.make import view_source
from perpscope.web import archive
from perpscope.web.cell import read_cell
from perpscope.web.desk import Desk
from perpscope.web.errors import error_message
from perpscope.web.files import LOGIN_HTML, LOGIN_JS, NOT_BUILT_HTML, PAGE_CSS, Served, StaticFiles
from perpscope.web.history import Ask
from perpscope.web.picture.frame import layer_names
from perpscope.web.picture.signals import signal_cards
from perpscope.web.security import COOKIE, Door, session_of
from perpscope.web.stream.painter import View, Wanted

MTF_FRAMES = ("1d", "4h", "1h", "15m")
MOST_LISTED = 5_000

Name = Annotated[str, Query(max_length=64)]
Moment = Annotated[float | None, Query(ge=0, le=9e12, description="ms UTC; the newest where left out")]
BarCount = Annotated[int, Query(ge=2, le=20_000)]


def routes(desk: Desk, door: Door, static: StaticFiles) -> APIRouter:
    """Every HTTP route of the server."""
    router = APIRouter()

    @router.get("/api/instruments")
    def instruments(request: Request) -> Response:
        return _json(request, desk, desk.welcome, _live_tag(desk))

    @router.get("/api/view")
    def view(
        request: Request, venue: Name, symbol: Name, frame: Name, bars: BarCount = 1000, at_ms: Moment = None,
        layers: Annotated[str | None, Query(max_length=1500)] = None,
    ) -> Response:  # fmt: skip
        ask = _ask(venue, symbol, frame, bars, at_ms)
        names = layer_names(layers.split(",") if layers else None)
        scene = desk.scene(ask.venue, ask.symbol, ask.frame, names)
        at = scene.now() if ask.at is None else min(ask.at, scene.now())
        tag = desk.history.tag("view", scene.key, at, bars, names)
        if _has(request, tag):
            return _unchanged(tag)
        frame_bytes = desk.painter.draw(Wanted(View(scene, bars, names), at)).frame()
        return Response(frame_bytes, media_type="application/octet-stream", headers=_caching(tag))

    @router.get("/api/cell")
    def cell(
        request: Request, venue: Name, symbol: Name, frame: Name, at_ms: Annotated[float, Query(ge=0, le=9e12)],
        price: Annotated[float, Query(gt=0, le=1e12)], clock_ms: Moment = None,
    ) -> Response:  # fmt: skip
        ask = _ask(venue, symbol, frame, 2, clock_ms)
        at = int(at_ms * 1e6)
        return _json(request, desk, lambda: read_cell(desk.picture(ask), at, price), ask, at, price, _live_tag(desk))

    @router.get("/api/signals")
    def signals(
        request: Request, venue: Name, symbol: Name, frame: Name, bars: BarCount = 1000, at_ms: Moment = None
    ) -> Response:
        ask = _ask(venue, symbol, frame, bars, at_ms)
        return _json(request, desk, lambda: signal_cards(desk.picture(ask), most=MOST_LISTED)[0], ask, _live_tag(desk))

    @router.get("/api/mtf")
    def mtf(
        request: Request, venue: Name, symbol: Name, at_ms: Moment = None,
        frames: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:  # fmt: skip
        desk.history.span(venue, symbol)
        at = None if at_ms is None else min(int(at_ms * 1e6), desk.history.span(venue, symbol)[1])

        def read() -> Any:
            card = next(c for c in desk.history.instruments() if (c.venue, c.symbol) == (venue, symbol))
            names = frames.split(",") if frames else [f for f in MTF_FRAMES if f in card.frames]
            source, moment = view_source(desk.history.lake, venue, symbol, at, names)
            return read_frames_view(source, names, moment)[0]

        return _json(request, desk, read, venue, symbol, at, frames)

    @router.get("/api/evidence")
    def evidence(request: Request) -> Response:
        return _json(request, desk, lambda: archive.evidence(desk.evidence), *_stamps(desk))

    @router.get("/api/evidence/{factor}")
    def evidence_page(request: Request, factor: str) -> Response:
        return _json(
            request, desk, lambda: msgspec.Raw(archive.evidence_page(desk.evidence, factor)[0]), factor, *_stamps(desk)
        )

    @router.get("/api/evidence/{factor}/picture")
    def evidence_picture(request: Request, factor: str) -> Response:
        picture = archive.evidence_page(desk.evidence, factor)[1]
        if picture is None:
            raise UserError(f"The page of {factor} has no picture. Make it again: perpscope evidence {factor}.")
        return _served(request, Served.of(picture, "image/png"))

    @router.get("/api/backtests")
    def backtests(request: Request) -> Response:
        return _json(request, desk, lambda: sorted(archive.backtests(desk.backtests)), *_stamps(desk))

    @router.get("/api/backtests/{name}")
    def backtest(request: Request, name: str) -> Response:
        return _json(request, desk, lambda: msgspec.Raw(archive.backtest_page(desk.backtests, name)), name, *_stamps(desk))

    @router.get("/api/alerts")
    def alerts(request: Request) -> Response:
        told = [] if desk.publisher is None else list(desk.publisher.alerts)
        return _json(request, desk, lambda: told, [a.number for a in told])

    @router.get("/api/status")
    def status() -> Response:
        return Response(
            msgspec.json.encode(desk.status()), media_type="application/json", headers={"cache-control": "no-store"}
        )

    @router.get("/login")
    def login_page(request: Request) -> Response:
        return _served(request, Served.of(LOGIN_HTML.encode(), "text/html; charset=utf-8"))

    @router.get("/login.js")
    def login_script(request: Request) -> Response:
        return _served(request, Served.of(LOGIN_JS.encode(), "text/javascript; charset=utf-8"))

    @router.get("/page.css")
    def page_style(request: Request) -> Response:
        return _served(request, Served.of(PAGE_CSS.encode(), "text/css; charset=utf-8"))

    @router.post("/login")
    async def login(request: Request) -> Response:
        try:
            given = msgspec.json.decode(await request.body(), type=dict[str, str]).get("token", "")
        except msgspec.MsgspecError:
            return _error(400, "malformed", 'The body is no JSON with a token. Send {"token": "..."}.')
        try:
            session = door.enter(given, request.client.host if request.client else "")
        except UserError as fault:
            return _error(429, "too-many", str(fault))
        if session is None:
            return _error(
                401, "wrong-token", "This is not the token. Copy it from the file that the server named at its start."
            )
        answer = Response(b"{}", media_type="application/json")
        answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", path="/", secure=door.scheme == "https")
        return answer

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        door.leave(session_of(request.scope))
        answer = Response(b"{}", media_type="application/json")
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    @router.get("/{path:path}")
    def page(request: Request, path: str) -> Response:
        found = static.get(path)
        if found is not None:
            return _served(request, found)
        if path.startswith("api/") or path == "ws" or "." in path.rpartition("/")[2]:
            return _error(404, "not-found", f"There is nothing at /{path[:100]}. Begin at the page itself: /.")
        index = static.get("/")
        return _served(request, index or Served.of(NOT_BUILT_HTML.encode(), "text/html; charset=utf-8"))

    return router


def _ask(venue: str, symbol: str, frame: str, bars: int, at_ms: float | None) -> Ask:
    return Ask(venue, symbol, Timeframe.parse(frame).name, bars, None if at_ms is None else int(at_ms * 1e6))


def _json(request: Request, desk: Desk, read: Callable[[], Any], *parameters: object) -> Response:
    tag = desk.history.tag(request.url.path, *parameters)
    if _has(request, tag):
        return _unchanged(tag)
    return Response(msgspec.json.encode(read()), media_type="application/json", headers=_caching(tag))


def _served(request: Request, file: Served) -> Response:
    if _has(request, file.tag):
        return _unchanged(file.tag)
    kept = "public, max-age=31536000, immutable" if file.lasting else "no-cache"
    return Response(file.body, media_type=file.kind, headers={"etag": _quoted(file.tag), "cache-control": kept})


def _error(status: int, code: str, text: str) -> Response:
    body = msgspec.json.encode(error_message(code, text))
    return Response(body, status_code=status, media_type="application/json", headers={"cache-control": "no-store"})


def _live_tag(desk: Desk) -> object:
    """Changes with every step of what is live."""
    return None if desk.publisher is None else sorted((k, s.now()) for k, s in desk.publisher.scenes.items())


def _stamps(desk: Desk) -> list[object]:
    """When the folders of evidence and backtests were last written to."""
    return [p.stat().st_mtime_ns if p is not None and p.exists() else None for p in (desk.evidence, desk.backtests)]


def _has(request: Request, tag: str) -> bool:
    held = request.headers.get("if-none-match", "")
    return any(part.strip().removeprefix("W/").strip('"') == tag for part in held.split(","))


def _unchanged(tag: str) -> Response:
    return Response(status_code=304, headers=_caching(tag))


def _caching(tag: str) -> dict[str, str]:
    return {"etag": _quoted(tag), "cache-control": "private, no-cache"}


def _quoted(tag: str) -> str:
    return f'W/"{tag}"'
