"""Binance's WebSocket protocol as the server speaks it.

Routes of USDT-M since 2026-04-23: /public carries books, quotes and prints, /market everything else. An address without a
route still connects and acknowledges, and delivers nothing of /market (BYTEX #7, cryptofeed #1128); the same silence meets
a channel subscribed on the wrong route. COIN-M and spot have no routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from perpscope.replay.binance.tape import canonical
from perpscope.replay.dialect import Reply, Session, plain

MOST_STREAMS = 1024
_PUBLIC = ("depth", "bookTicker", "trade", "rpiDepth")


class _Control(msgspec.Struct):
    method: str
    id: Any = None
    params: list[Any] = []


_control = msgspec.json.Decoder(_Control)


def opened(number: int, path: str, query: Mapping[str, str], routed: bool) -> tuple[Session, Reply]:
    """A connection to `/<route>/ws/<stream>...` or `/<route>/stream?streams=a/b`."""
    parts = [p for p in path.split("/") if p]
    route = parts.pop(0) if parts and parts[0] in ("public", "market", "private") else ""
    combined = bool(parts) and parts[0] == "stream"
    session = Session(number, route if routed else "any", combined)
    names = query.get("streams", "").split("/") if combined else parts[1:]
    return session, Reply((), subscribe(session, [n for n in names if n]))


def subscribe(session: Session, names: list[str]) -> list[str]:
    """Topics begun. What the route does not carry is acknowledged and never delivered."""
    begun = []
    for name in names:
        topic = canonical(name)
        if topic in session.heard:
            continue
        session.heard[topic] = name
        if not carries(session.route, topic):
            session.deaf.add(topic)
        begun.append(topic)
    return begun


def carries(route: str, topic: str) -> bool:
    """Whether a route delivers a channel.

    Example:
        >>> [carries(r, "btcusdt@aggTrade") for r in ("market", "public", "", "any")]
        [True, False, False, True]
    """
    channel = topic.partition("@")[2] if not topic.startswith("!") else topic[1:].partition("@")[0]
    public = channel.startswith(_PUBLIC)
    return route == "any" or (route in ("public", "") if public else route == "market")


def heard(session: Session, text: bytes) -> Reply:
    """SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS and properties, answered in the venue's words."""
    try:
        control = _control.decode(text)
    except msgspec.MsgspecError as fault:
        return Reply([plain({"error": {"code": 3, "msg": f"Invalid JSON: {fault}"}})])
    names = [p for p in control.params if isinstance(p, str)]
    if control.method == "SUBSCRIBE":
        if len(session.heard) + len(names) > MOST_STREAMS:
            return Reply(hang_up=(1008, "Too many streams"))
        return Reply([_done(control.id)], subscribe(session, names))
    if control.method == "UNSUBSCRIBE":
        ended = [canonical(n) for n in names if session.heard.pop(canonical(n), None) is not None]
        session.deaf -= set(ended)
        return Reply([_done(control.id)], (), ended)
    if control.method == "LIST_SUBSCRIPTIONS":
        return Reply([plain({"result": list(session.heard.values()), "id": control.id})])
    if control.method == "SET_PROPERTY" and control.params[:1] == ["combined"]:
        session.combined = bool(control.params[1])
        return Reply([_done(control.id)])
    if control.method == "GET_PROPERTY":
        return Reply([plain({"result": session.combined, "id": control.id})])
    message = f"Invalid request: unknown variant `{control.method}`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`"
    return Reply([plain({"error": {"code": 2, "msg": message}, "id": control.id})])


def wrapped(session: Session, topic: str, data: bytes) -> bytes:
    """The envelope of combined streams; raw streams have none."""
    if not session.combined:
        return data
    return b'{"stream":"' + session.heard[topic].encode() + b'","data":' + data + b"}"


def _done(request: Any) -> bytes:
    return plain({"result": None, "id": request})
