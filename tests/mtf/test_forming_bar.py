"""Answers: STRUCTURE ST14 and ST15 by hand; the last forming row against the closed bar."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.batch import Batch, cut
from perpscope.core.errors import UserError
from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, format_ts, parse_ts
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.mtf.forming_bar import FormingBar

M15 = 15 * MINUTE


def bars(count, since="2026-01-15T13:00Z", keep=None, complete=None):
    rng = np.random.default_rng(2)
    ref = parse_ts(since) + M15 * np.arange(count, dtype=np.int64)
    close = 100 + np.cumsum(rng.normal(size=count))
    volume = rng.exponential(size=(2, count))
    table = Table.filled(
        BARS, ref_ts=ref, known_ts=ref + M15, open=close - 0.5, high=close + 1, low=close - 1, close=close,
        volume=volume.sum(axis=0), buy_volume=volume[0], sell_volume=volume[1],
        complete=np.ones(count, bool) if complete is None else complete,
    )  # fmt: skip
    return table if keep is None else table[keep]


def run(table, of="1h", wanted=("forming_bar",), watermarks=()):
    graph = Graph(Instrument("demo", "X"), [*wanted], {"bars@15m"}, "15m", {"forming_bar": {"of": of}})
    return collect(graph, cut(Batch(int(table["known_ts"][-1]), {"bars@15m": table}), watermarks))


def test_the_worked_hour():
    table = bars(9)
    rows = run(table)["forming_bar@15m"]
    told = {format_ts(int(r["known_ts"]))[11:16]: r for r in rows.rows()}
    assert list(told) == ["13:15", "13:30", "13:45", "14:15", "14:30", "14:45", "15:15"]  # at 14:00 and 15:00: nothing forms
    row = told["14:45"]
    assert row["elapsed_fraction"] == 0.75
    assert row["forming_open"] == table["open"][4]
    assert row["forming_close"] == table["close"][6]
    assert row["forming_high"] == table["high"][4:7].max()
    assert row["forming_low"] == table["low"][4:7].min()
    assert row["forming_volume"] == pytest.approx(table["volume"][4:7].sum())
    assert row["forming_delta"] == pytest.approx((table["buy_volume"] - table["sell_volume"])[4:7].sum())


def test_no_row_of_a_forming_bar_carries_the_name_of_a_closed_one():
    from perpscope.mtf.forming_bar import FORMING_BAR

    assert not {"open", "high", "low", "close", "volume"} & set(FORMING_BAR.names)


def test_the_closed_bar_is_the_last_forming_one_and_one_base_bar():
    table = bars(41)
    rows = run(table, wanted=("forming_bar", "bars@1h"))
    forming, closed = rows["forming_bar@15m"], rows["bars@1h"]
    last = forming[forming["elapsed_fraction"] == 0.75]
    assert last["ref_ts"].tolist() == closed["ref_ts"].tolist()
    assert np.allclose(np.maximum(last["forming_high"], table["high"][3::4][:10]), closed["high"])


@pytest.mark.parametrize("lost", [1, 2])
def test_a_hole_waits_for_the_next_longer_bar(lost):
    keep = np.arange(9) != lost
    known = run(bars(9, keep=keep))["forming_bar@15m"]["known_ts"]
    partial = run(bars(9, complete=keep))["forming_bar@15m"]["known_ts"]
    assert known.tolist() == partial.tolist()
    begun = [f"13:{15 * k}" for k in range(1, lost + 1)]
    assert [format_ts(int(t))[11:16] for t in known] == [*begun, "14:15", "14:30", "14:45", "15:15"]


def test_it_does_not_depend_on_the_cut():
    table = bars(200)
    whole = run(table, "4h")["forming_bar@15m"]
    assert whole.same_as(run(table, "4h", watermarks=table["known_ts"][::7].tolist())["forming_bar@15m"])


@pytest.mark.parametrize(("of", "frame"), [("5m", "15m"), ("15m", "15m"), ("20m", "15m")])
def test_frames_that_do_not_divide_are_refused(of, frame):
    with pytest.raises(UserError, match="not a whole number of"):
        FormingBar(FormingBar.Params(of=of), frame=frame)


def test_at_equal_times_a_decision_sees_the_bar_that_closes_then():
    """Base 15m, frame 1h: at 14:45 the hour 13-14 is known, at 15:00 the hour 14-15 (ST14)."""
    from perpscope.core.time import Timeframe
    from perpscope.mtf.align import align

    closed = run(bars(12), wanted=("bars@1h",))["bars@1h"]
    at = np.array([parse_ts("2026-01-15T14:45Z"), parse_ts("2026-01-15T15:00Z")])
    found = align(closed, Timeframe.parse("1h"), at)
    assert [(int(t) - parse_ts("2026-01-15")) // HOUR for t in closed["ref_ts"][found]] == [13, 14]
