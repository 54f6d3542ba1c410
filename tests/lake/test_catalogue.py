"""Answers: what was put in, read back through another door; rules of the layout as docs/definitions/lake.md states them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from perpscope.core.errors import DataError, UserError
from perpscope.core.instrument import Instrument
from perpscope.core.units import ContractKind
from perpscope.lake import Lake, import_files, rebuild
from perpscope.lake.layout import check_names, folder

HOUR_MS = 3_600_000
START = 1_704_067_200_000  # 2024-01-01


def _bars(make, name: str = "bars.parquet", first: int = 0, hours: int = 5, close: float = 10.5) -> Path:
    prices = {column: [close] * hours for column in ("open", "high", "low", "close")}
    return make(name, ts=[START + (first + i) * HOUR_MS for i in range(hours)], **prices, volume=[2.0] * hours)


def _import(lake: Lake, path: Path, symbol: str = "X", venue: str = "binance", **more):
    return import_files(lake, "bars-parquet", [path], venue=venue, symbol=symbol, **more)


def test_a_file_lies_by_venue_stream_symbol_period_and_origin(lake: Lake, parquet_file) -> None:
    _import(lake, _bars(parquet_file))
    assert [str(p.relative_to(lake.path)) for p in lake.path.rglob("*.parquet")] == [
        "binance/bars@1h/X/2024-01/binance-1.parquet"
    ]


def test_importing_the_same_file_twice_changes_nothing(lake: Lake, parquet_file) -> None:
    path = _bars(parquet_file)
    _import(lake, path)
    before = {p: p.read_bytes() for p in lake.path.rglob("*") if p.is_file()}
    report = _import(lake, path)
    assert report.sources[0].already
    assert not report.changed
    assert {p: p.read_bytes() for p in lake.path.rglob("*") if p.is_file()} == before


def test_the_same_rows_in_another_file_are_duplicates(lake: Lake, parquet_file) -> None:
    _import(lake, _bars(parquet_file))
    first = lake.read("binance", "X", "bars@1h")
    files = lake.catalogue.files
    report = _import(lake, _bars(parquet_file, "longer.parquet", hours=7))
    assert (report.streams[0].added, report.streams[0].duplicates, report.streams[0].revised) == (2, 5, 0)
    assert lake.read("binance", "X", "bars@1h")[:5].same_as(first)
    report = _import(lake, _bars(parquet_file, "shorter.parquet", hours=3), frame="1h")
    assert not report.changed
    assert [f.sha256 for f in lake.catalogue.files] != [f.sha256 for f in files]


def test_a_later_import_revises_what_the_same_origin_said(lake: Lake, parquet_file) -> None:
    _import(lake, _bars(parquet_file))
    report = _import(lake, _bars(parquet_file, "new.parquet", first=1, hours=2, close=11.0))
    assert report.streams[0].revised == 2
    assert lake.read("binance", "X", "bars@1h")["close"].tolist() == [10.5, 11.0, 11.0, 10.5, 10.5]
    assert len(list(lake.path.rglob("*.parquet"))) == 1


def test_the_catalogue_can_be_rebuilt_from_the_files(lake: Lake, parquet_file) -> None:
    _import(lake, _bars(parquet_file, hours=900))
    _import(lake, _bars(parquet_file, "b.parquet", first=2000, hours=30))
    assert rebuild(lake.path).files == lake.catalogue.files
    (lake.path / "catalogue.json").unlink()
    found = Lake(lake.path)
    assert found.catalogue.files == lake.catalogue.files
    assert found.read("binance", "X", "bars@1h").same_as(lake.read("binance", "X", "bars@1h"))
    # sources are forgotten, but importing one again finds its rows present
    assert not _import(found, _bars(parquet_file, hours=900)).changed


def test_a_damaged_catalogue_says_what_to_do(lake: Lake, parquet_file) -> None:
    _import(lake, _bars(parquet_file))
    path = lake.path / "catalogue.json"
    path.write_bytes(path.read_bytes().replace(b'"rows":5', b'"rows":6'))
    with pytest.raises(DataError, match=r"Delete catalogue\.json; it is rebuilt"):
        Lake(lake.path)


@pytest.mark.parametrize("at", [0, 100, 500, -1])
def test_one_changed_byte_in_a_sealed_file_is_found(lake: Lake, parquet_file, at: int) -> None:
    _import(lake, _bars(parquet_file))
    path = next(lake.path.rglob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert len(lake.check()) == 1
    with pytest.raises(DataError, match="checksum differs"):
        lake.read("binance", "X", "bars@1h")


def test_a_lost_file_is_found(lake: Lake, parquet_file) -> None:
    _import(lake, _bars(parquet_file))
    next(lake.path.rglob("*.parquet")).unlink()
    with pytest.raises(DataError, match="in the catalogue but cannot be read"):
        lake.read("binance", "X", "bars@1h")
    assert len(lake.check()) == 1


def test_a_file_that_was_copied_in_is_reported_and_adopted_by_a_rebuild(lake: Lake, parquet_file, tmp_path: Path) -> None:
    _import(lake, _bars(parquet_file))
    other = Lake(tmp_path / "other")
    _import(other, _bars(parquet_file), symbol="Y")
    source = next(other.path.rglob("*.parquet"))
    target = lake.path / source.relative_to(other.path)
    target.parent.mkdir(parents=True)
    target.write_bytes(source.read_bytes())
    assert len(lake.check()) == 1
    assert {f.symbol for f in rebuild(lake.path).files} == {"X", "Y"}
    _import(lake, _bars(parquet_file, "more.parquet", first=9))
    assert target.exists()


def test_two_writers_are_refused(lake: Lake, parquet_file) -> None:
    _import(lake, _bars(parquet_file))
    descriptor = os.open(lake.path / "writer.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(UserError, match="Another import is writing"):
        _import(lake, _bars(parquet_file, "b.parquet", first=9))
    os.close(descriptor)
    assert _import(lake, _bars(parquet_file, "b.parquet", first=9)).changed


def test_a_reader_that_holds_an_old_catalogue_is_told_to_read_again(lake: Lake, parquet_file) -> None:
    _import(lake, _bars(parquet_file))
    reader = Lake(lake.path)
    _import(lake, _bars(parquet_file, "b.parquet", first=3, hours=9))
    with pytest.raises(UserError, match="Read again"):
        reader.read("binance", "X", "bars@1h")
    assert len(reader.read("binance", "X", "bars@1h")) == 12


@pytest.mark.parametrize(
    ("venue", "symbol", "origin"),
    [
        ("../x", "BTCUSDT", "o"),
        ("Binance", "BTCUSDT", "o"),
        ("", "BTCUSDT", "o"),
        ("binance", "..", "o"),
        ("binance", "", "o"),
        ("binance", "BTC\0", "o"),
        ("binance", "B" * 61, "o"),
        ("binance", "Ｂ", "o"),
        ("binance", "BTCUSDT", "a/b"),
    ],
)
def test_names_that_could_leave_the_lake_are_refused(venue: str, symbol: str, origin: str) -> None:
    with pytest.raises(UserError):
        check_names(venue, symbol, origin)


@pytest.mark.parametrize("symbol", ["../../etc/passwd", "/etc/passwd", "xyz:XYZ100", "PURR/USDC", "@107", "a\\b"])
def test_a_symbol_with_slashes_stays_one_folder(symbol: str) -> None:
    path = folder("binance", "trade", symbol, "2024-01-01")
    assert len(path.parts) == 4
    assert ".." not in path.parts
    assert not path.is_absolute()


def test_a_symbol_with_a_slash_comes_back(lake: Lake, parquet_file) -> None:
    _import(lake, _bars(parquet_file), symbol="PURR/USDC", venue="hyperliquid")
    assert [i.symbol for i in Lake(lake.path).instruments()] == ["PURR/USDC"]
    assert len(lake.read("hyperliquid", "PURR/USDC", "bars@1h")) == 5


def test_a_path_through_a_file_is_refused(tmp_path: Path, parquet_file) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is a file, not a lake"):
        Lake(tmp_path / "file")


def test_what_is_declared_of_an_instrument_replaces_the_guess(lake: Lake, parquet_file) -> None:
    _import(lake, _bars(parquet_file), symbol="BTCUSDT")
    assert lake.instruments()[0].base == "BTC"
    assert lake.source("binance", "BTCUSDT").instrument.tick_size == 0.1
    lake.declare(Instrument("binance", "BTCUSDT", ContractKind.LINEAR, "BTC", "USDT", tick_size=0.5, lot_size=0.01))
    made = Lake(lake.path).source("binance", "BTCUSDT").instrument
    assert (made.tick_size, made.lot_size) == (0.5, 0.01)


def test_names_that_do_not_exist_get_the_nearest_one(lake: Lake, parquet_file) -> None:
    with pytest.raises(UserError, match=r"is empty\. Import data first"):
        lake.read("binance", "X", "bars@1h")
    _import(lake, _bars(parquet_file), symbol="BTCUSDT")
    with pytest.raises(UserError, match="Did you mean 'binance BTCUSDT'"):
        lake.read("binance", "BTCUSD", "bars@1h")
    with pytest.raises(UserError, match="Did you mean 'bars@1h'"):
        lake.read("binance", "BTCUSDT", "bars@1hr")
    with pytest.raises(UserError, match="There is no origin"):
        lake.read("binance", "BTCUSDT", "bars@1h", origins=["coinalyze"])
    with pytest.raises(UserError, match="Did you mean 'bars-parquet'"):
        import_files(lake, "bars-parket", [_bars(parquet_file)], venue="binance", symbol="X")
    with pytest.raises(UserError, match="There is no option"):
        _import(lake, _bars(parquet_file), options={"kind": "mark"})


def test_progress_grows_to_its_total(lake: Lake, parquet_file) -> None:
    said: list[tuple[int, int, str]] = []
    _import(lake, _bars(parquet_file, hours=2000), progress=lambda *step: said.append(step))
    done = [d for d, _, _ in said]
    assert done == sorted(done)
    assert len({total for _, total, _ in said}) == 1
    assert said[-1][0] == said[-1][1]
    assert any("seal X bars@1h" in label for _, _, label in said)


def test_a_folder_stands_for_its_files_and_the_star_for_their_names(lake: Lake, parquet_file, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for name in ("AAAUSDT.parquet", "BBBUSDT-2023.parquet"):
        _bars(parquet_file, f"many/{name}")
    import_files(lake, "bars-parquet", [many], venue="binance", symbol="*")
    assert [i.symbol for i in lake.instruments()] == ["AAAUSDT", "BBBUSDT"]
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="holds no files"):
        import_files(lake, "bars-parquet", [tmp_path / "none"], venue="binance", symbol="*")
