"""Answers: the data catalogue, section 2.1 (book replays) and section 8 (known answers 1 to 4), computed from the venue's own
klines and by another program's replays; and the raw messages, decoded here with Python's json."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from perpscope.core.batch import Batch
from perpscope.core.errors import DataError
from perpscope.core.events import BookSide
from perpscope.core.table import Table
from perpscope.core.time import MINUTE, parse_ts
from perpscope.core.units import ContractKind
from perpscope.lake import Lake, import_files
from perpscope.market.bars import BarsFromTrades

_FIVE = 5 * MINUTE
_RECORDINGS = {
    "usdm": ("binance", "BTCUSDT", ["binance_usdm/BTCUSDT-2024-08-08"]),
    "usdm_eth": ("binance", "ETHUSDT", ["binance_usdm/ETHUSDT-2024-08-08"]),
    "coinm": ("binance_coinm", "BTCUSD_PERP", ["binance_coinm/BTCUSD_PERP-2024-08-08", "binance_coinm/BTCUSD_PERP-2024-08-09"]),
    "spot": ("binance_spot", "BTCUSDT", ["binance_spot/BTCUSDT-2024-08-09", "binance_spot/BTCUSDT-2024-08-08"]),
}


@pytest.fixture(scope="module")
def recorded(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("recorded"))
    for venue, symbol, names in _RECORDINGS.values():
        files = [shared_data / "wire" / f"{name}.jsonl.gz" for name in names]
        import_files(lake, "binance-recording", files, venue=venue, symbol=symbol)
    return lake


def _bars(lake: Lake, key: str, end: str) -> Table:
    venue, symbol, _ = _RECORDINGS[key]
    source = lake.source(venue, symbol, ["trade"], end=parse_ts(end))
    fold = BarsFromTrades(frame="5m")
    state = fold.start(source.instrument)
    return Table.concat([fold.fold(state, Batch(b.watermark_ts, dict(b.tables))) for b in source])


# open high low close, volume, trades, taker buys
@pytest.mark.parametrize(
    ("key", "end", "opened", "expected"),
    [
        ("usdm", "2024-08-09", "2024-08-08T23:55Z", (61807.7, 61839.9, 61590.3, 61659.8, 2303.399, 19562, 1200.702)),
        ("usdm_eth", "2024-08-09", "2024-08-08T23:55Z", (2681.78, 2684.82, 2677.90, 2681.59, 8445.411, 12630, 4567.523)),
        ("spot", "2024-08-09", "2024-08-08T23:55Z", (61828.0, 61860.8, 61583.22, 61685.99, 199.42863, 8863, 90.18301)),
        ("spot", "2024-08-09T00:05Z", "2024-08-09T00:00Z", (61686.0, 61744.37, 61556.04, 61607.99, 221.61722, 9913, 106.05627)),
    ],
)
def test_recorded_trades_make_the_klines_of_the_venue(
    recorded: Lake, key: str, end: str, opened: str, expected: tuple[float, ...]
) -> None:
    bars = _bars(recorded, key, end)
    bar = next(bars[bars["ref_ts"] == parse_ts(opened)].rows())
    assert tuple(bar[n] for n in ("open", "high", "low", "close")) == expected[:4]
    assert bar["volume"] == pytest.approx(expected[4], abs=1e-8)
    assert bar["trade_count"] == expected[5]
    assert bar["buy_volume"] == pytest.approx(expected[6], abs=1e-8)
    assert bar["complete"] is True


@pytest.mark.parametrize(
    ("end", "opened", "ohlc", "contracts", "count", "bought"),
    [
        ("2024-08-09", "2024-08-08T23:55Z", (61809.1, 61845.0, 61610.0, 61668.6), 79_535, 2107, 32_934),
        ("2024-08-09T00:05Z", "2024-08-09T00:00Z", (61668.7, 61730.6, 61536.4, 61600.1), 95_358, 2901, 65_778),
    ],
)
def test_coin_margined_contracts_become_coins(
    recorded: Lake, end: str, opened: str, ohlc: tuple[float, ...], contracts: int, count: int, bought: int
) -> None:
    bars = _bars(recorded, "coinm", end)
    bar = next(bars[bars["ref_ts"] == parse_ts(opened)].rows())
    assert tuple(bar[n] for n in ("open", "high", "low", "close")) == ohlc
    assert bar["trade_count"] == count
    trades = recorded.read("binance_coinm", "BTCUSD_PERP", "trade", parse_ts(opened) - 1, parse_ts(opened) + _FIVE - 1)
    whole = trades["quantity"] * trades["price"] / 100
    assert np.allclose(whole, np.round(whole), atol=1e-9)
    assert round(float(whole.sum())) == contracts
    assert round(float(whole[trades["aggressor_side"] == 1].sum())) == bought
    assert bar["volume"] == pytest.approx(float(trades["quantity"].sum()), rel=1e-12)


@pytest.mark.parametrize(
    ("key", "skipped_applied", "best", "levels"),
    [
        ("usdm", (4, 6_547), (61659.7, 61659.8), (5_018, 4_578)),
        ("usdm_eth", (5, 6_581), (2681.38, 2681.39), (3_181, 3_013)),
        ("coinm", (23, 44_772), (61600.0, 61600.1), (1_510, 1_733)),
        ("spot", (2, 6_493), (61602.01, 61602.02), (1_971, 2_962)),
    ],
)
def test_the_book_replays_to_its_known_end(
    recorded: Lake, key: str, skipped_applied: tuple[int, int], best: tuple[float, float], levels: tuple[int, int]
) -> None:
    venue, symbol, _ = _RECORDINGS[key]
    rows = recorded.read(venue, symbol, "book_delta")
    assert int(rows["snapshot"].sum()) == 1
    assert bool(rows["snapshot"][0])
    assert len(np.unique(rows["sequence"])) - 1 in (skipped_applied[1], skipped_applied[1] - 1)
    book: dict[int, dict[float, float]] = {int(BookSide.BID): {}, int(BookSide.ASK): {}}
    columns = (rows["side"].tolist(), rows["price"].tolist(), rows["quantity"].tolist())
    for side, price, quantity in zip(*columns, strict=True):
        if quantity:
            book[side][price] = quantity
        else:
            book[side].pop(price, None)
    bids, asks = book[int(BookSide.BID)], book[int(BookSide.ASK)]
    assert (max(bids), min(asks)) == best
    assert (len(bids), len(asks)) == levels


def test_trades_are_the_messages_and_a_buyer_who_was_maker_means_a_sale(recorded: Lake, shared_data: Path) -> None:
    messages = []
    with gzip.open(shared_data / "wire/binance_usdm/BTCUSDT-2024-08-08.jsonl.gz", "rt") as lines:
        for line in lines:
            stamp, _, body = line.partition(" ")
            if "@trade" in body[:40]:
                messages.append((int(stamp), json.loads(body)["data"]))
    rows = recorded.read("binance", "BTCUSDT", "trade")
    assert rows["receive_ts"].tolist() == [stamp for stamp, _ in messages]
    assert rows["trade_id"].tolist() == [m["t"] for _, m in messages]
    assert rows["exchange_ts"].tolist() == [m["T"] * 1_000_000 for _, m in messages]
    assert rows["price"].tolist() == [float(m["p"]) for _, m in messages]
    assert rows["quantity"].tolist() == [float(m["q"]) for _, m in messages]
    assert rows["aggressor_side"].tolist() == [2 if m["m"] else 1 for _, m in messages]
    # the local clock was slow: an event may be received before it happened
    assert bool((rows["receive_ts"] < rows["exchange_ts"]).all())


def test_two_files_of_one_recording_leave_no_hole(recorded: Lake) -> None:
    for stream in ("trade", "book_delta"):
        assert recorded.holes("binance_coinm", "BTCUSD_PERP", stream) == []
    assert len(list(recorded.path.glob("binance_coinm/trade/BTCUSD_PERP/*/*.parquet"))) == 2


def test_the_second_file_may_come_later(lake: Lake, recorded: Lake, shared_data: Path) -> None:
    for day in ("08", "09"):
        path = shared_data / f"wire/binance_spot/BTCUSDT-2024-08-{day}.jsonl.gz"
        import_files(lake, "binance-recording", [path], venue="binance_spot", symbol="BTCUSDT")
    for stream in ("trade", "book_delta"):
        assert lake.read("binance_spot", "BTCUSDT", stream).same_as(recorded.read("binance_spot", "BTCUSDT", stream))
        assert lake.holes("binance_spot", "BTCUSDT", stream) == []


def test_the_instrument_is_known_by_its_names(recorded: Lake) -> None:
    kinds = {(i.venue, i.symbol): (i.kind, i.contract_size) for i in recorded.instruments()}
    assert kinds["binance_coinm", "BTCUSD_PERP"] == (ContractKind.INVERSE, 100.0)
    assert kinds["binance_spot", "BTCUSDT"] == (ContractKind.SPOT, 1.0)
    assert recorded.source("binance", "BTCUSDT", ["trade"]).instrument.tick_size == 0.1


def _line(ts: int, stream: str, **data: object) -> str:
    return f"{ts * 1_000_000} " + json.dumps({"stream": f"x@{stream}", "data": {**data}})


def _trade(ts: int, number: int, kind: str = "MARKET") -> str:
    return _line(ts, "trade", e="trade", E=ts, T=ts, s="X", t=number, p="10.5", q="2", X=kind, m=False)


T0 = 1_723_161_255_000


def test_prints_that_are_not_of_the_market_are_counted_and_leave_no_hole(lake: Lake, csv_file) -> None:
    path = csv_file("r.jsonl", [_trade(T0, 1), _trade(T0 + 5, 2, "INSURANCE_FUND"), _trade(T0 + 9, 3), _trade(T0 + 20, 5)])
    report = import_files(lake, "binance-recording", [path], venue="binance", symbol="X")
    assert report.left_out["prints with X=INSURANCE_FUND"] == 1
    assert lake.read("binance", "X", "trade")["trade_id"].tolist() == [1, 3, 5]
    gaps = lake.source("binance", "X", ["trade"]).gaps
    assert gaps["ref_ts"].tolist() == [(T0 + 9) * 1_000_000 + 1]
    assert gaps["end_ts"].tolist() == gaps["known_ts"].tolist() == [(T0 + 20) * 1_000_000]


def test_a_broken_chain_of_book_updates_is_a_gap(lake: Lake, csv_file) -> None:
    def diff(ts: int, first: int, last: int, previous: int) -> str:
        return _line(ts, "depth@0ms", E=ts, T=ts, U=first, u=last, pu=previous, b=[["10.0", "1"]], a=[])

    snapshot = f"{T0} " + json.dumps({"lastUpdateId": 12, "E": T0, "T": T0, "bids": [["9.0", "1"]], "asks": [["11.0", "2"]]})
    lines = [diff(T0, 1, 5, 0), diff(T0 + 1, 10, 15, 5), snapshot, diff(T0 + 2, 16, 17, 15), diff(T0 + 9, 30, 33, 28)]
    path = csv_file("r.jsonl", lines)
    report = import_files(lake, "binance-recording", [path], venue="binance", symbol="X")
    rows = lake.read("binance", "X", "book_delta")
    assert rows["sequence"].tolist() == [12, 12, 15, 17, 33]
    assert rows["snapshot"].tolist() == [True, False, False, False, False]
    assert report.left_out["book updates that the snapshot contains"] == 1
    holes = lake.holes("binance", "X", "book_delta")
    assert [(h.start, h.end) for h in holes] == [((T0 + 2) * 1_000_000 + 1, (T0 + 9) * 1_000_000)]


@pytest.mark.parametrize(
    "line",
    ["no stamp", "12 {", _trade(T0, 1)[:-5], f"{T0} []", f"{T0} " + '{"stream":"x@trade","data":{"T":1}}', "\x00\xff"],
)
def test_a_line_that_is_no_message_is_refused_with_its_number(lake: Lake, csv_file, line: str) -> None:
    path = csv_file("r.jsonl", [_trade(T0, 1), line])
    with pytest.raises(DataError, match=r"r\.jsonl, line 2"):
        import_files(lake, "binance-recording", [path], venue="binance", symbol="X")
    assert Lake(lake.path).catalogue.files == ()
