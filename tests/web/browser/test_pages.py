"""The pages beside the chart, over a backtest and a verdict written by hand: what they mark, and that all can read them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from playwright.sync_api import Browser, Page, expect

from perpscope.research.evidence.verdicts import FactorVerdict, Number, Verdict, VerdictFile, write_verdicts
from perpscope.web.serve import Serving
from perpscope.web.stream.publisher import Publisher
from perpscope.web.wire import Alert

from ..conftest import running
from .reading import open_chart, pixels, settle
from .test_life import AXE

SELL = (0xF2, 0x72, 0x8C)
"""The palette's colour for a loss (`view/palette.ts`)."""


def moment(day: int, hour: int = 0) -> datetime.datetime:
    return datetime.datetime(2024, 1, day, hour, tzinfo=datetime.UTC)


def write_backtest(folder: Path) -> None:
    """Two round trips in January; the second is closed by force on the 20th."""
    folder.mkdir(parents=True)
    known = {"value": 0.5, "low": 0.25, "high": 0.75}
    told = {
        "config": {"name": "by hand", "data": {"venue": "demo", "symbols": ["BTCUSDT"], "timeframe": "1h"}},
        "performance": {
            "initial": 1000.0, "final": 700.0, "growth": -0.3, "round_trips": 2, "liquidations": 1, "days": 30,
            "costs": {"fees": 3.0}, "returns": {"annual_growth": known}, "trades": {"expectancy": known, "hit_rate": known},
        },
        "cost_grid": {"x2": -303.0}, "exits": {"target": 1, "liquidation": 1}, "refusals": {}, "warnings": ["A warning."],
        "span": {"start": "2024-01-02", "end": "2024-01-30"}, "instruments": ["BTCUSDT"],
    }  # fmt: skip
    (folder / "backtest.json").write_text(json.dumps(told))
    days = range(2, 31)
    pl.DataFrame(
        {
            "ref_ts": [moment(day) for day in days],
            "known_ts": [moment(day, 1) for day in days],
            "equity": [1000.0 if day < 10 else 1100.0 if day < 20 else 700.0 for day in days],
        }
    ).write_parquet(folder / "equity.parquet")
    pl.DataFrame(
        {
            "known_ts": [moment(10), moment(20)], "entry_ts": [moment(5), moment(15)], "instrument": [0, 0],
            "leg": ["long", "short"], "entry_price": [50_000.0, 51_000.0], "exit_price": [51_000.0, 53_000.0],
            "quantity": [0.1, 0.2], "fees": [1.0, 2.0], "funding": [0.0, 0.0], "net": [100.0, -400.0],
            "risk_multiple": [1.0, -4.0], "exit_reason": ["target", "liquidation"], "leverage": [10.0, 25.0],
        }
    ).write_parquet(folder / "round_trips.parquet")  # fmt: skip


def write_evidence(folder: Path) -> None:
    folder.mkdir(parents=True)
    words = ("", "a sentence", "4h", 9)
    rest = (Number(None, None, None, 0), 12.0, 1, "2024-01-20", "2030-01-01", 0, 0.0)
    told = VerdictFile(
        venue="demo", symbols=["BTCUSDT"], timeframe="1h", start="2023-01-01", end="2024-01-01", date="2024-01-20", seed=1,
        data_hash="", gates_hash="", ledger_hash="", code_version="", command="",
        factors={"liquidation_map": FactorVerdict("liquidation_map", Verdict.WEAK, Verdict.WEAK, *words, *rest)},
    )  # fmt: skip
    write_verdicts(folder, told)


@pytest.fixture(scope="module")
def results(lake_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("results")
    write_backtest(folder / "tests" / "first")
    write_evidence(folder / "evidence")
    with running(lake_dir, evidence=folder / "evidence", backtests=folder / "tests") as ready:
        yield ready


@pytest.fixture
def paper(browser: Browser, results: Serving) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, base_url=results.url)
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def test_liquidations_stand_on_the_equity_curve(paper: Page) -> None:
    paper.goto("/?page=backtests")
    plot = paper.get_by_role("img", name="Equity from")
    expect(plot).to_have_attribute("aria-label", "Equity from $1.00 k to $700; 1 liquidation marked")
    box = plot.bounding_box()
    assert box is not None
    settle(paper)
    shown = pixels(paper)[int(box["y"]) : int(box["y"] + box["height"]), int(box["x"]) : int(box["x"] + box["width"] - 80)]
    rows, columns = np.nonzero((np.abs(shown - SELL) < 6).all(axis=2))
    assert len(rows) > 20
    # The 20th is point 18 of 28 steps, drawn from edge to edge.
    assert np.median(columns) / shown.shape[1] == pytest.approx(18 / 28, abs=0.06)


def test_the_trades_of_a_backtest_leave_the_chart_at_a_press(paper: Page) -> None:
    paper.goto("/?page=backtests")
    paper.get_by_role("button", name="Show trade 2 on the chart").click()
    gone = paper.get_by_role("button", name="Hide backtest trades")
    expect(gone).to_be_visible()
    gone.click()
    expect(gone).to_be_hidden()


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: make ui")
def test_axe_finds_no_violations_on_the_pages_beside_the_chart(paper: Page) -> None:
    found = []
    waits = {"frames": ".grid-cell", "backtests": ".trips", "evidence": ".evidence", "alerts": ".sound"}
    for name, wait in waits.items():
        paper.goto(f"/?page={name}")
        paper.locator(wait).first.wait_for()
        paper.evaluate(AXE.read_text(encoding="utf-8"))
        settle(paper)
        result = paper.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
        found += [(name, v["id"], [n["html"][:160] for n in v["nodes"][:2]]) for v in result]
    assert found == []


def test_an_alert_sounds_only_where_that_was_asked_for(browser: Browser, lake_dir: Path) -> None:
    publisher = Publisher()
    with running(lake_dir, mode="live", publisher=publisher) as ready:
        page = browser.new_page()
        page.add_init_script(
            "window.tones = 0; const start = OscillatorNode.prototype.start;"
            "OscillatorNode.prototype.start = function (at) { window.tones += 1; return start.call(this, at); };"
        )
        page.goto(f"{ready.url}?page=alerts")
        fire = Alert(rule="r", title="Sweep", text="It happened.", venue="demo", symbol="X", known_ms=1.0, number=0)
        expect(page.locator(".feed")).not_to_contain_text("connecting")
        publisher.alert(fire)
        expect(page.locator("article.alert")).to_have_count(1)
        assert page.evaluate("window.tones") == 0
        page.get_by_label("A tone when an alert fires").check()
        page.wait_for_function("() => window.tones === 1")
        publisher.alert(fire)
        expect(page.locator("article.alert")).to_have_count(2)
        assert page.evaluate("window.tones") == 2
        page.reload()
        expect(page.get_by_label("A tone when an alert fires")).to_be_checked()
        page.close()


def test_eight_time_frames_fit_the_top_of_a_small_screen(page: Page) -> None:
    open_chart(page)
    page.evaluate(
        """() => { const s = window.perpscope.session, w = s.welcome.value;
        const frames = ['10s', '1m', '5m', '15m', '1h', '4h', '1d', '1w'];
        s.welcome.set({...w, instruments: w.instruments.map(i => ({...i, frames}))}); }"""
    )
    expect(page.locator(".frames button")).to_have_count(8)
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('.top button, .top select, .top .mode')].filter(e => e.checkVisibility()
        && !e.closest('dialog')).map(e => { const b = e.getBoundingClientRect();
        return [b.left, b.top, b.right, b.bottom]; })"""
    )
    assert len(boxes) > 15
    assert all(left >= 0 and right <= 1280 for left, _, right, _ in boxes)
    for i, (left, top, right, bottom) in enumerate(boxes):
        for a, b, c, d in boxes[i + 1 :]:
            assert min(right, c) - max(left, a) < 1 or min(bottom, d) - max(top, b) < 1
    assert page.evaluate("() => document.querySelector('.top').scrollWidth <= 1280")
