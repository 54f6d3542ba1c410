"""Answers: STRUCTURE.md ST10 and ST24 (by hand)."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import format_ts, parse_ts
from perpscope.features.session.opening_gap import OpeningGaps

# prices jump from 108000 to 108900 over the pause of 2026-05-20, 21:00 to 22:00 UTC
DAY = "2026-05-20"


def priced(table, since, level, low=None):
    late = table["ref_ts"] >= parse_ts(since)
    columns = {name: np.where(late, level, table[name]) for name in ("open", "high", "low", "close")}
    return table.with_columns(**columns)


def gaps(run, table, **more):
    rows = run("opening_gaps", table, tick=5.0, **more)
    return [(r["event"], format_ts(r["known_ts"])[:16]) for r in rows.rows()], rows


def market(bars, closes):
    table = priced(bars(DAY, "2026-05-21", level=108000.0), f"{DAY}T22:00Z", 108900.0)
    asleep = (table["ref_ts"] >= parse_ts(f"{DAY}T21:00Z")) & (table["ref_ts"] < parse_ts(f"{DAY}T22:00Z"))
    return table[~asleep] if closes else table


@pytest.mark.parametrize("closes", [True, False])
def test_the_worked_gap(bars, run, closes):
    told, rows = gaps(run, market(bars, closes), venue="cme")
    assert told == [("opened", "2026-05-20 22:05"), ("touched", "2026-05-20 22:05")]
    assert (rows["bottom"][0], rows["top"][0], rows["direction"][0]) == (108000, 108900, 1)
    assert format_ts(int(rows["ref_ts"][0])) == "2026-05-20 21:00 UTC"
    assert [r["kind"] for r in rows.rows()] == ["day", "day"]


def test_its_middle_is_the_consequent_encroachment(bars, run):
    table = market(bars, closes=True)
    for low, events in ((108455.0, 2), (108450.0, 3)):
        at = table["ref_ts"] == parse_ts(f"{DAY}T23:00Z")
        told, _ = gaps(run, table.with_columns(low=np.where(at, low, table["low"])))
        assert len(told) == events


def test_the_bar_that_opens_the_market_already_trades_in_the_gap(bars, run):
    table = market(bars, closes=True)
    at = table["ref_ts"] == parse_ts(f"{DAY}T22:00Z")
    told, _ = gaps(run, table.with_columns(low=np.where(at, 107990.0, table["low"])))
    assert [e for e, _ in told] == ["opened", "touched", "halved", "filled"]


def test_a_pause_of_the_market_is_no_hole(bars, run):
    table = bars("2026-05-19", "2026-05-22", level=108000.0)
    table = priced(priced(table, "2026-05-19T22:00Z", 109000.0), "2026-05-20T22:00Z", 110000.0)
    clock = (table["ref_ts"] // 3_600_000_000_000) % 24
    told, rows = gaps(run, table[clock != 21], venue="cme")
    assert "expired" not in [e for e, _ in told]
    assert set(rows["bottom"].tolist()) == {108000, 109000}


def test_a_hole_expires_a_gap(bars, run):
    table = market(bars, closes=False)
    told, _ = gaps(run, table[(table["ref_ts"] < parse_ts(f"{DAY}T22:30Z")) | (table["ref_ts"] >= parse_ts(f"{DAY}T23:00Z"))])
    assert told[-1] == ("expired", "2026-05-20 23:05")


@pytest.mark.parametrize("lost", [f"{DAY}T20:55Z", f"{DAY}T22:00Z"])
def test_without_the_closing_or_the_opening_bar_there_is_no_gap(bars, run, lost):
    table = market(bars, closes=True)
    assert gaps(run, table[table["ref_ts"] != parse_ts(lost)])[0] == []


def week(bars, friday, sunday):
    before, after = (
        bars(f"{friday}T12:00Z", f"{friday}T21:00Z", level=100.0),
        bars(f"{sunday}T22:00Z", f"{sunday}T23:00Z", level=90.0),
    )
    return Table.concat([before, after])


@pytest.mark.parametrize(("venue", "friday", "sunday", "synthetic"), [
    ("cme", "2026-05-22", "2026-05-24", False),  # the last real week gap
    ("cme", "2026-05-29", "2026-05-31", True),
    ("demo", "2026-05-22", "2026-05-24", True),
])  # fmt: skip
def test_the_week_gap_of_cme_is_real_until_it_stopped_closing(bars, run, venue, friday, sunday, synthetic):
    _, rows = gaps(run, week(bars, friday, sunday), venue=venue)
    first = next(iter(rows.rows()))
    assert (first["kind"], first["synthetic"], first["direction"]) == ("week", synthetic, "down")


def test_winter_shifts_the_gap_by_an_hour(bars, run):
    table = priced(bars("2026-01-14", "2026-01-15"), "2026-01-14T23:00Z", 95.0)
    told, _ = gaps(run, table)
    assert told[0] == ("opened", "2026-01-14 23:05")


def test_friday_evening_has_no_day_gap(bars, run):
    told, _ = gaps(run, priced(bars("2026-05-22", "2026-05-23"), "2026-05-22T22:00Z", 95.0))
    assert told == []


def test_gaps_do_not_depend_on_how_the_days_are_cut(bars, run):
    table = bars("2026-05-01", "2026-06-20", "1h")
    rng = np.random.default_rng(5)
    close = 1000 + np.cumsum(rng.integers(-30, 31, len(table)))
    open_ = np.r_[close[0], close[:-1] + rng.integers(-5, 6, len(table) - 1)]
    table = table.with_columns(open=open_, close=close, high=np.maximum(open_, close) + 3, low=np.minimum(open_, close) - 3)
    cuts = [int(t) for t in table["known_ts"][::17]]
    whole = run("opening_gaps", table, frame="1h")
    assert len(whole) > 100
    assert whole.same_as(run("opening_gaps", table, frame="1h", watermarks=cuts))


def test_bars_longer_than_an_hour_are_refused(bars, run):
    with pytest.raises(UserError, match="one hour or less"):
        run("opening_gaps", bars("2026-05-20", "2026-05-22", "4h"), frame="4h")


@pytest.mark.parametrize("venue", ["cme", "binance"])
def test_they_are_refused_before_a_bar_is_read(venue):
    with pytest.raises(UserError, match="one hour or less"):
        OpeningGaps(frame="4h").start(Instrument(venue, "X"))
