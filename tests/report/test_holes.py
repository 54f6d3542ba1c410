"""A hole made by hand in recorded bars: it must be told, hatched, and counted as nothing."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from perpscope.core.events import GAP, GapCause, GapKind
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR
from perpscope.report import Report, build_report, picture
from perpscope.report.html import page
from perpscope.report.panes.canvas import TimeAxis
from report.conftest import AT
from report.recordings import MemorySource

FROM, TO = AT - 40 * HOUR, AT - 30 * HOUR


@pytest.fixture(scope="module")
def holed(crash_source: MemorySource) -> Report:
    bars = crash_source.tables["bars@1h"]
    kept = bars[(bars["known_ts"] <= FROM) | (bars["ref_ts"] >= TO)]
    gaps = Table.of(
        GAP,
        ref_ts=[FROM],
        known_ts=[TO],
        end_ts=[TO],
        kind=[GapKind.LIQUIDATION],
        cause=[GapCause.DISCONNECT],
    )
    return build_report(replace(crash_source, tables={**crash_source.tables, "bars@1h": kept}, gaps=gaps), AT, "1h", 3 * DAY)


def test_a_hole_is_in_the_document_with_its_ends_and_cause(holed: Report) -> None:
    told = {(h.what, h.start.timestamp() * 1e9, h.end.timestamp() * 1e9, h.cause) for h in holed.document.meta.holes}
    assert told == {("bars@1h", FROM, TO, "missing"), ("liquidation", FROM, TO, "disconnect")}
    assert (holed.document.meta.bars, holed.document.meta.bars_expected) == (62, 72)


def test_a_hole_is_a_warning_and_stands_on_the_page(holed: Report) -> None:
    sentence = "No bars@1h from 2024-08-03 22:00 UTC to 2024-08-04 08:00 UTC (missing): nothing is drawn or counted there."
    assert sentence in holed.document.warnings
    text = page(holed.document, b"")
    assert sentence in text
    assert "Holes inside the window" in text
    assert "disconnect" in text


def test_a_sum_over_a_hole_is_absent_and_one_after_it_is_not(holed: Report, crash: Report) -> None:
    assert holed.document.flow is not None
    assert crash.document.flow is not None
    spans = {s.span: s.delta for s in holed.document.flow.spans}
    assert spans["3d"] is None
    assert spans["24h"] == next(s.delta for s in crash.document.flow.spans if s.span == "24h")


def test_a_hole_is_hatched_in_every_pane_and_nothing_else_is_drawn_there(holed: Report) -> None:
    pixels = np.array(Image.open(io.BytesIO(picture.draw_picture(holed))).convert("RGB")).astype(int)
    time = TimeAxis(holed.results.window)
    left, right = (picture.LEFT + float(time.x(ts)) / time.limits[1] * (picture.RIGHT - picture.LEFT) for ts in (FROM, TO))
    top = picture.PRICE_BOTTOM + picture.GAP
    for name, height in picture.PANES:
        inside = pixels[top + 40 : top + height - 4, round(left) + 3 : round(right) - 3]
        grey = inside.max(axis=2) - inside.min(axis=2) < 40
        assert grey.mean() > 0.95, name
        bright = inside.min(axis=2) > 70
        assert 0.01 < bright.mean() < 0.6, f"no hatch in {name}"
        top += height + picture.GAP


def test_data_that_begin_late_or_stop_early_are_holes_at_the_edges(crash_source: MemorySource) -> None:
    bars = crash_source.tables["bars@1h"]
    late = bars[bars["ref_ts"] >= AT - 2 * DAY]
    made = build_report(replace(crash_source, tables={"bars@1h": late}, end=AT + HOUR), AT + HOUR // 2, "1h", 3 * DAY).document
    spans = [(h.start.timestamp() * 1e9, h.end.timestamp() * 1e9) for h in made.meta.holes]
    assert spans == [(AT - 3 * DAY, AT - 2 * DAY)]
