"""Answers: ORDERFLOW OF7's three prints by hand, and sums made afresh from the bars for every row."""

from __future__ import annotations

import numpy as np
import pytest

from market.made import make_bars, run
from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE, NULL_TS
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect

SWINGS = {"swings": {"left": 2, "right": 2}}


def flat(close: list[float], volume: list[float], **more) -> Table:
    """Bars of one price each, so that hlc3 is it."""
    bars = make_bars(close, high=close, low=close, **more)
    return bars.with_columns(open=close, volume=volume)


def test_the_spec_s_three_prints_since_a_swing_high() -> None:
    # the swing high of bar 2 is 102 with left = right = 2; its own bar and the two after it hold the spec's volumes
    bars = flat([98.0, 99.0, 102.0, 100.0, 101.0], [5, 5, 1, 1, 2])
    rows = run("swing_vwap", {"bars@1m": bars}, settings=SWINGS)
    assert np.isnan(rows["high_vwap"][:4]).all()  # known only with the second bar on its right
    assert rows["high_anchor_ts"].tolist() == [NULL_TS] * 4 + [2 * MINUTE]
    assert rows["high_vwap"][4] == pytest.approx(101.0)
    assert rows["high_upper_1"][4] == pytest.approx(101.707107, abs=1e-6)
    assert rows["high_lower_2"][4] == pytest.approx(101 - 2 * 0.707107, abs=1e-5)
    assert rows["high_upper_3"][4] == pytest.approx(101 + 3 * 0.707107, abs=1e-5)
    assert np.isnan(rows["low_vwap"]).all()


def both(bars: Table) -> tuple[Table, Table]:
    graph = Graph(Instrument("demo", "X", tick_size=1.0), ["swing_vwap"], {"bars@1m"}, "1m", SWINGS)
    made = collect(graph, [Batch(int(bars.clock[-1]), {"bars@1m": bars})])
    return made["swing_vwap@1m"], made["swings@1m"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_row_is_the_sum_since_the_newest_swing_known_by_then(seed: int) -> None:
    rng = np.random.default_rng(seed)
    close = (100 + np.cumsum(rng.integers(-3, 4, 300))).astype(float)
    bars = flat(close.tolist(), rng.integers(0, 9, 300).astype(float).tolist())
    rows, swings = both(bars)
    told = 0
    for i, known in enumerate(bars["known_ts"].tolist()):
        for code, side in ((1, "high"), (2, "low")):
            mine = swings[(swings["event"] == 1) & (swings["side"] == code) & (swings["known_ts"] <= known)]
            if not len(mine):
                assert np.isnan(rows[f"{side}_vwap"][i])
                continue
            first = int(mine["ref_ts"][-1]) // MINUTE
            p, v = close[first : i + 1], bars["volume"][first : i + 1]
            assert rows[f"{side}_vwap"][i] == pytest.approx((p * v).sum() / v.sum())
            told += 1
    assert told > 300


def test_a_missing_bar_forgets_both_anchors() -> None:
    rng = np.random.default_rng(4)
    close = (100 + np.cumsum(rng.integers(-3, 4, 120))).astype(float)
    bars = flat(close.tolist(), [1.0] * 120)
    holed = bars[np.r_[0:60, 61:120]]
    rows, swings = both(holed)
    later = swings[(swings["known_ts"] > 61 * MINUTE) & (swings["side"] == 1)]
    silent = (rows["ref_ts"] >= 61 * MINUTE) & (rows["known_ts"] < later["known_ts"][0])
    assert silent.sum() >= 2
    assert np.isnan(rows["high_vwap"][silent]).all()
    assert np.isfinite(rows["high_vwap"][rows["known_ts"] >= later["known_ts"][0]]).all()
