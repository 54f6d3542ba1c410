"""Answers by plain arithmetic from the little market in vision.py, and by the requests that the server has seen."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.fetch.vision import ZERO, bar, funding_file, kline_file, metrics_file, serving, trade, trade_file
from perpscope.cli.app import run
from perpscope.core.errors import DataError, UserError
from perpscope.core.events import TRADE
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, NULL_TS, Timeframe, parse_ts
from perpscope.lake import Lake
from perpscope.lake.fetch import FetchReport, fetch
from perpscope.lake.fetch.archive import archives
from perpscope.lake.fetch.download import Site

FEB, MAR = parse_ts("2026-02-01"), parse_ts("2026-03-01")
NOW = parse_ts("2026-03-04T12:00Z")


def market() -> dict[str, bytes]:
    """January and February by month, March 1 to 3 by day; February also by day, as on the real server."""
    days = [(f"2026-03-0{d}", MAR + (d - 1) * DAY) for d in (1, 2, 3)]
    return dict(
        [
            kline_file("klines", ZERO, FEB, "2026-01"), kline_file("klines", FEB, MAR, "2026-02", header=False),
            *(kline_file("klines", start, start + DAY, name) for name, start in days),
            kline_file("markPriceKlines", FEB, MAR, "2026-02"),
            funding_file(FEB, MAR),
            *(trade_file(MAR + d * DAY) for d in (0, 1)),
            *(metrics_file(MAR + d * DAY) for d in (0, 1)),
        ]
    )  # fmt: skip


def bring(
    lake: Path, url: str, kinds: str, start: int, end: int, pauses: list[float] | None = None, now: int = NOW
) -> FetchReport:
    site = Site(url, (pauses if pauses is not None else []).append, timeout=20.0)
    return fetch(Lake(lake), "binance", "BTCUSDT", kinds.split(","), start, end, frame="1h", site=site, now=now)


def test_months_and_days_become_one_stream_without_a_hole(tmp_path: Path) -> None:
    with serving(market()) as site:
        report = bring(tmp_path, site.url, "bars", ZERO, MAR + 3 * DAY)
        assert site.zips() == [f"BTCUSDT-1h-2026-{n}.zip" for n in ("01", "02", "03-01", "03-02", "03-03")]
    bars = Lake(tmp_path).read("binance", "BTCUSDT", "bars@1h")
    assert bars["ref_ts"].tolist() == list(range(ZERO, MAR + 3 * DAY, HOUR))
    assert bars["open"].tolist() == [float(bar(ts)[1]) for ts in range(ZERO, MAR + 3 * DAY, HOUR)]
    assert set(bars["buy_volume"].tolist()) == {5.25}
    assert (report.holes, report.absent, report.added) == ([], [], {"bars@1h": 62 * 24})
    assert not list((tmp_path / ".fetch").rglob("*.zip"))


def test_every_kind_lands_in_its_stream_and_what_nobody_has_is_said(tmp_path: Path) -> None:
    with serving(market()) as site:
        report = bring(tmp_path, site.url, "trades,oi,funding,mark,liquidations", FEB, MAR + 3 * DAY)
    lake = Lake(tmp_path)
    assert lake.streams("binance", "BTCUSDT") == ["funding", "long_short_ratio@5m", "mark_bars@1h", "open_interest", "trade"]
    trades = lake.read("binance", "BTCUSDT", "trade")
    first = (MAR - ZERO) // MINUTE
    assert trades["trade_id"].tolist() == list(range(first, first + 2 * 1440))
    assert trades["quantity"][:3].tolist() == [float(trade(n)[2]) for n in range(first, first + 3)]
    assert lake.read("binance", "BTCUSDT", "funding")["funding_interval"].tolist() == [8 * HOUR] * 84
    assert len(lake.read("binance", "BTCUSDT", "mark_bars@1h")) == 28 * 24
    assert len(lake.read("binance", "BTCUSDT", "open_interest")) == 2 * 288
    absent = {(kind, start, end) for kind, start, end, _ in report.absent}
    day3 = (MAR + 2 * DAY, MAR + 3 * DAY)
    assert absent == {
        ("trades", FEB, MAR), ("trades", *day3), ("oi", FEB, MAR), ("oi", *day3), ("funding", MAR, MAR + 3 * DAY),
        ("mark", MAR, MAR + 3 * DAY),
    }  # fmt: skip
    assert any(
        "Nobody offers past liquidations" in note and "perpscope record binance:BTCUSDT" in note for note in report.notes
    )


def test_a_second_fetch_asks_for_checksums_only(tmp_path: Path) -> None:
    with serving(market()) as site:
        bring(tmp_path, site.url, "bars", ZERO, MAR)
        site.asked.clear()
        report = bring(tmp_path, site.url, "bars", ZERO, MAR)
        assert site.zips() == []
        assert [a.path.endswith(".CHECKSUM") for a in site.asked] == [True, True]
    assert (report.already, report.fetched, report.changed) == (2, [], [])


def test_an_archive_that_the_venue_replaced_is_noticed_and_imported_again(tmp_path: Path) -> None:
    with serving(market()) as site:
        bring(tmp_path, site.url, "bars", FEB, MAR)
        path = next(p for p in site.files if p.endswith("klines/BTCUSDT/1h/BTCUSDT-1h-2026-02.zip"))
        renamed, content = kline_file("klines", FEB + HOUR, MAR + HOUR, "2026-02")
        assert renamed == path
        site.files[path] = content
        report = bring(tmp_path, site.url, "bars", FEB, MAR)
    assert report.changed == ["BTCUSDT-1h-2026-02.zip"]
    assert any("was replaced by the venue" in line for line in report.sentences())
    assert report.added == {"bars@1h": 1}


def test_days_stand_in_for_a_month_that_is_not_out(tmp_path: Path) -> None:
    files = market()
    april = parse_ts("2026-04-01")
    files |= dict(kline_file("klines", MAR + d * DAY, MAR + (d + 1) * DAY, f"2026-03-{d + 1:02d}") for d in range(31) if d != 9)
    with serving(files) as site:
        report = bring(tmp_path, site.url, "bars", MAR, april, now=parse_ts("2026-04-02"))
        assert site.asked[0].path.endswith("monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2026-03.zip.CHECKSUM")
    assert len(report.fetched) == 30
    tenth = (MAR + 9 * DAY, MAR + 10 * DAY)
    assert [(s, e) for _, s, e, _ in report.absent] == [tenth]
    assert [(s, e) for _, s, e in report.holes] == [tenth]
    assert any("hole 2026-03-10 00:00 UTC .. 2026-03-11 00:00 UTC" in line for line in report.sentences())


def test_a_broken_download_is_fetched_anew_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    with serving(market()) as site:
        path = next(p for p in site.files if p.endswith("klines/BTCUSDT/1h/BTCUSDT-1h-2026-02.zip"))
        sha = Site(site.url, [].append).checksum(path)
        assert sha is not None
        folder = tmp_path / ".fetch" / "binance" / "BTCUSDT" / "bars"
        folder.mkdir(parents=True)
        part = folder / f"BTCUSDT-1h-2026-02.zip.{sha[:16]}.part"
        part.write_bytes(b"\0" * 100)  # bits that rotted while the download was interrupted
        report = bring(tmp_path, site.url, "bars", FEB, MAR)
        assert report.fetched == ["BTCUSDT-1h-2026-02.zip"]
        assert [a.range for a in site.asked if a.path == path] == ["bytes=100-", ""]
        site.files[f"{path}.CHECKSUM"] = b"0" * 64
        with pytest.raises(DataError, match=r"does not match its \.CHECKSUM, twice"):
            bring(tmp_path / "other", site.url, "bars", FEB, MAR)
        site.files[f"{path}.CHECKSUM"] = b"<html>busy</html>"
        with pytest.raises(DataError, match="holds no SHA-256"):
            bring(tmp_path / "other", site.url, "bars", FEB, MAR)
    assert not (tmp_path / "other" / "binance").exists()


def test_a_busy_server_is_asked_again_after_a_pause_and_an_absent_one_is_a_sentence(tmp_path: Path) -> None:
    pauses: list[float] = []
    with serving(market()) as site:
        site.refuse = [503, 429]
        assert len(bring(tmp_path, site.url, "bars", FEB, MAR, pauses=pauses).fetched) == 1
        gone = site.url
    assert pauses == [1.0, 2.0]
    with pytest.raises(UserError, match="cannot be reached"):
        bring(tmp_path, gone, "bars", FEB, MAR)
    with pytest.raises(UserError, match="begins with https"):
        Site("file:///etc", pauses.append)


def test_a_fetch_killed_in_the_middle_of_a_file_goes_on_from_that_byte(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    with serving(market()) as site:
        site.hold = next(p for p in site.files if p.endswith("aggTrades-2026-03-02.zip"))
        site.hold_after = len(site.files[site.hold]) // 2
        arguments = [
            "fetch", "binance", "BTCUSDT", "--kinds", "bars,trades", "--timeframe", "1h", "--from", "2026-02-01",
            "--to", "2026-03-03", "--lake", str(lake), "--base-url", site.url, "--no-rest",
        ]  # fmt: skip
        command = [sys.executable, "-c", "from perpscope.cli import main; main()", *arguments]
        killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert site.held.wait(60), "the fetch never came to the file"
        folder = lake / ".fetch" / "binance" / "BTCUSDT" / "trades"
        part = _written(folder, site.hold_after)
        killed.send_signal(signal.SIGKILL)
        assert killed.wait(30) == -signal.SIGKILL
        assert len(Lake(lake).read("binance", "BTCUSDT", "bars@1h")) == 30 * 24
        assert len(Lake(lake).read("binance", "BTCUSDT", "trade")) == 1440
        site.release.set()
        site.asked.clear()
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert [(a.path, a.range, a.status) for a in site.asked if a.path.endswith(".zip")] == [
            (site.hold, f"bytes={site.hold_after}-", 206)
        ]
        assert not part.exists()
    whole = Lake(lake).read("binance", "BTCUSDT", "trade")
    first = (MAR - ZERO) // MINUTE
    assert whole["trade_id"].tolist() == list(range(first, first + 2 * 1440))
    assert "1 archive files fetched" in done.stdout
    assert "trade: 1440 new rows." in done.stdout


def _written(folder: Path, size: int) -> Path:
    """The part that the download has written, once it has `size` bytes."""
    tick = threading.Event()
    for _ in range(3_000):
        for part in folder.glob("*.part"):
            if part.stat().st_size >= size:
                return part
        tick.wait(0.01)
    raise AssertionError("the part was never written")


class LittleHistory:
    """The market of vision.py, told by a REST interface that lost the first `lost` trades of every answer."""

    def __init__(self, lost: int = 0) -> None:
        self.lost = lost

    def offers(self, kind: str) -> bool:
        return kind == "trades"

    def reaches_back(self, kind: str, now: int) -> int:
        return 0

    def pages(self, kind: str, symbol: str, frame: Timeframe, start: int, end: int) -> Iterator[Table]:
        told = [trade(n) for n in range((start - ZERO) // MINUTE + self.lost, (end - ZERO) // MINUTE)]
        ms, price, quantity, ident, maker = (list(column) for column in zip(*told, strict=True))
        yield Table.of(
            TRADE, exchange_ts=np.array(ms) * 1_000_000, receive_ts=np.full(len(told), NULL_TS), trade_id=ident,
            price=[float(p) for p in price], quantity=[float(q) for q in quantity], aggressor_side=[1 + m for m in maker],
        )  # fmt: skip


@pytest.mark.parametrize("lost", [0, 1])
def test_the_seam_between_archive_and_rest_is_a_hole_only_where_an_id_is_missing(lost: int, tmp_path: Path) -> None:
    end = MAR + 2 * DAY
    with serving(dict([trade_file(MAR)])) as site:
        server = Site(site.url, [].append)
        history = LittleHistory(lost)
        report = fetch(Lake(tmp_path), "binance", "BTCUSDT", ["trades"], MAR, end, site=server, history=history, now=NOW)
    assert (report.added, report.rest) == ({"trade": 1440}, {"trade": 1440 - lost})
    missing = ("trade", MAR + DAY - MINUTE + 1, MAR + DAY + MINUTE)
    assert report.holes == [missing] * lost


LAYOUT = {
    ("binance", "BTCUSDT", "trades"): "futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-02-01.zip",
    ("binance", "BTCUSDT", "oi"): "futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2026-02-01.zip",
    ("binance", "BTCUSDT", "funding"): "futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-02.zip",
    ("binance_coinm", "X_PERP", "mark"): "futures/cm/daily/markPriceKlines/X_PERP/1m/X_PERP-1m-2026-02-01.zip",
    ("binance_spot", "BTCUSDT", "bars"): "spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-02-01.zip",
}


@pytest.mark.parametrize("wanted", LAYOUT)
def test_the_layout_is_the_archives_own(wanted: tuple[str, str, str]) -> None:
    assert [a.path for a in archives(*wanted, "1m", FEB, FEB + DAY)] == [f"data/{LAYOUT[wanted]}"]


@given(st.integers(0, 800), st.integers(1, 200), st.sampled_from(["bars", "mark", "trades", "oi"]))
def test_archives_cover_every_day_once(first: int, days: int, kind: str) -> None:
    start, end = ZERO + first * DAY, ZERO + (first + days) * DAY
    found = archives("binance", "BTCUSDT", kind, "1m", start, end)
    assert [(found[0].start, found[-1].end)] == [(start, end)]
    assert all(a.end == b.start for a, b in pairwise(found))
    for month in (a for a in found if a.days):
        assert [(month.days[0].start, month.days[-1].end)] == [(month.start, month.end)]
    assert len({a.path for a in found}) == len(found)


def test_what_has_no_archive_has_no_file() -> None:
    assert archives("binance_spot", "BTCUSDT", "funding", "1m", FEB, MAR) == []
    assert archives("bybit", "BTCUSDT", "bars", "1m", FEB, MAR) == []


def test_wrong_names_and_dates_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Did you mean 'trades'"):
        bring(tmp_path, "http://127.0.0.1:9", "trade", FEB, MAR)
    with pytest.raises(UserError, match="nothing to fetch"):
        bring(tmp_path, "http://127.0.0.1:9", "bars", MAR, FEB)


MISTAKES = {
    "There is no venue 'binanc'. Did you mean 'binance'?": ["fetch", "binanc", "BTCUSDT", "--from", "2026-02-01"],
    "'soon' is not a date": ["fetch", "binance", "BTCUSDT", "--from", "soon"],
    "There is no kind to fetch 'bar'. Did you mean 'bars'?": [
        "fetch",
        "binance",
        "X",
        "--from",
        "2026-02-01",
        "--kinds",
        "bar",
    ],
    "nothing to fetch between": ["fetch", "bybit", "BTCUSDT", "--from", "2026-02-01", "--to", "2026-01-01"],
    "begins with https://": ["fetch", "binance", "X", "--from", "2026-02-01", "--base-url", "ftp://x"],
}


@pytest.mark.parametrize("sentence", MISTAKES)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(
    sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*MISTAKES[sentence], "--lake", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1
