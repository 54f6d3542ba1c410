"""Answers by hand, by a slow program in this file, and planted effects that the intervals must find (or must not)."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import windows
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, parse_ts
from perpscope.research.session_statistics.ratios import day_block_ratios
from perpscope.research.session_statistics.season import season_table
from perpscope.research.session_statistics.sessions import session_shares
from perpscope.research.session_statistics.study import SessionStudy, study_sessions, to_json

M30 = 30 * MINUTE


def walk(days, seed=1, loud=None, since="2024-01-01", step=M30):
    """A random walk; `loud` = (UTC hours, factor) makes some hours wilder."""
    rng = np.random.default_rng(seed)
    n = days * DAY // step
    ref = parse_ts(since) + step * np.arange(n, dtype=np.int64)
    size = np.full(n, 0.002)
    if loud:
        size[np.isin(ref % DAY // HOUR, loud[0])] *= loud[1]
    moves = rng.normal(0.0, 1.0, (n, 4)) * size[:, None] / 2
    path = 100 * np.exp(np.cumsum(moves.ravel())).reshape(n, 4)
    open_ = np.r_[100.0, path[:-1, -1]]
    volume = size * 1e5
    return Table.filled(
        BARS, ref_ts=ref, known_ts=ref + step, open=open_, high=np.maximum(path.max(axis=1), open_),
        low=np.minimum(path.min(axis=1), open_), close=path[:, -1], volume=volume, buy_volume=volume * 0.6,
        sell_volume=volume * 0.4, complete=np.ones(n, bool),
    )  # fmt: skip


def rng():
    return np.random.default_rng(0)


def test_a_ratio_of_sums_by_hand():
    above, below = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    value, low, high = day_block_ratios(above, below, block=1, rng=rng(), replications=400)
    assert value[0] == 2.0
    assert low[0] <= 2.0 <= high[0]
    assert np.isnan([value[1], low[1], high[1]]).all()


def test_the_interval_of_a_mean_covers_the_truth_about_95_times_in_100():
    held = 0
    for seed in range(60):
        x = np.random.default_rng(seed).normal(size=(200, 1))
        _, low, high = day_block_ratios(x, np.ones_like(x), block=3, rng=np.random.default_rng(seed + 999), replications=300)
        held += bool(low[0] <= 0.0 <= high[0])
    assert 50 <= held <= 60


def test_a_loud_hour_stands_out_in_the_season_and_others_do_not():
    bars = walk(300, loud=([14], 3.0))
    table = season_table(bars, 60, "utc", by="day", rng=rng(), replications=300)
    loud, quiet = table.values["volatility"][14], np.delete(table.values["volatility"], 14)
    assert loud / quiet.mean() == pytest.approx(3.0, rel=0.1)
    assert (table.lows["volatility"][14] > np.delete(table.highs["volatility"], 14)).all()
    assert table.values["volume"][14] == pytest.approx(3.0 / (26 / 24), rel=1e-6)
    assert table.values["delta"] == pytest.approx(np.full(24, 0.2))
    assert ((table.lows["return"] <= 0) & (table.highs["return"] >= 0)).sum() >= 21
    assert "spread" not in table.values


def test_the_week_table_is_by_new_yorks_clock_through_the_clock_change():
    bars = walk(70, since="2024-02-01")
    marked = (bars["ref_ts"] - parse_ts("2024-02-01")) // MINUTE
    # 09:30 New York is 14:30 UTC before 2024-03-10 and 13:30 after
    utc = np.where(bars["ref_ts"] < parse_ts("2024-03-10T07:00Z"), 14 * 60 + 30, 13 * 60 + 30)
    volume = np.where(marked % 1440 == utc, 50.0, 1.0)
    table = season_table(bars.with_columns(volume=volume), 30, "new_york", rng=rng(), replications=50)
    assert np.flatnonzero(table.values["volume"] > 5).tolist() == [48 * d + 19 for d in range(7)]
    assert len(table.minute) == 336


def test_a_spread_is_told_where_it_is_given():
    bars = walk(60)
    spread = np.where(np.arange(len(bars)) % 2 == 0, 1.0, np.nan)
    table = season_table(bars, 60, "utc", by="day", rng=rng(), replications=50, spread_bps=spread)
    assert table.values["spread"] == pytest.approx(np.ones(24))


@pytest.mark.parametrize("slot", [45, 7 * 60])
def test_a_slot_that_does_not_fit_is_refused(slot):
    with pytest.raises(UserError, match="is not a whole number"):
        season_table(walk(30), slot, "utc", rng=rng(), replications=10)


def slow(bars, before, session):
    """Per occurrence: high taken, low taken, first side, where it closed; straight from the words."""
    out = []
    first, last = int(bars["ref_ts"][0]), int(bars["known_ts"][-1])
    a, b = windows(before, first, last), windows(session, first, last)
    for start, end in zip(*b, strict=True):
        earlier = [(s, e) for s, e in zip(*a, strict=True) if s < start and start - s <= 24 * HOUR]
        if not earlier:
            continue
        s, e = earlier[-1]
        e = min(e, start)
        if s < bars["ref_ts"][0] or end > bars["known_ts"][-1]:
            continue
        old = bars[(bars["ref_ts"] >= s) & (bars["ref_ts"] < e)]
        new = bars[(bars["ref_ts"] >= start) & (bars["ref_ts"] < end)]
        high, low = old["high"].max(), old["low"].min()
        first = None
        for h, l in zip(new["high"], new["low"], strict=True):
            if h > high or l < low:
                first = "both" if h > high and l < low else "high" if h > high else "low"
                break
        out.append((new["high"].max() > high, new["low"].min() < low, first, new["close"][-1], high, low))
    return out


@pytest.mark.parametrize(("before", "session"), [("asia", "london"), ("new_york", "asia")])
def test_shares_equal_a_slow_program(before, session):
    bars = walk(120)
    shares, _ = session_shares(bars, before, session, rng=rng(), replications=100)
    told = {s.what: s for s in shares}
    cases = slow(bars, before, session)
    assert told["high taken"].n == len(cases)
    assert told["high taken"].value == pytest.approx(np.mean([c[0] for c in cases]))
    assert told["low taken"].value == pytest.approx(np.mean([c[1] for c in cases]))
    assert told["neither taken"].value == pytest.approx(np.mean([not (c[0] or c[1]) for c in cases]))
    sided = [c for c in cases if c[2] in ("high", "low")]
    assert told["high first"].value == pytest.approx(np.mean([c[2] == "high" for c in sided]))
    on = [c[3] > c[4] if c[2] == "high" else c[3] < c[5] for c in sided]
    assert told["closed beyond first side"].value == pytest.approx(np.mean(on))
    assert told["back inside"].value == pytest.approx(np.mean([c[5] <= c[3] <= c[4] for c in sided]))


def test_hours_without_a_season_show_nothing_against_the_placebo():
    found = [s for seed in (3, 4) for s in session_shares(walk(400, seed), "asia", "new_york", rng=rng(), replications=300)[0]]
    assert sum(s.stands_out for s in found) <= 4  # of 20 looks at 5 %, which are not independent
    assert all(abs(s.value - s.placebo) < 0.15 for s in found)


def test_a_loud_session_takes_the_range_more_often_than_at_other_hours():
    bars = walk(200, loud=([13, 14, 15, 16, 17, 18], 3.0))
    told = {s.what: s for s in session_shares(bars, "asia", "new_york", rng=rng(), replications=300)[0]}
    assert told["both taken"].excess_low > 0
    assert not told["high first"].stands_out


def test_occurrences_with_missing_bars_are_left_out_and_counted():
    bars = walk(60)
    keep = (bars["ref_ts"] < parse_ts("2024-01-20T03:00Z")) | (bars["ref_ts"] >= parse_ts("2024-01-20T05:00Z"))
    shares, lost = session_shares(bars[keep], "asia", "london", rng=rng(), replications=20)
    whole, _ = session_shares(bars, "asia", "london", rng=rng(), replications=20)
    assert lost == 1
    assert shares[0].n == whole[0].n - 1


def test_the_study_is_one_versioned_record_that_the_seed_decides():
    bars = walk(60)
    made = [to_json(study_sessions(bars, Instrument("demo", "X"), seed=s, replications=20)) for s in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    record = msgspec.json.decode(made[0], type=SessionStudy)
    assert (record.schema, record.schema_version, record.looks) == ("perpscope.session_study", 1, 40)
    assert [len(s.slots) for s in record.seasons] == [24, 336]


def test_too_short_or_too_long_bars_are_refused():
    with pytest.raises(UserError, match="eight weeks"):
        study_sessions(walk(30), Instrument("demo", "X"))
    with pytest.raises(UserError, match="one hour or less"):
        study_sessions(walk(80, step=4 * HOUR), Instrument("demo", "X"))
