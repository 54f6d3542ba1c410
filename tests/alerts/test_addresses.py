"""Answers: the vectors of RELIABILITY section 8: none of them may reach a listener on this machine."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alerts.listeners import Listener, listening
from alerts.worlds import T0
from perpscope.alerts.alert import Alert
from perpscope.alerts.secret import Secret
from perpscope.alerts.sinks.address import check_url, is_public
from perpscope.alerts.sinks.base import Ending, Outcome
from perpscope.alerts.sinks.webhook import LARGEST, WebhookSink
from perpscope.core.errors import UserError

ALERT = Alert("a" * 32, "r", "signal", "binance", "BTCUSDT", T0, "words", {}, ("hook",))

LITERALS = [
    "127.0.0.1", "127.1", "0", "0.0.0.0", "localhost", "localhost.", "2130706433", "0177.0.0.1", "0x7f.1",
    "0x7f000001", "[::1]",
    "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25eth0]",
    "[fd00::1]",
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255",
    "metadata", "metadata.google.internal", "metadata.goog.internal", "instance-data", "instance-data.ec2.internal",
    "router.local", "db.lan", "x.localhost", "1.0.0.127.in-addr.arpa",
    "１２７.０.０.１", "127。0。0。1", "hooks.example.com.", "hооks.example.com", "a" * 300 + ".com",
    ("a" * 60 + ".") * 5 + "com",
    "-a.example.com", "a..example.com", "example", "1.2.3.4.5", "127.0.0.1.", "0x7f.0x0.0x0.0x1", "[::127.0.0.1]",
    "[2001:0:7f00:1::]",
    "ex_ample.com", "exa mple.com", "127.0.0.1%00.example.com", "127.0.0.1\\.example.com",
]  # fmt: skip
"""Hosts; every one of them is put into the sink's own allow list, so that the list does not help."""

URLS = [
    "https://good.example.com@127.0.0.1:{port}/", "https://127.0.0.1:{port}#@good.example.com/",
    "https://good.example.com:x@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}\\@good.example.com/", "https:\\\\127.0.0.1:{port}/", "https:/127.0.0.1:{port}/",
    "https:127.0.0.1:{port}/",
    "//127.0.0.1:{port}/", "http://good.example.com:{port}/", "http://127.0.0.1:{port}/", "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_x",
    "ftp://127.0.0.1:{port}/", "data:text/plain,x", "unix:/run/docker.sock", "javascript:alert(1)",
    "ws://127.0.0.1:{port}/",
    "https://good.example.com\r\nHost: 127.0.0.1:{port}\r\n/", "https://good.example.com/\r\nX-A: b",
    "https://good.example.com/ x",
    "https://good.example.com\t.evil.example.net/", "https://good.example.com:22/", "https://good.example.com:6379/",
    "https://good.example.com:2375/", "https://good.example.com:0/", "https://good.example.com:99999/",
    "https://good.example.com:443:443/",
    "https://good.example.com:٤٤٣/", "https://other.example.com/", "https://", "https:///x", "",
    "https://good.example.com/" + "a" * 3000,
    "HTTPS://127.0.0.1:{port}/", "https://good.example.com%2f127.0.0.1/", "https://good.example.com;127.0.0.1/",
]  # fmt: skip

NAMES = {
    "loops.example.com": ["127.0.0.1"],
    "private.example.com": ["10.1.2.3"],
    "meta.example.com": ["169.254.169.254"],
    "both.example.com": ["93.184.216.34", "127.0.0.1"],
    "mapped.example.com": ["::ffff:127.0.0.1"],
    "nat64.example.com": ["64:ff9b::7f00:1"],
    "sixtofour.example.com": ["2002:7f00:1::"],
    "linklocal.example.com": ["fe80::1%eth0"],
    "unique.example.com": ["fd00::1"],
    "zero.example.com": ["0.0.0.0"],
    "shared.example.com": ["100.64.0.1"],
    "nobody.example.com": [],
}


def test_there_are_at_least_45_vectors() -> None:
    assert len(LITERALS) + len(URLS) + len(NAMES) >= 45


async def attempt(url: str, allow: tuple[str, ...]) -> Outcome | None:
    """How it ends; None if it is refused before anything is resolved."""

    async def resolve(host: str, port: int) -> list[str]:
        return NAMES[host]

    try:
        sink = WebhookSink(Secret(url), allow, 0.5, resolve=resolve)
    except UserError:
        return None
    return await sink.send(ALERT)


def test_no_vector_reaches_this_machine() -> None:
    async def run() -> tuple[int, list[str]]:
        through: list[str] = []
        async with listening() as four, listening(host="::1", port=four.port) as six:
            for host in LITERALS:
                for scheme, port in (("https", f":{four.port}"), ("http", f":{four.port}"), ("https", "")):
                    bare = host.strip("[]")
                    allow = tuple(f"{name}{end}" for name in (host, bare) for end in ("", f":{four.port}"))
                    if await attempt(f"{scheme}://{host}{port}/x", allow) is not None:
                        through.append(host)
            for url in URLS:
                if (
                    await attempt(url.format(port=four.port), ("good.example.com", "127.0.0.1", f"127.0.0.1:{four.port}"))
                    is not None
                ):
                    through.append(url)
            for name in NAMES:
                outcome = await attempt(f"https://{name}:{four.port}/x", (f"{name}:{four.port}",))
                assert outcome is not None
                assert (outcome.ending, name not in outcome.note) == (Ending.FAILED, True)
            return four.hits + six.hits, through

    hits, through = asyncio.run(run())
    assert (hits, through) == (0, [])


def test_a_name_that_changes_its_address_is_resolved_once_and_called_where_it_was_checked() -> None:
    """Rebinding, on two loopback addresses: this machine's own resolver, and a second answer of ours, would lead elsewhere."""

    async def run() -> tuple[int, int, list[str], Outcome]:
        asked: list[str] = []

        async def resolve(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

        async with listening(host="127.0.0.2") as first, listening(port=first.port) as second:
            sink = WebhookSink(Secret(f"http://localhost:{first.port}/x"), (), 2.0, loopback=True, resolve=resolve)
            outcome = await sink.send(ALERT)
            return first.hits, second.hits, asked, outcome

    first, second, asked, outcome = asyncio.run(run())
    assert (first, second, asked, outcome.ending) == (1, 0, ["localhost"], Ending.DELIVERED)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_inward_are_not_followed(status: int) -> None:
    async def run() -> tuple[int, Outcome]:
        async with listening() as inner:
            answer = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{inner.port}/\r\nContent-Length: 0\r\n\r\n".encode()
            async with listening(answer) as outer:
                outcome = await send_to(outer)
                assert len(outer.requests) == 1
            return inner.hits, outcome

    hits, outcome = asyncio.run(run())
    assert hits == 0
    assert (outcome.ending, str(status) in outcome.note) == (Ending.FAILED, True)


async def send_to(listener: Listener, timeout_s: float = 2.0) -> Outcome:
    return await WebhookSink(Secret(listener.url), (), timeout_s, loopback=True).send(ALERT)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[int, int]:
        async with listening() as proxy, listening() as real:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            await send_to(real)
            return proxy.hits, real.hits

    assert asyncio.run(run()) == (0, 1)


def test_an_answer_that_drips_or_never_ends_is_left() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for k in range(1_000):
            writer.write(b"X-%d: y\r\n" % k)
            await writer.drain()
            await asyncio.sleep(0.05)

    sent = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\nContent-Encoding: gzip\r\n\r\n")
        while sent < 200 << 20:
            writer.write(b"\x00" * 65_536)
            await writer.drain()
            sent += 65_536

    async def run() -> tuple[Outcome, Outcome]:
        async with listening(drip) as slow, listening(flood) as endless:
            return await send_to(slow, 0.3), await send_to(endless)

    slow, endless = asyncio.run(run())
    assert slow.ending is Ending.UNKNOWN
    assert endless.ending is Ending.DELIVERED  # the status said so; the rest was not wanted
    assert sent < 100 * LARGEST


def test_an_answer_that_is_packed_is_not_unpacked() -> None:
    """Not even looked at: bytes that are no gzip at all do no harm."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nxxxxx"

    async def run() -> Outcome:
        async with listening(answer) as server:
            return await send_to(server)

    assert asyncio.run(run()).ending is Ending.DELIVERED


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server's context with a certificate that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    day = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(day).not_valid_after(day + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_a_certificate_that_nobody_vouches_for_gets_no_message(tmp_path: Path) -> None:
    async def run() -> tuple[list[bytes], Outcome]:
        async with listening(tls=certificate(tmp_path, "other.example.com")) as server:
            url = f"https://localhost:{server.port}/x"
            outcome = await WebhookSink(Secret(url), (), 2.0, loopback=True).send(ALERT)
            return server.requests, outcome

    requests, outcome = asyncio.run(run())
    assert (requests, outcome.ending) == ([], Ending.RETRY)


def test_the_loopback_switch_opens_this_machine_and_nothing_else() -> None:
    assert check_url("http://127.0.0.1:8080/x", (), loopback=True).port == 8080
    for url in ("https://hooks.example.com/", "http://10.0.0.1/", "http://127.0.0.2/", "http://[::1]/", "http://127.1/"):
        with pytest.raises(UserError):
            check_url(url, ("hooks.example.com",), loopback=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["", "x", "127.0.0.1", "10.0.0.0", "172.31.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "239.1.1.1", "::1", "::",
     "::7f00:1", "ff02::1", "fec0::1", "2001:db8::1", "fe80::1%1", "100::1", "2001::1", "64:ff9b:1::1"],
)  # fmt: skip
def test_addresses_of_nets_are_not(address: str) -> None:
    assert not is_public(address)
