"""Answers: by hand, and the value-area rule straight from its definition on recorded minutes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from perpscope.core.errors import UserError
from perpscope.core.events import BARS
from perpscope.core.sessions import windows
from perpscope.core.table import Table
from perpscope.core.time import MINUTE, format_ts

LONDON = {"session_profiles": {"sessions": "london"}}


def test_a_session_where_half_the_volume_stands_on_one_price(bars, run):
    table = bars("2026-03-30", "2026-03-31", special={"2026-03-30T10:00Z": {"high": 103.0, "low": 103.0, "volume": 400.0}})
    (row,) = run("session_profiles", table, settings=LONDON).rows()
    assert format_ts(row["known_ts"]) == "2026-03-30 15:30 UTC"
    assert format_ts(row["ref_ts"]) == "2026-03-30 07:00 UTC"
    assert row["volume"] == 400 + 3 * 101
    assert row["poc"] == pytest.approx(103.0, abs=0.1)
    assert (row["val"], row["vah"]) == (pytest.approx(100.0, abs=0.1), pytest.approx(103.0, abs=0.1))
    assert row["fraction"] == pytest.approx(1.0)
    assert row["complete"]


def test_without_volume_there_is_no_profile_and_a_hole_is_said(bars, run):
    table = bars("2026-03-30", "2026-03-31")
    assert len(run("session_profiles", table.with_columns(volume=np.zeros(len(table))), settings=LONDON)) == 0
    holed = table[np.arange(len(table)) != 120]
    assert [r["complete"] for r in run("session_profiles", holed, settings=LONDON).rows()] == [False]


def test_a_missing_last_bar_is_told_by_the_next(bars, run):
    table = bars("2026-03-30", "2026-03-31")
    (row,) = run("session_profiles", table[table["ref_ts"] != table["ref_ts"][0] + 925 * MINUTE], settings=LONDON).rows()
    assert format_ts(row["known_ts"]) == "2026-03-30 15:35 UTC"
    assert not row["complete"]


def test_recorded_minutes_equal_a_slow_program(run, shared_data):
    frame = pl.read_parquet(shared_data / "bars/binance_perp/1m/BTCUSDT-2025.parquet").head(5 * 1440)
    ref = frame["ts"].to_numpy() * 1_000_000
    columns = {c: frame[c].to_numpy().astype(float) for c in ("open", "high", "low", "close", "volume")}
    table = Table.filled(BARS, ref_ts=ref, known_ts=ref + MINUTE, complete=np.ones(len(ref), bool), **columns)
    rows = run("session_profiles", table, frame="1m", watermarks=table["known_ts"][::601].tolist())
    assert rows.same_as(run("session_profiles", table, frame="1m"))
    assert len(rows) == 15
    starts, ends = windows("london", int(ref[0]), int(ref[-1]))
    for row in (r for r in rows.rows() if r["session"] == "london"):
        i = int(np.flatnonzero(starts == row["ref_ts"])[0])
        inside = table[(ref >= starts[i]) & (ref < ends[i])]
        volume: dict[int, float] = {}
        step = 2 ** int(np.log2(inside["low"][0] * 5e-4 / 0.1))
        for low, high, traded in zip(inside["low"], inside["high"], inside["volume"], strict=True):
            ticks = np.arange(round(low / 0.1), round(high / 0.1) + 1)
            for k, share in zip(*np.unique(ticks // step, return_counts=True), strict=True):
                volume[int(k)] = volume.get(int(k), 0.0) + traded * share / len(ticks)
        poc = max(volume, key=lambda k: volume[k])
        assert row["poc"] == pytest.approx((poc * step + (step - 1) / 2) * 0.1)
        assert row["volume"] == pytest.approx(sum(volume.values()))
        held = sum(v for k, v in volume.items() if row["val"] - 1e-6 <= k * step * 0.1 <= row["vah"] + 1e-6)
        assert row["fraction"] == pytest.approx(held / row["volume"])
        assert 0.7 <= row["fraction"] < 0.95


def test_a_session_longer_than_a_day_and_long_bars_are_refused(bars, run):
    with pytest.raises(UserError, match="lasts longer than a day"):
        run("session_profiles", bars("2026-03-28", "2026-03-31"), settings={"session_profiles": {"sessions": "weekend"}})
    with pytest.raises(UserError, match="one hour or less"):
        run("session_profiles", bars("2026-03-28", "2026-03-31", "4h"), frame="4h")
