"""What a reader waits for, in a headless chromium: `python benchmarks/page.py` (after `make ui`).

- First useful paint: from the start of the navigation until candles, heat and figures are painted, in a fresh profile, from a
  server that runs already. Goal 1.5 s.
- Tick to pixel: from the moment the live loop begins a step (`benchmarks/web.py`: twenty a second, in a process of its own)
  until the canvas that shows it was painted and handed to the compositor. The page's clock is laid on this one by the quickest
  of 200 round trips. Goal p99 100 ms.
- Panning 10,000 candles in five panes: mean frame with the heat over mean frame without, by turns in one page; the least
  of three rounds each. Goal 1.10.
- The page's JavaScript as it is sent. Goal 150 KB.

Chromium draws by software here: compare variants, not milliseconds.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from perpscope.core.events import BARS, FUNDING, OPEN_INTEREST
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.table import Table
from perpscope.core.time import HOUR, NULL_TS, parse_ts
from perpscope.lake import Lake, store
from perpscope.web.files import STATIC
from perpscope.web.serve import serving
from web import goal, loop

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZE = {"width": 1600, "height": 900}
DRAWN = "window.perpscope?.session.picture.value && document.querySelector('.pane-value .figure')"
PAINTED = """done => { const c = new MessageChannel();
  c.port1.onmessage = () => done(performance.now()); c.port2.postMessage(0); }"""
FIRST = f"""(() => {{ const painted = {PAINTED}; const look = () => {DRAWN}
  ? requestAnimationFrame(() => requestAnimationFrame(() => painted(ms => {{ window.useful = ms; }})))
  : requestAnimationFrame(look);
  requestAnimationFrame(look); }})();"""
WATCH = f"""() => {{ const painted = {PAINTED}; window.seen = [];
  // The page draws in the next frame and the chart paints its canvas in the one after: both asked before this does.
  window.perpscope.session.picture.watch(p => requestAnimationFrame(() => requestAnimationFrame(() =>
    painted(ms => window.seen.push([p.watermarkMs, ms]))))); }}"""
PAN = """frames => new Promise(done => {
  const scale = window.perpscope.chart.api.timeScale(), times = []; let from = 6000, last = 0;
  const step = now => {
    if (last) times.push(now - last);
    last = now; from += 7;
    scale.setVisibleLogicalRange({from, to: from + 2500});
    times.length < frames ? requestAnimationFrame(step) : done(times);
  };
  requestAnimationFrame(step);
})"""
PRICE_PANE_ONLY = (
    "bias", "fair_value_gaps", "order_blocks", "swings", "breaks", "session_ranges", "opens", "levels", "liquidation_volume",
)  # fmt: skip
HEAT = """on => { const s = window.perpscope.session;
  s.change({layers: {...s.settings.value.layers, liquidation_heatmap: on}}); }"""
HEATED = "on => window.perpscope.session.picture.value.heats.size === Number(on)"
GRID = "() => { const g = [...window.perpscope.session.picture.value.heats.values()][0]; return [g.columns, g.bins]; }"


def history(folder: Path, bars: int) -> None:
    """A random walk of hourly bars with open interest and funding."""
    rng = np.random.default_rng(3)
    close = np.round(50_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.006, bars))), 1)
    opening = np.append(50_000.0, close[:-1])
    high = np.round(np.maximum(opening, close) * 1.002, 1)
    low = np.round(np.minimum(opening, close) * 0.998, 1)
    volume = rng.uniform(500.0, 2_000.0, bars)
    bought = volume * rng.uniform(0.3, 0.7, bars)
    ref = parse_ts("2024-01-01") + HOUR * np.arange(bars)
    paid = ref[::8]
    tables = {
        "bars@1h": Table.filled(
            BARS, ref_ts=ref, known_ts=ref + HOUR, open=opening, high=high, low=low, close=close, volume=volume,
            buy_volume=bought, sell_volume=volume - bought, complete=np.ones(bars, bool),
        ),
        "open_interest": Table.filled(
            OPEN_INTEREST, exchange_ts=ref + HOUR, receive_ts=np.full(bars, NULL_TS),
            open_interest=80_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, bars))),
        ),
        "funding": Table.of(
            FUNDING, exchange_ts=paid, receive_ts=np.full(len(paid), NULL_TS),
            funding_rate=rng.normal(1e-4, 5e-5, len(paid)), funding_interval=np.full(len(paid), 8 * HOUR),
        ),
    }  # fmt: skip
    tiers = TierTable("bench", "BTCUSDT", (RiskTier(0.0, 1e10, 0.004, 0.0, 125.0),), None, None, "own")
    coin = Instrument("bench", "BTCUSDT", base="BTC", quote="USDT", tick_size=0.1, tier_tables=(tiers,))
    store(Lake(folder), coin, tables, "simulation")


@contextmanager
def served(lake: Path) -> Iterator[str]:
    ready = serving(lake, port=0)
    thread = threading.Thread(target=ready.run, daemon=True)
    thread.start()
    while not ready.uvicorn.started:
        time.sleep(0.01)
    yield ready.url
    ready.uvicorn.should_exit = True
    thread.join(10.0)


def first_paint(browser: Browser, url: str, times: int) -> list[float]:
    """Milliseconds since the start of each navigation, the first left out: the server makes its picture then."""
    found = []
    for _ in range(times + 1):
        context = browser.new_context(viewport=SIZE)
        page = context.new_page()
        page.add_init_script(FIRST)
        page.goto(url)
        page.wait_for_function("() => window.useful", timeout=120_000)
        found.append(float(page.evaluate("window.useful")))
        context.close()
    return found


def tick_to_pixel(browser: Browser, url: str, told: Connection, seconds: float) -> tuple[list[float], float]:
    """Seconds from the beginning of each step that was drawn to its paint; and how exactly the two clocks are laid together."""
    page = browser.new_page(viewport=SIZE)
    page.goto(f"{url}?bars=300")
    page.wait_for_function(f"() => {DRAWN}", timeout=120_000)
    told.send(3.0)  # kernels are compiled now
    told.recv()
    trips = []
    for _ in range(200):
        sent = time.monotonic()
        there = page.evaluate("performance.now()") / 1e3
        back = time.monotonic()
        trips.append((back - sent, (sent + back) / 2 - there))
    width, offset = min(trips)
    page.evaluate(WATCH)
    told.send(seconds)
    page.wait_for_timeout(1e3 * seconds)
    _, stamps = told.recv()
    page.wait_for_timeout(500)
    seen = page.evaluate("window.seen")
    page.close()
    return [painted / 1e3 + offset - stamps[mark] for mark, painted in seen if mark in stamps], width / 2


def panning(page: Page, url: str, frames: int) -> tuple[float, float, int, str]:
    look = json.dumps({"layers": dict.fromkeys(PRICE_PANE_ONLY, False)})
    page.add_init_script(f"localStorage.setItem('perpscope.look', {look!r})")
    page.goto(f"{url}?bars=10000")
    page.wait_for_function(f"() => {DRAWN}", timeout=120_000)
    means: dict[bool, list[float]] = {True: [], False: []}
    for heat in (False, True) * 3:
        page.evaluate(HEAT, heat)
        page.wait_for_function(HEATED, arg=heat, timeout=60_000)
        page.wait_for_timeout(500)
        means[heat].append(float(np.mean(page.evaluate(PAN, frames))))  # A median would be a whole number of screen frames.
    size = page.evaluate(GRID)
    panes = int(page.evaluate("window.perpscope.chart.api.panes().length"))
    return min(means[True]), min(means[False]), panes, f"{size[0]} x {size[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long ticks are watched")
    parser.add_argument("--times", type=int, default=5, help="pages opened for the first paint")
    parser.add_argument("--frames", type=int, default=90, help="frames of a pan")
    parser.add_argument("--only", nargs="+", choices=("paint", "tick", "pan"), default=["paint", "tick", "pan"])
    told = parser.parse_args()
    print(f"cores {os.cpu_count()}, load {load()}; chromium by software, {SIZE['width']}x{SIZE['height']}")
    sent = sum(len(gzip.compress(path.read_bytes(), 9)) for path in STATIC.rglob("*.js"))
    goal("the page's JavaScript, compressed", f"{sent / 1e3:.1f} KB", sent < 150_000, "under 150 KB")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        if "paint" in told.only:
            history(Path(folder) / "short", 1_000)
            with served(Path(folder) / "short") as url:
                cold, *warm = first_paint(browser, url, told.times)
            figure = f"median {np.median(warm):.0f} ms, slowest of {len(warm)} {max(warm):.0f} ms (the first: {cold:.0f} ms)"
            goal("first useful paint", f"{figure}; load {load()}", max(warm) < 1_500, "under 1.5 s")
        if "tick" in told.only:
            here, there = multiprocessing.Pipe()
            process = multiprocessing.get_context("spawn").Process(target=loop, args=(f"{folder}/live", there), daemon=True)
            process.start()
            took, error = tick_to_pixel(browser, here.recv(), here, told.seconds)
            here.send(None)
            process.join(10)
            p50, p99 = np.quantile(took, [0.5, 0.99]) * 1e3
            figure = f"{p99:.0f} ms (p50 {p50:.0f}; {len(took)} ticks drawn; clocks to {error * 1e3:.1f} ms)"
            goal("tick to pixel, p99", f"{figure}; load {load()}", bool(p99 < 100.0), "under 100 ms")
        if "pan" in told.only:
            history(Path(folder) / "long", 10_000)
            with served(Path(folder) / "long") as url:
                heated, plain, panes, shape = panning(browser.new_page(viewport=SIZE), url, told.frames)
            figure = f"{heated:.1f} ms a frame with the heat, {plain:.1f} without: {heated / plain:.2f}"
            goal(f"10,000 candles, {panes} panes, heat {shape}", f"{figure}; load {load()}", heated / plain < 1.1, "under 1.10")
        browser.close()


def load() -> str:
    return f"{os.getloadavg()[0]:.2f}"


if __name__ == "__main__":
    main()
