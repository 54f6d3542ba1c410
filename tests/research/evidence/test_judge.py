"""The verdict rules. Answers by hand: facts written out to lie on one side of one rule at a time (EVIDENCE 1 and 9)."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.research.evidence.facts import Facts, Number, Risk
from perpscope.research.evidence.gates import gates
from perpscope.research.evidence.judge import events_needed, judge, power_at
from perpscope.setups.base import Verdict

ALL = frozenset({"direction", "volatility", "range", "volume", "liquidations"})


def number(value: float, half: float, n: int = 1000) -> Number:
    return Number(value, value - half, value + half, n)


def good(**changes: object) -> Facts:
    """Facts that pass every gate from 1 to 9."""
    facts = Facts(
        directional=True,
        given=1500,
        effect=number(30.0, 10.0),
        p=1e-8,
        balance=0.05,
        years={"2023": number(25, 9), "2024": number(35, 9)},
        symbols={"BTCUSDT": number(20, 9), "ETHUSDT": number(40, 9)},
        halves={"research": number(30, 9), "validation": number(28, 9)},
        neighbours=0.9,
        without_best_days=9.0,
        without_best_trades=8.0,
        sharpe=number(2.0, 0.5),
        psr=0.99,
        dsr=0.97,
        pbo=0.1,
        length=1155,
        needed_length=300.0,
        median_sharpe=1.5,
        low_sharpe=0.4,
        superior={"cash": 0.001, "holding": 0.01},
        shuffled_p=0.001,
        trials=35,
        registered=True,
    )
    return msgspec.structs.replace(facts, **changes)


def wild(target: str = "volatility", value: float = 0.2, *, steady: bool = True, n: int = 1000) -> Risk:
    return Risk(target, number(value, 0.05, n), 1e-6, steady)


def test_what_passes_everything_before_the_seal_is_weak_with_validation_passed_and_never_proven() -> None:
    decision = judge(good(), gates(), ALL)
    assert (decision.verdict, decision.qualifier) == (Verdict.WEAK, "validation passed")
    assert [g.number for g in decision.gates if g.passed] == list(range(1, 10))
    assert [g.passed for g in decision.gates if g.number > 9] == [None, None]


@pytest.mark.parametrize(
    ("gate", "changes"),
    [
        (2, {"registered": False}),
        (3, {"balance": 0.15}),
        (4, {"effect": number(20.0, 9.0)}),
        (4, {"effect": number(17.0, 1.0)}),
        (5, {"median_sharpe": -0.1}),
        (5, {"low_sharpe": -0.6}),
        (6, {"psr": 0.9}),
        (6, {"dsr": 0.9}),
        (6, {"pbo": 0.3}),
        (6, {"needed_length": 2000.0}),
        (6, {"needed_length": None}),
        (7, {"superior": {"cash": 0.2}}),
        (7, {"superior": {}}),
        (8, {"shuffled_p": 0.2}),
        (9, {"years": {"2023": number(60, 9), "2024": number(-1, 9)}}),
        (9, {"neighbours": 0.5}),
        (9, {"without_best_days": -1.0}),
        (9, {"without_best_trades": -1.0}),
    ],
)
def test_each_gate_alone_keeps_a_factor_from_validation(gate: int, changes: dict[str, object]) -> None:
    decision = judge(good(**changes), gates(), ALL)
    assert decision.qualifier == ""
    assert [g.number for g in decision.gates if g.passed is False] == [gate]
    assert decision.verdict in (Verdict.WEAK, Verdict.REJECTED)


def test_a_direction_that_is_no_discovery_among_all_is_not_better_than_its_baselines() -> None:
    decision = judge(good(), gates(), frozenset())
    assert [g.number for g in decision.gates if g.passed is False] == [7]


def test_a_missing_input_is_unproven_by_name() -> None:
    decision = judge(Facts(directional=True, missing="open_interest"), gates())
    assert decision.verdict is Verdict.UNPROVEN
    assert "no open interest" in decision.sentence
    assert decision.needed is None


def test_too_few_events_are_unproven_with_the_number_that_is_still_needed() -> None:
    few = good(effect=number(30.0, 40.0, n=150))
    decision = judge(few, gates(), ALL)
    # by hand: error 40/1.959964 = 20.4085, sd = 20.4085 sqrt(150) = 249.95; ((1.644854+0.841621) 249.95/12)^2 = 2682.4
    assert decision.verdict is Verdict.UNPROVEN
    assert decision.needed == 2683 - 150
    assert "150 matched events are too few for a verdict; 2533 more are needed" in decision.sentence
    assert judge(good(effect=Number(None, None, None, 3, "few")), gates()).needed == 197


def test_a_real_effect_below_its_cost_is_rejected_and_one_that_may_pay_is_weak() -> None:
    small = judge(good(effect=number(5.0, 3.0)), gates(), ALL)
    assert (small.verdict, small.direction) == (Verdict.REJECTED, Verdict.REJECTED)
    assert "real but smaller than its cost" in small.sentence
    maybe = judge(good(effect=number(11.0, 4.0)), gates(), ALL)
    assert (maybe.verdict, maybe.qualifier) == (Verdict.WEAK, "")


def test_the_wrong_sign_is_rejected() -> None:
    decision = judge(good(effect=number(-20.0, 15.0)), gates(), ALL)
    assert decision.verdict is Verdict.REJECTED
    assert "the other way" in decision.sentence


def test_nothing_found_is_rejected_only_with_power_and_else_unproven() -> None:
    strong = good(effect=number(0.0, 6.0))
    assert power_at(strong, gates(), 12.0) > 0.8
    assert judge(strong, gates(), ALL).verdict is Verdict.REJECTED
    blind = good(effect=number(0.0, 30.0))
    assert power_at(blind, gates(), 12.0) < 0.8
    decision = judge(blind, gates(), ALL)
    assert decision.verdict is Verdict.UNPROVEN
    assert decision.needed == events_needed(blind, gates())


def test_a_factor_that_foretells_risk_and_no_direction_is_risk_only_and_keeps_its_direction_verdict() -> None:
    decision = judge(good(effect=number(0.0, 6.0), risks=[wild()]), gates(), ALL)
    assert (decision.verdict, decision.direction) == (Verdict.RISK_ONLY, Verdict.REJECTED)
    assert "volatility +22%" in decision.sentence


@pytest.mark.parametrize(
    ("risk", "discovered"),
    [
        (wild(value=0.04), ALL),
        (wild(steady=False), ALL),
        (wild(n=100), ALL),
        (wild(), frozenset({"direction"})),
        (Risk("volatility", number(0.1, 0.2), 0.3, True), ALL),
        (wild(value=-0.2), ALL),
        (wild("volume", 0.2), ALL),
    ],
)
def test_a_small_unsteady_rare_harmless_or_undiscovered_risk_is_not_enough(risk: Risk, discovered: frozenset[str]) -> None:
    assert judge(good(effect=number(0.0, 6.0), risks=[risk]), gates(), discovered).verdict is Verdict.REJECTED


def test_less_volume_is_a_risk() -> None:
    decision = judge(good(effect=number(0.0, 6.0), risks=[wild("volume", -0.2)]), gates(), ALL)
    assert decision.verdict is Verdict.RISK_ONLY


def test_events_without_direction_are_judged_by_risk_alone() -> None:
    plain = Facts(directional=False, given=900, risks=[wild("range", 0.1)])
    assert judge(plain, gates(), ALL).verdict is Verdict.RISK_ONLY
    nothing = Facts(directional=False, given=900, risks=[Risk("range", number(0.01, 0.02), 0.3, False)])
    assert judge(nothing, gates(), ALL).verdict is Verdict.REJECTED
    unclear = Facts(directional=False, given=900, risks=[Risk("range", number(0.04, 0.05), 0.1, True)])
    assert judge(unclear, gates(), ALL).verdict is Verdict.UNPROVEN


def test_a_suspected_leak_blocks_every_verdict() -> None:
    decision = judge(good(suspects=["the Sharpe ratio is 9"], risks=[wild()]), gates(), ALL)
    assert decision.verdict is Verdict.UNPROVEN
    assert "leak" in decision.sentence


@given(st.floats(-200, 200), st.floats(0.1, 200), st.integers(0, 5000))
def test_no_facts_before_the_seal_are_ever_proven(value: float, half: float, n: int) -> None:
    decision = judge(good(effect=number(value, half, n)), gates(), ALL)
    assert decision.verdict is not Verdict.PROVEN
    assert decision.needed is None or decision.needed >= 0
