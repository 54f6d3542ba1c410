"""Answers: the data catalogue and VENUES section 11 (two independent replays of the same recordings).

Every recorded message goes through the door, as it would when live; nothing of a recording is kept here.
"""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from perpscope.core.errors import DataError
from perpscope.core.events import TRADE
from perpscope.core.table import Table
from perpscope.core.units import AggressorSide, PositionSide
from perpscope.lake import Lake, import_files
from perpscope.venues.book_sync import BookMessage, BookSync, SyncState, book_table
from perpscope.venues.door import Told, Values
from perpscope.venues.registry import door
from venues.recordings import capture_lines

FACE = {"binance_coinm/BTCUSD_PERP": 100.0, "binance_coinm/ETHUSD_PERP": 10.0}

# files; updates, dropped; trades; ids; delta (contracts on COIN-M); best prices at the end
ANSWERS = {
    "binance_usdm/BTCUSDT": ("binance", ["08"], (6551, 4), 21313, 73.786, (61659.70, 61659.80)),
    "binance_usdm/ETHUSDT": ("binance", ["08"], (6586, 5), 14076, 756.180, (2681.38, 2681.39)),
    "binance_coinm/BTCUSD_PERP": ("binance_coinm", ["08", "09"], (44795, 23), 5235, 23_783, (61600.0, 61600.1)),
    "binance_coinm/ETHUSD_PERP": ("binance_coinm", ["08", "09"], (39155, 22), 3595, -77_995, (2677.0, 2677.01)),
    "binance_spot/BTCUSDT": ("binance_spot", ["08", "09"], (6495, 2), 19904, -28.93328, (61602.01, 61602.02)),
    "binance_spot/ETHUSDT": ("binance_spot", ["08", "09"], (6470, 2), 14515, -225.63590, (2677.60, 2677.61)),
}


class Heard(NamedTuple):
    trades: list[Values]
    sync: BookSync
    passed: list[BookMessage]
    updates: int
    told: Counter[Told]
    symbols: set[str]


def recordings(name: str, folder: Path) -> list[Path]:
    return [folder / "wire" / f"{name}-2024-08-{day}.jsonl.gz" for day in ANSWERS[name][1]]


def hear(name: str, paths: list[Path]) -> Heard:
    """A recording through the door and its sequence rule."""
    venue, *_ = ANSWERS[name]
    one = door(venue)
    heard = Heard([], BookSync(one.rule()), [], 0, Counter(), set())
    updates = 0
    for path in paths:
        for line in gzip.decompress(path.read_bytes()).splitlines():
            stamp, _, body = line.partition(b" ")
            if body.startswith(b'{"lastUpdateId"'):
                heard.passed.extend(heard.sync.feed(one.read_snapshot(name.split("/")[1], body, int(stamp))))
                continue
            message = one.parse(body, int(stamp))
            heard.told[message.told] += 1
            heard.trades.extend(values for _, values in message.rows)
            if message.book is not None:
                updates += 1
                heard.passed.extend(heard.sync.feed(message.book))
            if message.told is Told.EVENTS:
                heard.symbols.add(message.symbol)
    return heard._replace(updates=updates)


SLOW = {"binance_usdm/ETHUSDT", "binance_coinm/BTCUSD_PERP", "binance_coinm/ETHUSD_PERP", "binance_spot/ETHUSDT"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in ANSWERS])
def test_a_recorded_evening_gives_the_catalogues_answers(name: str, shared_data: Path) -> None:
    _, _, (updates, dropped), count, delta, best = ANSWERS[name]
    heard = hear(name, recordings(name, shared_data))
    assert heard.symbols == {name.split("/")[1]}
    assert set(heard.told) == {Told.EVENTS, Told.UNKNOWN}  # bookTicker is recorded, and no channel of ours
    assert (heard.updates, heard.sync.counts["contained"]) == (updates, dropped)
    assert (heard.sync.state, heard.sync.gaps) == (SyncState.LIVE, [])
    assert len(heard.trades) == count
    ids = [t[2] for t in heard.trades]
    assert ids == list(range(ids[0], ids[0] + count))
    face = FACE.get(name)
    signed = sum(
        (1 if side == AggressorSide.BUY else -1) * (quantity if face is None else round(quantity * price / face))
        for *_, price, quantity, side in heard.trades
    )
    assert signed == pytest.approx(delta, abs=1e-6)
    bids, asks = final_book(heard.passed)
    assert (max(bids), min(asks)) == best
    if name == "binance_usdm/BTCUSDT":
        assert (ids[0], ids[-1]) == (5266583935, 5266605247)
        assert (bids[best[0]], asks[best[1]]) == (1.486, 0.981)
        buys = sum(t[4] for t in heard.trades if t[5] == AggressorSide.BUY)
        assert (round(buys, 3), round(buys - delta, 3)) == (1251.576, 1177.790)
        prices = [t[3] for t in heard.trades]
        assert (max(prices), min(prices)) == (61839.90, 61590.30)
    if name == "binance_coinm/BTCUSD_PERP":
        # 27 and 1,647 contracts of 100 USD
        assert (bids[best[0]], asks[best[1]]) == (27 * 100 / best[0], 1647 * 100 / best[1])


def final_book(messages: list[BookMessage]) -> tuple[dict[float, float], dict[float, float]]:
    """Levels as plain dictionaries, without the house's own book."""
    sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
    for message in messages:
        for side, levels in zip(sides, (message.bids, message.asks), strict=True):
            if message.snapshot:
                side.clear()
            side.update(levels)
            for price, quantity in levels:
                if quantity == 0:
                    side.pop(price)
    return sides


@pytest.mark.parametrize("name", ["binance_usdm/ETHUSDT", "binance_coinm/ETHUSD_PERP"])
def test_what_the_door_says_live_is_what_an_imported_recording_says(name: str, shared_data: Path, tmp_path: Path) -> None:
    """The first 3,000 messages of each recording."""
    venue, symbol = ANSWERS[name][0], name.split("/")[1]
    path = tmp_path / "begin.jsonl.gz"
    lines = gzip.decompress(recordings(name, shared_data)[0].read_bytes()).splitlines()[:3_000]
    path.write_bytes(gzip.compress(b"\n".join(lines), 1))
    heard = hear(name, [path])
    lake = Lake(tmp_path / "lake")
    import_files(lake, "binance-recording", [path], venue=venue, symbol=symbol)
    columns = dict(zip(TRADE.names, (np.array(c) for c in zip(*heard.trades, strict=True)), strict=True))
    assert lake.read(venue, symbol, "trade").same_as(Table.of(TRADE, **columns).sorted())
    assert lake.read(venue, symbol, "book_delta").same_as(book_table(heard.passed))


@pytest.mark.parametrize(
    ("name", "venue", "trades", "updates"),
    [
        ("BINANCE_FUTURES", "binance", 91, {"SUSHIUSDT": 255, "AKROUSDT": 189, "KEEPUSDT": 135, "CTKUSDT": 185}),
        ("BINANCE_DELIVERY", "binance_coinm", 51, None),
    ],
)
def test_short_captures_have_no_hole_in_aggregate_ids(
    name: str, venue: str, trades: int, updates: dict[str, int] | None, shared_data: Path
) -> None:
    one = door(venue)
    ids: dict[str, list[int]] = {}
    depth: Counter[str] = Counter()
    for _, stamp, body in capture_lines(shared_data / "wire/captures" / f"{name}.ws.1.0.gz"):
        message = one.parse(body, stamp)
        depth[message.symbol] += message.book is not None
        if message.first_id >= 0:
            ids.setdefault(message.symbol, []).append(message.first_id)
    assert sum(map(len, ids.values())) == trades
    assert all(mine == list(range(mine[0], mine[0] + len(mine))) for mine in ids.values())
    if updates is not None:
        assert {symbol: depth[symbol] for symbol in updates} == updates


def test_other_venues_messages_are_unknown_or_refused_and_never_events(shared_data: Path) -> None:
    for capture in sorted((shared_data / "wire/captures").glob("*.ws.*.gz")):
        if capture.name.startswith("BINANCE"):
            continue
        for _, stamp, body in list(capture_lines(capture))[:100]:
            for venue in ("binance", "binance_coinm", "binance_spot"):
                try:
                    assert door(venue).parse(body, stamp).told is not Told.EVENTS
                except DataError:
                    continue


def forced(path: Path) -> list[tuple[str, Values]]:
    """Recorded forced orders, put back into the words of the stream, through the door."""
    found = []
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        symbol, side, kind, life, quantity, price, average, status, last, filled, time, *_ = line.split(",")
        names = ("s", "S", "o", "f", "q", "p", "ap", "X", "l", "z", "T")
        order = dict(
            zip(names, (symbol, side, kind, life, quantity, price, average, status, last, filled, int(time)), strict=True)
        )
        data = {"stream": "!forceOrder@arr", "data": {"e": "forceOrder", "E": int(time) + 5, "o": order}}
        message = door("binance").parse(msgspec.json.encode(data), 0)
        found.append((symbol, message.rows[0][1]))
    return found


def test_recorded_forced_orders_name_the_side_that_died(shared_data: Path) -> None:
    """Two witnesses that know nothing of `S`: nobody is closed beyond his bankruptcy price, which lies below the fill of a
    dying long and above that of a dying short; and another vendor's longs of ETH in the hour of 2024-08-17 12:00, 20.938."""
    folder = shared_data / "liquidations/binance_force_order-2024-08-17"
    longs = shorts = 0
    for _, (_, _, side, bankruptcy, price, _) in (rows := forced(folder / "binance.csv.gz")):
        longs += side == PositionSide.LONG
        shorts += side == PositionSide.SHORT
        assert price >= bankruptcy if side == PositionSide.LONG else price <= bankruptcy
    assert (longs, shorts) == (156, 300)
    hour = 1_723_896_000_000 * 1_000_000
    ether = [v for symbol, v in rows if symbol == "ETH" and v[0] >= hour and v[2] == PositionSide.LONG]
    assert sum(v[5] for v in ether) == pytest.approx(20.938, rel=0.01)
