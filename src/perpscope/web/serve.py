"""From a few words to a running server: the address checked, the token read or made, the socket bound."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from perpscope.core.errors import UserError
from perpscope.web.app import create_app, server
from perpscope.web.desk import Desk
from perpscope.web.files import StaticFiles
from perpscope.web.history import History
from perpscope.web.security import LOOPBACK, Door, allowed_hosts, read_token
from perpscope.web.stream.publisher import Publisher
from perpscope.web.wire import Mode

HOST, PORT = "127.0.0.1", 8600


@dataclass(frozen=True)
class Serving:
    """A server that is bound and not yet running: `run` serves until it is told to stop."""

    url: str
    notes: tuple[str, ...]
    desk: Desk
    uvicorn: uvicorn.Server
    listener: socket.socket

    def run(self) -> None:
        """Serve in this thread until interrupted."""
        self.uvicorn.run(sockets=[self.listener])


def serving(
    lake: Path,
    host: str = HOST,
    port: int = PORT,
    token_file: Path | None = None,
    evidence: Path | None = None,
    backtests: Path | None = None,
    mode: Mode = "history",
    publisher: Publisher | None = None,
    names: Sequence[str] = (),
    static: Path | None = None,
    home: Callable[[], Path] = Path.home,
) -> Serving:
    """A server of a lake at an address.

    An address other than loopback needs a token: it is read from `token_file`, and made there at the first start. On loopback
    a token is asked for when a file is named. `names` are further Host names to answer to; port 0 takes a free one.

    Raises:
        UserError: if the address cannot be bound, the token file is not private, or there are no verdicts in `evidence`.
    """
    desk = Desk(History(lake, evidence), publisher, mode, evidence, backtests)
    notes, token = [], None
    if host not in LOOPBACK or token_file is not None:
        path = token_file or home() / ".config" / "perpscope" / "token"
        path.parent.mkdir(parents=True, exist_ok=True)
        token, new = read_token(path)
        notes.append(f"token: {'made in' if new else 'read from'} {path}")
    if host not in LOOPBACK:
        notes.append("Other machines can reach this address, and nothing is encrypted: put a TLS proxy before it, or use ssh.")
        if host in ("0.0.0.0", "::") and not names:
            notes.append("It answers to loopback names only; name the host that browsers will use with --allow-host.")
    files = StaticFiles() if static is None else StaticFiles(static)
    if not files.built:
        notes.append("The page is not built into this installation: run make ui.")
    listener = _bound(host, port)
    port = listener.getsockname()[1]
    app = create_app(desk, Door(allowed_hosts(host, port, names), token), files)
    shown = f"[{host}]" if ":" in host else host
    return Serving(f"http://{shown}:{port}/", tuple(notes), desk, server(app, host, port), listener)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as fault:
        listener.close()
        raise UserError(f"{host}:{port} cannot be opened ({fault}). Choose another --port, or end what uses it.") from None
    listener.listen(256)
    return listener
