"""Answers: STRUCTURE.md ST12, worked by hand; a slow program in this file on recorded BTC and ETH bars."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from laws import laws
from laws.market import START, made_market
from perpscope.core.batch import Batch, cut
from perpscope.core.events import BARS, OTHER_BARS
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.features.structure.smt import SmtDivergences, SmtParams

TWO = {"swings": {"left": 2, "right": 2}, "smt_divergences": {"correlation_bars": 0, "least_correlation": -1.0}}


def table(schema, high, low, close, keep=None, complete=None):
    ref = HOUR * np.arange(len(high), dtype=np.int64)
    whole = np.ones(len(high), bool) if complete is None else complete
    made = Table.filled(schema, ref_ts=ref, known_ts=ref + HOUR, open=close, high=high, low=low, close=close, complete=whole)
    return made if keep is None else made[keep]


def rows(mine, other, settings=TWO, watermarks=()):
    streams = {"bars@1h": mine, "other_bars@1h": other}
    graph = Graph(Instrument("demo", "A", tick_size=0.1), ["smt_divergences"], set(streams), "1h", settings)
    end = int(max(mine["known_ts"][-1], other["known_ts"][-1]))
    return collect(graph, cut(Batch(end, streams), watermarks))["smt_divergences@1h"]


def pair(second=50.1, a_second=107.0):
    """A: swing highs 105 (bar 5) and 107 (bar 15); B: 50.4 (bar 4) and 50.1 (bar 16)."""
    a, b = np.full(24, 100.0), np.full(24, 49.0)
    a[5], a[15] = 105.0, a_second
    b[4], b[16] = 50.4, second
    flat_a, flat_b = np.full(24, 90.0), np.full(24, 40.0)
    return (a, flat_a, flat_a + 5), (b, flat_b, flat_b + 5)


def test_the_worked_divergence():
    a, b = pair()
    (row,) = rows(table(BARS, *a), table(OTHER_BARS, *b)).rows()
    assert (row["side"], row["direction"]) == ("high", "down")
    assert (row["price"], row["previous_price"]) == (107.0, 105.0)
    assert (row["other_price"], row["other_previous_price"]) == (50.1, 50.4)
    assert row["ref_ts"] == 15 * HOUR
    assert row["previous_ts"] == 5 * HOUR
    assert row["known_ts"] == 18 * HOUR  # the close of p2 + 2


def test_a_companion_that_follows_gives_no_row():
    a, b = pair(second=50.5)
    assert len(rows(table(BARS, *a), table(OTHER_BARS, *b))) == 0


def test_lows_are_the_mirror_image():
    (ah, al, ac), (bh, bl, bc) = pair()
    (row,) = rows(table(BARS, 200 - al, 200 - ah, 200 - ac), table(OTHER_BARS, 100 - bl, 100 - bh, 100 - bc)).rows()
    assert (row["side"], row["direction"], row["price"], row["known_ts"]) == ("low", "up", 93.0, 18 * HOUR)


@pytest.mark.parametrize("lost", [3, 10, 17])
def test_a_bar_that_the_companion_lacks_restarts(lost):
    a, b = pair()
    keep = np.arange(24) != lost
    found = rows(table(BARS, *a), table(OTHER_BARS, *b, keep=keep))
    assert len(found) == (1 if lost == 3 else 0)  # bar 3 lies before both swings but for their flanks
    partial = rows(table(BARS, *a), table(OTHER_BARS, *b, complete=keep))
    assert found.same_as(partial)


def test_bars_of_another_length_never_match():
    a, b = pair()
    other = table(OTHER_BARS, *b)
    longer = other.with_columns(known_ts=other["known_ts"] + HOUR)
    assert len(rows(table(BARS, *a), longer)) == 0


def test_without_a_companion_the_graph_says_what_is_missing():
    from perpscope.core.errors import UserError

    with pytest.raises(UserError, match="other_bars"):
        Graph(Instrument("demo", "A"), ["smt_divergences"], {"bars@1h"}, "1h")


def small() -> SmtDivergences:
    return SmtDivergences(SmtParams(correlation_bars=40, least_correlation=0.0), frame="1h")


@pytest.mark.parametrize("seed", [0, 1])
def test_the_laws_hold_where_rows_come(seed):
    market = made_market(seed)
    assert len(laws.rows_of(small, market)) > 3
    laws.law_split(small, market, [START + k * 7 * HOUR + k for k in range(1, 60)])
    laws.law_truncation(small, market, START + 300 * HOUR)
    laws.law_resume(small, market, START + 250 * HOUR + 5)
    laws.law_mirror(small, market)
    laws.law_scale(small, market)
    laws.law_gap(small, market, START + 200 * HOUR, START + 203 * HOUR)


def test_btc_against_eth_equals_a_slow_program(shared_data):
    first = 1_704_067_200_000  # 2024-01-01
    two = []
    for symbol in ("BTCUSDT", "ETHUSDT"):
        frame = pl.read_parquet(shared_data / f"bars/binance_perp/1h/{symbol}.parquet")
        frame = frame.filter(pl.col("ts").is_between(first, first + 120 * 24 * 3_600_000 - 1))
        two.append(frame.select("high", "low", "close").to_numpy().astype(float))
    a, b = two
    mine, other = (table(s, *x.T) for s, x in ((BARS, a), (OTHER_BARS, b)))
    found = rows(mine, other, {}, watermarks=[HOUR * k for k in range(100, 2880, 37)])
    told = sorted((int(r["known_ts"]) // HOUR, int(r["ref_ts"]) // HOUR, r["side"]) for r in found.rows())
    assert told == sorted(slow(a, b, "high") + slow(-a[:, [1, 0, 2]], -b[:, [1, 0, 2]], "low"))
    assert len(told) == 19


def slow(a, b, side, wing=5, near=2, window=500):
    """Close of the bar that shows it, the second swing, side; straight from the definition."""
    high, n, out, last = a[:, 0], len(a), [], None
    for t in range(wing, n - wing):
        if not (high[t] > high[t - wing : t].max() and high[t] >= high[t + 1 : t + wing + 1].max()):
            continue
        if last is not None and high[t] > high[last]:
            known = max(t + wing, t + near)
            before, now = (b[max(0, p - near) : p + near + 1, 0].max() for p in (last, t))
            if known >= window and last - near > known - (window + 1) and now < before:
                moves = [np.diff(x[known - window : known + 1, 2]) for x in (a, b)]
                if np.corrcoef(*moves)[0, 1] >= 0.5:
                    out.append((known + 1, t, side))
        last = t
    return out
