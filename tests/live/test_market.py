"""A live instrument against the same rows as history. The answer is one run of the graph over one long batch."""

from __future__ import annotations

import numpy as np
import pytest

from live.keeper import Keeper
from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import SECOND
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.lake import Lake, store
from perpscope.live.arrivals import Arrivals
from perpscope.live.market import BEGINNING, LiveMarket, last_ids
from perpscope.synthetic import Config, simulate

WANTED = ("bars", "swings", "delta", "average_stack", "large_trades", "liquidation_exposure", "bars@15m")
STREAMS = frozenset({"trade", "open_interest", "funding", "liquidation"})


@pytest.fixture(scope="module")
def market() -> tuple[Instrument, dict[str, Table]]:
    made = simulate(Config(seed=3, days=0.3))
    tables = {name: table for name, table in made.tables.items() if name in STREAMS}
    return made.instrument, tables


def graph(instrument: Instrument) -> Graph:
    return Graph(instrument, WANTED, STREAMS, "5m")


def arriving(tables: dict[str, Table], after: int, seed: int, chained: bool = False) -> list[dict[str, Table]]:
    """Commits of about 40 s of events each, every row delivered up to 0.9 s later than it happened. `chained`: in the order of
    its stream, as a feed lets rows through; else out of order too."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, table in tables.items():
        table = table[table.clock > after]
        seen = table.clock + rng.integers(0, 9 * SECOND // 10, len(table))
        seen = np.maximum.accumulate(seen) if chained else seen
        rows.append((name, table, seen))
    first = min(int(seen.min()) for _, table, seen in rows if len(table))
    last = max(int(seen.max()) for _, table, seen in rows if len(table))
    commits = []
    for start in range(first, last + 1, 40 * SECOND):
        commit = {}
        for name, table, seen in rows:
            mine = np.flatnonzero((seen >= start) & (seen < start + 40 * SECOND))
            if len(mine):
                commit[name] = table[mine[np.argsort(seen[mine], kind="stable")]]
        commits.append(commit)
    return commits


def whole(instrument: Instrument, tables: dict[str, Table], until: int) -> dict[str, Table]:
    known = {name: table[table.clock <= until] for name, table in tables.items()}
    return collect(graph(instrument), [Batch(until, known)])


def test_live_rows_are_the_rows_of_history_bit_for_bit(market: tuple[Instrument, dict[str, Table]]) -> None:
    instrument, tables = market
    live = LiveMarket(instrument.venue, instrument.symbol, STREAMS, Arrivals(BEGINNING, frozenset({"trade"})))
    kept = Keeper()
    live.listeners.append(kept)
    live.open("5m", graph(instrument), None)
    for commit in arriving(tables, BEGINNING, seed=1):
        live.take(commit)
        live.advance()
    live.finish()
    history = whole(instrument, tables, live.watermark_ts)
    assert kept.watermarks == sorted(set(kept.watermarks))
    assert len(kept.watermarks) > 300
    assert not live.arrivals.counts
    assert sum(map(len, history.values())) > 1000
    for key, table in history.items():
        assert kept.rows("5m", key).same_as(table), key


def test_a_graph_opened_from_the_lake_in_the_middle_has_no_seam(
    market: tuple[Instrument, dict[str, Table]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    instrument, tables = market
    middle = int(np.median(tables["trade"].clock))
    lake = Lake(tmp_path_factory.mktemp("lake"))
    store(lake, instrument, {name: table[table.clock <= middle] for name, table in tables.items()}, "live")
    known = lake.streams(instrument.venue, instrument.symbol)  # funding has not been paid yet
    source = lake.source(instrument.venue, instrument.symbol, known, end=middle)
    assert STREAMS - set(known) == {"funding"}
    arrivals = Arrivals(middle, frozenset({"trade"}), last_id=last_ids(source.tables.items()))
    kept = Keeper()
    live = LiveMarket(instrument.venue, instrument.symbol, STREAMS, arrivals, listeners=[kept])
    opened = live.open("5m", graph(source.instrument), source)
    assert opened.watermark_ts == middle
    for commit in arriving(tables, middle, seed=2):
        live.take(commit)
        live.advance()
    live.finish()
    history = whole(source.instrument, tables, live.watermark_ts)
    for key, table in history.items():
        assert kept.rows("5m", key).same_as(table), key


def test_streams_that_no_graph_may_see_are_left_out(market: tuple[Instrument, dict[str, Table]]) -> None:
    instrument, tables = market
    live = LiveMarket(instrument.venue, instrument.symbol, frozenset({"trade"}), Arrivals(BEGINNING))
    live.take({"trade": tables["trade"][:10], "open_interest": tables["open_interest"][:5]})
    batch = live.arrivals.flush()
    assert batch is not None
    assert set(batch.tables) == {"trade", "gap"}
