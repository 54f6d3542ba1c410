"""Answers: by hand on a tape of a few prints; ORDERFLOW section 11 on the recorded one; and the tape cut off at --to."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from market.made import make_trades, random_tape, recorded_tape
from perpscope.core.errors import DataError, UserError
from perpscope.core.events import GAP
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, MINUTE, TimeRange, parse_ts
from perpscope.lake.source import Source
from perpscope.report.flow import FlowDocument, build_flow, write_flow
from perpscope.report.flow.build import history_start
from perpscope.report.flow.cells import Detail, cells_to_draw, imbalances_of
from perpscope.report.flow.document import from_json, to_json

BTC = Instrument("binance", "BTCUSDT", base="BTC", tick_size=0.1)
UNIT = Instrument("demo", "X", base="X", tick_size=1.0)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "definitions" / "flow.md"


def source(tape: Table, end: int, instrument: Instrument = UNIT, gaps: Table | None = None) -> Source:
    kept = tape[tape.clock <= end]
    return Source(
        instrument, frozenset({"trade"}), {"trade": kept}, GAP.empty() if gaps is None else gaps, {}, {}, None, end, None
    )


def recorded(shared_data: Path):
    window = TimeRange(parse_ts("2024-08-08T23:54Z"), parse_ts("2024-08-09T00:00Z"))
    return build_flow(source(recorded_tape(shared_data), window.end, BTC), window, "1m")


def test_the_recorded_minutes_add_up_to_the_independent_program_s_sums(shared_data: Path) -> None:
    flow = recorded(shared_data)
    tape = flow.document.tape
    assert (tape.trades, tape.orders) == (21313, 5445)
    assert (tape.bought, tape.sold) == (pytest.approx(1251.576), pytest.approx(1177.790))
    assert tape.vwap == pytest.approx(61680.98215, abs=5e-6)
    assert flow.document.largest[0].quantity == max(o.quantity for o in flow.document.largest)
    assert "No order book" in flow.document.summary[-2]
    bars = flow.table("bars")
    assert bars is not None
    assert flow.profile is not None
    assert flow.profile.volume.sum() == pytest.approx(bars["volume"].sum())
    assert len(flow.profile.volume) <= 150


def test_nothing_after_the_end_of_the_window_enters() -> None:
    tape = random_tape(5, 3000, 60 * MINUTE)
    window = TimeRange(20 * MINUTE, 40 * MINUTE)
    cut, whole = (build_flow(source(tape, end), window, "1m") for end in (window.end, 60 * MINUTE))
    assert to_json(cut.document) == to_json(whole.document)
    assert cut.rows.keys() == whole.rows.keys()
    for key, table in cut.rows.items():
        assert table.same_as(whole.rows[key]), key
        assert not len(table) or table.clock[-1] <= window.end


def test_the_document_comes_back_from_its_json_and_no_other_version_does() -> None:
    flow = build_flow(source(random_tape(1, 500, 10 * MINUTE), 10 * MINUTE), TimeRange(0, 10 * MINUTE), "1m")
    assert from_json(to_json(flow.document)) == flow.document
    other = msgspec.structs.replace(flow.document, meta=msgspec.structs.replace(flow.document.meta, schema_version=9))
    with pytest.raises(DataError, match="schema version 9"):
        from_json(to_json(other))


def test_every_field_of_the_document_is_on_its_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    schema = msgspec.json.schema(FlowDocument)
    for record in schema["$defs"].values():
        for field in record["properties"]:
            assert re.search(rf"`[^`]*\b{field}\b[^`]*`", text), field


def test_bad_prints_are_left_out_and_the_reader_is_told() -> None:
    tape = make_trades(*((k * 1_000_000_000, "BS"[k % 2], 10.0 + k % 3, 1.0) for k in range(120)))
    bad = tape.with_columns(quantity=np.where(np.arange(120) == 7, 0.0, tape["quantity"]))
    flow = build_flow(source(bad, 2 * MINUTE), TimeRange(0, 2 * MINUTE), "1m")
    assert flow.document.meta.prints_left_out == {"have no positive quantity and were left out": 1}
    assert flow.document.warnings[0] == "1 prints have no positive quantity and were left out."
    assert flow.document.tape.trades == 119


def test_a_window_without_trades_and_a_wrong_tick_are_refused_in_a_sentence() -> None:
    tape = random_tape(1, 100, 5 * MINUTE)
    with pytest.raises(UserError, match=r"No trade of demo X lies between .* Choose other --from and --to"):
        build_flow(source(tape, 20 * MINUTE), TimeRange(10 * MINUTE, 20 * MINUTE), "1m")
    with pytest.raises(DataError, match="lie off the grid of the tick 7"):
        build_flow(source(tape, 5 * MINUTE, replace(UNIT, tick_size=7.0)), TimeRange(0, 5 * MINUTE), "1m")
    assert build_flow(source(tape, 5 * MINUTE, replace(UNIT, tick_size=7.0)), TimeRange(0, 5 * MINUTE), "1m", 1.0).document


def test_reading_begins_with_the_day_before() -> None:
    assert history_start(3 * DAY + 5) == 2 * DAY


@pytest.fixture(scope="module")
def footprint() -> Table:
    flow = build_flow(source(random_tape(2, 4000, 60 * MINUTE), 60 * MINUTE), TimeRange(0, 60 * MINUTE), "1m")
    table = flow.table("footprint")
    assert table is not None
    return table


@pytest.mark.parametrize(
    ("minutes", "detail", "group"),
    [(6, Detail.NUMBERS, 1), (30, Detail.DELTA, 1), (200, Detail.COLOUR, 1), (1440, Detail.COLOUR, 10)],
)
def test_cells_grow_coarser_as_more_bars_must_fit(footprint: Table, minutes: int, detail: Detail, group: int) -> None:
    window = TimeRange(0, minutes * MINUTE)
    rows = footprint[footprint["known_ts"] <= window.end]
    cells = cells_to_draw(rows, MINUTE, window, 1100.0, 590.0)
    assert cells is not None
    assert (cells.detail, cells.group) == (detail, group)
    assert cells.sold.sum() == pytest.approx(rows["sell_volume"].sum())
    assert cells.bought.sum() == pytest.approx(rows["buy_volume"].sum())
    assert 590.0 / cells.sold.shape[1] >= (3.0 if detail == Detail.COLOUR else 13.0)
    assert (cells.poc == (cells.sold + cells.bought).argmax(axis=1)).all()


def test_marks_of_a_picture_s_cells_follow_the_rule_of_the_three() -> None:
    sold = np.array([[5.0, 6, 10, 4, 3, 2, 0]])
    bought = np.array([[0.0, 2, 9, 14, 15, 12, 9]])
    buy, sell = imbalances_of(sold, bought)  # the spec's footprint F; the largest fifth begins at 15
    assert np.flatnonzero(buy[0]).tolist() == [4]
    assert not sell.any()
    down_buy, down_sell = imbalances_of(bought[:, ::-1], sold[:, ::-1])
    assert np.flatnonzero(down_sell[0]).tolist() == [2]
    assert not down_buy.any()


def test_the_files_are_all_there_and_the_picture_is_the_same_each_time(tmp_path: Path) -> None:
    import polars as pl

    flow = build_flow(source(random_tape(3, 900, 12 * MINUTE), 12 * MINUTE), TimeRange(0, 12 * MINUTE), "1m")
    written = {p.name for p in write_flow(flow, tmp_path)}
    assert {"flow.json", "flow.png", "trade.parquet", "footprint-1m.parquet", "orders.parquet"} <= written
    assert pl.read_parquet(tmp_path / "orders.parquet").height == flow.document.rows["orders"]
    picture = (tmp_path / "flow.png").read_bytes()
    assert picture[16:24] == (1600).to_bytes(4, "big") * 2
    write_flow(flow, tmp_path)
    assert (tmp_path / "flow.png").read_bytes() == picture
