"""Answers: section 8 of the reliability specification (S1 to S5, S10, S11, S15), each line of it a test. Requests are made by
httpx and websockets over loopback; raw sockets where a client library would mend what is sent."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from websockets.exceptions import InvalidStatus

from perpscope.core.errors import UserError
from perpscope.web.security import COOKIE, FAILURES, OPEN, Door, Guard, read_token
from perpscope.web.serve import Serving, serving

from .conftest import running
from .talk import Client, talk

EVIL = (
    "http://evil.example",
    "null",
    "http://127.0.0.1:1",
    "https://127.0.0.1",
    "http://127.0.0.1.evil.example",
    "file://",
    "",
)
VIEW = {"venue": "demo", "symbol": "BTCUSDT", "frame": "1h", "bars": 50}


@pytest.fixture(scope="module")
def locked(lake_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, str]]:
    """A server that asks for a token, and the token."""
    path = tmp_path_factory.mktemp("secret") / "token"
    with running(lake_dir, token_file=path) as ready:
        yield ready, path.read_text().strip()


def origin(ready: Serving) -> str:
    return ready.url.rstrip("/")


def log_in(ready: Serving, token: str) -> httpx.Response:
    return httpx.post(ready.url + "login", json={"token": token}, headers={"origin": origin(ready)})


def raw(ready: Serving, request: str) -> bytes:
    """Send bytes as they are and read the answer to its end."""
    with socket.create_connection(ready.listener.getsockname()[:2], timeout=10) as made:
        made.sendall(request.encode("latin-1"))
        got = b""
        while part := made.recv(65536):
            got += part
        return got


def paths_of(ready: Serving) -> list[tuple[str, str]]:
    """Method and path of every route of the application, parameters filled in."""
    app: Any = ready.uvicorn.config.app
    assert isinstance(app, Guard)
    inner: Any = app.app
    assert isinstance(inner, FastAPI)
    found = []
    for route in _flat(inner.routes):
        path = str(route.path).replace("{path:path}", "anything").replace("{factor}", "x").replace("{name}", "x")
        found += [(method, path) for method in sorted(getattr(route, "methods", None) or {"WS"})]
    return found


def _flat(routes: Any) -> Iterator[Any]:
    for route in routes:
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner:
            yield from _flat(inner)
        else:
            yield route


def test_every_route_but_the_way_in_asks_for_the_token(locked: tuple[Serving, str]) -> None:
    """The table of all routes: tested / total = 100 %."""
    ready, _ = locked
    table = paths_of(ready)
    assert {"/api/view", "/api/cell", "/api/status", "/ws", "/login", "/logout"} <= {path for _, path in table}
    tested = 0
    for method, path in table:
        if method == "WS":
            with pytest.raises(InvalidStatus) as refused:
                talk(ready.url, Client.begin)
            assert refused.value.response.status_code == 403
        else:
            headers = {"origin": origin(ready), "content-type": "application/json"}
            answer = httpx.request(method, origin(ready) + path, headers=headers)
            assert answer.status_code == (401 if path not in OPEN else 200 if method == "GET" else 400), (method, path)
        tested += 1
    assert tested == len(table) >= 15


def test_no_route_trades(served: Serving) -> None:
    """What is not GET is the way in and out, and nothing else."""
    assert {(m, p) for m, p in paths_of(served) if m not in ("GET", "WS")} == {("POST", "/login"), ("POST", "/logout")}


def test_the_token_opens_a_session_whose_cookie_scripts_cannot_read(locked: tuple[Serving, str]) -> None:
    ready, token = locked
    answer = log_in(ready, token)
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 200
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert token not in cookie
    held = {COOKIE: answer.cookies[COOKIE]}
    assert httpx.get(ready.url + "api/view", params=VIEW, cookies=held).status_code == 200
    told = talk(ready.url, Client.begin, additional_headers={"cookie": f"{COOKIE}={answer.cookies[COOKIE]}"})
    assert told["type"] == "hello"
    headers = {"origin": origin(ready), "content-type": "application/json"}
    assert httpx.post(ready.url + "logout", cookies=held, headers=headers).status_code == 200
    assert httpx.get(ready.url + "api/status", cookies=held).status_code == 401


def test_a_token_in_the_address_or_the_hello_opens_nothing(locked: tuple[Serving, str]) -> None:
    ready, token = locked
    assert httpx.get(ready.url + "api/status", params={"token": token}).status_code == 401
    assert httpx.get(ready.url + "api/status", cookies={COOKIE: token}).status_code == 401
    with pytest.raises(InvalidStatus):
        talk(ready.url + f"?token={token}&", Client.begin, origin=origin(ready))


def test_ten_wrong_tokens_close_the_login(lake_dir: Path, tmp_path: Path) -> None:
    with running(lake_dir, token_file=tmp_path / "token") as ready:
        codes = [log_in(ready, f"wrong-{k}").status_code for k in range(FAILURES + 2)]
        assert codes == [401] * FAILURES + [429] * 2
        right = log_in(ready, (tmp_path / "token").read_text().strip())
        assert right.status_code == 429
        assert right.json()["todo"]


def test_the_login_opens_again_after_a_minute() -> None:
    now = [0.0]
    door = Door(frozenset({"x:1"}), "the-token", monotonic=lambda: now[0])
    for _ in range(FAILURES):
        assert door.enter("no", "a") is None
    with pytest.raises(UserError, match="Too many"):
        door.enter("the-token", "a")
    assert door.enter("the-token", "b") is not None
    now[0] = 61.0
    session = door.enter("the-token", "a")
    assert door.is_known(session)
    now[0] += 13 * 3600
    assert not door.is_known(session)


@pytest.mark.parametrize("stranger", EVIL)
def test_another_pages_socket_is_refused_before_a_byte(served: Serving, stranger: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        talk(served.url, Client.begin, origin=stranger)
    assert refused.value.response.status_code == 403
    assert refused.value.response.body in (b"", None)


def test_a_socket_without_an_origin_is_refused(served: Serving) -> None:
    with pytest.raises(InvalidStatus):
        talk(served.url, Client.begin, origin=None)


@pytest.mark.parametrize("stranger", EVIL)
def test_another_pages_post_is_refused(served: Serving, stranger: str) -> None:
    answer = httpx.post(served.url + "login", json={"token": "x"}, headers={"origin": stranger})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin")


def test_a_post_without_an_origin_is_refused(served: Serving) -> None:
    assert httpx.post(served.url + "login", json={"token": "x"}).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_a_form_is_no_json(served: Serving, kind: str) -> None:
    headers = {"origin": origin(served), "content-type": kind}
    assert httpx.post(served.url + "login", content=b'{"token":"x"}', headers=headers).status_code == 415


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}", ""]
)
def test_a_rebound_name_is_refused(served: Serving, host: str) -> None:
    port = served.listener.getsockname()[1]
    answer = raw(served, f"GET /api/status HTTP/1.1\r\nHost: {host.format(port=port)}\r\nConnection: close\r\n\r\n")
    assert answer.split(b" ")[1] in (b"421", b"400")
    assert b'"feeds"' not in answer


def test_a_socket_to_a_rebound_name_is_refused(served: Serving) -> None:
    port = served.listener.getsockname()[1]
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    upgrade += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    answer = raw(served, f"GET /ws HTTP/1.1\r\nHost: evil.example:{port}\r\nOrigin: {origin(served)}\r\n{upgrade}\r\n")
    assert answer.split(b" ")[1] == b"403"


def test_every_answer_carries_the_headers(served: Serving) -> None:
    for path in ("", "api/status", "api/nothing", "login", "page.css", "api/view?bars=x"):
        headers = httpx.get(served.url + path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; script-src 'self'; style-src 'self'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_what_the_server_writes_itself_has_no_inline_script_or_style(served: Serving) -> None:
    from perpscope.web.files import LOGIN_HTML, NOT_BUILT_HTML

    for text in (LOGIN_HTML, NOT_BUILT_HTML):
        assert "<style" not in text
        assert "style=" not in text
        assert "onclick" not in text
        assert all("src=" in part for part in text.split("<script")[1:])


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "assets/../../app.py",
        "%2e%2e/app.py",
        "static/../app.py",
        "app.py",
        "/etc/passwd",
    ],
)
def test_no_path_leads_outside(served: Serving, path: str) -> None:
    port = served.listener.getsockname()[1]
    answer = raw(served, f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")
    assert b"root:" not in answer
    assert b"import " not in answer


@pytest.mark.parametrize(
    "symbol", ["../../x", "/etc/passwd", "a\x00b", "ＢＴＣ", "<script>alert(1)</script>", "' OR 1=1 --", "=1+1"]
)
def test_a_hostile_symbol_is_a_name_that_does_not_exist(served: Serving, symbol: str) -> None:
    answer = httpx.get(served.url + "api/view", params={**VIEW, "symbol": symbol})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["code"] == "refused"


def test_what_is_too_large_is_refused(served: Serving) -> None:
    headers = {"origin": origin(served), "content-type": "application/json"}
    assert httpx.get(served.url + "api/view?x=" + "y" * 3_000).status_code == 414
    assert httpx.get(served.url + "a" * 1_500).status_code == 414
    assert httpx.post(served.url + "login", content=b"[" + b"0," * 600_000, headers=headers).status_code == 413
    port = served.listener.getsockname()[1]
    chunked = (
        f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin(served)}\r\nContent-Type: application/json\r\n"
    )
    body = "".join(f"{60_000:x}\r\n{'0' * 60_000}\r\n" for _ in range(30)) + "0\r\n\r\n"
    try:
        answer = raw(served, chunked + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + body)
    except ConnectionError:
        answer = b""
    assert b" 200 " not in answer[:20]
    assert httpx.get(served.url + "api/status").status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"token": 5}', b"[" * 50_000, b"\xff\xfe"])
def test_a_malformed_login_is_refused(served: Serving, body: bytes) -> None:
    headers = {"origin": origin(served), "content-type": "application/json"}
    assert httpx.post(served.url + "login", content=body, headers=headers).status_code == 400


def test_the_token_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    first, new = read_token(path)
    again, newer = read_token(path)
    assert (new, newer, first == again, len(first) >= 43) == (True, False, True, True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_token(tmp_path / "other")[0] != first
    path.chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        read_token(path)


def test_a_weak_token_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text("secret\n")
    with pytest.raises(UserError, match="20 characters"):
        read_token(path)


@pytest.mark.parametrize(("host", "asks"), [("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)])
def test_only_loopback_is_open_without_a_token(lake_dir: Path, tmp_path: Path, host: str, asks: bool) -> None:
    ready = serving(lake_dir, host, 0, home=lambda: tmp_path)
    try:
        app: Any = ready.uvicorn.config.app
        assert (app.door.token is not None) == asks
        assert (tmp_path / ".config" / "perpscope" / "token").exists() == asks
        assert ready.listener.getsockname()[0] == ("0.0.0.0" if asks else "127.0.0.1")
    finally:
        ready.listener.close()


def test_no_secret_shows_in_an_answer(locked: tuple[Serving, str]) -> None:
    ready, token = locked
    cookie = log_in(ready, token).cookies[COOKIE]
    for path in ("", "api/status", "api/instruments", "login", "login.js", "api/alerts", "nothing.txt"):
        answer = httpx.get(ready.url + path, cookies={COOKIE: cookie})
        whole = answer.text + json.dumps(dict(answer.headers))
        assert token not in whole
        assert cookie not in whole


def test_a_folder_without_verdicts_is_told(lake_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There are no verdicts"):
        serving(lake_dir, port=0, evidence=tmp_path)


def test_an_address_in_use_is_told(lake_dir: Path, served: Serving) -> None:
    with pytest.raises(UserError, match="Choose another --port"):
        serving(lake_dir, port=served.listener.getsockname()[1])
