"""Answers: the data catalogue, sections 2.1 to 2.4, and VENUES section 11 (two independent replays); OKX' own checksums.

Every recorded depth message goes through the venue's parser, the sequence machine and the book; the best prices after each
update are compared with the venue's own bookTicker of the same number.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import msgspec
import numpy as np
import pytest

from perpscope.core.batch import Batch
from perpscope.core.errors import DataError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.features.book.book_state import BookCondition, BookState
from perpscope.lake import Lake, import_files
from perpscope.market.book import COUNT, IGNORED
from perpscope.venues.binance import book as binance
from perpscope.venues.binance_spot import book as spot
from perpscope.venues.book_sync import BookSync, SyncState, book_table
from perpscope.venues.bybit import book as bybit
from perpscope.venues.hyperliquid import book as hyperliquid
from perpscope.venues.okx import book as okx
from venues.recordings import capture_lines, equal_quotes, replay_binance, zipped_lines


def states(sync: BookSync, rows: Table, tick: float) -> tuple[Table, np.ndarray]:
    """Best prices after every message, and what the book remembers at the end."""
    fold = BookState()
    state = fold.start(Instrument("demo", "X", tick_size=tick))
    out = fold.fold(state, Batch(2**62, {"book_delta": rows, "gap": sync.gap_table()}))
    return out, state["book"]["meta"]


# files, module, tick, face; dropped, applied; quotes compared; final best; final levels
RECORDINGS = {
    "usdm_btc": (["binance_usdm/BTCUSDT-2024-08-08"], binance, 0.1, None, (4, 6547), 629, (61659.7, 61659.8), (5018, 4578)),
    "usdm_eth": (["binance_usdm/ETHUSDT-2024-08-08"], binance, 0.01, None, (5, 6581), 551, (2681.38, 2681.39), (3181, 3013)),
    "coinm_btc": (
        ["binance_coinm/BTCUSD_PERP-2024-08-08", "binance_coinm/BTCUSD_PERP-2024-08-09"],
        binance, 0.1, 100.0, (23, 44772), 1885, (61600.0, 61600.1), (1510, 1733),
    ),
    "coinm_eth": (
        ["binance_coinm/ETHUSD_PERP-2024-08-08", "binance_coinm/ETHUSD_PERP-2024-08-09"],
        binance, 0.01, 10.0, (22, 39133), 2278, (2677.0, 2677.01), (1195, 1343),
    ),
    "spot_btc": (
        ["binance_spot/BTCUSDT-2024-08-08", "binance_spot/BTCUSDT-2024-08-09"],
        spot, 0.01, None, (2, 6493), 1072, (61602.01, 61602.02), (1971, 2962),
    ),
    "spot_eth": (
        ["binance_spot/ETHUSDT-2024-08-08", "binance_spot/ETHUSDT-2024-08-09"],
        spot, 0.01, None, (2, 6468), 1056, (2677.60, 2677.61), (1744, 1665),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_rebuilt_book_equals_the_recorded_quotes_at_every_comparable_update(name: str, shared_data: Path) -> None:
    files, module, tick, face, (dropped, applied), compared, best, levels = RECORDINGS[name]
    rule = spot.SpotRule() if module is spot else binance.FuturesRule()
    paths = [shared_data / "wire" / f"{f}.jsonl.gz" for f in files]
    replay = replay_binance(paths, rule, module.parse_depth, module.parse_snapshot)
    sync = replay.sync
    assert (sync.counts["contained"], sync.counts["applied"]) == (dropped, applied)
    assert (sync.state, sync.gaps) == (SyncState.LIVE, [])
    rows, meta = states(sync, book_table(replay.told, face), tick)
    assert set(rows["condition"].tolist()) == {int(BookCondition.LIVE)}
    assert equal_quotes(rows.columns(), replay.quotes) == (compared, compared)
    assert (rows["bid_price"][-1], rows["ask_price"][-1]) == best
    assert tuple(meta[COUNT : COUNT + 2]) == levels


def test_the_futures_rule_fails_on_spot_messages(shared_data: Path) -> None:
    """Spot numbers under the futures' rule: no `pu`, so every update passes untested; the spot rule tests them all."""
    path = shared_data / "wire/binance_spot/BTCUSDT-2024-08-08.jsonl.gz"
    wrong = replay_binance([path], binance.FuturesRule(), binance.parse_depth, binance.parse_snapshot).sync
    right = replay_binance([path], spot.SpotRule(), spot.parse_depth, spot.parse_snapshot).sync
    assert wrong.counts["untestable"] > 3000
    assert right.counts["untestable"] == 0


def test_a_lost_update_anywhere_is_a_gap_and_the_book_is_never_wrong(shared_data: Path) -> None:
    """Every 500th message is taken away from a recording: the machine stops at the first and stays stopped."""
    path = shared_data / "wire/binance_usdm/ETHUSDT-2024-08-08.jsonl.gz"
    whole = replay_binance([path], binance.FuturesRule(), binance.parse_depth, binance.parse_snapshot).told
    sync = BookSync(binance.FuturesRule())
    told = [m for k, message in enumerate(whole) if k % 500 != 499 for m in sync.feed(message)]
    assert len(told) == 499
    assert sync.state is SyncState.BUFFERING
    rows, _ = states(sync, book_table(told), 0.01)
    assert rows["condition"].tolist() == [int(BookCondition.LIVE)] * 499 + [int(BookCondition.EMPTY)]


@pytest.mark.parametrize(("name", "venue"), [("usdm_eth", "binance"), ("spot_btc", "binance_spot")])
def test_messages_and_the_imported_recording_give_the_same_rows(
    name: str, venue: str, shared_data: Path, tmp_path: Path
) -> None:
    """Where the bridging update came before the snapshot; a spot snapshot that comes first has our clock's time when live."""
    files, module, *_ = RECORDINGS[name]
    path = shared_data / "wire" / f"{files[0]}.jsonl.gz"
    rule = spot.SpotRule() if module is spot else binance.FuturesRule()
    live = book_table(replay_binance([path], rule, module.parse_depth, module.parse_snapshot).told)
    lake = Lake(tmp_path)
    import_files(lake, "binance-recording", [path], venue=venue, symbol="X")
    assert lake.read(venue, "X", "book_delta").same_as(live)


# per symbol: contained updates (VENUES section 11)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BINANCE_FUTURES", {"SUSHIUSDT": (255, 3), "AKROUSDT": (189, 1), "KEEPUSDT": (135, 3), "CTKUSDT": (185, 5)}),
        ("BINANCE_DELIVERY", None),
    ],
)
def test_short_captures_bridge_their_snapshots_without_a_gap(
    name: str, expected: dict[str, tuple[int, int]] | None, shared_data: Path
) -> None:
    folder = shared_data / "wire/captures"
    shots = {}
    for url, stamp, body in capture_lines(folder / f"{name}.http.0.0.gz"):
        symbol = url.partition("symbol=")[2].partition("&")[0]
        if "/depth" in url:
            shots[symbol] = binance.parse_snapshot(body, stamp)
    syncs = {symbol: BookSync(binance.FuturesRule()) for symbol in shots}
    seen = dict.fromkeys(shots, 0)
    for _, stamp, body in capture_lines(folder / f"{name}.ws.1.0.gz"):
        if b"@depth" not in body[:60]:
            continue
        raw = msgspec.json.decode(body)
        symbol = raw["data"]["s"]
        message = binance.parse_depth(msgspec.json.encode(raw["data"]), stamp)
        if not seen[symbol] or (syncs[symbol].state is SyncState.BUFFERING and stamp >= shots[symbol].receive_ts):
            syncs[symbol].feed(message)
            if stamp >= shots[symbol].receive_ts:
                syncs[symbol].feed(shots[symbol])
        else:
            syncs[symbol].feed(message)
        seen[symbol] += 1
    assert {s.state for s in syncs.values()} == {SyncState.LIVE}
    assert [s.gaps for s in syncs.values()] == [[]] * len(syncs)
    if expected is None:
        assert len(syncs) == 10
        assert all(7 <= s.counts["contained"] <= 42 for s in syncs.values())
    else:
        assert {k: (seen[k], s.counts["contained"]) for k, s in syncs.items()} == expected


def test_bybit_replays_to_its_known_end(shared_data: Path) -> None:
    sync = BookSync(bybit.BybitRule())
    lines = zipped_lines(shared_data / "wire/bybit_v5/XRPUSDT-ob500-2024-12-01.zip")
    told = [m for line in lines for m in sync.feed(bybit.parse_depth(line, 0))]
    assert (sync.counts["applied"], sync.gaps, told[0].last_id, told[-1].last_id) == (49, [], 20254869, 20254918)
    rows, meta = states(sync, book_table(told), 0.0001)
    last = [rows[n][-1] for n in ("bid_price", "bid_quantity", "ask_price", "ask_quantity")]
    assert last == [1.9537, 10605.0, 1.9538, 6702.0]
    assert tuple(meta[COUNT : COUNT + 2]) == (500, 500)
    assert set(rows["condition"].tolist()) == {int(BookCondition.LIVE)}


def test_bybits_old_messages_are_refused(shared_data: Path) -> None:
    refused = 0
    for _, stamp, body in capture_lines(shared_data / "wire/captures/BYBIT.ws.25.0.gz"):
        if b"orderBookL2" in body[:60] and b"topic" in body[:20]:
            with pytest.raises(DataError, match="v5"):
                bybit.parse_depth(body, stamp)
            refused += 1
    assert refused == 3260


def test_okx_checksums_of_290_frames_match_and_the_chain_cannot_be_told(shared_data: Path) -> None:
    syncs: dict[str, BookSync] = {}
    printed: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    matched = 0
    for _, stamp, body in capture_lines(shared_data / "wire/captures/OKX.ws.1.0.gz"):
        if b'"books"' not in body[:60] or b'"action"' not in body:
            continue
        name = msgspec.json.decode(body)["arg"]["instId"]
        sync = syncs.setdefault(name, BookSync(okx.OkxRule()))
        (message,) = sync.feed(okx.parse_depth(body, stamp))
        bids, asks, told = okx.printed_levels(body)
        book = ({}, {}) if message.snapshot else printed[name]
        for side, levels in zip(book, (bids, asks), strict=True):
            side.update(levels)
            for price in [p for p, q in levels if q == "0"]:
                side.pop(price)
        printed[name] = book
        best = [
            sorted(side.items(), key=lambda level: sign * float(level[0])) for side, sign in zip(book, (-1, 1), strict=True)
        ]
        matched += okx.checksum(best[0], best[1]) == told
    assert matched == 290
    assert sum(s.counts["untestable"] for s in syncs.values()) == 287 - 3
    assert [s.gaps for s in syncs.values()] == [[]] * 3


def test_hyperliquid_repeats_the_whole_book(shared_data: Path) -> None:
    sync = BookSync(hyperliquid.SnapshotRule())
    told = []
    for line in hyperliquid_lines(shared_data):
        told += sync.feed(hyperliquid.parse_depth(line, 0))
    assert len(told) == 46
    assert {(len(m.bids), len(m.asks)) for m in told} == {(20, 20)}
    rows, meta = states(sync, book_table(told), 1.0)
    assert set(rows["condition"].tolist()) == {int(BookCondition.LIVE)}
    assert [rows["bid_price"].tolist(), rows["ask_price"].tolist()] == [
        [m.bids[0][0] for m in told],
        [m.asks[0][0] for m in told],
    ]
    assert tuple(meta[COUNT : COUNT + 2]) == (20, 20)
    assert meta[IGNORED] == 0


def hyperliquid_lines(shared_data: Path) -> list[bytes]:
    import gzip

    raw = gzip.decompress((shared_data / "wire/hyperliquid/BTC-2025-01-26.jsonl.gz").read_bytes())
    bodies = [line.partition(b" ")[2] for line in raw.splitlines()]
    return [body for body in bodies if b'"l2Book"' in body[:40]]


MODULES: list[ModuleType] = [binance, spot, bybit, okx, hyperliquid]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.split(".")[-2])
@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"null", b'{"data":[]}', b'{"U":"x"}', b"\xff\x00"])
def test_what_is_no_message_is_refused_with_the_payload(module: ModuleType, payload: bytes) -> None:
    with pytest.raises(DataError):
        module.parse_depth(payload, 0)
