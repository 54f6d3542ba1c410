"""`perpscope record`: the markets as they happen, into a lake."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpscope.cli.options import AsJson, LakeDir
from perpscope.core.errors import UserError

if TYPE_CHECKING:
    from perpscope.live.recorder import Recorder, Target

_KINDS = ("trade", "book_delta", "mark_price", "funding", "open_interest", "liquidation")


def record(
    markets: Annotated[list[str], typer.Argument(help="What to record, as VENUE:SYMBOL, such as binance:BTCUSDT.")],
    lake: LakeDir,
    kinds: Annotated[
        str | None, typer.Option(help=f"Kinds, with commas: {','.join(_KINDS)}, bars@1m. Else all that the venue offers.")
    ] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option(help="Another server for a venue, such as binance=http://127.0.0.1:9000.")
    ] = None,
    duration: Annotated[str | None, typer.Option("--for", help="Stop after so long, such as 90s or 24h.")] = None,
    seal_every: Annotated[str, typer.Option(help="How often what is recorded becomes Parquet.")] = "10m",
    any_pace: Annotated[
        bool, typer.Option("--any-pace", help="The venue's clock may run at another pace (a replay): lag is no fault.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Record trades, books, marks, funding, open interest and forced orders; everything is durable within 100 ms.

    Holes are filled by id where the venue allows it and declared where not. Ctrl-C ends in order; a second start goes on.
    """
    import asyncio

    from perpscope.core.time import SECOND, parse_span

    targets = targets_of(markets, kinds, endpoint or [])
    span_s = None if duration is None else parse_span(duration) / SECOND
    state = asyncio.run(_record(targets, lake, span_s, parse_span(seal_every) / SECOND, any_pace, quiet=json))
    if json:
        print(json_.dumps(state, indent=1))


def targets_of(markets: list[str], kinds: str | None, endpoints: list[str]) -> list[Target]:
    """Markets by venue, every mistake told before a socket is opened."""
    from perpscope.live.feed_plan import plan, rehosted
    from perpscope.live.recorder import Target
    from perpscope.venues.registry import door

    symbols: dict[str, list[str]] = {}
    for market in markets:
        venue, colon, symbol = market.partition(":")
        if not colon or not venue or not symbol:
            raise UserError(f"'{market}' is no market. Write it as VENUE:SYMBOL, such as binance:BTCUSDT.")
        door(venue)
        if symbol in symbols.setdefault(venue, []):
            raise UserError(f"{market} is named twice. Name each market once.")
        symbols[venue].append(symbol)
    moved: dict[str, str] = {}
    for entry in endpoints:
        venue, equals, address = entry.partition("=")
        if not equals or venue not in symbols:
            raise UserError(
                f"'{entry}' names no venue that is recorded. Write VENUE=http://HOST:PORT with one of {sorted(symbols)}."
            )
        moved[venue] = address
    targets = []
    for venue, named in symbols.items():
        found = door(venue)
        offered = [kind for kind in _KINDS if _offers(found, named[0], kind)]
        # no kind at all: the symbol is wrong, and asking for a kind says how
        asked = (offered or ["trade"]) if kinds is None else [kind.strip() for kind in kinds.split(",") if kind.strip()]
        plan(found, named, asked)
        addresses = rehosted(found.addresses, moved[venue]) if venue in moved else None
        targets.append(Target(venue, tuple(named), tuple(asked), addresses))
    return targets


def _offers(found: Any, symbol: str, kind: str) -> bool:
    try:
        return found.ask_polled(symbol, kind) is not None or bool(found.channels(symbol, [kind]))
    except UserError:
        return False


async def _record(
    targets: list[Target], lake: Path, span_s: float | None, seal_every_s: float, any_pace: bool, quiet: bool
) -> list[dict[str, Any]]:
    import asyncio
    import contextlib
    import random
    import signal

    from perpscope.live.feed import FeedOptions
    from perpscope.live.recorder import Recorder
    from perpscope.venues.transport.clock import SystemClock
    from perpscope.venues.transport.network import AiohttpNetwork

    async with AiohttpNetwork() as network:
        options = FeedOptions(lag_limit_s=None) if any_pace else FeedOptions()
        recorder = Recorder(
            lake, targets, _KINDS, network, SystemClock(), random.Random(), options=options, seal_every_s=seal_every_s
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, recorder.stop)
        if span_s is not None:
            loop.call_later(span_s, recorder.stop)
        shown = asyncio.create_task(_show(recorder, quiet))
        try:
            await recorder.run()
        finally:
            shown.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await shown
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
        state = recorder.status()
    if not quiet:
        print("\n".join(_line(venue) for venue in state))
        print("Stopped in order: everything received is in the lake.")
    return state


async def _show(recorder: Recorder, quiet: bool) -> None:
    """A status line a venue: every second on a terminal, every minute in a log."""
    import asyncio
    import sys

    told: set[str] = set()
    pause = 1.0 if sys.stderr.isatty() else 60.0
    while not quiet:
        await asyncio.sleep(pause)
        lines = []
        for venue in recorder.status():
            lines.append(_line(venue))
            for name, finding in venue["selftest"].items():
                said = f"{venue['venue']} self-test, {name}: {finding['note']}"
                if finding["passed"] is not None and said not in told:
                    told.add(said)
                    print(("ok    " if finding["passed"] else "ALARM ") + said, file=sys.stderr)
        print("\n".join(lines), file=sys.stderr)


def _line(venue: dict[str, Any]) -> str:
    states: dict[str, int] = {}
    for channel in venue["channels"]:
        states[channel["state"]] = states.get(channel["state"], 0) + 1
    rows = sum(stream["rows"] for stream in venue["streams"].values())
    slow = max((s["durable_p99_ms"] for s in venue["streams"].values()), default=float("nan"))
    counts = venue["counts"]
    parts = [
        f"{venue['venue']}: " + ", ".join(f"{n} {state}" for state, n in sorted(states.items())),
        f"{rows} rows",
        f"{counts.get('gaps', 0)} gaps",
        f"durable p99 {slow:.0f} ms",
    ]
    if counts.get("unreadable") or counts.get("unknown"):
        parts.append(f"{counts.get('unreadable', 0)} unreadable, {counts.get('unknown', 0)} unknown kept raw")
    if venue["fault"]:
        parts.append(venue["fault"])
    return " | ".join(parts)
