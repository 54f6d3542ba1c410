"""The bad input that structure, frames, sessions and metrics must meet with a sentence, or with a row that says so.

Answers by hand, from STRUCTURE.md ST21 and ST28, and the recorded SOL funding of November 2022.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import BARS, FUNDING, OPEN_INTEREST
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import Session, local_to_utc
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, Timeframe, parse_ts
from perpscope.engine.companion import Companion, with_companions
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.lake import Lake, store


def hours(since: str, count: int, keep=None, frame: int = HOUR) -> Table:
    ref = parse_ts(since) + frame * np.arange(count, dtype=np.int64)
    close = 100.0 + np.sin(np.arange(count) / 5)
    prices = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": np.ones(count)}
    table = Table.filled(BARS, ref_ts=ref, known_ts=ref + frame, complete=np.ones(count, bool), **prices)
    return table if keep is None else table[keep]


def run(name: str, streams: dict[str, Table], frame: str = "1h", settings: dict | None = None) -> Table:
    graph = Graph(Instrument("demo", "X"), [name], set(streams), frame, settings)
    end = max(int(t.clock[-1]) for t in streams.values())
    return collect(graph, [Batch(end, streams)])[list(graph.nodes)[-1]]


def test_missing_bars_make_a_session_incomplete_and_expire_what_lives() -> None:
    keep = np.arange(400) != 300
    rows = run("session_ranges", {"bars@1h": hours("2026-01-05", 400, keep)})
    assert not rows["complete"].all()
    gaps = run("opening_gaps", {"bars@1h": hours("2026-01-05", 400, keep)})
    assert "expired" in {r["event"] for r in gaps.rows()}


def test_a_bar_that_straddles_the_edge_belongs_to_the_session_that_holds_its_open() -> None:
    rows = run("session_ranges", {"bars@1h": hours("2026-01-15", 24)}, settings={"session_ranges": {"sessions": "london"}})
    final = rows[rows["phase"] == 2]
    # London ends 16:30: the bar of 16:00 is its last, and known at 17:00
    assert final["known_ts"].tolist() == [parse_ts("2026-01-15T17:00Z")]


def test_an_unknown_zone_is_a_sentence() -> None:
    with pytest.raises(UserError, match="There is no time zone 'Europe/Zuerich'"):
        Session.between("desk", "Europe/Zuerich", "08:00", "16:00")


@pytest.mark.parametrize("frame", ["7m", "5h", "7s"])
def test_frames_that_do_not_tile_their_parent_are_refused(frame: str) -> None:
    with pytest.raises(UserError, match="does not divide its parent"):
        Timeframe.parse(frame)


def test_frames_that_do_not_divide_one_another_are_refused() -> None:
    streams = {"bars@15m": hours("2026-01-05", 40, frame=15 * MINUTE)}
    with pytest.raises(UserError, match="20m bars can be made neither from shorter bars nor from trades"):
        run("average_stack@20m", streams, "15m")


def test_ambiguous_and_missing_local_times_have_one_answer() -> None:
    # 2026-11-01 01:30 New York happens at 05:30 and 06:30 UTC: the first; 2026-03-08 02:30 never: the first instant after
    assert local_to_utc("America/New_York", date(2026, 11, 1), 90) == parse_ts("2026-11-01T05:30Z")
    assert local_to_utc("America/New_York", date(2026, 3, 8), 150) == parse_ts("2026-03-08T07:00Z")


def test_a_funding_interval_that_changes_is_read_from_the_stamps(shared_data) -> None:
    paid = pl.read_parquet(shared_data / "bars/binance_funding/SOLUSDT.parquet")
    ts = paid["ts"].to_numpy() * 1_000_000
    near = (ts > parse_ts("2022-11-08")) & (ts < parse_ts("2022-11-20"))
    events = Table.filled(FUNDING, exchange_ts=ts[near], funding_rate=paid["funding_rate"].to_numpy()[near])
    rows = run("funding_state", {"funding": events})
    (worst,) = rows[rows["known_ts"] // HOUR * HOUR == parse_ts("2022-11-09T20:00Z")].rows()
    assert worst["funding_rate"] == -0.02
    assert worst["funding_interval"] == 4 * HOUR
    assert worst["funding_rate_8h"] == pytest.approx(-0.04)
    assert worst["funding_rate_annual"] == pytest.approx(-43.8)
    assert {2 * HOUR, 4 * HOUR, 8 * HOUR} <= set(rows["funding_interval"].tolist())


def test_an_open_interest_that_restarts_without_trades_is_quarantined() -> None:
    bars = hours("2026-01-05", 60)
    quiet = bars.with_columns(volume=np.where(np.arange(60) == 40, 0.0, 1.0))
    value = np.where(np.arange(60) < 40, 1000.0, 10.0) + np.arange(60) % 3
    told = Table.filled(OPEN_INTEREST, exchange_ts=bars["known_ts"], open_interest=value)
    rows = run("open_interest_delta", {"bars@1h": quiet, "open_interest": told})
    assert np.flatnonzero(rows["quarantined"]).tolist() == [40]
    assert np.isnan(rows["delta"][40])
    assert abs(rows["delta"][41]) < 5  # what follows is measured against the new level


def test_venues_that_count_other_units_are_not_added(tmp_path) -> None:
    lake = Lake(tmp_path)
    for symbol, base in (("PEPEUSDT", "PEPE"), ("1000PEPEUSDT", "1000PEPE")):
        told = Table.filled(OPEN_INTEREST, exchange_ts=[parse_ts("2026-01-05")], open_interest=[1.0])
        store(lake, Instrument("demo", symbol, base=base), {"bars@1h": hours("2026-01-05", 30), "open_interest": told}, "made")
    with pytest.raises(UserError, match="counts 1000PEPE and demo PEPEUSDT counts PEPE: their units differ"):
        with_companions(lake.source("demo", "PEPEUSDT"), lake, [Companion("venue", "demo", "1000PEPEUSDT")], ["1h"])
