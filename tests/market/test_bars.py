"""Answers: the catalogue's known answers on recorded tapes, ORDERFLOW OF2 by hand, and a slow program in this file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.made import INSTRUMENT, make_bars, make_trades, recorded_tape
from perpscope.core.batch import Batch, cut
from perpscope.core.events import BARS, GAP, TRADE, GapKind
from perpscope.core.state import freeze, thaw
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, SECOND, parse_ts
from perpscope.market.bars import BarsFromBars, BarsFromTrades

S = SECOND
COLUMNS = ("open", "high", "low", "close", "volume", "buy_volume", "sell_volume", "trade_count", "min_delta", "max_delta")


def bars_of(tape: Table, end: int, gaps: Table | None = None, frame: str = "10s", watermarks: list[int] | None = None) -> Table:
    fold = BarsFromTrades(frame=frame)
    state = fold.start(INSTRUMENT)
    whole = Batch(end, {"trade": tape, "gap": GAP.empty() if gaps is None else gaps})
    return Table.concat([fold.fold(state, batch) for batch in cut(whole, watermarks or [])])


def holes(*spans: tuple[int, int], kind: GapKind = GapKind.TRADE) -> Table:
    starts, ends = [s for s, _ in spans], [e for _, e in spans]
    n = len(spans)
    return Table.of(GAP, ref_ts=starts, known_ts=ends, end_ts=ends, kind=[kind] * n, cause=[1] * n).sorted()


def slow_bars(tape: Table, end: int, gaps: list[tuple[int, int]], step: int) -> list[tuple]:
    """One bar at a time from lists; (ref, open, high, low, close, volume, buy, sell, count, min, max, complete)."""
    trades = list(zip(*(tape[c].tolist() for c in ("exchange_ts", "price", "quantity", "aggressor_side")), strict=True))
    rows, price = [], None
    start = trades[0][0] // step * step if trades else end
    listening = bool(trades) and (trades[0][0] == start or any(g[1] <= start for g in gaps))
    while start + step <= end:
        mine = [t for t in trades if start <= t[0] < start + step]
        lost = [g for g in gaps if g[0] < start + step and g[1] > start]
        if mine:
            prices = [t[1] for t in mine]
            signed = [t[2] if t[3] == 1 else -t[2] for t in mine]
            running = np.cumsum(signed).tolist()
            buy, sell = sum(x for x in signed if x > 0), -sum(x for x in signed if x < 0)
            head = (start, prices[0], max(prices), min(prices), prices[-1], buy + sell, buy, sell, len(mine))
            rows.append((*head, min(0, *running), max(0, *running), not lost and (listening or bool(rows))))
            price = prices[-1]
            if any(g[1] >= start + step for g in lost):
                price = None
        elif lost:
            price = None
        elif price is not None:
            rows.append((start, price, price, price, price, 0, 0, 0, 0, 0, 0, True))
        start += step
    return rows


def as_tuples(bars: Table) -> list[tuple]:
    return list(zip(bars["ref_ts"].tolist(), *(bars[c].tolist() for c in COLUMNS), bars["complete"].tolist(), strict=True))


@st.composite
def tapes(draw: st.DrawFn) -> tuple[Table, list[tuple[int, int]], int]:
    """Trades on whole quantities (so that sums are exact), gaps that hold none of them, and a watermark."""
    gaps = draw(
        st.lists(st.tuples(st.integers(0, 120), st.integers(1, 25)).map(lambda g: (g[0] * S, (g[0] + g[1]) * S)), max_size=3)
    )
    at = sorted(draw(st.lists(st.integers(0, 150 * S), max_size=40)))
    at = [t for t in at if not any(a <= t < b for a, b in gaps)]
    prints = [(t, draw(st.sampled_from("BS")), float(draw(st.integers(90, 110))), float(draw(st.integers(1, 9)))) for t in at]
    end = draw(st.integers(150, 200)) * S
    return (make_trades(*prints) if prints else TRADE.empty()), gaps, end


@given(tapes())
def test_bars_are_those_of_a_slow_program(case: tuple[Table, list[tuple[int, int]], int]) -> None:
    tape, gaps, end = case
    assert as_tuples(bars_of(tape, end, holes(*gaps))) == slow_bars(tape, end, gaps, 10 * S)


@given(tapes(), st.lists(st.integers(0, 200 * S), max_size=8))
def test_any_partition_gives_the_same_bars(case: tuple[Table, list[tuple[int, int]], int], watermarks: list[int]) -> None:
    tape, gaps, end = case
    allowed = [w for w in watermarks if not any(a <= w < b for a, b in gaps)]
    assert as_tuples(bars_of(tape, end, holes(*gaps), watermarks=allowed)) == as_tuples(bars_of(tape, end, holes(*gaps)))


def test_deltas_and_their_extremes_by_hand() -> None:
    tape = make_trades((0, "B", 100.0, 2), (1, "S", 99.9, 5), (2, "B", 100.0, 4), (3, "S", 99.8, 1), (4, "B", 100.1, 3))
    (bar,) = as_tuples(bars_of(tape, 10 * S))
    assert bar == (0, 100.0, 100.1, 99.8, 100.1, 15, 9, 6, 5, -3, 3, True)


def test_a_bar_closes_by_the_watermark_and_not_by_the_next_trade() -> None:
    tape = make_trades((1, "B", 100, 1))
    assert len(bars_of(tape, 10 * S - 1)) == 0
    assert len(bars_of(tape, 10 * S)) == 1


def test_the_first_bar_is_incomplete_unless_it_is_known_how_it_began() -> None:
    late, sharp = make_trades((1, "B", 100, 1), (11 * S, "S", 99, 1)), make_trades((10 * S, "B", 100, 1), (21 * S, "S", 99, 1))
    assert bars_of(late, 20 * S)["complete"].tolist() == [False, True]
    assert bars_of(sharp, 30 * S)["complete"].tolist() == [True, True]
    later = make_trades((11 * S, "B", 100, 1))
    assert bars_of(later, 30 * S, holes((0, 10 * S)))["complete"].tolist() == [True, True]  # the source began to listen at 10 s
    assert bars_of(later, 30 * S, holes((0, 10 * S + 1)))["complete"].tolist() == [False, True]


def test_a_quiet_market_repeats_the_last_price_without_volume() -> None:
    bars = bars_of(make_trades((0, "B", 100, 1)), 40 * S)
    assert bars["close"].tolist() == [100] * 4
    assert bars["volume"].tolist() == [1, 0, 0, 0]
    assert bars["complete"].all()


def test_nothing_is_invented_before_the_first_trade_or_inside_a_gap() -> None:
    tape = make_trades((25 * S, "B", 100, 1), (71 * S, "S", 90, 1))
    bars = bars_of(tape, 90 * S, holes((31 * S, 65 * S)))
    assert (bars["ref_ts"] / S).tolist() == [20, 70, 80]
    assert bars["open"].tolist() == [100, 90, 90]
    touched = bars_of(tape, 90 * S, holes((28 * S, 65 * S)))
    assert touched["complete"].tolist() == [False, True, True]


def test_gaps_of_other_streams_do_not_touch_the_bars() -> None:
    tape = make_trades((0, "B", 100, 1), (25 * S, "B", 101, 1))
    assert bars_of(tape, 30 * S, holes((12 * S, 18 * S), kind=GapKind.MARK_PRICE))["complete"].all()


def test_overlapping_gaps_hide_what_they_hide_together() -> None:
    tape = make_trades((1, "B", 100, 1))
    bars = bars_of(tape, 50 * S, holes((8 * S, 12 * S), (3 * S, 31 * S), (31 * S, 40 * S)))
    assert as_tuples(bars) == [(0, 100, 100, 100, 100, 1, 1, 0, 1, 0, 1, False)]


def test_a_trade_on_the_edge_opens_the_next_bar() -> None:
    bars = bars_of(make_trades((10 * S - 1, "B", 1, 1), (10 * S, "B", 2, 1)), 20 * S)
    assert bars["close"].tolist() == [1, 2]


def test_a_frozen_state_goes_on_as_if_nothing_had_happened() -> None:
    tape = make_trades(*((k * 3 * S, "BS"[k % 2], 100 + k % 7, 1 + k % 3) for k in range(30)))
    fold = BarsFromTrades(frame="10s")
    first, second = list(cut(Batch(100 * S, {"trade": tape, "gap": GAP.empty()}), [44 * S]))
    state = fold.start(INSTRUMENT)
    head = fold.fold(state, first)
    tail = fold.fold(thaw(freeze(state)), second)
    assert as_tuples(Table.concat([head, tail])) == as_tuples(bars_of(tape, 100 * S))


VENUE_BARS = {
    "binance_usdm/BTCUSDT-2024-08-08": (61807.7, 61839.9, 61590.3, 61659.8, 2303.399, 19562, 1200.702),
    "binance_usdm/ETHUSDT-2024-08-08": (2681.78, 2684.82, 2677.90, 2681.59, 8445.411, 12630, 4567.523),
    "binance_spot/BTCUSDT-2024-08-08": (61828.0, 61860.8, 61583.22, 61685.99, 199.42863, 8863, 90.18301),
}
"""2024-08-08 23:55, five minutes, from the catalogue: open, high, low, close, volume, trades, taker buys."""


@pytest.mark.parametrize("name", VENUE_BARS)
def test_recorded_trades_make_the_venue_s_own_kline(shared_data: Path, name: str) -> None:
    answer = VENUE_BARS[name]
    tape = recorded_tape(shared_data, name)
    start = parse_ts("2024-08-08T23:55Z")
    bars = bars_of(tape, start + 5 * MINUTE, frame="5m")
    bar = bars[bars["ref_ts"] == start]
    got = [bar[c][0] for c in ("open", "high", "low", "close", "volume", "trade_count", "buy_volume")]
    assert got[:4] == list(answer[:4])
    assert got[5] == answer[5]
    assert np.allclose([got[4], got[6]], [answer[4], answer[6]], rtol=0, atol=1e-8)


def test_minute_2357_of_the_recorded_tape_in_lots(shared_data: Path) -> None:
    # ORDERFLOW section 11, made by an independent slow program
    start = parse_ts("2024-08-08T23:57Z")
    bars = bars_of(recorded_tape(shared_data), start + MINUTE, frame="1m")
    bar = bars[bars["ref_ts"] == start]
    assert [bar[c][0] for c in ("open", "high", "low", "close")] == [61701.3, 61719.0, 61620.0, 61628.1]
    lots = [round(bar[c][0] * 1000, 6) for c in ("buy_volume", "sell_volume", "max_delta", "min_delta")]
    assert lots == [259421, 347727, 3491, -149631]
    assert bar["trade_count"][0] == 4717


def test_longer_bars_from_shorter_ones_are_those_from_the_trades(shared_data: Path) -> None:
    tape = recorded_tape(shared_data)
    end = parse_ts("2024-08-09T00:00Z")
    ones, fives = bars_of(tape, end, frame="1m"), bars_of(tape, end, frame="5m")
    fold = BarsFromBars(child="1m", frame="5m")
    made = fold.fold(fold.start(INSTRUMENT), Batch(end, {"bars@1m": ones, "gap": GAP.empty()}))
    assert made["complete"].tolist() == [False, True]  # the recording begins inside the first five minutes
    for name in COLUMNS:
        np.testing.assert_allclose(made[name], fives[name], rtol=1e-12, atol=1e-9)


def test_running_delta_goes_on_from_child_to_child() -> None:
    # ORDERFLOW OF2: (delta -3, max 2, min -5) + (6, 7, -1) -> (3, 4, -5)
    ones = make_bars([9.0, 9.0], [1, 7], [4, 1]).with_columns(min_delta=[-5.0, -1.0], max_delta=[2.0, 7.0])
    fold = BarsFromBars(child="1m", frame="2m")
    row = fold.fold(fold.start(INSTRUMENT), Batch(2 * MINUTE, {"bars@1m": ones, "gap": GAP.empty()}))
    assert (row["max_delta"][0], row["min_delta"][0], row["buy_volume"][0] - row["sell_volume"][0]) == (4, -5, 3)


def test_recorded_quarter_hours_add_up_to_the_venue_s_hours(shared_data: Path) -> None:
    folder = shared_data / "bars" / "binance_perp"
    first, last = 469_445 * 3_600_000, 471_667 * 3_600_000
    quarters = pl.read_parquet(folder / "15m" / "BTCUSDT.parquet")
    quarters = quarters.filter((pl.col("ts") >= first) & (pl.col("ts") < last))
    hours = pl.read_parquet(folder / "1h" / "BTCUSDT.parquet")
    ref = quarters["ts"].to_numpy() * 1_000_000
    prices = {c: quarters[c] for c in ("open", "high", "low", "close", "volume")}
    children = Table.filled(BARS, ref_ts=ref, known_ts=ref + 15 * MINUTE, complete=np.ones(len(ref), bool), **prices)
    fold = BarsFromBars(child="15m", frame="1h")
    made = fold.fold(fold.start(INSTRUMENT), Batch(int(ref[-1]) + 15 * MINUTE, {"bars@15m": children, "gap": GAP.empty()}))
    made = made[made["complete"]]
    venue = pl.DataFrame({"ts": made["ref_ts"] // 1_000_000}).join(hours, on="ts", how="left")
    assert len(made) == 471_667 - 469_445
    for name in ("open", "high", "low", "close"):
        assert (made[name] == venue[name].to_numpy()).all()
    np.testing.assert_allclose(made["volume"], venue["volume"].to_numpy(), rtol=1e-9)
    assert np.isnan(made["buy_volume"]).all()


def test_a_missing_child_leaves_the_parent_incomplete_and_a_missing_parent_is_not_invented() -> None:
    ones = make_bars([9.0] * 5, ref=[0, MINUTE, 2 * MINUTE + HOUR, 3 * HOUR, 3 * HOUR + MINUTE])
    fold = BarsFromBars(child="1m", frame="2m")
    rows = fold.fold(fold.start(INSTRUMENT), Batch(4 * HOUR, {"bars@1m": ones, "gap": GAP.empty()}))
    assert (rows["ref_ts"] / MINUTE).tolist() == [0, 62, 180]
    assert rows["complete"].tolist() == [True, False, True]
