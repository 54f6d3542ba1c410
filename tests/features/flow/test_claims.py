"""Answers: ORDERFLOW OF10 to OF13 by hand, the laws on settings that make claims, and the mirror on the grid of the bins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import laws
from laws.market import START, made_market
from market.made import assert_same_rows, make_bars, make_trades, random_tape, run, upside_down
from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, SECOND
from perpscope.core.units import AggressorSide
from perpscope.features.flow.absorption import Absorption
from perpscope.features.flow.delta_divergence import DeltaDivergence
from perpscope.features.flow.flow_windows import FLOW_WINDOWS
from perpscope.features.flow.kyle_lambda import KYLE_LAMBDA
from perpscope.market.claims import ClaimEvent
from perpscope.market.structure import Extreme

W = 10 * SECOND
TICK = Instrument("demo", "X", tick_size=1.0)


def events(rows: Table) -> list[str]:
    return [ClaimEvent(e).name for e in rows["event"]]


# ----- absorption: 130 calm windows of 1 or 3 units, then one of 600 bought and 100 sold


def absorb(end: float, after: list[tuple[float, float]], t: float = 5.0, hole: bool = False) -> Table:
    """Claims when a window with net 500 ends at `end` (from 100), and the next have the given (high, low)."""
    n = 130 + 1 + len(after)
    ref = np.arange(n) * W + np.where(np.arange(n) > 130, W if hole else 0, 0)
    net = np.r_[np.where(np.arange(130) % 2, 1.0, -3.0), 500.0, np.where(np.arange(len(after)) % 2, 1.0, -1.0)]
    start, last = np.full(n, 100.0), np.full(n, 100.0)
    last[130], start[131:], last[131:] = end, end, end
    high, low = np.maximum(start, last), np.minimum(start, last)
    for k, (h, lo) in enumerate(after):
        high[131 + k], low[131 + k] = h, lo
    flow = Table.filled(
        FLOW_WINDOWS, ref_ts=ref, known_ts=ref + W, net=net, price_start=start, price_end=last, price_high=high, price_low=low
    )
    held = {"slope": np.full(n, 0.02), "intercept": np.zeros(n), "t": np.full(n, t), "n": np.full(n, 99)}
    impact = Table.of(KYLE_LAMBDA, ref_ts=ref, known_ts=ref + W, **held)
    fold = Absorption()
    return fold.fold(fold.start(TICK), Batch(int(ref[-1]) + W, {"flow_windows": flow, "kyle_lambda": impact}))


def test_shortfall_against_the_impact_that_was_due() -> None:
    row = absorb(101.0, [])
    assert [row[c][0] for c in ("expected", "actual", "volume")] == [10.0, 1.0, 500.0]
    assert row["shortfall"][0] == pytest.approx(0.9)
    assert row["aggressor_side"][0] == AggressorSide.BUY
    assert len(absorb(108.0, [])) == 0
    assert absorb(99.5, [])["shortfall"][0] == pytest.approx(1.05)


def test_an_impact_that_is_not_significant_claims_nothing() -> None:
    assert len(absorb(101.0, [], t=2.9)) == 0


def test_absorption_is_confirmed_by_time_and_broken_by_price() -> None:
    assert events(absorb(101.0, [(102, 100), (102, 100)])) == ["OPENED", "CONFIRMED"]
    assert events(absorb(101.0, [(102, 100)])) == ["OPENED"]
    assert events(absorb(101.0, [(102.5, 100)])) == ["OPENED", "BROKEN"]
    assert events(absorb(101.0, [(102, 100)], hole=True)) == ["OPENED", "EXPIRED"]


# ----- exhaustion: 21 rising bars, the last with a chosen column of buys


def exhaust(column: list[float], later: list[float], scale: int = 1) -> Table:
    """Claims when the 22nd bar has these buys from its lowest bin up; later bars reach the given highs."""
    prints = [(k * MINUTE, "B", 100.0 + k, 1.0) for k in range(21)]
    at = 21 * MINUTE
    prints += [(at + k, "B", 121.0 + k, float(q)) for k, q in enumerate(column) if q]
    prints += [(at, "S", 121.0, 1.0), (at + 50, "S", 121.0 + len(column) - 1, 0.5)]
    prints += [((22 + k) * MINUTE, "B", float(h), 1.0) for k, h in enumerate(later)]
    settings = {"footprint": {"step_ticks": scale}}
    return run("exhaustion", {"trade": make_trades(*prints)}, settings=settings, end=(22 + len(later)) * MINUTE)


def test_buying_that_dries_up_towards_a_new_high() -> None:
    # the spec's columns: 0 2 9 14 15 12 9 ends too thick; with a top of 15 6 1 it is exhausted
    assert len(exhaust([0, 2, 9, 14, 15, 12, 9], [])) == 0
    row = exhaust([0, 2, 9, 14, 15, 6, 1], [])
    assert (row["price"][0], row["volume"][0], row["side"][0]) == (127.0, 1.0, Extreme.HIGH)


def test_exhaustion_is_confirmed_after_three_bars_without_a_higher_high() -> None:
    column = [0, 2, 9, 14, 15, 6, 1]
    confirmed = exhaust(column, [120, 127, 126])
    assert events(confirmed) == ["OPENED", "CONFIRMED"]
    assert confirmed["known_ts"].tolist() == [22 * MINUTE, 25 * MINUTE]
    assert events(exhaust(column, [120, 120, 128]))[:2] == ["OPENED", "BROKEN"]
    assert events(exhaust(column, [120, 120])) == ["OPENED"]


# ----- delta divergence: swing highs at bars 3 and 8


def diverge(deltas: list[float], highs: list[float], **params) -> Table:
    n = len(highs)
    high = np.array(highs, float)
    d = np.array(deltas, float)
    bars = make_bars(high - 1, 10 + d / 2, 10 - d / 2, high=high, low=np.arange(n) * -1.0 + 50)
    settings = {"swings": {"left": 2, "right": 2}, "delta_divergence": {"least_z": 0.0, **params}}
    return run("delta_divergence", {"bars@1m": bars}, settings=settings)


HIGHS = [100, 101, 102, 105, 103, 102, 103, 104, 107, 104, 103, 102]


def test_a_higher_high_on_net_selling() -> None:
    rows = diverge([1, 1, 1, 9, 4, -6, -3, 5, -2, 1, 1, 1], HIGHS)
    assert rows["delta_sum"].tolist() == [-2]
    assert rows["known_ts"].tolist() == [11 * MINUTE]
    assert rows["ref_ts"].tolist() == [8 * MINUTE]
    assert rows["side"][0] == Extreme.HIGH
    assert not rows["hidden"][0]
    assert len(diverge([1, 1, 1, 9, 4, 6, -3, 5, -2, 1, 1, 1], HIGHS)) == 0


def test_a_lower_high_on_net_buying_is_hidden() -> None:
    lower = [100, 101, 102, 107, 103, 102, 103, 104, 105, 104, 103, 102]
    rows = diverge([1, 1, 1, 9, 4, 6, -3, 5, -2, 1, 1, 1], lower)
    assert rows["hidden"].tolist() == [True]
    assert rows["delta_sum"].tolist() == [10]


def test_a_small_imbalance_of_delta_is_noise() -> None:
    # root mean square of the ten deltas before the confirmation: sqrt(174 / 10); five bars lie between the swings
    deltas = [1, 1, 1, 9, 4, -6, -3, 5, -2, 1, 1, 1]
    z = diverge(deltas, HIGHS)["z"][0]
    assert z == pytest.approx(-2 / (np.sqrt(np.mean(np.square(deltas[:10]))) * np.sqrt(5)))
    assert len(diverge(deltas, HIGHS, least_z=1.0)) == 0


def test_swings_too_far_apart_are_not_compared() -> None:
    assert len(diverge([1, 1, 1, 9, 4, -6, -3, 5, -2, 1, 1, 1], HIGHS, max_bars=4)) == 0


# ----- trapped traders: the spec's block [1004, 1006] in its footprint

F = {1006: (0, 9), 1005: (2, 12), 1004: (3, 15), 1003: (4, 14), 1002: (10, 9), 1001: (6, 2), 1000: (5, 0)}


def trap(*later: tuple[float, float]) -> Table:
    """Claims when bars with the given (close, delta) follow the spec's footprint."""
    prints = [(0, "S", float(b), float(s)) for b, (s, _) in F.items() if s]
    prints += [(1, "B", float(b), float(q)) for b, (_, q) in F.items() if q]
    for k, (close, delta) in enumerate(later, start=1):
        prints.append((k * MINUTE, "B" if delta > 0 else "S", float(close), abs(float(delta))))
    settings = {"imbalances": {"least": 8.0}, "footprint": {"step_ticks": 1}}
    return run("trapped", {"trade": make_trades(*prints)}, settings=settings, end=(len(later) + 1) * MINUTE)


def test_buyers_at_the_top_are_trapped_when_the_bar_below_sells() -> None:
    rows = trap((1005, 3), (1002, -12))
    assert events(rows) == ["OPENED", "CONFIRMED"]
    assert rows["volume"].tolist() == [31, 31]
    assert rows["known_ts"].tolist() == [MINUTE, 3 * MINUTE]
    assert rows["side"][0] == AggressorSide.BUY


def test_they_escape_above_the_block_or_time_runs_out() -> None:
    assert events(trap((1007, 3), (1002, -12))) == ["OPENED", "BROKEN"]
    assert events(trap((1005, 3), (1002, 12), (1005, 1), (1002, -5))) == ["OPENED", "EXPIRED"]


# ----- laws with settings that produce rows, and mirrors on the grid


@given(st.integers(0, 30))
def test_claims_on_bins_are_mirrored_on_the_grid(seed: int) -> None:
    tape = random_tape(seed, 6000, 40 * MINUTE)
    about = 500 * 2 - 1
    settings = {
        "footprint": {"step_ticks": 2},
        "imbalances": {"least": 10.0},
        "stacked_imbalance": {"least_bins": 2},
        "trapped": {"zone": 0.5},
        "exhaustion": {"lookback": 2, "bins": 2, "quantile": 0.5},
    }
    for name in ("trapped", "exhaustion"):
        up = run(name, {"trade": tape}, settings=settings, end=40 * MINUTE)
        down = run(name, {"trade": upside_down(tape, about)}, settings=settings, end=40 * MINUTE)
        assert len(up) > 0
        assert_same_rows(upside_down(up, about), down)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_laws_hold_where_absorption_and_divergence_speak(seed: int) -> None:
    market = made_market(seed)

    def absorption() -> Absorption:
        loose = Absorption.Params(least_z=0.5, least_shortfall=0.1, least_ticks=0.1, least_t=-1e9)
        return Absorption(loose, frame="1h")

    def divergence() -> DeltaDivergence:
        return DeltaDivergence(DeltaDivergence.Params(least_z=0.0), frame="1h")

    for make in (absorption, divergence):
        assert len(laws.rows_of(make, market)) > 3
        cuts = [START + k * HOUR * 31 + 12_345 for k in range(1, 12)]
        laws.law_split(make, market, cuts)
        laws.law_truncation(make, market, START + 300 * HOUR + 7)
        laws.law_known(make, market, cuts)
        laws.law_resume(make, market, START + 300 * HOUR + 7)
        laws.law_mirror(make, market)
        laws.law_scale(make, market)
        laws.law_gap(make, market, START + 200 * HOUR, START + 203 * HOUR)
