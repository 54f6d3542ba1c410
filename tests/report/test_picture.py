"""The picture: pixels at positions computed from the data, and the heat against a replay that knows nothing of rasters."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import msgspec
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, TimeRange, to_datetime
from perpscope.features.liquidation.clusters import CLUSTERS, ClusterEvent
from perpscope.features.liquidation.exposure import UNIT_COLUMNS
from perpscope.report import Report, palette, picture
from perpscope.report.document import Hole, Zone
from perpscope.report.heat import scale_usd
from perpscope.report.panes.canvas import TimeAxis
from perpscope.report.panes.clusters import draw_paths
from perpscope.report.panes.hatch import draw_holes
from perpscope.report.panes.heat import OLD_COLOUR, OLD_STRENGTH
from perpscope.report.panes.prices import price_limits
from perpscope.report.panes.structure import draw_zones
from report.handmade import document


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


class Place:
    """Where a time and a price lie on the picture of a report, in pixels from the top left corner."""

    def __init__(self, report: Report) -> None:
        price = report.document.price
        self.time = TimeAxis(report.results.window)
        self.low, self.high = price_limits(price.window_low, price.window_high, price.last, price.daily_sigma_fraction)

    def x(self, ts: float) -> float:
        hours = (ts - self.time.window.start) / HOUR
        return picture.LEFT + hours / self.time.limits[1] * (picture.RIGHT - picture.LEFT)

    def y(self, price: float) -> float:
        share = math.log(price / self.low) / math.log(self.high / self.low)
        return picture.PRICE_BOTTOM - share * (picture.PRICE_BOTTOM - picture.PRICE_TOP)


def chunks(png: bytes) -> Iterator[str]:
    at = 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8].decode()
        at += size + 12


def test_the_file_holds_pixels_and_nothing_about_when_or_with_what_it_was_made(crash_png: bytes) -> None:
    assert set(chunks(crash_png)) == {"IHDR", "pHYs", "IDAT", "IEND"}
    assert Image.open(io.BytesIO(crash_png)).size == (picture.WIDTH, picture.HEIGHT)


def test_drawing_twice_gives_the_same_bytes_whatever_the_users_settings(crash: Report, crash_png: bytes) -> None:
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "text.usetex": False, "lines.linewidth": 9}):
        assert picture.draw_picture(crash) == crash_png
        assert mpl.rcParams["font.size"] == 30


def test_candle_bodies_stand_at_their_time_and_price_in_their_colour(crash: Report, crash_pixels: np.ndarray) -> None:
    place, hits, tall = Place(crash), 0, 0
    for bar in crash.results.window_bars.rows():
        top, bottom = place.y(max(bar["open"], bar["close"])), place.y(min(bar["open"], bar["close"]))
        if bottom - top < 8:
            continue
        tall += 1
        x, y = round(place.x((bar["ref_ts"] + bar["known_ts"]) / 2)), round((top + bottom) / 2)
        wanted = rgb(palette.CANDLE_UP if bar["close"] >= bar["open"] else palette.CANDLE_DOWN)
        hits += bool(np.abs(crash_pixels[y, x].astype(int) - wanted).max() <= 4)
    assert tall >= 25
    assert hits >= 0.85 * tall  # a name or a dashed level may lie on a few


def test_no_candle_and_no_bar_is_drawn_after_the_moment(crash: Report, crash_pixels: np.ndarray) -> None:
    place = Place(crash)
    right = crash_pixels[:, round(place.x(crash.results.at)) + 3 : picture.RIGHT - 2].astype(int)
    top = picture.PRICE_BOTTOM + picture.GAP
    for name, height in picture.PANES:
        for colour in (palette.VOLUME, palette.BUY, palette.SELL, palette.LINE_CVD, palette.LINE_INTEREST, "#ffab5e"):
            seen = np.abs(right[top : top + height] - rgb(colour)).max(axis=2) <= 3
            assert not seen.any(), (name, colour)
        top += height + picture.GAP
    price_pane = right[picture.PRICE_TOP : picture.PRICE_BOTTOM]
    for colour in (palette.CANDLE_UP, palette.CANDLE_DOWN):
        assert (np.abs(price_pane - rgb(colour)).max(axis=2) <= 2).mean() < 0.002


def test_delta_is_green_above_zero_and_red_below(crash: Report, crash_pixels: np.ndarray) -> None:
    place = Place(crash)
    top = picture.PRICE_BOTTOM + 2 * picture.GAP + picture.PANES[0][1]
    pane = crash_pixels[top : top + picture.PANES[1][1]].astype(int)
    delta = crash.results.table("delta")
    assert delta is not None
    window = delta[delta["ref_ts"] >= crash.results.window.start]
    most = np.abs(window["delta"]).max()
    for row in window.rows():
        if abs(row["delta"]) < 0.3 * most:
            continue
        column = pane[:, round(place.x((row["ref_ts"] + row["known_ts"]) / 2))]
        wanted, other = (palette.BUY, palette.SELL) if row["delta"] > 0 else (palette.SELL, palette.BUY)
        assert (np.abs(column - rgb(wanted)).max(axis=1) <= 4).sum() >= 8
        assert not (np.abs(column - rgb(other)).max(axis=1) <= 4).any()


def held_at(report: Report, ts: float) -> dict[int, tuple[float, float, float, float]]:
    """bin -> (lower edge, upper edge, USD up to a day old, older USD) as known at a time, told row by row."""
    rows = report.results.table("liquidation_heatmap")
    assert rows is not None
    cells: dict[tuple[str, int], tuple[float, float, float, float]] = {}
    for row in rows[(rows.clock <= ts) & (rows.clock > ts - DAY)].rows():
        share = (row["young_fraction"] or 0.0) + (row["day_fraction"] or 0.0)
        cells[row["side"], row["bin"]] = (
            row["price_low"], row["price_high"], row["notional"] * share, row["notional"] * (1 - share)
        )  # fmt: skip
    found: dict[int, tuple[float, float, float, float]] = {}
    for (_, number), (low, high, young, old) in cells.items():
        before = found.get(number, (low, high, 0.0, 0.0))
        found[number] = (low, high, before[2] + young, before[3] + old)
    return found


def heat_colour(young: float, old: float, full: float) -> np.ndarray:
    """The panel under the haze under inferno, mixed by hand."""
    mixed = rgb(palette.PANEL) / 255.0
    grey = math.sqrt(min(old / full, 1.0)) * OLD_STRENGTH
    mixed = mixed * (1 - grey) + np.array(OLD_COLOUR) * grey
    bright = math.sqrt(min(young / full, 1.0))
    alpha = min(2.5 * bright, 1.0)
    return 255.0 * (mixed * (1 - alpha) + np.array(mpl.colormaps["inferno"](0.12 + 0.88 * bright)[:3]) * alpha)


def test_the_heat_shows_what_the_map_held_when_each_bar_began(crash: Report, crash_pixels: np.ndarray) -> None:
    place = Place(crash)
    assert crash.document.leverage is not None
    assert crash.document.structure is not None
    full = crash.document.leverage.scale.high_usd
    bars = crash.results.window_bars
    probes, close = 0, 0
    for k in range(4, len(bars), 7):
        bar = next(bars[k : k + 1].rows())
        x = round(place.x(bar["ref_ts"] + 0.12 * HOUR))  # beside the candle's body
        for low, high, young, old in held_at(crash, bar["ref_ts"]).values():
            y = round(place.y(math.sqrt(low * high)))
            if not picture.PRICE_TOP + 60 < y < picture.PRICE_BOTTOM - 12:
                continue
            if abs(y - place.y(bar["high"])) < 30 or abs(y - place.y(bar["low"])) < 30:
                continue
            probes += 1
            close += bool(np.abs(crash_pixels[y, x] - heat_colour(young, old, full)).max() <= 3)
    assert probes > 1500
    assert close >= 0.93 * probes  # levels, names and grid lines lie on the rest


def test_the_scale_is_the_same_in_every_window_and_stands_on_the_picture(crash: Report) -> None:
    leverage, derivatives = crash.document.leverage, crash.document.derivatives
    assert leverage is not None
    assert derivatives is not None
    assert derivatives.open_interest is not None
    assert leverage.scale.high_usd == scale_usd(derivatives.open_interest * leverage.mark) == 3e7


@pytest.fixture
def blank() -> tuple[Figure, Any, TimeAxis]:
    """A pane of 400 x 300 pixels over ten hours, with nothing on it."""
    figure = Figure(figsize=(4, 3), dpi=100, facecolor=palette.PANEL)
    FigureCanvasAgg(figure)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    time = TimeAxis(TimeRange(0, 10 * HOUR))
    axis.set_xlim(*time.limits)
    return figure, axis, time


def pixels_of(figure: Figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3].astype(int)


def test_a_zone_is_drawn_only_from_the_moment_it_was_known(blank: tuple) -> None:
    figure, axis, time = blank
    axis.set_yscale("log")
    axis.set_ylim(90.0, 110.0)
    structure = document().structure
    assert structure is not None
    zone = Zone(1, "fair_value_gap", "down", 99.0, 101.0, to_datetime(6 * HOUR), "opened", 0.01)
    draw_zones(axis, time, type(structure)(None, None, None, None, None, [], [zone], []), 90.0, 110.0, (400.0, 300.0))
    row = pixels_of(figure)[150]
    known = round(6 / time.limits[1] * 400)
    ground = rgb(palette.PANEL)
    assert (np.abs(row[: known - 3] - ground).max(axis=1) == 0).all()
    assert (np.abs(row[known + 3 : 340] - ground).max(axis=1) > 8).all()


def test_a_cluster_is_drawn_from_its_birth_to_the_bar_that_swept_it(blank: tuple) -> None:
    figure, axis, time = blank
    axis.set_ylim(90.0, 110.0)
    count = 3
    rows = Table.filled(
        CLUSTERS, ref_ts=[HOUR, 3 * HOUR, 4 * HOUR], known_ts=[2 * HOUR, 4 * HOUR, 5 * HOUR], id=[8] * count,
        event=[ClusterEvent.OPENED, ClusterEvent.GROWN, ClusterEvent.SWEPT], side=[1] * count, price_peak=[100.0, 104.0, 1.0],
        flags=[0] * count, **{name: [1.0] * count for name in UNIT_COLUMNS},
    )  # fmt: skip
    draw_paths(axis, time, rows, 90.0, 110.0)
    drawn = (np.abs(pixels_of(figure) - rgb(palette.PANEL)).max(axis=2) > 40).any(axis=0)
    born, swept = (round(h / time.limits[1] * 400) for h in (2, 5))
    assert not drawn[: born - 2].any()
    assert drawn[born : swept - 6].mean() > 0.5  # dashed
    assert drawn[swept - 2 : swept + 3].all()  # the cross
    assert not drawn[swept + 7 :].any()


def test_a_cluster_that_dissolved_is_not_drawn_and_a_live_one_reaches_the_moment(blank: tuple) -> None:
    figure, axis, time = blank
    axis.set_ylim(90.0, 110.0)
    both = Table.filled(
        CLUSTERS, ref_ts=[HOUR, HOUR, 4 * HOUR], known_ts=[2 * HOUR, 2 * HOUR, 5 * HOUR], id=[8, 9, 8],
        event=[ClusterEvent.OPENED, ClusterEvent.OPENED, ClusterEvent.DISSOLVED], side=[1] * 3, price_peak=[104.0, 96.0, 104.0],
        flags=[0] * 3, **{name: [1.0] * 3 for name in UNIT_COLUMNS},
    )  # fmt: skip
    draw_paths(axis, time, both, 90.0, 110.0)
    drawn = np.abs(pixels_of(figure) - rgb(palette.PANEL)).max(axis=2) > 40
    assert not drawn[:150].any()
    now = round(time.now / time.limits[1] * 400)
    assert drawn[150:, now - 12 : now].any()
    assert not drawn[:, now + 2 :].any()


def test_a_hole_hatches_its_own_stretch_and_no_other(blank: tuple) -> None:
    figure, axis, time = blank
    hole = Hole("bars@1h", to_datetime(3 * HOUR), to_datetime(5 * HOUR), "missing")
    draw_holes(axis, time, [hole, Hole("open_interest", to_datetime(0), to_datetime(HOUR), "missing")], ("bars",))
    changed = (np.abs(pixels_of(figure) - rgb(palette.PANEL)).max(axis=2) > 1).any(axis=0)
    left, right = round(3 / time.limits[1] * 400), round(5 / time.limits[1] * 400)
    assert changed[left + 2 : right - 2].all()
    assert not changed[: left - 2].any()
    assert not changed[right + 2 :].any()


def test_a_report_without_an_estimate_or_taker_volume_still_draws(crash: Report) -> None:
    bare = replace(crash.results, rows={k: v for k, v in crash.results.rows.items() if k.startswith("bars")})
    empty = msgspec.structs.replace(
        crash.document, leverage=None, flow=None, frames=None, structure=None, profile=None, setups=[], sessions=None,
        absent={"leverage": "none"},
    )  # fmt: skip
    assert len(picture.draw_picture(Report(empty, bare))) > 20_000
