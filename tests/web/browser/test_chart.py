"""The chart in a real browser. Expected pixels are computed from the data here: colours by matplotlib's own maps, places by
the chart's scale; nothing is compared with an earlier picture."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from playwright.sync_api import Page, expect

from .reading import candles, heat, open_chart, pixels, place, scale, settings, settle, visible_range

BARE = dict.fromkeys(
    ("opens", "levels", "session_ranges", "fair_value_gaps", "order_blocks", "breaks", "swings", "average_stack",
     "liquidation_clusters", "bias", "delta", "cvd", "funding_state", "liquidation_volume", "open_interest_delta"), False
)  # fmt: skip
GROUND = np.array([11.0, 14.0, 20.0])
CANDLE_UP, CANDLE_DOWN = np.array([246.0, 242.0, 231.0]), np.array([134.0, 169.0, 191.0])


def test_heat_cells_have_the_colour_of_their_dollars(page: Page) -> None:
    open_chart(page, layers=BARE)
    page.evaluate("() => { const t = window.perpscope.chart.api.timeScale(), b = 800; "
                  "t.setVisibleLogicalRange({from: b - 60, to: b}); }")  # fmt: skip
    settle(page)
    held, bars = heat(page, 760, 792), candles(page)
    at = scale(page, bars, 760, 790)
    screen, seen = pixels(page), []
    for column in range(762, 790):
        low, high = bars["low"][column - 1 : column + 2].min() * 0.995, bars["high"][column - 1 : column + 2].max() * 1.005
        for bin in range(2, held["cells"].shape[1] - 2):
            around = held["cells"][column - 761 : column - 758, bin - 1 : bin + 2]
            middle = float(np.sqrt(held["prices"][bin] * held["prices"][bin + 1]))
            x, y = at(column, middle)
            if np.ptp(around) > 4 or low < middle < high or not 110 < y < 300:
                continue
            share = held["cells"][column - 760, bin] / 255.0
            alpha = min(0.55 + share, 0.94) if share else 0.0
            colour = np.array(colormaps["inferno"](0.06 + 0.94 * share)[:3]) * 255.0
            expected = alpha * colour + (1 - alpha) * GROUND
            found = screen[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].reshape(-1, 3)
            seen.append(float(np.median(np.abs(found - expected).max(axis=1))))
    assert len(seen) > 20
    assert np.quantile(seen, 0.9) < 16.0, np.quantile(seen, [0.5, 0.9, 1.0])


def test_bodies_stand_where_their_prices_are(page: Page) -> None:
    open_chart(page, layers={**BARE, "liquidation_heatmap": False})
    page.evaluate("() => window.perpscope.chart.api.timeScale().setVisibleLogicalRange({from: 750, to: 799})")
    settle(page)
    bars, screen = candles(page), pixels(page)
    at = scale(page, bars, 752, 795)
    for bar in range(752, 796):
        low, high = sorted((bars["open"][bar], bars["close"][bar]))
        (x, top), (_, bottom) = at(bar, high), at(bar, low)
        if bottom - top < 6:
            continue
        expected = CANDLE_UP if bars["close"][bar] >= bars["open"][bar] else CANDLE_DOWN
        assert np.abs(screen[int((top + bottom) / 2), round(x) + 2] - expected).max() < 12, bar


def test_a_hole_is_hatched_and_no_candle_is_drawn_in_it(page: Page) -> None:
    open_chart(page, layers={**BARE, "liquidation_heatmap": False})
    page.evaluate("() => window.perpscope.chart.api.timeScale().setVisibleLogicalRange({from: 680, to: 725})")
    settle(page)
    bars, screen = candles(page), pixels(page)
    hole = np.flatnonzero(np.isnan(bars["close"]))
    assert len(hole) == 6
    x, y = scale(page, bars, 690, 720)(float(hole[3]), float(np.nanmean(bars["close"][690:720])))
    patch = screen[int(y) - 60 : int(y) + 60, int(x) - 15 : int(x) + 15]
    candle = np.minimum(np.abs(patch - CANDLE_UP).max(axis=2), np.abs(patch - CANDLE_DOWN).max(axis=2)) < 20
    assert candle.mean() < 0.02, "only the dotted line of the last price may cross a hole"
    light = patch.mean(axis=2)
    stripes = light > np.quantile(light, 0.2) + 8
    assert np.quantile(light, 0.2) > GROUND.mean() + 3
    assert 0.1 < stripes.mean() < 0.75


def test_the_values_of_every_pane_follow_the_pointer(page: Page) -> None:
    open_chart(page)
    bars = candles(page)
    x, y = place(page, bars["ref_ms"][760], bars["close"][760])
    page.mouse.move(x, y)
    first = page.locator(".pane-value").first
    expect(first).to_contain_text(f"{bars['close'][760]:,.1f}")
    texts = page.locator(".pane-value:visible").all_inner_texts()
    assert [t.split()[0] for t in texts[1:]] == ["Volume", "Delta", "Open", "Funding", "Bias"]
    assert all("–" not in t for t in texts[:4])


def test_the_wheel_zooms_at_the_pointer_and_a_drag_moves(page: Page) -> None:
    open_chart(page)
    bars = candles(page)
    x, y = place(page, bars["ref_ms"][700], float(np.nanmean(bars["close"][680:720])))
    page.mouse.move(x, y)
    before = visible_range(page)
    page.mouse.wheel(0, -400)
    page.wait_for_function("w => { const r = window.perpscope.chart.api.timeScale().getVisibleLogicalRange();"
                           " return r.to - r.from < w * 0.95; }", arg=before[1] - before[0])  # fmt: skip
    assert abs(place(page, bars["ref_ms"][700], 1.0)[0] - x) < 4
    zoomed = visible_range(page)
    page.mouse.down()
    page.mouse.move(x + 150, y, steps=4)
    page.mouse.up()
    settle(page)
    dragged = visible_range(page)
    assert dragged[0] < zoomed[0] - 5
    page.mouse.dblclick(x, y)
    settle(page)
    assert abs(visible_range(page)[1] - len(bars["ref_ms"])) < 8


def test_the_slider_is_the_filter_with_exact_numbers(page: Page) -> None:
    open_chart(page, layers=BARE)
    full = heat(page, 0, 0)["full_usd"]
    low, text = page.locator(".handle").first, page.locator(".exact").first
    before = pixels(page)[110:400, 10:850].mean()
    track = page.locator(".track").bounding_box()
    assert track is not None
    page.mouse.move(track["x"] + 1, track["y"] + 8)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] * 0.6, track["y"] + 8, steps=5)
    page.mouse.up()
    settle(page)
    set_to = settings(page)["heatLow"]
    assert abs(set_to / full - 0.36) < 0.02
    expect(text).to_have_value(f"${round(set_to):,}")
    assert pixels(page)[110:400, 10:850].mean() < before - 1
    low.focus()
    page.keyboard.press("Home")
    assert settings(page)["heatLow"] is None
    text.fill("$1,000,000")
    text.press("Enter")
    assert settings(page)["heatLow"] == 1_000_000
    page.get_by_role("button", name="log").click()
    assert settings(page)["heatMap"] == "log"
    page.reload()
    page.wait_for_function("() => window.perpscope?.session.picture.value !== null")
    assert (settings(page)["heatLow"], settings(page)["heatMap"]) == (1_000_000, "log")


def test_the_tooltip_tells_a_cell_exactly(page: Page) -> None:
    open_chart(page, layers=BARE)
    bars, bar = candles(page), 780
    held, at = heat(page, bar, bar + 1), scale(page, bars, 760, 790)
    prices = [float(np.sqrt(a * b)) for a, b in zip(held["prices"][:-1], held["prices"][1:], strict=True)]
    seen = [(cell, p) for p, cell in zip(prices, held["cells"][0], strict=True) if 110 < at(bar, p)[1] < 300]
    price = max(seen)[1]
    x, y = at(bar, price)
    page.mouse.move(x, y)
    tip = page.locator(".cell-tip")
    expect(tip).to_contain_text("estimated")
    expect(tip).to_contain_text("≈ $")
    expect(tip).to_contain_text("Leverage")
    cell = {"venue": "demo", "symbol": "BTCUSDT", "frame": "1h", "at_ms": bars["ref_ms"][bar], "price": price}
    found = page.evaluate("async q => (await fetch('/api/cell?' + new URLSearchParams(q))).json()", cell)
    expect(tip).to_contain_text(f"${round(found['sides'][0]['usd']):,}")


def test_keys_open_search_and_frames_and_switch_layers(page: Page) -> None:
    open_chart(page)
    page.keyboard.press("h")
    assert settings(page)["layers"] == {"liquidation_heatmap": False}
    expect(page.locator(".legend-title")).to_have_text("Heat is off (H)")
    page.keyboard.press("h")
    page.keyboard.press("Shift+L")
    assert settings(page)["layers"] == {"liquidation_heatmap": True, "levels": False}
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Shift+L")
    page.keyboard.press("Escape")
    page.keyboard.press("4")
    expect(page.get_by_role("dialog", name="Time frame")).to_contain_text("Enter: 4h")
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.perpscope.session.picture.value.head.frame === '4h'")
    page.keyboard.press("e")
    box = page.get_by_role("combobox", name="Symbol or venue")
    expect(box).to_have_value("e")
    page.keyboard.type("th")
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.perpscope.session.picture.value.head.symbol === 'ETHUSDT'")
    assert "symbol=ETHUSDT" in page.url
    expect(page.locator(".legend-title")).to_contain_text("No liquidation heat")
