"""The main job from end to end: recorded data in, one analysis out. Facts from the catalogue of the data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from e2e.conftest import WINDOW_END, Run
from perpscope import api
from perpscope.cli.page_file import page_file
from perpscope.core.time import DAY, parse_ts
from perpscope.lake import Lake, store
from perpscope.report import Report, history_start
from perpscope.web.files import STATIC
from web.browser.conftest import CHROMIUM, FLAGS, MISSING
from web.browser.reading import DRAWN, pixels, settle

FILES = {"report.json", "report.png", "report.html"} | ({"page.html"} if (STATIC / "index.html").is_file() else set())


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT"])
def test_a_report_of_the_crash_of_august_2024(perpscope: Run, window_lake: Path, tmp_path: Path, symbol: str) -> None:
    out = tmp_path / "out"
    done = perpscope("report", symbol, "--lake", window_lake, "--at", WINDOW_END, "--lookback", "14d", "--out", out)
    assert {p.name for p in out.iterdir()} == FILES
    document = json.loads((out / "report.json").read_text())
    assert document["meta"]["symbol"] == symbol
    assert document["meta"]["at"].startswith("2024-08-05T14:00")
    assert "unproven" in done.stdout
    assert "estimated" in done.stdout
    # all kinds of evidence are there, each with its reason
    lines = [line for setup in document["setups"] for line in setup["reasons"]]
    assert len(lines) >= 7
    assert all(line["verdict"] == "unproven" for line in lines)


def test_nothing_after_the_moment_changes_a_byte(perpscope: Run, window_lake: Path, tmp_path: Path) -> None:
    at = parse_ts(WINDOW_END)
    whole, short = Lake(window_lake), Lake(tmp_path / "short")
    source = whole.source("binance", "BTCUSDT", start=history_start(at, "1h", 10 * DAY), end=at)
    for stream in source.tables:
        for origin in whole.gather("binance", "BTCUSDT", stream).shares:
            kept = whole.read("binance", "BTCUSDT", stream, end=at, origins=[origin])
            store(short, source.instrument, {stream: kept}, origin)
    made = []
    for name, lake in (("whole", window_lake), ("short", tmp_path / "short")):
        out = tmp_path / f"report-{name}"
        perpscope("report", "BTCUSDT", "--lake", lake, "--at", WINDOW_END, "--lookback", "10d", "--out", out)
        made.append({p.name: p.read_bytes() for p in sorted(out.iterdir())})
    assert made[0].keys() == made[1].keys()
    for name in made[0]:
        assert made[0][name] == made[1][name], f"{name} knows the future"


def test_json_goes_to_stdout_for_machines(perpscope: Run, window_lake: Path, tmp_path: Path) -> None:
    done = perpscope(
        "report", "BTCUSDT", "--lake", window_lake, "--at", WINDOW_END, "--lookback", "3d", "--out", tmp_path / "o", "--json"
    )
    assert json.loads(done.stdout) == json.loads((tmp_path / "o" / "report.json").read_text())


@pytest.fixture(scope="module")
def short_report(window_lake: Path) -> Report:
    return api.make_report(window_lake, "BTCUSDT", venue="binance", at=WINDOW_END, lookback="3d")


@pytest.mark.skipif(bool(MISSING), reason=MISSING or "chromium and the page are there")
def test_the_page_in_one_file_draws_candles_and_heat_and_asks_the_network_for_nothing(
    short_report: Report, tmp_path: Path
) -> None:
    ((file,), note) = page_file(short_report, tmp_path)
    assert (file.name, note) == ("page.html", "")
    asked: list[str] = []
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True).new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda fault: complaints.append(str(fault)))
        page.goto(file.as_uri())
        page.wait_for_function(DRAWN)
        settle(page)
        heats = page.evaluate("() => [...window.perpscope.session.picture.value.heats.keys()].map(k => k.split('@')[0])")
        box = page.locator(".chart-canvas canvas").first.bounding_box()
        seen = pixels(page)
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert complaints == []
    assert heats == ["liquidation_heatmap"]
    assert box is not None
    x, y = int(box["x"]), int(box["y"])
    chart = seen[y : y + int(box["height"]), x : x + int(box["width"])]
    assert len({tuple(colour) for colour in chart[::3, ::3].reshape(-1, 3)}) > 100, "an empty canvas has a handful of colours"


def test_without_the_built_page_the_report_says_so_and_keeps_no_stale_one(short_report: Report, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("of an earlier moment")
    written, note = page_file(short_report, tmp_path, static=tmp_path / "not-built")
    assert written == []
    assert note.startswith("No page.html: The page is not built into this installation.")
    assert "\n" not in note
    assert not (tmp_path / "page.html").exists()


MISTAKES = [
    (["report", "BTCUSDX"], "Did you mean 'binance BTCUSDT'?"),
    (["report", "BTCUSDT", "--timeframe", "1hour"], "There is no time frame '1hour'"),
    (["report", "BTCUSDT", "--timeframe", "15m"], "15m bars can be made neither from shorter bars nor from trades"),
    (["report", "BTCUSDT", "--at", "2031-01-01"], "The data of binance BTCUSDT ends 2026-03-01"),
    (["report", "BTCUSDT", "--at", "2017-01-01"], "2017-01-01"),
    (["report", "BTCUSDT", "--at", "2024-08-05T14:00"], "has no time zone"),
    (["report", "BTCUSDT", "--lookback", "two weeks"], "is not a length of time"),
    (["report", "BTCUSDT", "--mix", "nowhere.json"], "There is no calibration 'nowhere.json'"),
    (["features", "run", "BTCUSDT", "swingz"], "Did you mean 'swings'?"),
    (["features", "run", "BTCUSDT", "swings", "--set", "swings.wide=3"], "no parameter of swings 'wide'"),
    (["check", "deltas"], "Did you mean 'delta'?"),
    (["import", "bars-parket", "nothing.parquet", "--symbol", "X"], "Did you mean 'bars-parquet'?"),
    (["import", "bars-parquet", "nothing.parquet", "--symbol", "X"], "nothing.parquet cannot be read"),
]


@pytest.mark.parametrize(("arguments", "sentence"), MISTAKES, ids=[" ".join(a) for a, _ in MISTAKES])
def test_a_mistake_is_one_sentence_and_exit_code_2(
    perpscope: Run, window_lake: Path, arguments: list[str], sentence: str
) -> None:
    before = {p: p.stat().st_mtime_ns for p in window_lake.rglob("*") if p.is_file()}
    done = perpscope(*arguments, "--lake", window_lake, ok=False)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert before == {p: p.stat().st_mtime_ns for p in window_lake.rglob("*") if p.is_file()}


def test_a_lake_that_is_not_there_is_said_to_be_empty(perpscope: Run, tmp_path: Path) -> None:
    done = perpscope("report", "BTCUSDT", "--lake", tmp_path / "none", ok=False)
    assert done.returncode == 2
    assert "empty" in done.stderr


def test_check_finds_no_look_ahead_in_a_feature_of_ours(perpscope: Run, window_lake: Path) -> None:
    done = perpscope("check", "swings", "--lake", window_lake, "--from", "2024-07-01", "--to", "2024-08-10", "--cuts", "8")
    assert "no look-ahead found" in done.stdout
    as_json = perpscope("check", "delta", "--lake", window_lake, "--from", "2024-07-01", "--to", "2024-08-10", "--json")
    assert json.loads(as_json.stdout)["violations"] == []


def test_features_run_writes_parquet(perpscope: Run, window_lake: Path, tmp_path: Path) -> None:
    import polars as pl

    perpscope(
        "features", "run", "BTCUSDT", "swings", "average_stack@4h", "--lake", window_lake, "--from", "2024-01-01", "--to",
        "2024-08-05", "--out", tmp_path,
    )  # fmt: skip
    swings = pl.read_parquet(tmp_path / "swings-1h.parquet")
    assert swings.height > 100
    assert (swings["known_ts"] >= swings["ref_ts"]).all()
    assert pl.read_parquet(tmp_path / "average_stack-4h.parquet").height > 100


def test_catalog_doctor_and_describe(perpscope: Run, window_lake: Path, tmp_path: Path) -> None:
    text = perpscope("catalog", "--lake", window_lake).stdout
    assert "liquidation_totals@1h" in text
    assert "hole" in text  # the recording has holes, and they are shown
    entries = json.loads(perpscope("catalog", "--lake", window_lake, "--json").stdout)
    assert all(len(e["sha256"]) == 64 for e in entries)
    assert "ok" in perpscope("doctor", "--lake", window_lake).stdout
    damaged = tmp_path / "damaged"
    shutil.copytree(window_lake, damaged)
    victim = next(damaged.rglob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-7])
    broken = perpscope("doctor", "--lake", damaged, ok=False)
    assert broken.returncode == 1
    assert "WRONG" in broken.stdout
    assert "known_ts" in perpscope("features", "describe", "swings").stdout
