"""The live loop over a real hot log. The answer is one run of the graph over what the lake says afterwards."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from live.keeper import Keeper
from live.test_market import STREAMS, arriving
from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, SECOND
from perpscope.engine.graph import Graph, Step
from perpscope.engine.loop import collect
from perpscope.lake import Lake, Source
from perpscope.lake.hot import HotLog
from perpscope.live.market import BEGINNING
from perpscope.live.session import LiveLoop, LoopOptions, Watched
from perpscope.live.sink import Committed
from perpscope.synthetic import Config, simulate

WANTED = ("bars", "swings", "delta", "average_stack", "large_trades", "fair_value_gaps", "bars@15m")
OPTIONS = LoopOptions(lateness=SECOND, warmup=400 * DAY)
Market = tuple[Instrument, dict[str, Table]]


@pytest.fixture(scope="module")
def market() -> Market:
    made = simulate(Config(seed=4, days=0.15))
    return made.instrument, {name: table for name, table in made.tables.items() if name in STREAMS}


def make(instrument: Instrument, streams: frozenset[str], frame: str, source: Source | None) -> Graph:
    return Graph(instrument, WANTED, streams, frame)


def loop_over(root: Path, instrument: Instrument, kept: Keeper, frames: tuple[str, ...] = ("5m",)) -> LiveLoop:
    watched = Watched(instrument.venue, instrument.symbol, STREAMS, frames, frozenset({"trade"}))
    loop = LiveLoop(Lake(root), [watched], make, [kept], listing=lambda venue, symbol: instrument, options=OPTIONS)
    loop.prepare()
    return loop


def record(root: Path, loop: LiveLoop, instrument: Instrument, commits: list[dict[str, Table]]) -> None:
    """Store every commit, then tell the loop: what a recorder does."""
    now = [int(1.7e18)]
    with HotLog(root, instrument.venue, now=lambda: now[0], reserve_bytes=0) as log:
        for commit in commits:
            tables = {(instrument.symbol, stream): table for stream, table in commit.items()}
            log.append(tables)
            now[0] += SECOND
            loop.committed(Committed(instrument.venue, {k: t.sorted() for k, t in tables.items()}, {}, now[0]))


def run(loop: LiveLoop) -> None:
    loop.stop()
    loop.run()


def history(root: Path, instrument: Instrument, until: int) -> dict[str, Table]:
    lake = Lake(root)
    source = lake.source(
        instrument.venue, instrument.symbol, sorted(lake.streams(instrument.venue, instrument.symbol)), end=until
    )
    graph = Graph(source.instrument, WANTED, STREAMS, "5m")
    return collect(graph, [Batch(b.watermark_ts, dict(b.tables)) for b in source])


def test_what_is_folded_live_is_what_the_lake_gives_afterwards(market: Market, tmp_path: Path) -> None:
    instrument, tables = market
    kept = Keeper()
    loop = loop_over(tmp_path, instrument, kept)
    record(tmp_path, loop, instrument, arriving(tables, BEGINNING, seed=1, chained=True))
    run(loop)
    live = loop.markets[instrument.venue, instrument.symbol]
    assert not loop.faults
    assert not live.arrivals.counts
    assert loop.counts["steps"] > 100
    for key, table in history(tmp_path, instrument, live.watermark_ts).items():
        assert kept.rows("5m", key).same_as(table), key


def test_a_restart_goes_on_without_a_seam(market: Market, tmp_path: Path) -> None:
    instrument, tables = market
    commits = arriving(tables, BEGINNING, seed=2, chained=True)
    kept = Keeper()
    first = loop_over(tmp_path, instrument, Keeper())
    record(tmp_path, first, instrument, commits[: len(commits) // 2])
    run(first)
    second = loop_over(tmp_path, instrument, kept)
    record(tmp_path, second, instrument, commits[len(commits) // 2 :])
    run(second)
    live = second.markets[instrument.venue, instrument.symbol]
    assert not second.faults
    for key, table in history(tmp_path, instrument, live.watermark_ts).items():
        assert kept.rows("5m", key).same_as(table), key


def test_a_frame_opened_later_shows_what_it_would_have_shown_all_along(market: Market, tmp_path: Path) -> None:
    instrument, tables = market
    kept = Keeper()
    loop = loop_over(tmp_path, instrument, kept, frames=())
    commits = arriving(tables, BEGINNING, seed=3, chained=True)
    record(tmp_path, loop, instrument, commits[:100])
    opened = loop.do(lambda one: one.open(instrument.venue, instrument.symbol, "5m"))
    worker = threading.Thread(target=loop.run, daemon=True)
    worker.start()
    try:
        assert opened.result(timeout=60).watermark_ts > BEGINNING
    finally:
        loop.stop()
        worker.join(timeout=60)
    live = loop.markets[instrument.venue, instrument.symbol]
    for key, table in history(tmp_path, instrument, live.watermark_ts).items():
        assert kept.rows("5m", key).same_as(table), key


def test_nothing_is_folded_past_a_hold_until_it_is_lifted(market: Market, tmp_path: Path) -> None:
    instrument, tables = market
    middle = int(np.median(tables["trade"].clock))
    kept, holds = Keeper(), [middle]
    loop = loop_over(tmp_path, instrument, kept)
    loop.hold = lambda venue, symbol: holds[0]
    commits = arriving(tables, BEGINNING, seed=1, chained=True)
    record(tmp_path, loop, instrument, commits)
    before = loop.do(lambda one: max(kept.watermarks))
    run(loop)
    assert before.result() == middle
    assert max(kept.watermarks) > middle  # what still waits is folded at the end


def test_a_fault_closes_the_graphs_of_its_instrument_and_says_why(market: Market, tmp_path: Path) -> None:
    instrument, tables = market

    class Clumsy(Keeper):
        def stepped(self, graph: Graph, step: Step, batch: Batch) -> None:
            raise ValueError("no room on the page")

    loop = loop_over(tmp_path, instrument, Clumsy())
    record(tmp_path, loop, instrument, arriving(tables, BEGINNING, seed=1, chained=True)[:20])
    run(loop)
    assert loop.faults == {(instrument.venue, instrument.symbol): "ValueError: no room on the page"}
    assert not loop.markets[instrument.venue, instrument.symbol].graphs


def test_an_instrument_that_is_not_followed_is_named_in_a_sentence(market: Market, tmp_path: Path) -> None:
    loop = loop_over(tmp_path, market[0], Keeper())
    with pytest.raises(UserError, match="instrument that is followed"):
        loop.open("synthetic", "SYNUSD", "5m")
