"""Answers: counted by hand from the invented market of conftest; the law of truncation through an independent second run of
the graph that never saw the future; the square root scale from its definition at the head of `web/wire.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope import api
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.features.liquidation.map import newest_cells
from perpscope.features.profile.footprint import FOOTPRINT
from perpscope.lake import Lake
from perpscope.web import wire
from perpscope.web.frames import decode_frame, read_column, read_heat
from perpscope.web.history import Ask, History
from perpscope.web.picture.catalogue import RECORDED, layer_cards
from perpscope.web.picture.footprint import coarser
from perpscope.web.picture.frame import delta, layer_names, snapshot

from .conftest import BARS_HELD, HOLE, START

END = START + BARS_HELD * HOUR
ASK = Ask("demo", "BTCUSDT", "1h", 200)


@pytest.fixture(scope="module")
def history(lake_dir: Path) -> History:
    return History(lake_dir)


def shown(history: History, ask: Ask, names: list[str] | None = None) -> tuple[wire.Snapshot, memoryview]:
    header, body = decode_frame(snapshot(history.picture(ask), layer_names(names)).frame(1, "e", 1))
    assert isinstance(header, wire.Snapshot)
    return header, body


def layer(header: wire.FrameHeader, name: str) -> wire.Layer:
    return next(one for one in header.layers if one.name == name)


def test_missing_bars_are_whitespace_on_the_grid(history: History) -> None:
    header, body = shown(history, ASK)
    candles = layer(header, "candles")
    ref = read_column(body, candles, "ref_ms")
    assert candles.rows == 200
    assert (np.diff(ref) == 3_600_000.0).all()
    assert ref[-1] * 1e6 + HOUR == END
    missing = np.isnan(read_column(body, candles, "close"))
    assert missing.sum() == 6
    assert ref[missing][0] * 1e6 == START + HOLE.start * HOUR


def test_candles_are_those_of_the_lake_to_the_last_digit(history: History, lake_dir: Path) -> None:
    header, body = shown(history, ASK)
    bars = Lake(lake_dir).read("demo", "BTCUSDT", "bars@1h")[-100:]
    close = read_column(body, layer(header, "candles"), "close")
    assert close[-80:].tolist() == bars["close"][-80:].tolist()


def test_the_hole_is_told_by_the_chip(history: History) -> None:
    header, _ = shown(history, ASK)
    assert [(h.what, (h.end_ms - h.start_ms) / 3.6e6, h.cause) for h in header.chip.holes] == [("bars@1h", 6.0, "missing")]


def test_a_replayed_moment_is_what_a_run_without_the_future_shows(history: History, lake_dir: Path) -> None:
    """The rows of a picture cut at t against a graph that was fed with nothing after t."""
    at = START + 650 * HOUR
    cut = history.picture(Ask("demo", "BTCUSDT", "1h", 100, at)).results
    alone = api.make_report(lake_dir, "BTCUSDT", venue="demo", at=at, lookback="4d").results
    assert cut.at == alone.at == at
    for key, table in alone.rows.items():
        assert cut.rows[key].same_as(table), key


def test_the_words_of_a_replayed_moment_are_those_of_the_report_then(history: History, lake_dir: Path) -> None:
    at = START + 650 * HOUR
    alone = api.make_report(lake_dir, "BTCUSDT", venue="demo", at=at, lookback="100h")
    header, _ = shown(history, Ask("demo", "BTCUSDT", "1h", 100, at))
    assert header.summary == list(alone.document.summary)


def test_a_heat_cell_holds_what_was_known_when_its_candle_opened(history: History) -> None:
    picture = history.picture(ASK)
    header, body = decode_frame(snapshot(picture, ["candles", "liquidation_heatmap"]).frame())
    heat = header.heats[0]
    edges, cells = read_heat(body, heat)
    assert heat.pool == 1
    assert heat.columns == 201  # 200 closed candles and the one that is forming
    rows = picture.results.rows["liquidation_heatmap@1h"]
    for column in (0, 120, 200):
        known = newest_cells(rows, int(edges[column] * 1e6))
        for i in range(0, heat.bins, 7):
            low, high = (heat.price_low * np.exp((i + k) * heat.price_step) for k in (0, 1))
            middle = np.sqrt(known["price_low"] * known["price_high"])
            inside = known[(middle > low) & (middle < high)]
            _, bins = np.unique(inside["bin"], return_inverse=True)
            usd = float(np.bincount(bins, inside["notional"]).max()) if len(inside) else 0.0
            told = heat.full_usd * (cells[column, i] / 255.0) ** 2
            step = 2.0 * np.sqrt(min(usd, heat.full_usd) * heat.full_usd) / 255.0 + heat.full_usd / 255.0**2
            assert abs(told - min(usd, heat.full_usd)) <= step
            assert (cells[column, i] > 0) == (usd > 0)


def test_the_scale_of_the_heat_does_not_move_with_the_window(history: History) -> None:
    scales = {shown(history, Ask("demo", "BTCUSDT", "1h", n))[0].heats[0].full_usd for n in (20, 200, 700)}
    assert len(scales) == 1


def test_a_window_too_large_to_draw_is_answered_with_a_coarser_level(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    from perpscope.web.picture import heats

    fine, fine_body = decode_frame(snapshot(history.picture(ASK), ["liquidation_heatmap"]).frame())
    monkeypatch.setattr(heats, "MOST_COLUMNS", 70)
    coarse, coarse_body = decode_frame(snapshot(history.picture(ASK), ["liquidation_heatmap"]).frame())
    pool = coarse.heats[0].pool
    assert (coarse.heats[0].columns, pool) == (67, 3)
    cells, pooled = read_heat(fine_body, fine.heats[0])[1], read_heat(coarse_body, coarse.heats[0])[1]
    largest = np.maximum.reduceat(cells, np.arange(0, len(cells), pool), axis=0)
    assert (pooled == largest).all()


def test_snapshot_and_deltas_tell_what_a_later_snapshot_tells(history: History) -> None:
    names = ["candles", "cvd", "fair_value_gaps", "liquidation_heatmap", "open_interest_delta"]
    early = history.picture(Ask("demo", "BTCUSDT", "1h", 100, START + 640 * HOUR))
    drawn = snapshot(early, names)
    head, body = decode_frame(drawn.frame())
    frames = [(head, body)]
    rasters, after = drawn.rasters, early.at
    for hours in (641, 642, 645):
        later = history.picture(Ask("demo", "BTCUSDT", "1h", 100, START + hours * HOUR))
        drawn = delta(later, names, after, rasters)
        rasters, after = drawn.rasters, later.at
        frames.append(decode_frame(drawn.frame()))
    end, end_body = shown(history, Ask("demo", "BTCUSDT", "1h", 105, START + 645 * HOUR), names)
    for name, column in (("candles", "close"), ("cvd", "close"), ("open_interest_delta", "open_interest")):
        told = np.concatenate([read_column(b, one, column) for h, b in frames for one in h.layers if one.name == name])
        assert np.array_equal(told, read_column(end_body, layer(end, name), column), equal_nan=True), name
    columns: dict[float, np.ndarray] = {}
    for h, b in frames:
        edges, cells = read_heat(b, h.heats[0])
        columns.update(dict(zip(edges[:-1].tolist(), cells, strict=True)))
    edges, cells = read_heat(end_body, end.heats[0])
    first = round((np.log(end.heats[0].price_low) - np.log(head.heats[0].price_low)) / head.heats[0].price_step)
    assert len(columns) == len(edges) - 1
    for at, whole in zip(edges[:-1].tolist(), cells, strict=True):
        mine = columns[at]
        common = min(len(whole), len(mine) - max(first, 0))
        assert (whole[:common] == mine[max(first, 0) : max(first, 0) + common]).all() or first < 0


def test_a_layer_that_cannot_be_drawn_says_why(history: History) -> None:
    header, _ = shown(history, Ask("demo", "ETHUSDT", "1h", 100))
    assert header.absent["liquidation_heatmap"] == "The data has no open interest."
    assert header.heats == []


def test_every_layer_of_the_catalogue_is_drawn_or_explained(history: History) -> None:
    names = [card.name for card in layer_cards()]
    header, _ = shown(history, ASK, names)
    told = {one.name for one in header.layers} | {one.name for one in header.heats} | set(header.absent) | set(RECORDED)
    assert told == set(names)


def test_every_signal_has_every_reason_with_its_verdict(history: History) -> None:
    header, _ = shown(history, Ask("demo", "BTCUSDT", "1h", 700))
    assert header.signals
    assert all(one.reasons and all(r.verdict == "unproven" and r.title for r in one.reasons) for one in header.signals)
    assert all(one.changed_ms >= one.known_ms > one.ref_ms for one in header.signals)
    assert header.score is not None
    assert header.score.most == len(header.score.reasons)


CELL = st.tuples(st.integers(0, 5), st.integers(0, 300), st.floats(0.0, 9.0))
"""A bar, a tick, a volume."""


@given(st.lists(CELL, min_size=1, max_size=80, unique_by=lambda cell: cell[:2]), st.integers(6, 80))
def test_a_coarser_footprint_keeps_every_volume(cells: list[tuple[int, int, float]], most: int) -> None:
    bars, ticks, volumes = map(np.array, zip(*sorted(cells), strict=True))
    n = len(bars)
    table = Table.filled(
        FOOTPRINT, ref_ts=bars, known_ts=bars + 1, low_tick=ticks, step=np.ones(n, np.int64), price_low=ticks * 0.5,
        price_high=(ticks + 1) * 0.5, buy_volume=volumes, sell_volume=volumes * 2, buy_count=np.ones(n), sell_count=np.ones(n),
        complete=np.ones(n, bool),
    )  # fmt: skip
    told = coarser(table, most)
    assert len(told) <= max(most, len(set(bars.tolist())))
    for bar in set(bars.tolist()):
        mine, all_of = told[told["ref_ts"] == bar], bars == bar
        assert mine["buy_volume"].sum() == pytest.approx(volumes[all_of].sum())
        assert mine["sell_count"].sum() == all_of.sum()
        for tick in ticks[all_of].tolist():
            assert ((mine["low_tick"] <= tick) & (tick < mine["low_tick"] + mine["step"])).sum() == 1
    assert (told["low_tick"] % told["step"] == 0).all()
    assert told["price_low"] == pytest.approx(told["low_tick"] * 0.5)


def test_what_is_estimated_says_so() -> None:
    guessed = {card.name for card in layer_cards() if card.estimated}
    assert {"liquidation_heatmap", "liquidation_clusters"} <= guessed
    assert not guessed & {"observed_liquidations", "cvd", "candles", "liquidations"}


def test_a_picture_is_made_once(history: History) -> None:
    first = history.picture(ASK).results.rows
    assert history.picture(Ask("demo", "BTCUSDT", "1h", 50)).results.rows is first


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (Ask("demo", "BTCUSD", "1h"), "Did you mean 'BTCUSDT'"),
        (Ask("dmo", "BTCUSDT", "1h"), "Did you mean 'demo'"),
        (Ask("demo", "BTCUSDT", "1hr"), "time frame"),
        (Ask("demo", "BTCUSDT", "5m"), "5m bars can be made neither"),
        (Ask("demo", "BTCUSDT", "1h", 1), "at least two bars"),
        (Ask("demo", "BTCUSDT", "1h", 100, START - HOUR), "begins 2024-01-01"),
        (Ask("../demo", "BTCUSDT", "1h"), "no venue in the lake"),
        (Ask("demo", "BTC\x00USDT", "1h"), "no instrument of demo"),
    ],
)
def test_what_is_not_there_is_refused_with_a_sentence(history: History, ask: Ask, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        history.picture(ask)


def test_a_moment_inside_a_hole_is_shown_with_the_hole(history: History) -> None:
    header, body = shown(history, Ask("demo", "BTCUSDT", "1h", 50, START + 703 * HOUR))
    assert np.isnan(read_column(body, layer(header, "candles"), "close")[-3:]).all()


def test_a_moment_after_the_end_is_the_end(history: History) -> None:
    assert history.picture(Ask("demo", "BTCUSDT", "1h", 50, END + 900 * HOUR)).at == END


def test_an_empty_lake_says_what_to_do(tmp_path: Path) -> None:
    empty = History(tmp_path / "none")
    assert empty.instruments() == []
    with pytest.raises(UserError, match="perpscope import"):
        empty.picture(ASK)


def test_a_heat_of_1000_by_400_with_its_candles_fits_half_a_megabyte(history: History) -> None:
    frame = snapshot(history.picture(Ask("demo", "BTCUSDT", "1h", 790)), ["candles", "liquidation_heatmap"]).frame()
    header, body = decode_frame(frame)
    heat = header.heats[0]
    candles = (len(body) - heat.columns * heat.bins) / 790 * 1000
    assert heat.pool == 1
    assert len(frame) - len(body) + candles + 1000 * wire.HEAT_BINS < 500_000
