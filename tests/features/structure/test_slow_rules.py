"""Answers: the rules of STRUCTURE.md ST2, ST5 and ST6 written again in plain Python, bar by bar, on random markets.

The swings, gaps and displacements they start from are the features' own, which have answers of their own.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.batch import Batch
from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect


class Walk:
    """A random market in half ticks of 0.5, and the rows of all structure features over it."""

    def __init__(self, seed: int, settings: dict, bars: int = 500) -> None:
        rng = np.random.default_rng(seed)
        self.close = 500.0 + np.cumsum(rng.integers(-6, 7, bars)) / 2
        self.open = np.r_[self.close[:1], self.close[:-1] + rng.integers(-1, 2, bars - 1) / 2]
        body = np.sort(np.stack([self.open, self.close]), axis=0)
        self.high, self.low = body[1] + rng.integers(0, 5, bars) / 2, body[0] - rng.integers(0, 5, bars) / 2
        ref = np.arange(bars) * MINUTE
        table = Table.filled(
            BARS, ref_ts=ref, known_ts=ref + MINUTE, open=self.open, high=self.high, low=self.low, close=self.close,
            complete=np.ones(bars, bool),
        )  # fmt: skip
        graph = Graph(Instrument("d", "X", tick_size=0.5), ["order_blocks", "breaks", "pools"], {"bars@1m"}, "1m", settings)
        self.rows = collect(graph, [Batch(int(ref[-1]) + MINUTE, {"bars@1m": table})])

    def of(self, name: str) -> list[dict]:
        """Rows of a feature with bar numbers beside the times."""
        rows = list(self.rows[f"{name}@1m"].rows())
        return [{**r, "bar": r["ref_ts"] // MINUTE, "at": r["known_ts"] // MINUTE - 1} for r in rows]

    def side(self, direction: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Open, high, low and close as a market that goes up sees them."""
        if direction == "up":
            return self.open, self.high, self.low, self.close
        return -self.open, -self.low, -self.high, -self.close


def origin(low: np.ndarray, since: int, until: int) -> int:
    """Bar of the lowest low in (since, until], the latest of equals."""
    leg = low[since + 1 : until + 1]
    return since + 1 + int(np.flatnonzero(leg == leg.min())[-1])


def slow_breaks(walk: Walk, protected: bool) -> list[tuple]:
    confirmed = [s for s in walk.of("swings") if s["event"] == "confirmed"]
    trend, swing, guard, found = "none", {}, {}, []
    for i in range(len(walk.close)):
        for direction, other in (("up", "down"), ("down", "up")):
            _, _, low, close = walk.side(direction)
            passed = direction in swing and close[i] > swing[direction][1]
            if protected and trend == other:
                level = guard[direction] if close[i] > guard[direction][1] else None
                if passed:
                    del swing[direction]
            else:
                level = swing.pop(direction) if passed else None
            if level is None:
                continue
            kind = {"none": "initial", direction: "break_of_structure", other: "change_of_character"}[trend]
            found.append((i, direction, kind, level[0]))
            at = origin(low, level[0], i)
            guard[other] = (at, -low[at])
            trend = direction
        for s in confirmed:
            if s["at"] == i:
                up = s["side"] == "high"
                swing["up" if up else "down"] = (s["bar"], s["price"] if up else -s["price"])
    return found


@pytest.mark.parametrize("reference", ["latest", "protected"])
@pytest.mark.parametrize("length", [1, 3])
@given(seed=st.integers(0, 10_000))
def test_breaks_equal_the_rule_applied_bar_by_bar(reference, length, seed):
    walk = Walk(seed, {"swings": {"left": length, "right": length}, "breaks": {"reference": reference}})
    got = [(r["at"], r["direction"], r["kind"], r["bar"]) for r in walk.of("breaks")]
    assert len(got) > 10
    assert got == slow_breaks(walk, reference == "protected")


def slow_blocks(walk: Walk, back: int, forceful: bool) -> list[tuple]:
    gaps = (
        [(g["at"], g["bar"], g["direction"]) for g in walk.of("fair_value_gaps") if g["event"] == "opened"] if forceful else []
    )
    moves = [(m["at"], m["bar"], m["direction"]) for m in walk.of("displacements")] if forceful else []
    last, found = {}, []
    for b in walk.of("breaks"):
        open_, _, low, close = walk.side(b["direction"])
        m = origin(low, b["bar"], b["at"])
        opposite = [j for j in range(m, max(-1, m - back - 1), -1) if close[j] < open_[j]]
        force = [1 for at, bar, d in (*gaps, *moves) if d == b["direction"] and at <= b["at"] and bar >= m]
        if opposite and (force or not forceful) and last.get(b["direction"]) != opposite[0]:
            last[b["direction"]] = opposite[0]
            found.append((b["at"], b["direction"], opposite[0], walk.low[opposite[0]], walk.high[opposite[0]]))
    return found


@pytest.mark.parametrize("require", ["gap_or_displacement", "break"])
@pytest.mark.parametrize("reference", ["latest", "protected"])
@given(seed=st.integers(0, 10_000), back=st.integers(0, 4))
def test_order_blocks_equal_the_rule_applied_break_by_break(require, reference, seed, back):
    settings = {
        "swings": {"left": 2, "right": 2},
        "breaks": {"reference": reference},
        "order_blocks": {"require": require, "back": back},
        "displacements": {"min_body_atr": 1.0},
    }
    walk = Walk(seed, settings)
    opened = [r for r in walk.of("order_blocks") if r["event"] == "opened"]
    got = [(r["at"], r["direction"], r["bar"], r["bottom"], r["top"]) for r in opened]
    assert got == slow_blocks(walk, back, require == "gap_or_displacement")


def slow_atr(walk: Walk, span: int) -> list[float]:
    """ATR known before each bar."""
    ranges = [max(h, c) - min(l, c) for h, l, c in zip(walk.high[1:], walk.low[1:], walk.close)]
    values, value = [float("nan")] * (span + 1), sum(ranges[:span]) / span
    for true_range in ranges[span:]:
        values.append(value)
        value = (value * (span - 1) + true_range) / span
    return [*values, value][: len(walk.close)]


@given(seed=st.integers(0, 10_000), tolerance=st.sampled_from([0.1, 0.3]), span=st.sampled_from([20, 200]))
def test_members_of_a_pool_are_near_in_price_and_time_with_no_close_beyond_in_between(seed, tolerance, span):
    settings = {"swings": {"left": 1, "right": 1}, "pools": {"tolerance_atr": tolerance, "span_bars": span, "sweep_bars": 2}}
    walk = Walk(seed, settings)
    atr = slow_atr(walk, 14)
    pools: dict[int, list[dict]] = {}
    for r in walk.of("pools"):
        if r["event"] in ("opened", "grown"):
            pools.setdefault(r["id"], []).append(r)
    grown = 0
    for rows in pools.values():
        if rows[0]["members"] != 1:
            continue  # it took over the members of a pool that was taken before
        _, high, _, close = walk.side("up" if rows[0]["side"] == "high" else "down")
        bars = [r["bar"] for r in rows]
        for n, r in enumerate(rows[1:], 2):
            grown += 1
            tops = high[bars[:n]]
            assert r["members"] == n
            assert abs(r["price"]) == abs(tops.max())
            assert tops.max() - tops.min() <= tolerance * atr[r["at"]] + 1e-6
            assert 0 < bars[n - 1] - bars[n - 2] <= span
            assert (close[bars[n - 2] + 1 : bars[n - 1]] <= tops.max()).all()
    assert grown > 0 or tolerance < 0.3


@given(seed=st.integers(0, 10_000))
def test_two_equal_swings_in_a_row_always_meet_in_one_pool(seed):
    settings = {"swings": {"left": 1, "right": 1}, "pools": {"tolerance_atr": 0.3, "span_bars": 50}}
    walk = Walk(seed, settings)
    atr = slow_atr(walk, 14)
    rows = [r for r in walk.of("pools") if r["event"] in ("opened", "grown")]
    joined = {(r["side"], r["bar"]) for r in rows if r["members"] > 1}
    for side, direction in (("high", "up"), ("low", "down")):
        _, high, _, close = walk.side(direction)
        swings = [s for s in walk.of("swings") if s["event"] == "confirmed" and s["side"] == side]
        for a, b in pairwise(swings):
            near = abs(high[a["bar"]] - high[b["bar"]]) <= 0.3 * atr[b["at"]] and b["bar"] - a["bar"] <= 50
            alone = (side, a["bar"]) not in joined  # a member of a group may be too far from the group's other end
            if near and alone and (close[a["bar"] + 1 : b["bar"]] <= max(high[a["bar"]], high[b["bar"]])).all():
                assert (side, b["bar"]) in joined
