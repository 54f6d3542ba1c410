"""Reading the page: where data stand on the screen, and which colour a pixel has."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import matplotlib.image
import numpy as np
import numpy.typing as npt
from playwright.sync_api import Page

Bars = dict[str, npt.NDArray[np.float64]]
DRAWN = "() => window.perpscope?.session.picture.value !== null && document.querySelector('.pane-value .figure') !== null"


def open_chart(page: Page, query: str = "", layers: dict[str, bool] | None = None) -> None:
    """Open the chart and wait until it is drawn; `layers` are switched as a reader would have left them."""
    if layers is not None:
        look = json.dumps({"layers": layers})
        page.add_init_script(f"if (!localStorage.length) localStorage.setItem('perpscope.look', {look!r})")
    page.goto("/" + query)
    page.wait_for_function(DRAWN)
    settle(page)


def settle(page: Page) -> None:
    """Two frames later everything that was asked for is on the screen."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))")


def settings(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("() => window.perpscope.session.settings.value")
    return found


def visible_range(page: Page) -> tuple[float, float]:
    found = page.evaluate("() => window.perpscope.chart.api.timeScale().getVisibleLogicalRange()")
    return found["from"], found["to"]


def place(page: Page, ms: float, price: float) -> tuple[float, float]:
    """Where a moment and a price are on the page, in CSS pixels; the moment is a bar's open, the place its middle."""
    at = page.evaluate("([ms, price]) => window.perpscope.chart.place(ms, price)", [ms, price])
    box = page.locator(".chart-canvas").bounding_box()
    assert at is not None
    assert box is not None
    return box["x"] + at["x"], box["y"] + at["y"]


def pixels(page: Page) -> npt.NDArray[np.float64]:
    """The screen as (height, width, 3), 0..255."""
    image = matplotlib.image.imread(io.BytesIO(page.screenshot()), format="png")
    return np.asarray(image, float)[:, :, :3] * 255.0


def candles(page: Page) -> Bars:
    """The candles that the page holds; NaN where the recording has a hole."""
    names = ["open", "high", "low", "close"]
    found = page.evaluate(
        """names => { const c = window.perpscope.session.picture.value.candles;
        const plain = values => Array.from(values, v => Number.isFinite(v) ? v : null);
        return [plain(c.openMs), ...names.map(n => plain(c.rows.array(n)))]; }""",
        names,
    )
    return {name: np.array(values, float) for name, values in zip(["ref_ms", *names], found, strict=True)}


def heat(page: Page, begin: int, end: int) -> dict[str, Any]:
    """Columns of the heat that the page holds: `cells` (column, bin), lower `prices` of the bins and one more, `full_usd`."""
    found = page.evaluate(
        """([begin, end]) => { const g = [...window.perpscope.session.picture.value.heats.values()][0];
        return { cells: Array.from(g.cells.subarray(begin * g.bins, end * g.bins)), bins: g.bins, full: g.card.full_usd,
          prices: Array.from({length: g.bins + 1}, (_, i) => g.price(i)) }; }""",
        [begin, end],
    )
    cells = np.array(found["cells"], float).reshape(-1, found["bins"])
    return {"cells": cells, "prices": np.array(found["prices"]), "full_usd": found["full"]}


def scale(
    page: Page, bars: dict[str, npt.NDArray[np.float64]], first: int, last: int
) -> Callable[[float, float], tuple[float, float]]:
    """The place of any bar and price, from the places of two: both axes are even."""
    a, b = (float(bars["low"][first]), float(bars["high"][last]) + 1.0)
    (x0, y0), (x1, y1) = place(page, bars["ref_ms"][first], a), place(page, bars["ref_ms"][last], b)
    return lambda bar, price: (x0 + (x1 - x0) * (bar - first) / (last - first), y0 + (y1 - y0) * (price - a) / (b - a))
