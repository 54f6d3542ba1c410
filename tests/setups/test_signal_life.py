"""The life of a proposal, by hand on the tapes of `cases.py`, and what happens at the door when inputs are missing."""

from __future__ import annotations

import pytest

from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.engine.graph import Graph
from perpscope.setups.cascade import Cascade
from perpscope.setups.signal import SignalEvent as E
from perpscope.setups.signal import living
from setups.cases import ABSORPTION_LEVEL, CASCADE_RIDE, CLUSTER_BREAKOUT, CLUSTER_SWEEP, SQUEEZE, TREND_ENSEMBLE, ZONE_RETEST
from setups.tapes import Bar, Case, bars_of, run


def first_life(case: Case, *more: Bar) -> Table:
    """The rows of the first proposal of a case, when these bars follow."""
    bars = bars_of([*case.bars, *more], case.frame)
    rows = run(case.setup, bars, case.inputs(bars))
    return rows[rows["id"] == rows["id"][0]]


def test_a_bar_that_holds_stop_and_target_counts_as_stopped() -> None:
    """Entry 100.2, stop 97.5, target 105.6."""
    assert first_life(ZONE_RETEST, (100.0, 106.0, 97.0, 105.0))["event"].tolist() == [E.OPENED, E.STOPPED]


def test_the_target_ends_it() -> None:
    assert first_life(ZONE_RETEST, (100.0, 105.7, 99.0, 105.0))["event"].tolist() == [E.OPENED, E.REACHED]


def test_a_limit_is_not_triggered_by_a_touch() -> None:
    """Entry 99.65: a low of exactly that is a touch, a low below it trades through."""
    assert first_life(ABSORPTION_LEVEL, (100.5, 101.0, 99.65, 100.5))["event"].tolist() == [E.OPENED]
    assert first_life(ABSORPTION_LEVEL, (100.5, 101.0, 99.6, 100.5))["event"].tolist() == [E.OPENED, E.TRIGGERED]


def test_a_target_in_the_bar_of_a_limit_entry_does_not_count() -> None:
    """The high of 102.5 may have come before the low of 99.6 that filled; the next bar's high cannot have."""
    life = first_life(ABSORPTION_LEVEL, (100.5, 102.5, 99.6, 101.0))
    assert life["event"].tolist() == [E.OPENED, E.TRIGGERED]
    life = first_life(ABSORPTION_LEVEL, (100.5, 102.5, 99.6, 101.0), (101.0, 102.0, 100.5, 101.5))
    assert life["event"].tolist() == [E.OPENED, E.TRIGGERED, E.REACHED]


def test_a_target_before_a_limit_entry_is_missed() -> None:
    assert first_life(ABSORPTION_LEVEL, (100.5, 102.0, 100.0, 101.0))["event"].tolist() == [E.OPENED, E.MISSED]


def test_a_target_in_the_bar_of_a_stop_entry_counts() -> None:
    """Entry 101.5, target 104.5: the way to the target leads through the entry."""
    assert first_life(SQUEEZE, (100.0, 105.0, 100.0, 104.0))["event"].tolist() == [E.OPENED, E.TRIGGERED, E.REACHED]


def test_a_stop_entry_that_gaps_through_entry_and_stop_is_stopped() -> None:
    assert first_life(CLUSTER_BREAKOUT, (100.0, 101.5, 98.5, 99.5))["event"].tolist() == [E.OPENED, E.TRIGGERED, E.STOPPED]


def test_one_side_is_proposed_once_at_a_time_and_rests_after_its_end() -> None:
    """A squeeze that holds for forty bars: proposed, expired after 12, silent for the rest of 6 bars, proposed again."""
    flat = SQUEEZE.bars[-1]
    bars = bars_of([*SQUEEZE.bars, *[flat] * 19], "1h")
    inputs = dict(SQUEEZE.inputs(bars))
    funding = inputs["funding_state"]
    again = funding.with_columns(known_ts=funding["known_ts"] + 12 * 3_600_000_000_000)
    inputs["funding_state"] = Table.concat([funding, again])
    rows = run(SQUEEZE.setup, bars, inputs)
    opened = rows[rows["event"] == E.OPENED]["known_ts"]
    ended = rows[rows["event"] == E.EXPIRED]["known_ts"]
    assert len(opened) == 2
    assert opened[1] - ended[0] == 6 * 3_600_000_000_000


def test_the_ensemble_tells_a_tighter_stop_and_never_loosens_it() -> None:
    """Day 31 closes at 105: ATR (2.1 x 19 + 3) / 20 = 2.145, stop 105 - 6.435; day 32 closes lower and leaves it."""
    life = first_life(TREND_ENSEMBLE, (103.0, 105.5, 102.5, 105.0), (105.0, 105.0, 103.0, 104.0))
    adjusted = life[life["event"] == E.ADJUSTED]
    assert adjusted["stop"][0] == pytest.approx(98.565)
    assert (adjusted["stop"] == adjusted["stop"][0]).all()


@pytest.mark.parametrize("case", [CLUSTER_SWEEP, CLUSTER_BREAKOUT], ids=lambda c: c.name)
def test_a_map_without_current_open_interest_is_not_read(case: Case) -> None:
    """The clusters are still alive, but nothing has fed them for three hours."""
    bars = bars_of(case.bars)
    inputs = dict(case.inputs(bars))
    inputs["open_interest_delta"] = inputs["open_interest_delta"][:-3]
    assert len(run(case.setup, bars, inputs)) == 0


def test_without_liquidations_the_cascade_refuses_in_a_sentence() -> None:
    bars = bars_of(CASCADE_RIDE.bars)
    inputs = {k: v for k, v in CASCADE_RIDE.inputs(bars).items() if k == "liquidation_volume"}
    with pytest.raises(UserError, match="needs liquidation_totals or liquidation"):
        run(Cascade(frame="1h"), bars, inputs)


@pytest.mark.parametrize(
    ("name", "missing"), [("squeeze", "open_interest"), ("cluster_sweep", "open_interest"), ("funding_carry", "funding")]
)
def test_a_missing_input_is_refused_by_the_graph_with_its_name(name: str, missing: str) -> None:
    with pytest.raises(UserError, match=f"'{missing}' is needed but the data has none"):
        Graph(Instrument("demo", "X"), [name], {"bars@1h"}, "1h")


def test_what_stands_is_what_has_not_ended() -> None:
    """Entry 99.65: triggered in the next bar it stands by that row; reached in the one after, nothing stands."""
    into, on = (100.5, 101.0, 99.6, 100.5), (100.5, 102.5, 100.0, 102.0)
    bars = bars_of([*ABSORPTION_LEVEL.bars, into])
    standing = living(run(ABSORPTION_LEVEL.setup, bars, ABSORPTION_LEVEL.inputs(bars)))
    assert standing["event"].tolist() == [E.TRIGGERED]
    bars = bars_of([*ABSORPTION_LEVEL.bars, into, on])
    assert len(living(run(ABSORPTION_LEVEL.setup, bars, ABSORPTION_LEVEL.inputs(bars)))) == 0
