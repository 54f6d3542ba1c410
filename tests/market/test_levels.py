"""Answers: a slow list of waiting levels, and naked points of control by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.made import make_bars, run
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE
from perpscope.market.levels import LevelEvent, level_state, live_levels


def slow_life(bars: Table, born: list[tuple[int, int]], max_live: int, max_age: int) -> list[tuple[int, int, str]]:
    """(known_ts, tick, event) one bar at a time; `born` are (known_ts, tick)."""
    live: list[list[int]] = []
    rows = []
    waiting = list(born)
    before = None

    def open_until(ts: float, seen: int) -> None:
        while waiting and waiting[0][0] < ts:
            known, tick = waiting.pop(0)
            if len(live) == max_live:
                rows.append((known, live.pop(0)[0], "EXPIRED"))
            live.append([tick, seen])
            rows.append((known, tick, "OPENED"))

    for k in range(len(bars)):
        known = int(bars["known_ts"][k])
        open_until(known, k)
        whole = before is None or before == bars["ref_ts"][k]
        before = known
        for level in list(live):
            if not whole:
                rows.append((known, level[0], "EXPIRED"))
            elif bars["low"][k] <= level[0] <= bars["high"][k]:
                rows.append((known, level[0], "FILLED"))
            elif k + 1 - level[1] > max_age:
                rows.append((known, level[0], "EXPIRED"))
            else:
                continue
            live.remove(level)
    open_until(np.inf, len(bars))
    return rows


@given(st.integers(0, 2000), st.integers(1, 6), st.integers(1, 12))
def test_levels_live_as_in_a_slow_list(seed: int, max_live: int, max_age: int) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    close = 50 + np.cumsum(rng.integers(-3, 4, n)).astype(float)
    ref = np.arange(n) * MINUTE + np.where(np.arange(n) >= 25, MINUTE, 0)
    bars = make_bars(close, ref=ref)
    at = np.sort(rng.choice(np.unique(ref + MINUTE), 12, replace=False))
    ticks = rng.integers(44, 57, 12)
    born = np.column_stack([at, ticks, at, np.arange(12), np.zeros(12, np.int64)]).astype(np.int64)
    out, prices, _ = live_levels(level_state(1.0, max_live), bars, born, ticks.astype(float), max_age)
    got = [(int(r[1]), int(p), LevelEvent(r[3]).name) for r, p in zip(out, prices, strict=True)]
    assert got == slow_life(bars, list(zip(at.tolist(), ticks.tolist(), strict=True)), max_live, max_age)


def test_a_point_of_control_stays_naked_until_a_bar_covers_it() -> None:
    day = np.r_[np.arange(10.0, 22.0), np.arange(10.0, 22.0)]
    volume = np.r_[np.ones(11), 7, np.ones(12)]
    price = np.r_[day, np.full(3, 15.0), 21.0, 21.0]
    traded = np.r_[volume, np.ones(5)]
    bars = make_bars(price, traded, np.zeros(29), high=price, low=price, step=HOUR)
    rows = run("naked_poc", {"bars@1h": bars}, frame="1h", settings={"volume_profile": {"step_ticks": 1}})
    assert [LevelEvent(e).name for e in rows["event"]] == ["OPENED", "FILLED"]
    assert rows["price"].tolist() == [21.0, 21.0]
    assert rows["known_ts"].tolist() == [DAY, DAY + 4 * HOUR]
