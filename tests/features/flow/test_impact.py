"""Answers: ORDERFLOW OF26, OF27, OF14 by hand, numpy's least squares, and slow programs in this file."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws.market import made_market, scaled
from market.made import make_trades, random_tape, run
from perpscope.core.batch import Batch
from perpscope.core.events import GAP, GapKind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, SECOND
from perpscope.features.flow.flow_windows import FLOW_WINDOWS
from perpscope.features.flow.kyle_lambda import KyleLambda
from perpscope.features.flow.vpin import Vpin

W = 10 * SECOND


def windows(tape: Table, end: int, **more) -> Table:
    return run("flow_windows", {"trade": tape, **more}, end=end)


def test_windows_by_hand() -> None:
    tape = make_trades((0, "B", 101, 1), (1, "S", 100, 2), (W - 1, "B", 103, 4), (W, "S", 102, 1), (3 * W + 1, "S", 98, 2))
    rows = windows(tape, 4 * W)
    assert rows["buy_volume"].tolist() == [5, 0, 0, 0]
    assert rows["net"].tolist() == [3, -1, 0, -2]
    assert rows["trade_count"].tolist() == [3, 1, 0, 1]
    assert np.array_equal(rows["price_start"], [np.nan, 101.5, 102.5, 102.5], equal_nan=True)
    assert rows["price_end"].tolist() == [101.5, 102.5, 102.5, 100.5]
    assert rows["price_high"].tolist() == [101.5, 102.5, 102.5, 102.5]
    assert rows["price_low"].tolist() == [100.5, 101.5, 102.5, 100.5]


def test_the_window_that_the_data_begins_in_and_those_a_gap_touches_are_left_out() -> None:
    tape = make_trades((5, "B", 10, 1), (W + 5, "S", 10, 1), (5 * W + 5, "B", 10, 1), (6 * W + 5, "B", 10, 1))
    gap = Table.of(GAP, ref_ts=[2 * W + 5], known_ts=[5 * W], end_ts=[5 * W], kind=[GapKind.TRADE], cause=[1])
    rows = windows(tape, 8 * W, gap=gap)
    assert (rows["ref_ts"] // W).tolist() == [1, 6, 7]


def lambda_of(net: list[float], move: list[float], **params) -> Table:
    n = len(net)
    ref = np.arange(n) * W
    start = 100.0 + np.r_[0.0, np.cumsum(move)[:-1]]
    flow = Table.filled(FLOW_WINDOWS, ref_ts=ref, known_ts=ref + W, net=net, price_start=start, price_end=start + move)
    fold = KyleLambda(KyleLambda.Params(**params))
    return fold.fold(fold.start(Instrument("demo", "X")), Batch(n * W, {"flow_windows": flow}))


def test_slope_intercept_and_t_by_hand() -> None:
    row = lambda_of([1, 2, 3, 4], [0.1, 0.1, 0.4, 0.4], windows=4, n_min=4)
    assert row["slope"][0] == pytest.approx(0.12)
    assert row["intercept"][0] == pytest.approx(-0.05)
    assert row["t"][0] == pytest.approx(2.8284, abs=5e-5)
    origin = lambda_of([1, 2, 3, 4], [0.1, 0.1, 0.4, 0.4], windows=4, n_min=4, through_origin=True)
    assert origin["slope"][0] == pytest.approx(0.103333, abs=5e-7)


@given(st.integers(0, 500))
def test_every_row_is_numpy_s_fit_of_the_last_windows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net, move = rng.normal(0, 5, 60), rng.normal(0, 1, 60)
    rows = lambda_of(net.tolist(), move.tolist(), windows=25, n_min=10)
    assert len(rows) == 51
    for i in (9, 24, 25, 40, 59):
        x, y = net[max(0, i - 24) : i + 1], move[max(0, i - 24) : i + 1]
        fit, cov = np.polyfit(x, y, 1, cov=True)
        at = i - 9
        assert rows["slope"][at] == pytest.approx(fit[0], rel=1e-6, abs=1e-9)
        assert rows["intercept"][at] == pytest.approx(fit[1], rel=1e-6, abs=1e-9)
        assert rows["t"][at] == pytest.approx(fit[0] / np.sqrt(cov[0, 0]), rel=1e-6)


def test_a_slope_scales_with_the_price_and_against_the_quantity() -> None:
    market = made_market(0)
    rows = run("kyle_lambda", dict(market.tables), instrument=market.instrument, frame="1h", end=market.end)
    more = scaled(market, 4.0, 8.0)
    other = run("kyle_lambda", dict(more.tables), instrument=more.instrument, frame="1h", end=more.end)
    assert len(rows) > 1000
    assert np.allclose(rows["slope"] * 0.5, other["slope"], equal_nan=True)
    assert np.allclose(rows["t"], other["t"], equal_nan=True)


def test_a_missing_window_empties_the_memory_of_the_regression() -> None:
    market = made_market(0)
    rows = run("kyle_lambda", dict(market.tables), instrument=market.instrument, frame="1h", end=market.end)
    flow = run("flow_windows", dict(market.tables), instrument=market.instrument, frame="1h", end=market.end)
    priced = flow[np.isfinite(flow["price_end"] - flow["price_start"])]
    assert rows["ref_ts"][0] == priced["ref_ts"][119]


def vpin(tape: Table, **params) -> Table:
    return run(Vpin(Vpin.Params(**params)), {"trade": tape}, end=int(tape.clock[-1]))


def test_two_buckets_by_hand() -> None:
    # day 0 is never known to be whole; day 1 has 20 units, so with two buckets a day V = 10 on day 2
    before = [(5, "B", 10, 1), (DAY + 5, "B", 10, 12), (DAY + 6, "S", 10, 8)]
    tape = make_trades(*before, (2 * DAY, "B", 10, 6), (2 * DAY + 1, "S", 10, 7), (2 * DAY + 2, "B", 10, 7))
    row = vpin(tape, buckets=2, per_day=2)
    assert row["vpin"].tolist() == [pytest.approx(0.3)]
    assert [row[c][0] for c in ("bucket_quantity", "buy_volume", "sell_volume")] == [10, 7, 3]
    assert row["ref_ts"].tolist() == [2 * DAY + 1]
    assert row["known_ts"].tolist() == [2 * DAY + 2]


@given(st.integers(0, 100))
def test_vpin_is_that_of_a_slow_program(seed: int) -> None:
    tape = random_tape(seed, 600, 5 * DAY)
    rows = vpin(tape, buckets=4, per_day=8)
    volume = {d: tape["quantity"][tape.clock // DAY == d].sum() for d in range(5)}
    prints = zip((tape.clock // DAY).tolist(), tape["quantity"].tolist(), tape["aggressor_side"].tolist(), strict=True)
    units = [(d, s) for d, q, s in prints if d >= 2 for _ in range(int(q) * 8)]
    expected, sides = [], []
    at = 0
    while at < len(units):
        size = volume[units[at][0] - 1] / 8 * 8  # eighths of a unit: bucket sizes are whole in them
        part = units[at : at + int(size)]
        if len(part) < size:
            break
        bought = sum(s == 1 for _, s in part)
        sides.append(abs(2 * bought - size) / size)
        if len(sides) >= 4:
            expected.append(np.mean(sides[-4:]))
        at += int(size)
    assert np.allclose(rows["vpin"], expected)


def test_large_trades_reach_the_quantile_of_the_orders_before_them() -> None:
    rng = np.random.default_rng(4)
    n = 3000
    size = np.rint(rng.pareto(1.5, n) * 10) + 1
    tape = make_trades(*((k * MINUTE, "BS"[k % 2], 10.0, float(q)) for k, q in enumerate(size)))
    settings = {"large_trades": {"window": 500, "n_min": 100, "quantile": 0.95}}
    rows = run("large_trades", {"trade": tape}, settings=settings, end=n * MINUTE + HOUR)
    expected = []
    for k in range(100, n):
        past = np.sort(size[max(0, k - 500) : k])
        if size[k] >= past[int(np.ceil(0.95 * len(past) - 1e-9)) - 1]:
            expected.append(k)
    assert (rows["ref_ts"] // MINUTE).tolist() == expected
    assert (rows["quantity"] >= rows["threshold"]).all()


def test_a_gap_shorter_than_an_order_s_wait_restarts_the_window_at_the_same_order_however_it_is_cut() -> None:
    size = [*range(1, 30), 50, 40, *range(1, 30), 45]
    at = [k * MINUTE for k in range(len(size))]
    at[30] = at[29] + 500_000  # half a millisecond later, while the order before it is not known yet
    tape = make_trades(*((t, "BS"[k % 2], 10.0, float(q)) for k, (t, q) in enumerate(zip(at, size, strict=True))))
    hole = Table.of(GAP, ref_ts=[at[29] + 1], known_ts=[at[29] + 9], end_ts=[at[29] + 9], kind=[1], cause=[1])
    settings = {"large_trades": {"window": 40, "n_min": 20, "quantile": 0.95}}

    def large(*watermarks: int) -> Table:
        tables = {"trade": tape, "gap": hole}
        return run("large_trades", tables, settings=settings, end=len(size) * MINUTE + HOUR, watermarks=watermarks)

    assert large()["quantity"].max() == 50
    assert 40 not in large()["quantity"]
    assert large(at[29] + 100).same_as(large())
