"""Answers: HTTP's own rules for tags and compression; the frame of a socket against the frame of a route; a cell against
the row of the heatmap it stands for; files of evidence and backtests made here by hand."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from perpscope.core.time import HOUR
from perpscope.features.liquidation.map import newest_cells
from perpscope.lake import Lake, store
from perpscope.research.evidence.facts import Number
from perpscope.research.evidence.verdicts import FactorVerdict, VerdictFile, write_verdicts
from perpscope.setups.base import Verdict
from perpscope.web.files import STATIC
from perpscope.web.frames import decode_frame
from perpscope.web.history import Ask
from perpscope.web.serve import Serving

from .conftest import BARS_HELD, START, fill, hourly_tables, running
from .talk import Client, talk

VIEW = {"venue": "demo", "symbol": "BTCUSDT", "frame": "1h"}


def get(ready: Serving, path: str, **parameters: Any) -> httpx.Response:
    return httpx.get(ready.url + path, params=parameters, timeout=30)


def test_a_view_is_the_frame_that_a_socket_gets(served: Serving) -> None:
    async def what(client: Client) -> dict[str, Any]:
        await client.begin()
        return await client.follow(layers=None)

    over_socket = talk(served.url, what)
    header, _ = decode_frame(get(served, "api/view", **VIEW, bars=100).content)
    assert over_socket["summary"] == header.summary
    assert over_socket["layers"] == json.loads(json.dumps([_plain(layer) for layer in header.layers]))


def _plain(struct: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(struct)


def test_an_unchanged_answer_is_not_sent_again(served: Serving) -> None:
    for path, parameters in (
        ("api/view", {**VIEW, "bars": 60}),
        ("api/signals", {**VIEW, "bars": 60}),
        ("api/instruments", {}),
    ):
        first = get(served, path, **parameters)
        again = httpx.get(served.url + path, params=parameters, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        other = httpx.get(served.url + path, params=parameters, headers={"if-none-match": 'W/"older"'})
        assert other.status_code == 200


def test_an_import_changes_every_tag(tmp_path: Path) -> None:
    with running(fill(tmp_path / "lake")) as ready:
        first = get(ready, "api/view", **VIEW, bars=20)
        more = hourly_tables(BARS_HELD + 24)
        bars = more["bars@1h"]
        lake = Lake(tmp_path / "lake")
        store(lake, lake.instrument("demo", "BTCUSDT"), {"bars@1h": bars[bars.clock > START + BARS_HELD * HOUR]}, "simulation")
        ready.desk.history.refresh()
        second = get(ready, "api/view", **VIEW, bars=20)
    assert first.headers["etag"] != second.headers["etag"]
    ends = [decode_frame(r.content)[0].watermark_ms for r in (first, second)]
    assert ends[1] - ends[0] == 24 * 3.6e6


def test_answers_are_compressed(served: Serving) -> None:
    answer = get(served, "api/view", **VIEW)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(answer.content)


def test_a_cell_is_the_row_of_the_map_that_was_in_force(served: Serving) -> None:
    picture = served.desk.picture(Ask("demo", "BTCUSDT", "1h"))
    at = START + 650 * HOUR
    held = newest_cells(picture.results.rows["liquidation_heatmap@1h"], at)
    largest = held[int(np.argmax(held["notional"])) :][:1]
    middle = float(np.sqrt(largest["price_low"][0] * largest["price_high"][0]))
    told = get(served, "api/cell", **VIEW, at_ms=at / 1e6, price=middle).json()
    side = next(s for s in told["sides"] if s["usd"] == pytest.approx(float(largest["notional"][0]), rel=1e-8))
    assert told["estimated"] is True
    assert told["skill"] == "not measured"
    assert (side["usd_p10"], side["usd_p90"]) == (None, None)
    assert side["young_fraction"] + side["day_fraction"] + side["older_fraction"] == pytest.approx(1.0)
    assert sum(side["leverage"].values()) == pytest.approx(1.0)


def test_a_cell_where_nothing_is_held_is_empty(served: Serving) -> None:
    told = get(served, "api/cell", **VIEW, at_ms=(START + 650 * HOUR) / 1e6, price=1.0).json()
    assert told["sides"] == []


def test_signals_come_whole(served: Serving) -> None:
    cards = get(served, "api/signals", **VIEW).json()
    header, _ = decode_frame(get(served, "api/view", **VIEW).content)
    assert len(cards) == len(header.signals) + header.skipped.get("signals", 0)
    assert all(card["reasons"] for card in cards)


def test_the_grid_of_time_frames_is_that_of_the_command(served: Serving, lake_dir: Path) -> None:
    from perpscope import api

    told = get(served, "api/mtf", venue="demo", symbol="BTCUSDT", frames="4h,1h").json()
    view, _ = api.make_mtf(lake_dir, "BTCUSDT", ["4h", "1h"], venue="demo")
    assert [f["timeframe"] for f in told["frames"]] == [f.timeframe for f in view.frames] == ["4h", "1h"]
    assert told["price"] == view.price


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("api/view?venue=demo&symbol=NONE&frame=1h", 404),
        ("api/view?venue=demo&symbol=BTCUSDT&frame=1x", 404),
        ("api/view?venue=demo&symbol=BTCUSDT", 422),
        ("api/view?venue=demo&symbol=BTCUSDT&frame=1h&bars=1", 422),
        ("api/view?venue=demo&symbol=BTCUSDT&frame=1h&bars=nan", 422),
        ("api/view?venue=demo&symbol=BTCUSDT&frame=1h&at_ms=nan", 422),
        ("api/view?venue=demo&symbol=BTCUSDT&frame=1h&at_ms=1", 404),
        ("api/view?venue=" + "x" * 100 + "&symbol=BTCUSDT&frame=1h", 422),
        ("api/cell?venue=demo&symbol=BTCUSDT&frame=1h&at_ms=1&price=-1", 422),
        ("api/cell?venue=demo&symbol=BTCUSDT&frame=1h&at_ms=inf&price=1", 422),
        ("api/mtf?venue=demo&symbol=BTCUSDT&frames=1h,1h", 404),
        ("api/evidence", 404),
        ("api/evidence/x", 404),
        ("api/backtests", 404),
        ("api/backtests/..%2f..", 404),
        ("api/unknown", 404),
        ("ws", 404),
    ],
)
def test_a_mistake_is_a_sentence_with_what_to_do(served: Serving, path: str, status: int) -> None:
    answer = httpx.get(served.url + path)
    told = answer.json()
    assert (answer.status_code, set(told)) == (status, {"type", "code", "sentence", "todo", "id"})
    assert told["sentence"]
    assert told["todo"]


def test_another_method_is_refused(served: Serving) -> None:
    headers = {"origin": served.url.rstrip("/"), "content-type": "application/json"}
    assert httpx.request("DELETE", served.url + "api/view", headers=headers).status_code == 405


def test_an_empty_lake_is_served(tmp_path: Path) -> None:
    with running(tmp_path / "none") as ready:
        assert get(ready, "api/instruments").json()["instruments"] == []
        assert "perpscope import" in get(ready, "api/view", **VIEW).json()["todo"]


def test_a_page_that_is_not_built_says_how_to_build_it(lake_dir: Path, tmp_path: Path) -> None:
    with running(lake_dir, static=tmp_path) as ready:
        assert any("make ui" in note for note in ready.notes)
        assert "make ui" in get(ready, "").text
        (tmp_path / "assets").mkdir()
        (tmp_path / "assets" / "page-abc.js").write_text("export {}")
        (tmp_path / "index.html").write_text("<!doctype html><title>built</title>")
        assert get(ready, "").text.endswith("built</title>")
        script = get(ready, "assets/page-abc.js")
        assert script.headers["content-type"].startswith("text/javascript")
        assert "immutable" in script.headers["cache-control"]
        assert get(ready, "backtests").text.endswith("built</title>")
        assert get(ready, "assets/other.js").status_code == 404


def test_the_built_page_is_in_the_packages_folder() -> None:
    assert STATIC.name == "static"
    assert STATIC.parent.name == "web"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder of evidence and a folder of backtests, as the commands write them."""
    evidence, tests = tmp_path / "evidence", tmp_path / "tests" / "first"
    evidence.mkdir()
    tests.mkdir(parents=True)
    words = ("", "a sentence", "4h", 9)
    rest = (Number(None, None, None, 0), 12.0, 1, "2024-01-20", "2030-01-01", 0, 0.0)
    one = FactorVerdict("liquidation_map", Verdict.WEAK, Verdict.WEAK, *words, *rest)
    told = VerdictFile(
        venue="demo", symbols=["BTCUSDT"], timeframe="1h", start="2023-01-01", end="2024-01-01", date="2024-01-20", seed=1,
        data_hash="", gates_hash="", ledger_hash="", code_version="", command="", factors={"liquidation_map": one},
    )  # fmt: skip
    write_verdicts(evidence, told)
    (evidence / "liquidation_map.json").write_text('{"name": "liquidation_map"}')
    (evidence / "liquidation_map.png").write_bytes(b"\x89PNG")
    (tests / "backtest.json").write_text('{"performance": {"growth": 0.25}}')
    times = [datetime.datetime(2024, 1, day, tzinfo=datetime.UTC) for day in (1, 2, 3)]
    pl.DataFrame({"known_ts": times, "equity": [1.0, float("nan"), 3.0]}).write_parquet(tests / "equity.parquet")
    return tmp_path


def test_evidence_and_backtests_are_served_as_they_were_written(lake_dir: Path, archive: Path) -> None:
    with running(lake_dir, evidence=archive / "evidence", backtests=archive / "tests") as ready:
        assert get(ready, "api/evidence").json()["factors"]["liquidation_map"]["verdict"] == "WEAK"
        assert get(ready, "api/evidence/liquidation_map").json() == {"name": "liquidation_map"}
        assert get(ready, "api/evidence/liquidation_map/picture").content == b"\x89PNG"
        assert "Did you mean" in get(ready, "api/evidence/liquidation_mop").json()["todo"]
        assert get(ready, "api/backtests").json() == ["first"]
        page = get(ready, "api/backtests/first").json()
        assert page["result"]["performance"]["growth"] == 0.25
        assert page["equity"] == {"known_ts": [1704067200000, 1704153600000, 1704240000000], "equity": [1.0, None, 3.0]}
        assert page["round_trips"] is None
        assert get(ready, "api/status").json()["verdicts"] == "2024-01-20"
        cell = {**VIEW, "price": 50_000.0}
        early, late = (
            get(ready, "api/cell", **cell, at_ms=t, clock_ms=t).json()["skill"] for t in (1705600000000, 1706900000000)
        )
    assert (early, late) == ("not measured", "weak")
