"""A JSON message to a web address that has been checked (`sinks.address`)."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from perpscope.alerts.alert import Alert
from perpscope.alerts.secret import Secret
from perpscope.alerts.sinks.address import Resolve, Target, check_url, checked_address
from perpscope.alerts.sinks.base import Ending, Outcome, SinkConfig
from perpscope.alerts.text import plain
from perpscope.core.errors import UserError
from perpscope.core.time import format_ts

LARGEST = 64 * 1024
_NEVER_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ClientConnectorCertificateError)


@dataclass(frozen=True)
class WebhookConfig(SinkConfig):
    """`url`, or `url_env`: the environment variable that holds it. `allow`: the hosts it may name, written out once more (name,
    or name:port for a port other than 443)."""

    kind: ClassVar = "webhook"

    allow: tuple[str, ...]
    url: str = ""
    url_env: str = ""
    timeout_s: float = 5.0

    def __repr__(self) -> str:
        return f"WebhookConfig(allow={self.allow!r}, url=***, url_env={self.url_env!r})"

    def build(self, loopback: bool = False) -> WebhookSink:
        return WebhookSink(address_of(self.url, self.url_env), self.allow, self.timeout_s, loopback)


class WebhookSink:
    """POSTs {id, rule, kind, venue, symbol, time, sentence, facts}. No redirects, no proxies, no cookies; the answer is not
    read beyond 64 KB nor unpacked, and everything together may take `timeout_s`.

    Only a connection that never came about, a 429 and a 503 are tried again: after anything else the other side may have it.
    """

    def __init__(
        self,
        url: Secret,
        allow: tuple[str, ...],
        timeout_s: float = 5.0,
        loopback: bool = False,
        resolve: Resolve | None = None,
    ) -> None:
        if not 0 < timeout_s <= 5:
            raise UserError("timeout_s of a webhook lies between 0 and 5 seconds.")
        self.url, self.loopback, self.timeout_s = url, loopback, timeout_s
        self.target = check_url(url.reveal(), allow, loopback)
        self._resolve: Resolve = resolve or system_resolve

    def problem(self) -> str:
        return ""

    async def send(self, alert: Alert) -> Outcome:
        try:
            async with asyncio.timeout(self.timeout_s):
                try:
                    address = await checked_address(self.target, self._resolve, self.loopback)
                except UserError:
                    return Outcome(Ending.FAILED, "the name leads to no public address")
                except OSError:
                    return Outcome(Ending.RETRY, "the name could not be resolved")
                return await self._post(alert, address)
        except TimeoutError:
            return Outcome(Ending.UNKNOWN, "no answer in time")

    async def _post(self, alert: Alert, address: str) -> Outcome:
        connector = aiohttp.TCPConnector(resolver=_Pinned(self.target, address), use_dns_cache=False, force_close=True)
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=self.timeout_s), read_bufsize=LARGEST // 4,
            max_line_size=8_190, max_field_size=8_190,
        )  # fmt: skip
        async with session:
            try:
                headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "X-Perpscope-Event": alert.id}
                answer = await session.post(self.url.reveal(), data=body_of(alert), headers=headers, allow_redirects=False)
                async with answer:
                    await answer.content.read(LARGEST)
                    return _outcome(answer.status)
            except _NEVER_CONNECTED:
                return Outcome(Ending.RETRY, "no connection, or a certificate of another name")
            except TimeoutError:
                return Outcome(Ending.UNKNOWN, "no answer in time")
            except (aiohttp.ClientError, ValueError, OSError):
                return Outcome(Ending.UNKNOWN, "the connection broke before the answer was whole")


def body_of(alert: Alert) -> bytes:
    """The message; texts are made plain, numbers that are absent become null."""
    facts = {plain(k, 60): plain(v) if isinstance(v, str) else v for k, v in alert.facts.items()}
    return msgspec.json.encode(
        {
            "id": alert.id, "rule": plain(alert.rule), "kind": alert.kind, "venue": plain(alert.venue),
            "symbol": plain(alert.symbol), "time": format_ts(alert.ts), "sentence": plain(alert.sentence), "facts": facts,
        }
    )  # fmt: skip


def address_of(url: str, variable: str) -> Secret:
    """The url from a file or from the environment.

    Raises:
        UserError: if it is in neither, or in both.
    """
    if bool(url) == bool(variable):
        raise UserError("A sink needs either 'url' or 'url_env', the name of an environment variable that holds it.")
    if url:
        return Secret(url)
    held = os.environ.get(variable, "")
    if not held:
        raise UserError(f"The environment variable {plain(variable, 60)} of a sink is not set.")
    return Secret(held)


async def system_resolve(host: str, port: int) -> list[str]:
    """The addresses that this machine's resolver gives."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome(Ending.DELIVERED)
    if status in (429, 503):
        return Outcome(Ending.RETRY, f"status {status}")
    if 300 <= status < 400:
        return Outcome(Ending.FAILED, f"status {status}: redirects are not followed")
    return Outcome(Ending.FAILED if status < 500 else Ending.UNKNOWN, f"status {status}")


class _Pinned(AbstractResolver):
    """Gives the one address that was checked, and no other name."""

    def __init__(self, target: Target, address: str) -> None:
        self.target, self.address = target, address

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        if host != self.target.host:
            raise OSError("another name than the one that was checked")
        kind = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        return [ResolveResult(hostname=host, host=self.address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)]

    async def close(self) -> None:
        return None
