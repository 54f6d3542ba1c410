"""Pictures of every page at two sizes: `make screens`. Without arguments they show the invented market of the tests.

A picture is saved with all its colours where that is small enough, else with 256.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import PIL.Image
from playwright.sync_api import Page, sync_playwright

from ..conftest import fill, running
from .conftest import CHROMIUM, FLAGS, MISSING
from .reading import DRAWN, candles, settle

SIZES = ((1600, 900), (1280, 720))
MOST_BYTES = 280_000
READY_MS = 120_000
STILL = "() => !document.querySelector('.notice:not([hidden])')"


def nothing(page: Page) -> None:
    """A page that needs no hand."""


def hover(page: Page) -> None:
    box = page.locator(".chart-canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.35, box["y"] + box["height"] * 0.16)
    page.wait_for_timeout(1200)


def setups(page: Page) -> None:
    page.get_by_role("tab", name="Setups").click()


def keys(page: Page) -> None:
    page.keyboard.press("?")


def layers(page: Page) -> None:
    page.get_by_role("button", name="Layers").click()


def replay(page: Page) -> None:
    before = page.evaluate("() => window.perpscope.session.picture.value.watermarkMs")
    page.get_by_role("button", name="Replay").click()
    page.wait_for_function("ms => window.perpscope.session.picture.value.watermarkMs < ms", arg=before)


def profile(page: Page) -> None:
    for key in ("Shift+A", "Shift+G", "Shift+O", "Shift+V", "Shift+B"):
        page.keyboard.press(key)
    page.wait_for_function("() => [...window.perpscope.session.picture.value.layers.keys()].some(k => k.startsWith('profile'))")
    settle(page)


def colours(page: Page) -> None:
    page.get_by_role("button", name="Colours for").click()


def footprint(page: Page) -> None:
    page.get_by_role("tab", name="Book").click()
    page.keyboard.press("Shift+F")
    page.keyboard.press("Shift+R")
    page.wait_for_function(
        "() => { const p = window.perpscope.session.picture.value;"
        " return p.heats.size > 0 && [...p.layers.keys()].some(k => k.startsWith('footprint')); }"
    )
    bars = len(candles(page)["ref_ms"])
    page.evaluate("n => window.perpscope.chart.api.timeScale().setVisibleLogicalRange({from: n - 7, to: n + 0.5})", bars)
    settle(page)


def tape(page: Page) -> None:
    page.get_by_role("tab", name="Tape").click()
    page.wait_for_function("() => document.querySelector('#side-tape table') !== null")


PICTURES: tuple[tuple[str, str, Callable[[Page], None]], ...] = (
    ("chart", "", nothing),
    ("cell", "", hover),
    ("setups", "", setups),
    ("keys", "", keys),
    ("layers", "", layers),
    ("replay", "", replay),
    ("profile", "", profile),
    ("colour-blind", "", colours),
    ("frames", "?page=frames", nothing),
    ("backtests", "?page=backtests", nothing),
    ("evidence", "?page=evidence", nothing),
    ("factor", "?page=evidence&detail=frames", nothing),
    ("alerts", "?page=alerts", nothing),
    ("error", "?symbol=BTCUSD", nothing),
)
OF_TRADES = (("footprint", "?frame=1m&bars=200", footprint), ("tape", "?frame=1m&bars=200", tape))
WAITS = {
    "frames": "() => document.querySelectorAll('.grid-cell').length > 0 && "
    "![...document.querySelectorAll('.grid-cell header')].some(e => e.textContent.includes('reading'))",
    "error": "() => document.querySelector('.notice[data-kind=error]')",
}
PAPER = "() => [...document.querySelectorAll('.paper')].some(e => e.offsetParent && !e.textContent.includes('Reading'))"


def take(page: Page, url: str, name: str, query: str, act: Callable[[Page], None], to: Path) -> None:
    page.goto(url + query)
    wait = WAITS.get(name) or (PAPER if "page=" in query else f"() => ({DRAWN})() && ({STILL})()")
    page.wait_for_function(wait, timeout=READY_MS)
    settle(page)
    act(page)
    settle(page)
    save(page, name, to)


def save(page: Page, name: str, to: Path) -> None:
    size = page.viewport_size
    assert size is not None
    page.wait_for_timeout(300)
    image = PIL.Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = to / f"{name}-{size['width']}.png"
    image.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        image.quantize(256, PIL.Image.Quantize.MEDIANCUT, kmeans=2).save(path, optimize=True)
    print(f"{path} {path.stat().st_size // 1024} KB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("to", type=Path)
    parser.add_argument("--lake", type=Path, help="the market to show; default: the invented one of the tests")
    parser.add_argument("--trades", type=Path, help="a lake with trades and a book, for footprint, tape and ladder")
    parser.add_argument("--evidence", type=Path)
    parser.add_argument("--backtests", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    told = parser.parse_args()
    if MISSING:
        parser.exit(1, MISSING + "\n")
    told.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        shown = told.lake or fill(Path(folder) / "lake")
        (Path(folder) / "empty").mkdir()
        jobs = [(shown, one) for one in PICTURES] + [(told.trades, one) for one in OF_TRADES if told.trades]
        jobs += [(Path(folder) / "empty", ("empty", "", nothing))]
        WAITS["empty"] = "() => document.querySelector('.notice[data-kind=error]')"
        for lake in dict.fromkeys(lake for lake, _ in jobs):
            mine = [job for where, job in jobs if where == lake and (not told.only or job[0] in told.only)]
            if not mine:
                continue
            with running(lake, evidence=told.evidence, backtests=told.backtests) as ready:
                for name, query, act in mine:
                    for width, height in SIZES:
                        context = browser.new_context(viewport={"width": width, "height": height})
                        page = context.new_page()
                        take(page, ready.url, name, query, act, told.to)
                        context.close()
                lost = browser.new_page(viewport={"width": 1600, "height": 900})
                if lake == shown and (not told.only or "lost" in told.only):
                    lost.goto(ready.url)
                    lost.wait_for_function(DRAWN, timeout=READY_MS)
            if lost.url.startswith("http"):
                lost.wait_for_function("() => document.querySelector('.notice[data-kind=lost]')")
                for width, height in SIZES:
                    lost.set_viewport_size({"width": width, "height": height})
                    save(lost, "lost", told.to)
            lost.close()
        browser.close()


if __name__ == "__main__":
    main()
