"""Published tables with faults, and the recorded book. Answers come from the unfaulted tables and from replaying rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.events import BookSide, GapKind
from perpscope.core.time import MINUTE, SECOND
from perpscope.core.units import AggressorSide, PositionSide
from perpscope.synthetic import Config, SyntheticMarket, simulate
from perpscope.synthetic.config import Publication


def _market(shown: Publication | None = None) -> SyntheticMarket:
    base = Config(seed=8, days=0.5, open_interest=200.0)
    return simulate(replace(base, publication=shown or Publication()))


@pytest.fixture(scope="module")
def clean() -> SyntheticMarket:
    return _market()


def test_an_outage_silences_every_stream_and_is_declared_for_each_kind(clean: SyntheticMarket) -> None:
    holed = _market(Publication(gaps_per_day=12.0, gap_minutes=9.0))
    gaps = holed.tables["gap"]
    spans = sorted(set(zip(gaps["ref_ts"].tolist(), gaps["end_ts"].tolist(), strict=True)))
    assert len(spans) > 2
    assert len(gaps) == 4 * len(spans)
    assert set(gaps["kind"]) == {GapKind.TRADE, GapKind.MARK_PRICE, GapKind.OPEN_INTEREST, GapKind.LIQUIDATION}
    assert all(b[0] > a[1] for a, b in pairwise(spans))
    for name, table in clean.tables.items():
        if name == "gap":
            continue
        first = table["ref_ts"] if "ref_ts" in table.schema.by_name else table.clock
        last = table["known_ts"] - 1 if "ref_ts" in table.schema.by_name else table.clock
        touched = np.zeros(len(table), bool)
        for begin, end in spans:
            touched |= (first < end) & (last >= begin)
        assert holed.tables[name].same_as(table[~touched])


def test_rows_sent_twice_are_exact_copies_and_nothing_else_changes(clean: SyntheticMarket) -> None:
    doubled = _market(Publication(duplicate_share=0.3))
    for name in ("trade", "liquidation"):
        rows, original = doubled.tables[name], clean.tables[name]
        share = len(rows) / len(original) - 1.0
        assert share == pytest.approx(0.3, abs=4.0 * np.sqrt(0.21 / len(original)))
    ids = doubled.tables["trade"]["trade_id"]
    assert np.array_equal(np.unique(ids), clean.tables["trade"]["trade_id"])
    repeated = np.append(False, ids[1:] == ids[:-1])
    assert doubled.tables["trade"][~repeated].same_as(clean.tables["trade"])


def test_totals_are_the_sums_of_their_feed(clean: SyntheticMarket) -> None:
    events, totals = clean.tables["liquidation"], clean.tables["liquidation_totals@5m"]
    for row in list(totals.rows())[::7]:
        inside = (events["exchange_ts"] >= row["ref_ts"]) & (events["exchange_ts"] < row["known_ts"])
        for name, side in (("long_quantity", PositionSide.LONG), ("short_quantity", PositionSide.SHORT)):
            assert row[name] == pytest.approx(events["quantity"][inside & (events["position_side"] == side)].sum())


def test_mark_bars_hold_the_published_marks_of_their_minute(clean: SyntheticMarket) -> None:
    marks, bars = clean.tables["mark_price"], clean.tables["mark_bars@1m"]
    assert np.all(bars["known_ts"] - bars["ref_ts"] == MINUTE)
    for row in list(bars.rows())[::97]:
        inside = (marks["exchange_ts"] >= row["ref_ts"]) & (marks["exchange_ts"] < row["known_ts"])
        values = marks["mark_price"][inside]
        assert (row["open"], row["high"], row["low"], row["close"]) == (values[0], values.max(), values.min(), values[-1])


def test_the_mark_is_the_index_plus_the_average_of_the_premium(clean: SyntheticMarket) -> None:
    """EMA(mid - index) + index with span 30 s; the mid is not published, but the EMA moves no faster than its weight."""
    rows = clean.tables["mark_price"]
    premium = rows["mark_price"] - rows["index_price"]
    step = np.abs(np.diff(premium))
    spread = 0.002 * rows["mark_price"].max()
    assert step.max() < 2.0 / 31.0 * spread
    assert np.median(step) > 0.0


def test_the_recorded_book_replays_and_the_next_trade_is_at_its_best_price() -> None:
    market = _market(Publication(depth_levels=40, depth_from_hours=1.0, depth_hours=0.1))
    deltas, trades = market.tables["book_delta"], market.tables["trade"]
    assert deltas["snapshot"].tolist() == [True] + [False] * (len(deltas) - 1)
    assert np.all(np.diff(deltas["sequence"]) >= 0)
    book: dict[int, dict[float, float]] = {BookSide.BID: {}, BookSide.ASK: {}}
    checked = 0
    for ts in np.unique(deltas["exchange_ts"]):
        for row in deltas[deltas["exchange_ts"] == ts].rows():
            side = book[BookSide[row["side"].upper()]]
            if row["quantity"] == 0.0:
                del side[row["price"]]
            else:
                side[row["price"]] = row["quantity"]
        bid, ask = max(book[BookSide.BID]), min(book[BookSide.ASK])
        assert bid < ask
        assert len(book[BookSide.BID]) <= 40
        assert len(book[BookSide.ASK]) <= 40
        # orders of the second itself come after the liquidations and exits at its beginning, and those before the book
        after = trades[(trades["exchange_ts"] >= ts + SECOND // 50) & (trades["exchange_ts"] < ts + SECOND)]
        if len(after):
            best = ask if after["aggressor_side"][0] == AggressorSide.BUY else bid
            assert after["price"][0] == pytest.approx(best)
            checked += 1
    assert checked > 30
    assert 300 < len(np.unique(deltas["exchange_ts"])) <= 360


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Config(days=0.0),
        lambda: Config(start=1),
        lambda: Config(price=-1.0),
        lambda: Config(publication=Publication(interest_unit="coins")),
        lambda: Config(publication=Publication(interest_sides=3)),
        lambda: replace(Config(), retail=replace(Config().retail, weights=(1.0,))),
        lambda: replace(Config(), retail=replace(Config().retail, leverages=(0.5,), weights=(1.0,))),
        lambda: replace(Config(), flow=replace(Config().flow, share_retail=0.9)),
        lambda: replace(Config(), makers=replace(Config().makers, count=9)),
    ],
)
def test_settings_no_market_can_have_are_refused(wrong: Callable[[], Config]) -> None:
    with pytest.raises(UserError):
        wrong()
