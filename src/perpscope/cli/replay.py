"""`perpscope replay`: a simulated exchange on loopback."""

from __future__ import annotations

import json as json_
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perpscope.cli.options import AsJson, VenueName

if TYPE_CHECKING:
    from perpscope.replay import ReplayServer, Settings
    from perpscope.replay.frames import Tape


def replay(
    sources: Annotated[list[str] | None, typer.Argument(help="Recordings (files or folders).", show_default=False)] = None,
    venue: VenueName = "binance",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8765,
    speed: Annotated[str, typer.Option(help="Market seconds per second, 0.1 to 1000, or max.")] = "1",
    symbols: Annotated[str | None, typer.Option(help="Only these, with commas between; default: all recorded.")] = None,
    wait: Annotated[int, typer.Option(min=0, help="Start once so many connections have subscribed; 0: when told to play.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of all chance.")] = 0,
    ledger: Annotated[Path | None, typer.Option("--ledger", help="Append everything sent and withheld to this file.")] = None,
    exit_at_end: Annotated[bool, typer.Option("--exit-at-end", help="Stop when the tape has run out.")] = False,
    json: AsJson = False,
) -> None:
    """Speak a venue's own REST and WebSocket protocol on 127.0.0.1, from recordings, at any speed."""
    import asyncio
    import secrets

    from perpscope.replay import Settings, load
    from perpscope.replay.control import speed_of

    chosen = [s.strip() for s in symbols.split(",") if s.strip()] if symbols else []
    pace = speed_of(speed)
    tape = load(venue, sources or [], chosen)
    command = "perpscope " + shlex.join(sys.argv[1:])
    settings = Settings(venue, port, pace, wait, seed, secrets.token_urlsafe(16), ledger, command)
    asyncio.run(_serve(settings, tape, exit_at_end, json))


async def _serve(settings: Settings, tape: Tape, exit_at_end: bool, as_json: bool) -> None:
    import asyncio
    import signal

    from perpscope.replay import ReplayServer

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with ReplayServer(settings, tape) as server:
        _announce(server, as_json)
        waits = [loop.create_task(stop.wait()), server.pumping]
        if exit_at_end:
            waits.append(loop.create_task(server.drained()))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        sent, withheld = server.ledger.counts
    if not as_json:
        print(f"stopped: {sent} messages sent, {withheld} withheld")


def _announce(server: ReplayServer, as_json: bool) -> None:
    from perpscope.core.time import format_ts

    settings, tape = server.settings, server.tape
    facts = {
        "mode": "REPLAY",
        "venue": settings.venue,
        "port": server.port,
        "rest": f"http://127.0.0.1:{server.port}",
        "socket": f"ws://127.0.0.1:{server.port}",
        "control": f"http://127.0.0.1:{server.port}/_control",
        "token": settings.token,
        "symbols": list(tape.symbols),
        "start": format_ts(tape.start),
        "end": format_ts(tape.end),
        "seed": settings.seed,
        "command": settings.command,
    }
    if as_json:
        print(json_.dumps(facts), flush=True)
        return
    print(f"REPLAY of {settings.venue} {', '.join(tape.symbols)}: {facts['start']} to {facts['end']} UTC")
    print(f"  REST {facts['rest']}   WebSocket {facts['socket']}   control {facts['control']} token {settings.token}")
    print(f"  again: {settings.command}", flush=True)
