"""What a factor adds. Answers from outside: markets made here in which the value of each factor is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.events import BARS
from perpscope.core.time import DAY, HOUR, parse_ts
from perpscope.research.event_study import Prepared, PricePath
from perpscope.research.evidence.collect import Claims, Collected, Window
from perpscope.research.evidence.gates import gates
from perpscope.research.evidence.incremental import Added, grid_of, incremental, incremental_table
from perpscope.research.evidence.tables import Ready

START = parse_ts("2023-01-01")
NONE = Claims(np.zeros(0, np.int64), np.zeros(0))


def ready(close: np.ndarray, claims: dict[str, Claims], days: int) -> Ready:
    known = START + HOUR * np.arange(1, len(close) + 1)
    path = PricePath("X", HOUR, known, close * 1.001, close * 0.999, close, np.ones(len(close)), np.full(len(close), np.nan))
    window = Window("v", ("X",), "1h", START, START + days * DAY)
    one = Collected(path, BARS.empty(), claims, None, 0, "hash")
    return Ready(window, [one], [Prepared(path)], gates(), 1)


@pytest.fixture(scope="module")
def found() -> dict[str, Added]:
    """Every 4 h `true` foresees 62% of signs, `twin` says it too, `noise` nothing, `loud` that moves double, `mute` is mute."""
    rng = np.random.default_rng(11)
    days = 900
    steps = days * 6
    true = rng.choice([-1.0, 1.0], steps)
    loud = rng.random(steps) < 0.3
    sign = np.where(rng.random(steps) < 0.62, true, -true)
    size = np.abs(rng.normal(0.0, 0.002, (steps, 4))) * np.where(loud, 2.0, 1.0)[:, None]
    moves = size * np.where(rng.random((steps, 4)) < 0.5, 1.0, -1.0)
    moves = np.where((moves.sum(axis=1) * sign < 0.0)[:, None], -moves, moves)
    close = 100.0 * np.exp(np.concatenate([np.zeros(4), moves.ravel()])[: steps * 4].cumsum())
    at = START + 4 * HOUR * np.arange(1, steps + 1)
    names = {
        "true": Claims(at, true),
        "twin": Claims(at, true),
        "noise": Claims(at, rng.choice([-1.0, 1.0], steps)),
        "loud": Claims(at[loud], np.zeros(int(loud.sum()))),
        "mute": NONE,
    }
    return {one.name: one for one in incremental(ready(close, names, days), list(names), np.random.default_rng(2))}


def test_alone_a_factor_earns_what_its_hit_rate_is_worth(found: dict[str, Added]) -> None:
    """At a hit rate q the gain over a coin is ln 2 + q ln q + (1 - q) ln(1 - q): 29.1 thousandths of a nat at 0.62."""
    worth = 1e3 * (np.log(2.0) + 0.62 * np.log(0.62) + 0.38 * np.log(0.38))
    alone = found["true"].direction_alone
    assert alone.low is not None
    assert alone.low < worth < (alone.high or 0.0)
    assert alone.low > 0.0


def test_two_that_say_the_same_add_nothing_to_each_other(found: dict[str, Added]) -> None:
    for name in ("true", "twin"):
        assert found[name].direction_alone.above_zero
        assert abs(found[name].direction.value or 9.0) < 0.1


def test_what_knows_nothing_adds_nothing(found: dict[str, Added]) -> None:
    for number in (found["noise"].direction, found["noise"].direction_alone, found["loud"].direction_alone):
        assert not number.above_zero


def test_what_foretells_size_is_seen_in_risk_only(found: dict[str, Added]) -> None:
    assert found["loud"].risk.above_zero
    assert found["loud"].active == pytest.approx(0.3, abs=0.02)
    assert not found["true"].risk_alone.above_zero


def test_the_mute_have_no_number_but_a_reason(found: dict[str, Added]) -> None:
    assert found["mute"].direction.value is None
    assert "said nothing" in found["mute"].direction.note
    assert [row.label for row in incremental_table(found["mute"]).rows] == ["direction", "risk"]


def test_a_short_window_has_no_number_but_a_reason() -> None:
    close = 100.0 + np.arange(24.0 * 60) % 7
    (one,) = incremental(ready(close, {"a": NONE}, 60), ["a"], np.random.default_rng(0))
    assert "too short" in one.direction.note


def test_a_row_holds_what_was_said_since_the_last_moment_and_nothing_later() -> None:
    """Events at 03:00 (+), 04:00 (-), 04:30 (+, of the 05:00 close), 11:00 (+ and + of one bar); moments at 04, 08, 12."""
    close = 100.0 + np.sin(np.arange(24.0 * 40))
    half = HOUR // 2
    hours = START + np.array([3 * HOUR, 4 * HOUR, 4 * HOUR + half, 11 * HOUR, 11 * HOUR]) + 20 * DAY
    claims = {"a": Claims(hours, np.array([1.0, -1.0, 1.0, 1.0, 1.0]))}
    grid = grid_of(ready(close, claims, 40), ["a"], "4h")
    row = {int((t - START - 20 * DAY) // HOUR): float(v) for t, v in zip(grid.known_ts, grid.said[:, 0])}
    assert (row[4], row[8], row[12], row[16]) == (0.0, 1.0, 1.0, 0.0)
