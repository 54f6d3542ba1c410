"""Declared bad luck, worked out on paper, and laws: the ledger still sums to the wallet, and cuts change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from account.made import BUY, SELL, account, fills, flat, lines, run, wish
from account.scenarios import scenario
from account.test_books_and_queues import prints, tape_account, wished
from perpscope.account import AccountRows, Rules, Scenario, ScenarioKind
from perpscope.account.replay import advance_tape
from perpscope.account.scenario import draw
from perpscope.core.batch import Batch, cut
from perpscope.core.errors import UserError
from perpscope.core.state import freeze, thaw

ADL, MAY_FAIL, THROUGH = ScenarioKind
STOPPED = [flat(100.0), flat(100.0), (100.0, 100.0, 97.5, 98.5), (98.5, 98.5, 96.0, 97.0), flat(97.0)]


def lucky(*scenarios: Scenario, **more: Any) -> Any:
    return account(rules={"scenarios": scenarios}, **more)


def test_a_stop_that_fails_works_again_after_its_delay_where_price_then_is() -> None:
    once = Scenario(MAY_FAIL, end="1970-01-01T03:00Z", delay="1h")
    rows = run(lucky(once), STOPPED, [wish(1, BUY, 1.0, stop=98.0)])
    # reached at 2:36 (high first: 98 lies at 4/5 of the way from 100 to 97.5), dead until 3:36; the low of 96 comes at 3:40
    assert fills(rows) == [("entry", 100.0, 1.0), ("stop", 96.0, 1.0)]
    marked = [(row["kind"], row["amount"], row["note"]) for row in rows.ledger.rows() if row["kind"] == "scenario"]
    assert marked == [("scenario", 0.0, "stop_failed")]


def test_a_stop_that_always_fails_leaves_the_position_alone() -> None:
    rows = run(lucky(Scenario(MAY_FAIL, delay="1h")), STOPPED, [wish(1, BUY, 1.0, stop=98.0)])
    assert fills(rows) == [("entry", 100.0, 1.0)]
    other_side = run(lucky(Scenario(MAY_FAIL, side="short")), STOPPED, [wish(1, BUY, 1.0, stop=98.0)])
    assert fills(other_side)[1] == ("stop", 98.0, 1.0)


def test_a_jump_through_a_stop_fills_beyond_it_by_the_distance() -> None:
    jump, rising = Scenario(THROUGH, distance=0.05), [flat(100.0), flat(100.0), flat(103.0)]
    rows = run(lucky(jump), STOPPED, [wish(1, BUY, 1.0, stop=98.0)])
    assert fills(rows)[1] == ("stop", pytest.approx(98.0 * 0.95), 1.0)
    assert lines(rows, "scenario", "realized") == [("scenario", 0.0), ("realized", pytest.approx(-6.9))]
    short = run(lucky(jump), rising, [wish(1, SELL, 1.0, stop=102.0)])
    assert fills(short)[1] == ("stop", pytest.approx(103.0 * 1.05), 1.0)  # gapped to 103, then jumped


def test_a_profitable_position_is_deleveraged_and_a_losing_one_is_not() -> None:
    prices = [flat(100.0), flat(100.0), flat(110.0), flat(110.0)]
    of = lucky(Scenario(ADL, distance=0.01), taker=0.001)
    rows = run(of, prices, [wish(1, BUY, 2.0, target=120.0)])
    # mark 110, counterparty's bankruptcy price 108.9: +17.8; fee 0.1 % of 217.8
    assert lines(rows) == [("fee", -0.2), ("adl", pytest.approx(17.8)), ("fee", pytest.approx(-0.2178))]
    assert [row["exit_reason"] for row in rows.round_trips.rows()] == ["adl"]
    assert [row["reason"] for row in rows.order_ends.rows()] == ["deleveraged"]
    assert len(run(of, [flat(100.0)] * 2 + [flat(90.0)] * 2, [wish(1, BUY, 2.0)]).round_trips) == 0


def test_on_prints_a_failed_stop_works_again_after_its_delay() -> None:
    path = ((1, 100.0), (3, 100.0), (5, 98.0), (6, 97.0), (20, 96.0), (21, 95.0))
    tape = prints(*((t * 10**9, p, 1.0, "sell") for t, p in path))
    of = tape_account(scenarios=(Scenario(MAY_FAIL, end="1970-01-01T00:00:10Z", delay="10s"),))
    given = {"trade": tape, "intents": wished(BUY, 1.0, 2 * 10**9, stop=99.0)}
    rows = advance_tape(of, of.start(), Batch(10**12, given))
    assert [(r["role"], r["price"]) for r in rows.fills.rows()] == [("entry", 100.0), ("stop", 95.0)]


def test_on_prints_a_profitable_position_is_deleveraged() -> None:
    tape = prints(*((t * 10**9, p, 1.0, "sell") for t, p in ((1, 100.0), (3, 100.0), (5, 98.0), (6, 97.0))))
    of = tape_account(scenarios=(Scenario(ADL, side="short", distance=0.0),))
    rows = advance_tape(of, of.start(), Batch(10**12, {"trade": tape, "intents": wished(SELL, 1.0, 2 * 10**9)}))
    assert [(r["exit_reason"], r["exit_price"]) for r in rows.round_trips.rows()] == [("adl", 98.0)]


def test_draws_are_even_and_depend_on_every_argument() -> None:
    found = np.array([draw(s, n, t * 60 * 10**9) for s in range(4) for n in range(25) for t in range(100)])
    counts = np.histogram(found, bins=20, range=(0, 1))[0]
    assert ((counts - 500) ** 2 / 500).sum() < 45.0  # chi-square with 19 degrees of freedom: 45 is exceeded once in 1,300
    assert len(np.unique(found)) > 9_990
    assert draw(3, 7, 10**18) == draw.python(3, 7, 10**18)


@pytest.mark.parametrize("seed", range(6))
def test_with_scenarios_the_ledger_is_the_wallet_and_cuts_change_nothing(seed: int) -> None:
    made = scenario(seed, leverage=20.0)
    luck = (Scenario(MAY_FAIL, probability=0.5, seed=seed), Scenario(THROUGH, probability=0.5), Scenario(ADL, probability=0.05))
    of = lucky(*luck, taker=0.0005)
    batch = Batch(int(made.bars.clock[-1]), made.tables)
    once, state, parts = of.run(made.tables), of.start(), []
    for piece in cut(batch, np.random.default_rng(seed).integers(0, batch.watermark_ts, 9).tolist()):
        parts.append(of.advance(state, piece))
        state = thaw(freeze(state))
    many = AccountRows.concat(parts)
    for name in ("ledger", "fills", "order_ends", "round_trips", "equity"):
        assert getattr(once, name).same_as(getattr(many, name)), name
    real = once.ledger[once.ledger["kind"] != 10]
    assert round(real["amount"].sum() * 1e8) == round(once.equity["wallet_balance"][-1] * 1e8)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"probability": 1.5}, "between 0 and 1"),
        ({"distance": 1.0}, "fraction of price"),
        ({"side": "both"}, "long, short or empty"),
        ({"start": "2024-01-02", "end": "2024-01-01"}, "must lie before"),
        ({"delay": "soon"}, "length of time"),
    ],
)
def test_a_mistake_in_a_scenario_is_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Scenario(ADL, **given)
    with pytest.raises(UserError, match="at most 8 scenarios"):
        Rules(scenarios=(Scenario(ADL),) * 9)
