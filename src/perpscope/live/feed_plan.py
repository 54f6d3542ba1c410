"""Which channels, links and polls a feed needs for what was asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from perpscope.core.errors import UserError
from perpscope.venues.door import Channel, Door

POLL_S: Mapping[str, float] = {"open_interest": 10.0, "funding": 300.0}
_OTHER_POLL_S = 60.0


@dataclass(frozen=True)
class Poll:
    """A kind of a symbol that no stream brings."""

    symbol: str
    kind: str
    every_s: float


@dataclass(frozen=True)
class Plan:
    """`links`: the channels of each socket, one route each. `streams`: what is wanted by (channel key, symbol)."""

    links: tuple[tuple[Channel, ...], ...]
    polls: tuple[Poll, ...]
    streams: Mapping[tuple[str, str], frozenset[str]]


def plan(door: Door, symbols: Sequence[str], kinds: Sequence[str]) -> Plan:
    """Channels grouped by route, at most `channels_per_socket` a socket; a channel that several symbols share comes once.

    Raises:
        UserError: if the venue offers a kind neither by stream nor by request, or nothing was asked for.
    """
    if not symbols or not kinds:
        raise UserError("Nothing to record: name at least one symbol and one kind.")
    channels: dict[str, Channel] = {}
    streams: dict[tuple[str, str], set[str]] = {}
    polls = []
    for symbol in symbols:
        for kind in kinds:
            if door.ask_polled(symbol, kind) is not None:
                polls.append(Poll(symbol, kind, POLL_S.get(kind, _OTHER_POLL_S)))
                continue
            for channel in door.channels(symbol, [kind]):
                channels.setdefault(channel.key, channel)
                streams.setdefault((channel.key, symbol), set()).add(kind)
    by_route: dict[str, list[Channel]] = {}
    for channel in channels.values():
        by_route.setdefault(channel.route, []).append(channel)
    most = door.limits.channels_per_socket
    links = [tuple(some[at : at + most]) for some in by_route.values() for at in range(0, len(some), most)]
    return Plan(tuple(links), tuple(polls), {key: frozenset(wanted) for key, wanted in streams.items()})


def rehosted(addresses: Mapping[str, str], endpoint: str) -> dict[str, str]:
    """The same addresses on another host: `endpoint` is http(s)://host:port, the paths stay.

    Raises:
        UserError: if the endpoint is no such address.

    Example:
        >>> rehosted({"public": "wss://a.example/public", "rest": "https://b.example"}, "http://127.0.0.1:9000")
        {'public': 'ws://127.0.0.1:9000/public', 'rest': 'http://127.0.0.1:9000'}
    """
    target = urlsplit(endpoint)
    if target.scheme not in ("http", "https", "ws", "wss") or not target.hostname or target.path not in ("", "/"):
        raise UserError(f"'{endpoint}' is no address of a server. Write it like http://127.0.0.1:9000.")
    secure = target.scheme in ("https", "wss")
    moved = {}
    for route, address in addresses.items():
        old = urlsplit(address)
        scheme = ("wss" if secure else "ws") if old.scheme in ("ws", "wss") else ("https" if secure else "http")
        moved[route] = urlunsplit((scheme, target.netloc, old.path, old.query, ""))
    return moved
