"""Facts from the recorded files, and the rule of every view: nothing known after the moment changes a byte."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.image import imread

from perpscope import api
from perpscope.core.errors import UserError
from perpscope.core.time import DAY, parse_ts
from perpscope.lake import Lake, import_files, store
from perpscope.report.views.files import to_json, write_view
from perpscope.report.views.frames_picture import draw_frames
from perpscope.report.views.frames_words import frames_sheets
from perpscope.report.views.levels_picture import draw_levels_view
from perpscope.report.views.levels_words import levels_sheets
from perpscope.report.views.metrics_picture import draw_metrics
from perpscope.report.views.metrics_words import metrics_sheets
from perpscope.report.views.session_picture import draw_sessions_view
from perpscope.report.views.session_words import session_sheets

AT = "2024-08-05T14:00Z"
BESIDE = ("other=binance:ETHUSDT",)


@pytest.fixture(scope="module")
def lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """BTC by the hour with everything the Coinalyze window has, and ETH beside it."""
    made = Lake(tmp_path_factory.mktemp("views"))
    bars = shared_data / "bars"
    for symbol in ("BTCUSDT", "ETHUSDT"):
        import_files(made, "bars-parquet", [bars / f"binance_perp/1h/{symbol}.parquet"], venue="binance", symbol=symbol)
    import_files(made, "bars-parquet", [bars / "binance_funding/BTCUSDT.parquet"], venue="binance", symbol="BTCUSDT")
    files = sorted((bars / "coinalyze/1h").glob("BTCUSDT_*.parquet"))
    import_files(made, "coinalyze", files, venue="binance", symbol="BTCUSDT")
    return made


@pytest.fixture(scope="module")
def cut_lake(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The same, as it was at the moment."""
    made = Lake(tmp_path_factory.mktemp("cut"))
    for symbol in ("BTCUSDT", "ETHUSDT"):
        source = lake.source("binance", symbol, start=parse_ts("2024-01-01"), end=parse_ts(AT))
        for stream in source.tables:
            for origin in lake.gather("binance", symbol, stream).shares:
                kept = lake.read("binance", symbol, stream, end=parse_ts(AT), origins=[origin])
                store(made, source.instrument, {stream: kept}, origin)
    return made


def mtf(lake, at=AT):
    view, snap = api.make_mtf(lake, "BTCUSDT", ["1d", "4h", "1h"], venue="binance", at=at)
    return view, draw_frames(view, snap), frames_sheets(view, 0.1)


def structure(lake, at=AT):
    view, snap = api.make_structure(lake, "BTCUSDT", venue="binance", at=at, companions=BESIDE)
    return view, draw_levels_view(view, snap, 10 * DAY), levels_sheets(view, 0.1)


def sessions(lake, at=AT):
    view, snap = api.make_sessions(lake, "BTCUSDT", venue="binance", at=at, timeframe="1h", start="2024-01-01")
    return view, draw_sessions_view(view, snap, 4 * DAY), session_sheets(view, 0.1)


def metrics(lake, at=AT):
    view, snap = api.make_metrics(lake, "BTCUSDT", venue="binance", at=at)
    return view, draw_metrics(view, snap, 14 * DAY), metrics_sheets(view, "BTC")


VIEWS = {"mtf": mtf, "structure": structure, "sessions": sessions, "metrics": metrics}


@pytest.fixture(scope="module")
def made(lake):
    return {name: make(lake) for name, make in VIEWS.items()}


@pytest.mark.parametrize("name", VIEWS)
def test_nothing_known_after_the_moment_changes_a_byte(name, made, cut_lake):
    view, picture, sheets = made[name]
    again, drawn, told = VIEWS[name](cut_lake)
    assert to_json(view) == to_json(again)
    assert picture == drawn
    assert sheets == told


@pytest.mark.parametrize("name", VIEWS)
def test_the_record_says_what_and_of_which_version_it_is(name, made, tmp_path):
    view, picture, _ = made[name]
    paths = write_view(view, picture, name, tmp_path)
    assert [p.name for p in paths] == [f"{name}.json", f"{name}.png"]
    record = json.loads(paths[0].read_text())
    assert (record["schema"], record["schema_version"]) == (f"perpscope.{name}", 1)
    assert record["at"].startswith("2024-08-05T14:00")
    pixels = imread(io.BytesIO(picture))
    assert pixels.shape[1] == 1600
    assert pixels[..., :3].std() > 0.05  # something is drawn on the dark ground


def test_figures_of_the_frames_are_those_of_closed_bars(made, shared_data):
    view = made["mtf"][0]
    hours = pl.read_parquet(shared_data / "bars/binance_perp/1h/BTCUSDT.parquet")
    ms = parse_ts(AT) // 1_000_000
    closes = hours.filter(pl.col("ts") + 3_600_000 <= ms)
    assert [f.timeframe for f in view.frames] == ["1d", "4h", "1h"]
    day, four, hour = view.frames
    assert hour.close == closes["close"][-1]
    assert day.close == closes.filter(pl.col("ts") + 3_600_000 <= parse_ts("2024-08-05") // 1_000_000)["close"][-1]
    assert four.known.hour == 12
    assert (day.forming.elapsed_fraction, four.forming.elapsed_fraction, hour.forming) == (14 / 24, 0.5, None)
    today = closes.tail(14)
    assert (day.forming.high, day.forming.low) == (today["high"].max(), today["low"].min())
    assert day.forming.last == closes["close"][-1]
    assert hour.trend == "down"
    assert [h.name for h in view.horizons] == ["long", "medium", "short"]
    assert view.horizons[2].frames == []  # no frame of a quarter of an hour or less was asked for


def test_the_level_map_of_the_crash_names_what_the_files_say(made, shared_data):
    view = made["structure"][0]
    hours = pl.read_parquet(shared_data / "bars/binance_perp/1h/BTCUSDT.parquet")
    sunday = hours.filter(pl.col("ts").is_between(parse_ts("2024-08-04") // 10**6, parse_ts("2024-08-05") // 10**6 - 1))
    found = {level.name: level for level in view.levels}
    assert found["previous day low"].price == sunday["low"].min()
    assert found["previous day low"].first_seen.hour == 0
    assert [x.rank for x in view.levels] == list(range(1, len(view.levels) + 1))
    assert view.levels[0].families >= 3
    families = [x.families for x in view.levels]
    assert families == sorted(families, reverse=True)
    assert view.trend == "down"
    assert view.divergences  # from ETH beside it


def test_sessions_by_the_calendar_and_by_the_bars(made, shared_data):
    view = made["sessions"][0]
    assert {w.name for w in view.now} >= {"london", "new_york", "us_equities", "silver_bullet_2"}
    assert view.next_funding.hour == 16
    hours = pl.read_parquet(shared_data / "bars/coinalyze/1h/BTCUSDT_ohlcv-history.parquet")
    asia = hours.filter(pl.col("ts").is_between(parse_ts("2024-08-05") // 10**6, parse_ts("2024-08-05T09:00Z") // 10**6 - 1))
    row = next(r for r in view.ranges if r.name == "asia")
    assert (row.high, row.low, row.developing) == (asia["high"].max(), asia["low"].min(), False)
    typical = asia.select((pl.col("high") + pl.col("low") + pl.col("close")) / 3).to_series()
    assert row.vwap == pytest.approx(np.average(typical, weights=asia["volume"]), rel=1e-6)
    assert len(view.season) == 24
    assert set(view.season_units) >= {"return", "volatility", "volume"}


def test_metrics_are_those_of_the_files_and_what_is_missing_is_named(made, shared_data):
    view = made["metrics"][0]
    by = {m.fold: m.values for m in view.metrics}
    ms = parse_ts(AT) // 10**6
    interest = pl.read_parquet(shared_data / "bars/coinalyze/1h/BTCUSDT_open-interest-history.parquet")
    assert by["open_interest_delta"]["open_interest"] == interest.filter(pl.col("ts") + 3_600_000 == ms)["oi_close"][0]
    paid = pl.read_parquet(shared_data / "bars/binance_funding/BTCUSDT.parquet").filter(pl.col("ts") <= ms)
    assert by["funding_state"]["funding_rate"] == paid["funding_rate"][-1]
    assert by["funding_state"]["funding_interval"] == 8 * 3600
    assert set(view.absent) >= {"premium", "basis", "aggregate_interest", "flow_spread"}
    assert view.ratios["top_accounts"] is None
    assert view.ratios["all_accounts"] == pytest.approx(0.7, abs=0.05)
    assert sum(s.share for s in view.states) == pytest.approx(1.0)


def test_every_word_of_every_table_is_text(made):
    for _, _, sheets in made.values():
        for sheet in sheets:
            for grid in sheet.grids:
                assert all(isinstance(cell, str) and len(row) == len(grid.headings) for row in grid.rows for cell in row)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda lk: api.make_mtf(lk, "BTCUSDT", ["1h", "1h"], venue="binance", at=AT), "named once"),
        (lambda lk: api.make_mtf(lk, "BTCUSDT", ["4h", "15m"], venue="binance", at=AT), "15m bars can be made neither"),
        (lambda lk: api.make_mtf(lk, "BTCUSDT", ["4h", "7m"], venue="binance", at=AT), "does not divide its parent"),
        (lambda lk: api.make_mtf(lk, "BTCUSDX", ["4h"], venue="binance", at=AT), "Did you mean"),
        (lambda lk: api.make_structure(lk, "BTCUSDT", venue="binance", at="2031-01-01"), "Choose an earlier time"),
        (lambda lk: api.make_structure(lk, "BTCUSDT", venue="binance", at=AT, tolerance_sigma=0.0), "must be above 0"),
        (lambda lk: api.make_structure(lk, "BTCUSDT", venue="binance", at=AT, companions=["x"]), "Write role=venue:symbol"),
        (lambda lk: api.make_metrics(lk, "BTCUSDT", venue="binance", at="2024-08-05T14:00"), "has no time zone"),
        (
            lambda lk: api.study_sessions(lk, "BTCUSDT", venue="binance", timeframe="1h", start="2024-08-01", end=AT),
            "eight weeks",
        ),
    ],
)
def test_a_mistake_is_a_sentence(lake, call, sentence):
    with pytest.raises(UserError, match=sentence):
        call(lake)


def test_a_folder_that_cannot_be_made_is_said(made, tmp_path):
    view, picture, _ = made["mtf"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Choose another folder"):
        write_view(view, picture, "mtf", tmp_path / "file" / "x")


def test_the_newest_bar_is_the_moment_when_none_is_given(lake):
    view, _ = api.make_mtf(lake, "BTCUSDT", ["4h", "1h"], venue="binance")
    assert view.at.startswith("2026-03-01T00:00")
