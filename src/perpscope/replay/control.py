"""The control route: play, pause, step, jump and change the speed of a running replay, with the token printed at start."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.time import format_ts, parse_ts
from perpscope.replay.clock import FASTEST

if TYPE_CHECKING:
    from perpscope.replay.server import ReplayServer

SLOWEST, QUICKEST = 0.1, 1000.0
DEEDS = ("status", "play", "pause", "step", "speed", "jump")


async def handle(server: ReplayServer, request: web.Request) -> web.Response:
    """POST {"do": ..., "value": ...} with `Authorization: Bearer <token>` or `?token=`; GET tells the status."""
    token = server.settings.token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.query.get("token", "")
    if token is None or not hmac.compare_digest(given.encode(), token.encode()):
        return web.json_response({"error": "The control route needs the token printed at start."}, status=403)
    try:
        body = msgspec.json.decode(await request.read()) if request.method == "POST" else {}
        if not isinstance(body, dict):
            raise UserError('Send an object such as {"do": "pause"}.')
        deed(server, str(body.get("do", "status")), body.get("value"))
    except (UserError, msgspec.DecodeError) as mistake:
        return web.json_response({"error": str(mistake)}, status=400)
    return web.json_response(status(server))


def deed(server: ReplayServer, do: str, value: Any) -> None:
    """Carry out one control.

    Raises:
        UserError: for a control that does not exist or a value it cannot take.
    """
    clock, pump = server.clock, server.pump
    if do == "play":
        clock.play()
    elif do == "pause":
        clock.pause()
    elif do == "step":
        clock.pause()
        pump.steps += int(value or 1)
    elif do == "speed":
        clock.run_at(speed_of(str(value)))
    elif do == "jump":
        at = parse_ts(str(value).replace(" UTC", "Z"))  # the status tells times that way
        if not server.tape.start <= at <= server.tape.end:
            span = f"{format_ts(server.tape.start)} to {format_ts(server.tape.end)}"
            raise UserError(f"Jump to a time of the tape: {span}.")
        pump.jump(at)
    elif do != "status":
        raise unknown_name("control", do, DEEDS)
    pump.changed.set()


def speed_of(text: str) -> float:
    """A speed: a number from 0.1 to 1000, or "max".

    Raises:
        UserError: for anything else.

    Example:
        >>> speed_of("20"), speed_of("max")
        (20.0, inf)
    """
    if text == "max":
        return FASTEST
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not SLOWEST <= speed <= QUICKEST:
        raise UserError(f"A speed is a number from {SLOWEST:g} to {QUICKEST:g}, or max, not '{text}'.")
    return speed


def status(server: ReplayServer) -> dict[str, Any]:
    """Where the tape is and who listens."""
    clock = server.clock
    return {
        "mode": "REPLAY",
        "venue": server.settings.venue,
        "symbols": list(server.tape.symbols),
        "start": format_ts(server.tape.start),
        "end": format_ts(server.tape.end),
        "at": format_ts(clock.position()),
        "speed": "max" if clock.speed == FASTEST else clock.speed,
        "playing": clock.playing,
        "ended": server.pump.ended.is_set(),
        "connections": len(server.connections),
        "frames": server.pump.frames,
        "sent": server.ledger.counts[0],
        "withheld": server.ledger.counts[1],
    }
