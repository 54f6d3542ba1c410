"""What happens around the chart: servers that die, tabs that hide, pages that stall, wrong addresses, other readers."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import matplotlib.image
import pytest
from playwright.sync_api import Browser, Page, expect

from perpscope.web.offline import offline_html
from perpscope.web.serve import Serving

from ..conftest import running
from .conftest import on_port
from .reading import DRAWN, open_chart, settle

FRONTEND = Path(__file__).resolve().parents[3] / "frontend"
AXE = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
WATERMARK = "() => window.perpscope.session.picture.value.watermarkMs"


def test_the_page_comes_back_when_the_server_does(browser: Browser, lake_dir: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.set_default_timeout(15_000)
    with running(lake_dir) as first:
        port = first.listener.getsockname()[1]
        page.goto(first.url)
        page.wait_for_function(DRAWN)
    expect(page.locator(".notice")).to_contain_text("The server does not answer", timeout=10_000)
    expect(page.locator(".feed")).to_have_text("disconnected")
    expect(page.get_by_role("button", name="Try now")).to_be_visible()
    assert page.evaluate(WATERMARK) > 0
    with on_port(lake_dir, port):
        page.evaluate("() => window.perpscope.session.retry()")
        expect(page.locator(".notice")).to_be_hidden(timeout=15_000)
        expect(page.locator(".feed")).to_contain_text("as of")
        page.close()


def test_a_stalled_page_catches_up_without_drawing_what_it_missed(page: Page) -> None:
    open_chart(page)
    start = page.evaluate(WATERMARK) - 400 * 3_600_000
    page.evaluate("ms => window.perpscope.session.send({type: 'clock', do: 'jump', value: ms})", start)
    page.wait_for_function("ms => window.perpscope.session.picture.value.watermarkMs <= ms", arg=start)
    page.evaluate("() => window.perpscope.session.send({type: 'clock', do: 'speed', value: 72000})")
    page.evaluate("() => window.perpscope.session.send({type: 'clock', do: 'play'})")
    page.wait_for_function("ms => window.perpscope.session.picture.value.watermarkMs > ms", arg=start + 3_600_000)
    drawn = page.evaluate(
        """() => { const s = window.perpscope.session, seen = []; s.picture.watch(p => seen.push(p.watermarkMs));
        const until = performance.now() + 1200; while (performance.now() < until); window.seen = seen; return seen.length; }"""
    )
    assert drawn == 1
    page.wait_for_function("() => window.seen.length > 3")
    page.evaluate("() => window.perpscope.session.send({type: 'clock', do: 'pause'})")
    page.wait_for_function(
        "() => { const s = window.perpscope.session, c = s.clock.value;"
        " return c && !c.playing && c.at_ms - s.picture.value.watermarkMs < 2 * 3600000; }"
    )
    jumps = page.evaluate("() => window.seen.slice(1).map((ms, i) => ms - window.seen[i])")
    assert max(jumps) > 3 * 3_600_000, "the moments of the stall came one by one instead of in one picture"
    expect(page.locator(".replay")).to_contain_text("as known at")


def test_a_hidden_tab_takes_nothing_and_returns_to_a_whole_picture(page: Page) -> None:
    said: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda text: said.append(str(text))))
    open_chart(page)
    hide = """hidden => { Object.defineProperty(document, 'visibilityState', {value: hidden ? 'hidden' : 'visible',
        configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }"""
    page.evaluate(hide, True)
    before = len(said)
    page.evaluate("() => window.perpscope.session.drawn(1, 1)")
    assert said[before:] == []
    page.evaluate(hide, False)
    page.wait_for_function("() => window.perpscope.session.picture.value.seq >= 1")
    settle(page)
    assert json.loads(said[before])["type"] == "subscribe"


def test_a_wrong_address_says_what_is_wrong_and_what_there_is(page: Page) -> None:
    page.goto("/?venue=demo&symbol=BTCUSD&frame=1h")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("BTCUSD")
    expect(notice).to_contain_text("BTCUSDT")
    notice.get_by_role("button").click()
    expect(page.get_by_role("dialog", name="Instrument")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.perpscope.session.picture.value !== null")
    expect(notice).to_be_hidden()


def test_an_empty_lake_and_a_page_without_results_say_what_to_do(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    with running(tmp_path / "empty") as ready:
        page.goto(ready.url)
        expect(page.locator(".notice")).to_contain_text("The lake is empty.")
        expect(page.locator(".notice")).to_contain_text("perpscope demo")
        for name, todo in (
            ("backtests", "perpscope backtest"),
            ("evidence", "perpscope evidence"),
            ("alerts", "live"),
        ):
            page.goto(f"{ready.url}?page={name}")
            expect(page.locator(".paper:visible")).to_contain_text(todo)
        page.close()


def test_a_malformed_frame_is_survived(page: Page) -> None:
    open_chart(page)
    page.evaluate(
        """() => { const line = window.perpscope.session.connection; line.socket.onmessage({data: new ArrayBuffer(5)}); }"""
    )
    page.wait_for_function("() => window.perpscope.session.error.value === null")
    settle(page)
    expect(page.locator(".notice")).to_be_hidden()


def test_nothing_is_asked_of_other_machines(page: Page, site: Serving) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_chart(page)
    page.get_by_role("tab", name="Setups").click()
    assert [url for url in asked if not url.startswith(site.url.rstrip("/"))] == []


def test_a_page_in_one_file_draws_without_a_server(browser: Browser, site: Serving, tmp_path: Path) -> None:
    frame = httpx.get(
        f"{site.url.rstrip(chr(47))}/api/view", params={"venue": "demo", "symbol": "BTCUSDT", "frame": "1h"}
    ).content
    file = tmp_path / "report.html"
    file.write_bytes(offline_html(frame))
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    page.goto(file.as_uri())
    page.wait_for_function(DRAWN)
    expect(page.locator(".mode")).to_have_text("OFFLINE")
    expect(page.locator(".notice")).to_be_hidden()
    page.keyboard.press("Shift+L")
    settle(page)
    assert complaints == []
    page.close()


def test_the_chart_is_saved_as_a_picture(page: Page, tmp_path: Path) -> None:
    open_chart(page)
    with page.expect_download() as saving:
        page.get_by_role("button", name="PNG").click()
    assert saving.value.suggested_filename == "perpscope-demo-BTCUSDT-1h.png"
    saving.value.save_as(tmp_path / "chart.png")
    image = matplotlib.image.imread(tmp_path / "chart.png")
    assert image.shape[0] > 400
    assert image[:, :, :3].std() > 0.05


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: make ui")
def test_axe_finds_no_violations(page: Page) -> None:
    open_chart(page)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = []
    for act in ("", "Setups", "Layers"):
        if act:
            page.get_by_role("tab" if act == "Setups" else "button", name=act).click()
        settle(page)
        result = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
        found += [(act, v["id"], [n["html"][:120] for n in v["nodes"][:2]]) for v in result]
        page.keyboard.press("Escape")
    assert found == []
