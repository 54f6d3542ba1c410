"""Every way in which a file can be broken: one clear sentence, and a lake that is exactly as it was.

Answers: the sentence is written out; the lake before and after is compared byte by byte."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perpscope.core.errors import DataError, PerpscopeError, UserError
from perpscope.core.time import parse_ts
from perpscope.lake import Lake, import_files

T0 = 1_722_816_000_000
HOUR_MS = 3_600_000
_GOOD: dict[str, list[Any]] = {
    "ts": [T0, T0 + HOUR_MS, T0 + 2 * HOUR_MS],
    "open": [10.0, 10.5, 11.0],
    "high": [11.0, 11.5, 11.5],
    "low": [9.5, 10.0, 10.5],
    "close": [10.5, 11.0, 10.75],
    "volume": [1.0, 2.0, 3.0],
}


_HEAD = "exchange_ts,price,quantity,aggressor_side"


def _changed(column: str, at: int, value: Any) -> dict[str, list[Any]]:
    values = list(_GOOD[column])
    values[at] = value
    return {**_GOOD, column: values}


def _state(lake: Lake) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in lake.path.rglob("*") if p.is_file()}


@pytest.fixture
def started(lake: Lake, tmp_path: Path) -> Lake:
    """A lake that already holds the good bars of another symbol."""
    pl.DataFrame(_GOOD).write_parquet(tmp_path / "good.parquet")
    import_files(lake, "bars-parquet", [tmp_path / "good.parquet"], venue="binance", symbol="GOOD")
    return lake


def _refuses(lake: Lake, path: Path, error: type[PerpscopeError], said: str, preset: str = "bars-parquet", **more: Any) -> None:
    before = _state(lake)
    with pytest.raises(error, match=said) as caught:
        import_files(lake, preset, [path], venue="binance", symbol="BTCUSDT", **{"frame": "1h", **more})
    assert "\n" not in str(caught.value)
    assert _state(lake) == before
    assert lake.check() == []
    assert [i.symbol for i in Lake(lake.path).instruments()] == ["GOOD"]


@pytest.mark.parametrize(
    ("columns", "error", "said"),
    [
        (_changed("close", 1, float("nan")), DataError, "row 2: the close is absent or not a number"),
        (_changed("close", 1, None), DataError, "row 2: the close is absent or not a number"),
        (_changed("volume", 2, -1.0), DataError, "row 3: the volume is negative"),
        (_changed("open", 0, 0.0), DataError, "row 1: the open is not positive"),
        (_changed("open", 0, float("inf")), DataError, "row 1: the open is infinite"),
        (_changed("high", 1, 10.75), DataError, "row 2: the high lies below the open, close or low"),
        (_changed("low", 1, 10.75), DataError, "row 2: the low lies above the open or close"),
        (_changed("ts", 1, (T0 + HOUR_MS) // 1000), DataError, "row 2: the time is in s, but the file begins in ms"),
        (_changed("ts", 2, (T0 + HOUR_MS) * 1000), DataError, "row 3: the time is in us, but the file begins in ms"),
        (_changed("ts", 1, None), DataError, "row 2: the time is absent"),
        (_changed("ts", 1, T0), DataError, "says two different things of the same bars"),
        ({**_GOOD, "ts": [1, 2, 3]}, DataError, "row 1: the time is no date between 2009 and 2100"),
        (
            {("Close" if k == "close" else k): v for k, v in _GOOD.items()},
            UserError,
            "has no column 'close'. Did you mean 'Close'",
        ),
        ({k: v for k, v in _GOOD.items() if k != "ts"}, UserError, "has no column 'ts'"),
        ({**_GOOD, "taker_buy_volume": [0.5, 2.5, 1.0]}, DataError, "row 2: the buy_volume exceeds the volume"),
        ({**_GOOD, "close": ["10.5", "eleven", "10.75"]}, DataError, "row 2: the close is not a number"),
        ({**_GOOD, "close": [True, False, True]}, DataError, "does not hold numbers"),
        ({"ts": _GOOD["ts"], "funding_rate": [0.01, 0.5, 0.01]}, DataError, "row 2: the funding_rate looks like a percentage"),
        ({"ts": _GOOD["ts"], "oi": [1.0, -2.0, 3.0]}, DataError, "row 2: the open_interest is negative"),
    ],
)
def test_rows_that_cannot_be_are_refused(
    started: Lake, tmp_path: Path, columns: dict[str, list[Any]], error: type[PerpscopeError], said: str
) -> None:
    path = tmp_path / "bad.parquet"
    pl.DataFrame(columns, strict=False).write_parquet(path)
    _refuses(started, path, error, said)


def test_a_good_file_beside_a_bad_one_is_not_imported_either(started: Lake, tmp_path: Path) -> None:
    pl.DataFrame(_changed("close", 1, float("nan"))).write_parquet(tmp_path / "bad.parquet")
    before = _state(started)
    with pytest.raises(DataError):
        import_files(
            started, "bars-parquet", [tmp_path / "good.parquet", tmp_path / "bad.parquet"], venue="binance", symbol="B"
        )
    assert _state(started) == before


def test_rows_of_the_future_are_refused_when_the_time_is_known(started: Lake, tmp_path: Path) -> None:
    path = tmp_path / "later.parquet"
    pl.DataFrame({**_GOOD, "volume": [1.0, 2.0, 3.5]}).write_parquet(path)
    now = parse_ts("2024-08-05T02:59Z")
    _refuses(started, path, UserError, "row 3: the row is dated 2024-08-05 03:00 UTC, in the future", now=now)
    import_files(started, "bars-parquet", [path], venue="binance", symbol="BTCUSDT", now=parse_ts("2024-08-05T03:00Z"))


def test_unordered_rows_are_sorted_and_said(started: Lake, tmp_path: Path) -> None:
    pl.DataFrame(_GOOD)[[2, 0, 1]].write_parquet(tmp_path / "u.parquet")
    report = import_files(started, "bars-parquet", [tmp_path / "u.parquet"], venue="binance", symbol="U")
    assert report.streams[0].unsorted
    assert "have been sorted" in report.sentences()[0]
    assert started.read("binance", "U", "bars@1h").same_as(started.read("binance", "GOOD", "bars@1h"))


def test_repeated_rows_are_dropped_and_counted(started: Lake, tmp_path: Path) -> None:
    pl.DataFrame(_GOOD)[[0, 0, 1, 2, 2]].write_parquet(tmp_path / "d.parquet")
    report = import_files(started, "bars-parquet", [tmp_path / "d.parquet"], venue="binance", symbol="D")
    assert report.streams[0].duplicates == 2
    assert started.read("binance", "D", "bars@1h").same_as(started.read("binance", "GOOD", "bars@1h"))


def test_equal_trades_without_ids_are_kept(started: Lake, csv_file: Callable[..., Path]) -> None:
    rows = [f"{T0},10.5,1,buy"] * 3
    path = csv_file("t.csv", [_HEAD, *rows])
    report = import_files(started, "csv", [path], venue="binance", symbol="T")
    assert (report.streams[0].added, report.streams[0].duplicates) == (3, 0)


def test_a_missing_file_is_named(started: Lake, tmp_path: Path) -> None:
    _refuses(started, tmp_path / "nowhere.parquet", UserError, "nowhere.parquet cannot be read: No such file")


@pytest.mark.parametrize("keep", [0, 3, 100, -8, -1])
def test_a_truncated_parquet_file_is_refused(started: Lake, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.parquet"
    path.write_bytes((tmp_path / "good.parquet").read_bytes()[:keep])
    _refuses(started, path, DataError, "cut.parquet is no whole parquet file")


@pytest.mark.parametrize("damage", ["cut", "flip", "header"])
def test_a_broken_gzip_file_is_refused(started: Lake, tmp_path: Path, damage: str) -> None:
    lines = "\n".join(f"{T0 + i},10.{i % 7},1,buy" for i in range(5000))
    data = bytearray(gzip.compress(f"exchange_ts,price,quantity,aggressor_side\n{lines}\n".encode()))
    if damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[len(data) // 2 if damage == "flip" else 3] ^= 0xFF
    path = tmp_path / "t.csv.gz"
    path.write_bytes(data)
    _refuses(started, path, DataError, "gzip stream is broken or cut short", preset="csv")


def test_a_broken_zip_file_is_refused(started: Lake, tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-aggTrades-2024-08-05.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{path.stem}.csv", "\n".join(f"{i},10.5,1,{i},{i},{T0 + i},true" for i in range(3000)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    _refuses(started, path, DataError, "zip archive is broken", preset="binance-vision")
    path.write_bytes(whole[:200] + b"\0" * 20 + whole[220:])
    _refuses(started, path, DataError, "zip archive is broken", preset="binance-vision")


@pytest.mark.parametrize(
    ("lines", "error", "said"),
    [
        ([_HEAD, f"{T0},10.5,1,buy", f"{T0},10"], DataError, "row 2: the"),
        ([_HEAD, f"{T0},10.5,1,buy,9,9"], DataError, "no clean CSV"),
        (
            [_HEAD, f"{T0},10.5,1,bought"],
            DataError,
            "row 1: the side is neither buy nor sell",
        ),
        (["exchange_ts,price,quantity", f"{T0},10.5,1"], UserError, "have no side"),
        (["time,price,quantity", f"{T0},10.5,1"], UserError, "maps to no stream"),
        (
            [f"{_HEAD},trade_id", f"{T0},10.5,1,buy,x"],
            DataError,
            "row 1: the trade_id is not a whole",
        ),
        (
            [f"{_HEAD},trade_id", f"{T0},10.5,1,buy,7", f"{T0},10.6,1,buy,7"],
            DataError,
            "two different",
        ),
        ([_HEAD, f"{T0},-10.5,1,buy"], DataError, "row 1: the price is not positive"),
        ([_HEAD, f"{T0},10.5,1e400,buy"], DataError, "row 1: the quantity is infinite"),
    ],
)
def test_a_broken_csv_is_refused(
    started: Lake, csv_file: Callable[..., Path], lines: list[str], error: type[PerpscopeError], said: str
) -> None:
    _refuses(started, csv_file("t.csv", lines), error, said, preset="csv")


def test_a_wrong_map_of_columns_is_refused(started: Lake, csv_file: Callable[..., Path]) -> None:
    path = csv_file("t.csv", ["when,px", f"{T0},10.5"])
    _refuses(started, path, UserError, "Did you mean 'price'", preset="csv", column_map={"prices": "px"})
    _refuses(started, path, UserError, "no column 'pz'. Did you mean 'px'", preset="csv", column_map={"price": "pz"})


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        ("trades", "has no column 'px'. Did you mean 'x'"),
        ("coinalyze", "is none of the Coinalyze histories"),
        ("coinglass", "has no column"),
        ("hyperliquid-context", "has no column 'funding'"),
        ("hyperliquid-wallets", "has no column 'snap'"),
        ("freqtrade", "has no column 'date'"),
    ],
)
def test_a_file_of_another_format_is_refused(started: Lake, tmp_path: Path, preset: str, said: str) -> None:
    path = tmp_path / "other.parquet"
    pl.DataFrame({"ts": [T0], "x": [1.0]}).write_parquet(path)
    _refuses(started, path, UserError, said, preset=preset)


@pytest.mark.parametrize(
    "preset", ["binance-recording", "force-order", "coinalyze-daily", "tardis", "binance-vision", "risk-tiers"]
)
def test_a_parquet_file_where_text_belongs_is_refused(started: Lake, tmp_path: Path, preset: str) -> None:
    path = tmp_path / "BTCUSDT-aggTrades-2024-08-05.csv"
    path.write_bytes((tmp_path / "good.parquet").read_bytes())
    _refuses(started, path, PerpscopeError, ".", preset=preset)


def test_an_empty_file_is_accepted_where_nothing_happened(started: Lake, csv_file: Callable[..., Path], tmp_path: Path) -> None:
    empty = csv_file("t.csv", [_HEAD])
    report = import_files(started, "csv", [empty], venue="binance", symbol="T")
    assert not report.changed
    pl.DataFrame(_GOOD).clear().write_parquet(tmp_path / "none.parquet")
    report = import_files(started, "bars-parquet", [tmp_path / "none.parquet"], venue="binance", symbol="N", frame="1h")
    assert report.streams[0].rows == 0
    assert [i.symbol for i in started.instruments()] == ["GOOD"]


_TEXTUAL = ["csv", "trades", "tardis", "force-order", "binance-recording", "bars-parquet"]


@given(noise=st.binary(max_size=400), preset=st.sampled_from(_TEXTUAL))
def test_noise_is_refused_or_empty_but_never_crashes(
    noise: bytes, preset: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("noise")
    path = folder / "noise.csv"
    path.write_bytes(noise)
    lake = Lake(folder / "lake")
    try:
        report = import_files(lake, preset, [path], venue="binance", symbol="X")
    except PerpscopeError:
        report = None
    assert report is None or not report.changed
    assert lake.catalogue.files == ()


@given(seed=st.integers(0, 10**6))
def test_a_damaged_parquet_file_is_refused_or_read_but_never_crashes(
    seed: int, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray((shared_data / "bars/bybit_funding/BTCUSDT.parquet").read_bytes())
    for at in rng.integers(0, len(data), int(rng.integers(1, 5))):
        data[at] ^= 1 << int(rng.integers(0, 8))
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / "BTCUSDT.parquet"
    path.write_bytes(data)
    lake = Lake(folder / "lake")
    try:
        import_files(lake, "bars-parquet", [path], venue="bybit", symbol="X")
    except PerpscopeError:
        assert lake.catalogue.files == ()
    assert lake.check() == []


_TEXTS = {
    "trades": ("tick/aster-2025-09-24/trades_USD1USDT.csv.gz", "t.csv"),
    "force-order": ("liquidations/binance_force_order-2024-08-17/binance.csv.gz", "t.csv"),
    "risk-tiers": ("risk_tiers/binance_usdm-2024-10.json.gz", "t-2024-10.json"),
    "binance-recording": ("wire/binance_usdm/BTCUSDT-2024-08-08.jsonl.gz", "t.jsonl"),
}


@pytest.fixture(scope="module")
def texts(shared_data: Path) -> dict[str, bytes]:
    return {preset: gzip.decompress((shared_data / name).read_bytes())[:60_000] for preset, (name, _) in _TEXTS.items()}


@given(preset=st.sampled_from(sorted(_TEXTS)), seed=st.integers(0, 10**6))
@settings(max_examples=120)
def test_a_damaged_text_is_refused_or_read_but_never_crashes(
    preset: str, seed: int, texts: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(texts[preset].rpartition(b"\n")[0] or texts[preset])
    for at in rng.integers(0, len(data), int(rng.integers(1, 4))).tolist():
        match int(rng.integers(0, 3)):
            case 0:
                data[at : at + 1] = bytes([data[min(at, len(data) - 1)] ^ (1 << int(rng.integers(0, 8)))])
            case 1:
                del data[at : at + int(rng.integers(1, 30))]
            case _:
                data[at:at] = rng.bytes(int(rng.integers(1, 8)))
    folder = tmp_path_factory.mktemp("text")
    path = folder / _TEXTS[preset][1]
    path.write_bytes(data)
    lake = Lake(folder / "lake")
    try:
        import_files(lake, preset, [path], venue="binance", symbol="*" if preset in ("force-order", "risk-tiers") else "X")
    except PerpscopeError:
        assert lake.catalogue.files == ()
    assert lake.check() == []


def test_bounds_of_a_bar_allow_equality(started: Lake, tmp_path: Path) -> None:
    flat = {**_GOOD, **{c: [10.0] * 3 for c in ("open", "high", "low", "close")}, "volume": [0.0] * 3}
    pl.DataFrame(flat).write_parquet(tmp_path / "flat.parquet")
    import_files(started, "bars-parquet", [tmp_path / "flat.parquet"], venue="binance", symbol="FLAT")
    assert np.array_equal(started.read("binance", "FLAT", "bars@1h")["volume"], np.zeros(3))
