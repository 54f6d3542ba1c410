"""What the heat costs when the chart is panned: frames with it against frames without it, in the same page and run.

The time of a frame is measured, so this test is slow-marked and its bound is loose; the ratio is printed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from perpscope.core.instrument import Instrument
from perpscope.lake import Lake, store

from ..conftest import TIERS, hourly_tables, running
from .reading import DRAWN, settle

BARS = 10_000
FRAMES = 90
LAYERS = ["bias", "fair_value_gaps", "order_blocks", "swings", "breaks", "session_ranges", "opens", "levels"]
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


@pytest.mark.slow
def test_panning_with_the_heat_costs_little_more_than_without(browser: Browser, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    coin = Instrument("demo", "BTCUSDT", base="BTC", quote="USDT", tick_size=0.1, tier_tables=(TIERS,))
    store(lake, coin, hourly_tables(BARS), "simulation")
    page = browser.new_page(viewport={"width": 1600, "height": 900})
    look = json.dumps({"layers": dict.fromkeys(LAYERS, False)})
    page.add_init_script(f"localStorage.setItem('perpscope.look', {look!r})")
    with running(tmp_path / "lake") as ready:
        page.goto(f"{ready.url}?bars={BARS}")
        page.wait_for_function(DRAWN, timeout=120_000)
        settle(page)
        shown = page.evaluate("() => { const p = window.perpscope.session.picture.value, g = [...p.heats.values()][0];"
                              " return [p.candles.openMs.length, g.columns, g.bins]; }")  # fmt: skip
        medians = {True: [], False: []}
        for heat in (False, True, False, True, False, True):
            page.evaluate("on => window.perpscope.session.change({layers: {...window.perpscope.session.settings.value.layers,"
                          " liquidation_heatmap: on}})", heat)  # fmt: skip
            page.wait_for_function(
                "on => window.perpscope.session.picture.value.heats.size === Number(on)", arg=heat, timeout=60_000
            )
            settle(page)
            times = sorted(page.evaluate(PAN, FRAMES))
            medians[heat].append(times[len(times) // 2])
        page.close()
    ratio = min(medians[True]) / min(medians[False])
    print(f"\n{shown[0]} candles, heat {shown[1]} x {shown[2]}: median frame {min(medians[True]):.1f} ms with the heat, "
          f"{min(medians[False]):.1f} ms without, ratio {ratio:.2f}")  # fmt: skip
    assert ratio < 2.0
