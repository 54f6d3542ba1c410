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
    sources: Annotated[
        list[str] | None, typer.Argument(help="Recordings (files, folders), one lake, or: synthetic.", show_default=False)
    ] = None,
    venue: VenueName = "binance",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8765,
    speed: Annotated[str, typer.Option(help="Market seconds per second, 0.1 to 1000, or max.")] = "1",
    symbols: Annotated[str | None, typer.Option(help="Only these, with commas between; default: all recorded.")] = None,
    wait: Annotated[int, typer.Option(min=0, help="Start once so many connections have subscribed; 0: when told to play.")] = 1,
    faults: Annotated[Path | None, typer.Option("--faults", help="Scenario of faults (TOML).", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Seed of all chance.")] = 0,
    ledger: Annotated[Path | None, typer.Option("--ledger", help="Append everything sent and withheld to this file.")] = None,
    hours: Annotated[float, typer.Option(min=0.02, max=48, help="Length of the synthetic market.")] = 1.0,
    exit_at_end: Annotated[bool, typer.Option("--exit-at-end", help="Stop when the tape has run out.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Move all times so that the tape begins now.")] = False,
    compare: Annotated[
        Path | None, typer.Option("--compare", help="Judge instead: this ledger against --lake.", show_default=False)
    ] = None,
    lake: Annotated[Path | None, typer.Option("--lake", help="Lake to judge.", show_default=False)] = None,
    json: AsJson = False,
) -> None:
    """Speak a venue's own REST and WebSocket protocol on 127.0.0.1, from recordings, a lake or the synthetic market."""
    import asyncio
    import secrets
    import time

    if compare is not None:
        _judge(compare, lake, venue, json)
        return
    from perpscope.replay import Settings, load
    from perpscope.replay.control import speed_of
    from perpscope.replay.frames import MS
    from perpscope.replay.scenario import read_scenario

    chosen = [s.strip() for s in symbols.split(",") if s.strip()] if symbols else []
    pace = speed_of(speed)
    tape = load(venue, sources or [], chosen, seed, hours)
    command = "perpscope " + shlex.join(sys.argv[1:])
    planned = () if faults is None else read_scenario(faults, tape.start)
    shift = (time.time_ns() - tape.start) // MS * MS if now else 0  # venues speak in whole milliseconds
    token = secrets.token_urlsafe(16)
    settings = Settings(venue, port, pace, wait, seed, token, ledger, command=command, faults=planned, shift=shift)
    asyncio.run(_serve(settings, tape, exit_at_end, json))


def _judge(ledger: Path, lake: Path | None, venue: str, as_json: bool) -> None:
    from perpscope.core.errors import UserError
    from perpscope.replay.compare import compare

    if lake is None:
        raise UserError("To judge a ledger, name the lake that was recorded with --lake.")
    found = compare(ledger, lake, venue)
    if as_json:
        print(json_.dumps([loss.__dict__ for loss in found], indent=1))
    else:
        names = ("told", "withheld", "stored", "contained", "declared", "undeclared", "foreign")
        print(f"{'symbol':<14} {'channel':<14}" + "".join(f"{name:>12}" for name in names))
        for loss in found:
            print(f"{loss.symbol:<14} {loss.channel:<14}" + "".join(f"{getattr(loss, name):>12,}" for name in names))
            if loss.examples:
                print(f"  undeclared, first: {', '.join(map(str, loss.examples))}")
        print(f"undeclared loss: {sum(loss.undeclared for loss in found):,}")
    if any(loss.undeclared for loss in found):
        raise typer.Exit(1)


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
    print(f"REPLAY of {settings.venue} {', '.join(tape.symbols)}: {facts['start']} to {facts['end']}")
    print(f"  REST {facts['rest']}   WebSocket {facts['socket']}   control {facts['control']} token {settings.token}")
    print(f"  again: {settings.command}", flush=True)
