"""Answers: the protocol's state machine: at most two frames unacknowledged, numbers without a hole, `after_seq` the one before;
hypothesis drives it through orders of moments and acknowledgements. The pictures are those of conftest's market."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.core.time import HOUR
from perpscope.web.frames import decode_frame, read_column
from perpscope.web.history import History
from perpscope.web.stream.clock import ReplayClock
from perpscope.web.stream.lane import Lane
from perpscope.web.stream.painter import Painter, View, Wanted
from perpscope.web.stream.scene import Recorded
from perpscope.web.wire import Clock, Delta

from .conftest import START

AT = START + 600 * HOUR


@pytest.fixture(scope="module")
def view(lake_dir: Path) -> View:
    return View(Recorded(History(lake_dir), "demo", "BTCUSDT", "1h"), 120, ("candles",))


PAINTER = Painter(kept=1_000)


@settings(max_examples=12, deadline=None)
@given(moves=st.lists(st.tuples(st.integers(-2, 3), st.booleans()), max_size=12))
def test_whatever_happens_the_client_ends_with_the_same_candles(view: View, moves: list[tuple[int, bool]]) -> None:
    """Each move turns the clock by some hours and perhaps acknowledges everything; a client applies what it gets."""
    painter, lane, hours = PAINTER, Lane(1, view), 0
    held: dict[float, float] = {}
    seq = 0
    for turn, acknowledge in [*moves, (1, True), (0, True)]:
        hours += turn
        if acknowledge:
            lane.acknowledge(lane.seq)
        if lane.wants(AT + hours * HOUR):
            header, body = decode_frame(lane.next(painter, AT + hours * HOUR))
            assert header.seq == seq + 1
            if isinstance(header, Delta):
                assert header.after_seq == seq
            else:
                held.clear()
            seq = header.seq
            layers = [one for one in header.layers if one.name == "candles"]
            for one in layers:
                held.update(
                    zip(read_column(body, one, "ref_ms").tolist(), read_column(body, one, "close").tolist(), strict=True)
                )
        assert lane.in_flight <= 2
    whole, body = decode_frame(painter.draw(Wanted(view, AT + hours * HOUR)).frame())
    candles = next(one for one in whole.layers if one.name == "candles")
    refs, closes = read_column(body, candles, "ref_ms"), read_column(body, candles, "close")
    assert np.array_equal([held[r] for r in refs.tolist()], closes, equal_nan=True)
    assert max(held) == refs[-1]


def test_clients_that_look_at_the_same_thing_share_one_drawing(view: View) -> None:
    painter = Painter()
    lanes = [Lane(k, view) for k in range(50)]
    frames = [lane.next(painter, AT) for lane in lanes]
    assert painter.count == 1
    assert len({decode_frame(f)[0].epoch for f in frames}) == 50


def test_a_late_acknowledgement_counts_and_an_invented_one_does_not(view: View) -> None:
    lane = Lane(1, view)
    lane.next(Painter(), AT)
    lane.acknowledge(0)
    assert lane.in_flight == 1
    lane.acknowledge(10**9)
    assert (lane.in_flight, lane.acknowledged) == (0, 1)


def test_a_lane_that_fell_far_behind_is_given_a_snapshot(view: View) -> None:
    lane, painter = Lane(1, view), Painter()
    lane.next(painter, AT)
    header, _ = decode_frame(lane.next(painter, AT + 70 * HOUR))
    assert header.__class__.__name__ == "Snapshot"
    assert header.seq == 2


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["play", "pause", "step", "speed", "jump"]),
            st.floats(allow_nan=True) | st.none(),
            st.floats(0.0, 100.0),
        )
    )
)
def test_the_clock_never_leaves_its_data(turns: list[tuple[str, float | None, float]]) -> None:
    clock, now = ReplayClock(10 * HOUR, 90 * HOUR, 50 * HOUR), 0.0
    refused: set[str] = set()
    for do, value, later in turns:
        now += later
        try:
            clock.turn(Clock(do=do, value=value), HOUR, now)
        except UserError:
            refused.add(do)
        assert 10 * HOUR <= clock.read(now) <= 90 * HOUR
    assert refused <= {"speed", "jump"}
