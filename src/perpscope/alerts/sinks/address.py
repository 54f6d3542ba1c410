"""Which addresses may be spoken to: public ones, by names that the user has listed, on the ports he has listed.

An alert goes out by itself, with a web address from a file: if that address could lead into the own network (a router, a
database, a cloud's metadata service), whoever can write the file or answer for the name would have hands inside. So: https
only, a listed name, no literal addresses, no credentials; the name is resolved once, every address it has must be public, and
the connection goes to exactly the address that was checked.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from perpscope.core.errors import UserError

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a name."""

LONGEST_URL = 2_000
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LAST = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{2,59}")
_PRIVATE_NAMES = frozenset(
    {
        "internal",
        "local",
        "localhost",
        "localdomain",
        "lan",
        "home",
        "corp",
        "intranet",
        "private",
        "arpa",
        "test",
        "invalid",
        "onion",
    }
)
"""Last labels that name no public host; `metadata.google.internal` is one of them."""

_HERE = frozenset({"127.0.0.1", "localhost"})
_TRANSLATED = tuple(ipaddress.ip_network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
"""IPv6 that carries an IPv4 address inside: NAT64, 6to4, Teredo."""

_UNICAST = ipaddress.ip_network("2000::/3")
"""The only part of IPv6 that has been given out for the open internet."""


@dataclass(frozen=True)
class Target:
    """A checked address; its path is not shown, for it carries the token."""

    scheme: str
    host: str
    port: int


def check_url(url: str, allow: Sequence[str], loopback: bool = False) -> Target:
    """Whether a url may be called at all; nothing is resolved yet.

    Inputs: `allow` are names, or `name:port` for a port other than 443. `loopback` allows `http(s)://127.0.0.1` and `localhost`
    on any port, and nothing beside them: for tests.

    Raises:
        UserError: if it may not, in a sentence that does not repeat the url.

    Example:
        >>> check_url("https://hooks.example.com/x?y=1", ["hooks.example.com"])
        Target(scheme='https', host='hooks.example.com', port=443)
        >>> check_url("https://127.1/", ["127.1"])
        Traceback (most recent call last):
        perpscope.core.errors.UserError: A sink's host must be a public name with its domain, not an address or a bare word.
    """
    if len(url) > LONGEST_URL or any(not "!" <= c <= "~" or c in '\\"<>^`{|}' for c in url):
        raise UserError(
            "A sink's url may hold only plain ASCII without spaces, backslashes or line breaks (xn-- for other names)."
        )
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not url.startswith(f"{parts.scheme}://"):
        raise UserError("A sink's url must begin with https://.")
    if "@" in parts.netloc or parts.fragment or "#" in url:
        raise UserError("A sink's url must have neither a user name before its host nor a # part.")
    host, port = _split(parts.netloc, 443 if parts.scheme == "https" else 80)
    if loopback:
        if host not in _HERE:
            raise UserError("With the loopback switch only 127.0.0.1 and localhost can be called.")
        return Target(parts.scheme, host, port)
    if parts.scheme != "https":
        raise UserError("A sink's url must begin with https://.")
    labels = host.split(".")
    if (
        len(labels) < 2 or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels)
        or not _LAST.fullmatch(labels[-1]) or labels[-1] in _PRIVATE_NAMES
    ):  # fmt: skip
        raise UserError("A sink's host must be a public name with its domain, not an address or a bare word.")
    if (host if port == 443 else f"{host}:{port}") not in {name.lower() for name in allow}:
        raise UserError(f"The host {host} (port {port}) is not in this sink's 'allow' list; add it there if you trust it.")
    return Target(parts.scheme, host, port)


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet: neither private, loopback, link-local, shared, multicast, reserved nor
    one that is translated to an IPv4 address.

    Example:
        >>> [is_public(a) for a in ("93.184.216.34", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1")]
        [True, False, False, False, False]
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None or ip.scope_id is not None or any(ip in network for network in _TRANSLATED):
            return False
        if ip not in _UNICAST:  # also ::a.b.c.d and fec0::/10, both deprecated
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


async def checked_address(target: Target, resolve: Resolve, loopback: bool = False) -> str:
    """The one address to connect to.

    Raises:
        UserError: if the name has none, or one of them is not public: a name with both is refused whole.
    """
    found = await resolve(target.host, target.port)
    if not found:
        raise UserError(f"The name {target.host} has no address.")
    good = [ipaddress.ip_address(a).is_loopback if loopback else is_public(a) for a in found]
    if not all(good):
        raise UserError(f"The name {target.host} leads to an address that is not public; it is not called.")
    return found[0]


def _split(netloc: str, usual: int) -> tuple[str, int]:
    host, colon, port = netloc.lower().rpartition(":")
    if not colon:
        return port, usual
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65_536 or ":" in host:
        raise UserError("A sink's host must be a public name with its domain, not an address or a bare word.")
    return host, int(port)
