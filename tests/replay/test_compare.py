"""Answers: by hand. A venue told eleven things; what the lake holds and declares is written down beside them."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

from perpscope.core.events import BOOK_DELTA, GAP, TRADE, BookSide, GapCause, GapKind
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS
from perpscope.replay import ReplayServer, Settings, load
from perpscope.replay.compare import judge
from perpscope.replay.frames import Frame, Track
from perpscope.replay.ledger import Ledger, entries
from replay.client import collect

TRADES = Track("x@aggTrade", "aggTrade", "trade", "X")
DEPTH = Track("x@depth", "depth", "book_delta", "X")


def trades(*ids: int) -> Table:
    n = len(ids)
    return Table.of(
        TRADE, exchange_ts=[i * 10 for i in ids], receive_ts=[NULL_TS] * n, trade_id=ids, price=[1.0] * n, quantity=[1.0] * n,
        aggressor_side=[1] * n,
    )  # fmt: skip


def gap(kind: GapKind, since: int, until: int) -> Table:
    return Table.of(GAP, ref_ts=[since], known_ts=[until], end_ts=[until], kind=[int(kind)], cause=[int(GapCause.DISCONNECT)])


def told(path: Path, track: Track, spans: list[tuple[int, int, str]], connection: int = 1) -> None:
    ledger = Ledger(path)
    for order, (first, last, why) in enumerate(spans):
        ledger.frame(0 if why == "nobody" else connection, track, Frame(0, order, b"", last * 10, first, last), why)
    ledger.close()


def test_every_trade_told_is_stored_declared_or_lost(tmp_path: Path) -> None:
    path = tmp_path / "l"
    told(path, TRADES, [(1, 1, ""), (2, 2, ""), (3, 3, "drop"), (4, 4, "drop"), (5, 5, "nobody"), (6, 6, ""), (7, 7, "nobody")])
    tables = {("X", "trade"): trades(1, 3, 6), ("X", "gap"): gap(GapKind.TRADE, 35, 45)}
    (loss,) = judge(list(entries(path)), tables)
    # 7 came after the last thing sent; 3 was dropped and filled from elsewhere; 4 is declared; 2 and 5 are gone
    assert (loss.told, loss.withheld, loss.stored, loss.declared) == (6, 3, 3, 1)
    assert (loss.undeclared, loss.examples, loss.foreign) == (2, (2, 5), 0)


def test_a_gap_of_another_kind_excuses_nothing_and_invented_rows_show(tmp_path: Path) -> None:
    path = tmp_path / "l"
    told(path, TRADES, [(1, 1, ""), (2, 2, ""), (5, 5, "")])
    tables = {("X", "trade"): trades(1, 4, 5), ("X", "gap"): gap(GapKind.BOOK_DELTA, 0, 99)}
    (loss,) = judge(list(entries(path)), tables)
    assert (loss.undeclared, loss.examples, loss.foreign) == (1, (2,), 1)


def test_updates_before_the_first_snapshot_are_contained_and_later_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "l"
    told(path, DEPTH, [(1, 4, ""), (5, 8, ""), (9, 12, ""), (13, 16, ""), (17, 20, "")])
    rows = Table.of(
        BOOK_DELTA, exchange_ts=[80, 120, 200], receive_ts=[NULL_TS] * 3, sequence=[7, 12, 20], side=[int(BookSide.BID)] * 3,
        price=[1.0] * 3, quantity=[1.0] * 3, snapshot=[True, False, True],
    )  # fmt: skip
    (loss,) = judge(list(entries(path)), {("X", "book_delta"): rows})
    # 4 is in the snapshot of 7; 8 bridged it and left no row; 12 and 20 are rows; 16 vanished in the second snapshot
    assert (loss.told, loss.stored, loss.contained, loss.undeclared, loss.examples) == (5, 2, 1, 2, (8, 16))


def test_the_same_id_on_two_connections_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "l"
    for connection in (1, 2):
        told(path, TRADES, [(1, 1, ""), (2, 2, "drop" if connection == 2 else "")], connection)
    (loss,) = judge(list(entries(path)), {("X", "trade"): trades(1, 2)})
    assert (loss.told, loss.withheld, loss.stored, loss.undeclared) == (2, 0, 2, 0)


def test_a_perfect_recorder_of_the_recorded_day_lost_nothing(shared_data: Path, tmp_path: Path) -> None:
    """Every message of the socket becomes a row; one is then taken away, and the judge names it."""
    tape = load("binance", [shared_data / "wire/captures/BINANCE_FUTURES.ws.1.0.gz"])
    path = tmp_path / "ledger"

    async def run() -> list[dict[str, int]]:
        async with ReplayServer(Settings(speed=math.inf, ledger=path), tape) as server:
            return await collect(server, "/market/ws/sushiusdt@aggTrade")

    heard = asyncio.run(run())
    kinds = [json.loads(line)["k"] for line in path.read_bytes().splitlines()]
    assert kinds.count("sent") == len(heard) > 6
    ids = [m["a"] for m in heard]
    for kept, lost in ((ids, ()), (ids[:5] + ids[6:], (ids[5],))):
        (loss,) = judge(list(entries(path)), {("SUSHIUSDT", "trade"): trades(*kept)})
        assert (loss.told, loss.examples) == (len(heard), lost)


def test_a_torn_last_line_of_a_killed_server_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "l"
    told(path, TRADES, [(1, 1, ""), (2, 2, "")])
    path.write_bytes(path.read_bytes()[:-20])
    assert [e.last for e in entries(path)] == [1]


def test_where_there_are_no_ids_events_are_counted_by_time_and_a_frame_sent_twice_is_one(tmp_path: Path) -> None:
    """Bybit's trades: two frames at time 10 with two and one trades, the first sent twice; one frame at 20, one at 30."""
    path = tmp_path / "l"
    ledger = Ledger(path)
    track = Track("publicTrade.X", "publicTrade", "trade", "X")
    frames = [Frame(0, 0, b"", 10, events=2), Frame(0, 1, b"", 10), Frame(0, 2, b"", 20), Frame(0, 3, b"", 30)]
    for frame in (frames[0], *frames):
        ledger.frame(1, track, frame)
    ledger.close()
    rows = trades(1, 1, 3)  # two rows at time 10, none at 20, one at 30
    (loss,) = judge(list(entries(path)), {("X", "trade"): rows})
    assert (loss.told, loss.stored, loss.undeclared, loss.examples) == (5, 3, 2, (10, 20))
