"""Answers: STRUCTURE ST27's corners by hand, and a slow program with plain lists."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from laws.market import made_market, mirror_table, mirrored
from market.made import make_bars, run
from perpscope.core.events import LIQUIDATION_TOTALS, OPEN_INTEREST
from perpscope.core.table import Table
from perpscope.core.time import HOUR, WEEK
from perpscope.features.derivatives.positioning import Positioning

CALM = 60  # bars of +-1 that give every scale the value 1


def market(price: float, interest: float, delta: float) -> dict[str, Table]:
    """Sixty bars whose changes are all +1 or -1, then one bar with the given changes."""
    signs = np.where(np.arange(CALM) % 2, 1.0, -1.0)
    close = 100.0 + np.cumsum(np.r_[signs, price])
    held = 1000.0 + np.cumsum(np.r_[signs, interest])
    deltas = np.r_[signs, delta]
    bars = make_bars(close, 10 + deltas / 2, 10 - deltas / 2, step=HOUR)
    seen = Table.filled(OPEN_INTEREST, exchange_ts=bars["known_ts"], open_interest=held)
    return {"bars@1h": bars, "open_interest": seen}


def last(price: float, interest: float, delta: float) -> Table:
    return run("positioning", market(price, interest, delta), frame="1h")[-1:]


def test_the_corners_of_the_spec() -> None:
    cases = [
        ((0.8, 1.2, 0.9), Positioning.LONG_BUILD, False),
        ((0.8, 1.2, -0.7), Positioning.LONG_BUILD, True),
        ((0.8, -1.1, 0.7), Positioning.SHORT_COVER, False),
        ((0.3, 1.2, 0.9), Positioning.FLAT, False),
        ((-0.8, 1.2, -0.9), Positioning.SHORT_BUILD, False),
        ((-0.8, 1.2, 0.7), Positioning.SHORT_BUILD, True),
        ((-0.8, -1.2, -0.9), Positioning.LONG_UNWIND, False),
        ((0.8, 0.4, 0.9), Positioning.FLAT, False),
    ]
    for changes, state, absorbed in cases:
        row = last(*changes)
        assert np.allclose([row["price_z"][0], row["open_interest_z"][0], row["delta_z"][0]], changes)
        assert (row["state"][0], bool(row["absorbed"][0])) == (state, absorbed)


def test_changes_cover_all_bars_since_the_last_snapshot() -> None:
    tables = market(1, 1, 1)
    tables["open_interest"] = tables["open_interest"][::2]
    rows = run("positioning", tables, frame="1h", settings={"positioning": {"n_min": 10}})
    assert (rows["span"] == 2).all()
    assert np.allclose(np.diff(rows["ref_ts"]), 2 * HOUR)


def test_without_taker_volume_there_is_a_corner_but_no_absorption() -> None:
    tables = market(0.8, 1.2, -0.7)
    bars = tables["bars@1h"]
    tables["bars@1h"] = bars.with_columns(buy_volume=np.full(len(bars), np.nan), sell_volume=np.full(len(bars), np.nan))
    row = run("positioning", tables, frame="1h")[-1:]
    assert row["state"][0] == Positioning.LONG_BUILD
    assert np.isnan(row["delta_z"][0])
    assert not row["absorbed"][0]


def test_forced_is_judged_by_the_past_only_and_absent_totals_are_not_zero() -> None:
    tables = market(0.8, 1.2, 0.9)
    bars = tables["bars@1h"]

    def with_totals(quantity: np.ndarray, keep: np.ndarray) -> Table:
        totals = Table.of(
            LIQUIDATION_TOTALS,
            ref_ts=bars["ref_ts"][keep],
            known_ts=bars["known_ts"][keep],
            long_quantity=quantity[keep],
            short_quantity=np.zeros(keep.sum()),
            feed=np.ones(keep.sum()),
        )
        return run("positioning", {**tables, "liquidation_totals@1h": totals}, frame="1h")

    every = np.ones(len(bars), bool)
    quiet = np.arange(len(bars), dtype=float)[::-1]
    assert not with_totals(quiet, every)["forced"][-1]
    quiet[-1] = quiet[:-1].max() + 1
    assert with_totals(quiet, every)["forced"][-1]
    every[-1] = False
    assert not with_totals(quiet, every)["forced"][-1]


def slow(close: list[float], interest: list[float], half_life_bars: float, n_min: int) -> list[tuple[float, float]]:
    """z of price and open interest with every past square weighted by its age."""
    moves = np.diff(close), np.diff(interest)
    rows = []
    for k in range(n_min, len(close) - 1):
        weight = 0.5 ** ((k - 1 - np.arange(k)) / half_life_bars)
        rows.append(tuple(m[k] / np.sqrt((weight * m[:k] ** 2).sum() / weight.sum()) for m in moves))
    return rows


@given(st.integers(0, 500))
def test_scales_are_those_of_a_slow_program(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 90
    close, held = 100 + np.cumsum(rng.normal(0, 1, n)), 1000 + np.cumsum(rng.normal(0, 5, n))
    bars = make_bars(close, np.ones(n), np.ones(n), step=HOUR)
    seen = Table.filled(OPEN_INTEREST, exchange_ts=bars["known_ts"], open_interest=held)
    rows = run("positioning", {"bars@1h": bars, "open_interest": seen}, frame="1h")
    expected = np.array(slow(close.tolist(), held.tolist(), WEEK / HOUR, 48))
    assert np.allclose(np.c_[rows["price_z"], rows["open_interest_z"]], expected, rtol=1e-9)


@given(st.integers(0, 3))
def test_the_market_upside_down_gives_the_opposite_corner(seed: int) -> None:
    made = made_market(seed)

    def rows_of(tables: dict[str, Table]) -> Table:
        return run("positioning", tables, frame="1h", instrument=made.instrument, end=made.end)

    up, down = rows_of(made.tables), rows_of(mirrored(made).tables)
    assert [Positioning(s).opposite for s in up["state"]] == down["state"].tolist()
    other = mirror_table(up)
    for name in ("price_z", "open_interest_z", "delta_z", "absorbed", "forced", "span"):
        assert np.allclose(other[name], down[name], equal_nan=True)
    assert set(up["state"].tolist()) == set(Positioning)
