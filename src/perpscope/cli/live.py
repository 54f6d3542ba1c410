"""`perpscope live`: record, fold, show and alert, as it happens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpscope.cli.options import LakeDir
from perpscope.cli.record import _KINDS, targets_of
from perpscope.core.errors import UserError

if TYPE_CHECKING:
    from perpscope.live.recorder import Recorder, Target
    from perpscope.live.session import LiveLoop


def live(
    markets: Annotated[list[str], typer.Argument(help="What to follow, as VENUE:SYMBOL, such as binance:BTCUSDT.")],
    lake: LakeDir,
    timeframe: Annotated[str, typer.Option(help="Time frames to run, with commas: the first is shown first.")] = "5m,1h",
    kinds: Annotated[
        str | None, typer.Option(help="Kinds to record, with commas; all that the venue offers otherwise.")
    ] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option(help="Another server for a venue, such as binance=http://127.0.0.1:9000.")
    ] = None,
    alerts: Annotated[Path | None, typer.Option(help="TOML file of alert rules and sinks.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Folder that perpscope evidence wrote: verdicts and pages.")] = None,
    host: Annotated[str, typer.Option(help="Address of the page; any but loopback asks for a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.", min=0, max=65_535)] = 8600,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Serve the page.")] = True,
    lateness: Annotated[str, typer.Option(help="How long rows are waited for before a bar may close.")] = "1s",
    duration: Annotated[str | None, typer.Option("--for", help="Stop after so long, such as 90s or 24h.")] = None,
    seal_every: Annotated[str, typer.Option(help="How often what is recorded becomes Parquet.")] = "10m",
    any_pace: Annotated[bool, typer.Option("--any-pace", help="The venue's clock may run at another pace (a replay).")] = False,
    loopback: Annotated[bool, typer.Option("--loopback", help="Let alert webhooks call this machine only: for tests.")] = False,
) -> None:
    """Follow markets as they happen: into the lake first, then through the graph, to the page and the alerts.

    What is shown is what a run over the lake gives afterwards. Ctrl-C ends in order; a second start goes on without a seam.
    """
    import asyncio

    from perpscope.core.time import SECOND, Timeframe, parse_span

    frames = tuple(dict.fromkeys(Timeframe.parse(name.strip()).name for name in timeframe.split(",") if name.strip()))
    if not frames:
        raise UserError("Name at least one time frame, such as --timeframe 5m,1h.")
    targets = targets_of(markets, kinds, endpoint or [])
    span_s = None if duration is None else parse_span(duration) / SECOND
    state = asyncio.run(
        _live(
            targets, lake, frames, span_s, parse_span(seal_every) / SECOND, any_pace, parse_span(lateness),
            alerts, evidence, (host, port) if page else None, loopback,
        )
    )  # fmt: skip
    for one in state:
        late = ", ".join(f"{n} {what}" for what, n in one["late"].items()) or "nothing came too late"
        print(f"{one['venue']} {one['symbol']}: frames {', '.join(one['frames']) or 'none'}; {late}")
        if one["fault"]:
            print(f"  stopped: {one['fault']}")
    print("Stopped in order: everything received is in the lake.")


async def _live(
    targets: list[Target],
    lake: Path,
    frames: tuple[str, ...],
    span_s: float | None,
    seal_every_s: float,
    any_pace: bool,
    lateness: int,
    alerts: Path | None,
    evidence: Path | None,
    address: tuple[str, int] | None,
    loopback: bool,
) -> list[Any]:
    import asyncio
    import random
    import signal
    import threading

    from perpscope.alerts.center import AlertCenter
    from perpscope.alerts.config import read_config
    from perpscope.lake import Lake
    from perpscope.live.feed import FeedOptions
    from perpscope.live.hold import hold_of
    from perpscope.live.recorder import Recorder
    from perpscope.live.session import LiveLoop, LoopOptions, Watched, states
    from perpscope.research.evidence.verdicts import read_verdicts
    from perpscope.venues.registry import door
    from perpscope.venues.transport.clock import SystemClock
    from perpscope.venues.transport.network import AiohttpNetwork
    from perpscope.web.live import AlertListener, PageListener, feed_states, live_graph
    from perpscope.web.serve import serving
    from perpscope.web.stream.publisher import Publisher

    clock = SystemClock()
    publisher = Publisher(lambda at: {name: one.verdict for name, one in read_verdicts(evidence, at).items()})
    serving_ = None if address is None else serving(lake, *address, evidence=evidence, mode="live", publisher=publisher)
    center = None if alerts is None else AlertCenter(read_config(alerts), lake / "alerts", clock.now, loopback=loopback)
    watched = [
        Watched(t.venue, symbol, frozenset(t.kinds or _KINDS), frames, frozenset(door(t.venue).contiguous))
        for t in targets
        for symbol in t.symbols
    ]
    loop = LiveLoop(Lake(lake), watched, live_graph, [PageListener(publisher)], options=LoopOptions(lateness=lateness))
    async with AiohttpNetwork() as network:
        options = FeedOptions(lag_limit_s=None) if any_pace else FeedOptions()
        recorder = Recorder(
            lake, targets, _KINDS, network, clock, random.Random(), [loop.committed], options, seal_every_s=seal_every_s
        )
        loop.hold = lambda venue, symbol: hold_of(recorder.stations[venue].feed, symbol)
        loop.listing = lambda venue, symbol: recorder.stations[venue].feed.instruments.get(symbol)
        if center is not None:
            loop.listeners = [
                *loop.listeners,
                AlertListener(center, publisher, clock.now, lambda: _stale(recorder, clock.now())),
            ]
        loop.prepare()
        worker = threading.Thread(target=loop.run, name="live-loop", daemon=True)
        worker.start()
        here = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            here.add_signal_handler(number, recorder.stop)
        if span_s is not None:
            here.call_later(span_s, recorder.stop)
        page = None
        if serving_ is not None:
            page = threading.Thread(target=serving_.run, name="page", daemon=True)
            page.start()
            print("\n".join(serving_.notes + (f"page: {serving_.url}",)), flush=True)
        beside = [asyncio.create_task(_tell(recorder, loop, publisher, feed_states))]
        if center is not None:
            beside.append(asyncio.create_task(center.deliver()))
        try:
            await recorder.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            loop.stop()
            await asyncio.to_thread(worker.join)
            if serving_ is not None and page is not None:
                serving_.uvicorn.should_exit = True
                await asyncio.to_thread(page.join, 5.0)
            if center is not None:
                center.close()
            for number in (signal.SIGINT, signal.SIGTERM):
                here.remove_signal_handler(number)
        return list(states(loop))


def _stale(recorder: Recorder, now: int) -> dict[str, int]:
    """Since when each channel has been silent for too long."""
    found = {}
    for venue in recorder.status():
        for channel in venue["channels"]:
            if channel["state"] in ("stale", "lost"):
                found[f"{venue['venue']} {channel['channel']}"] = now - int(1e6 * (channel["age_ms"] or 0))
    return found


async def _tell(recorder: Recorder, loop: LiveLoop, publisher: Any, feed_states: Any) -> None:
    """Once a second the state of the feeds to the page; once a minute a line for the log, and faults at once."""
    import asyncio
    import sys

    told: set[str] = set()
    seconds = 0
    while True:
        await asyncio.sleep(1.0)
        seconds += 1
        status = recorder.status()
        publisher.status(feed_states(status), sum(s["counts"].get("gaps", 0) for s in status))
        for key, fault in list(loop.faults.items()):
            line = f"ALARM {' '.join(key)}: {fault}"
            if line not in told:
                told.add(line)
                print(line, file=sys.stderr, flush=True)
        if seconds % 60 == 0:
            steps = loop.counts["steps"]
            print(f"{loop.counts['commits']} commits, {steps} steps, {len(loop.faults)} faults", file=sys.stderr, flush=True)
