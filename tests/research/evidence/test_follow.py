"""What a verdict promised. Answers by hand: error = width / 3.919928, spread = error x sqrt(n)."""

from __future__ import annotations

import math

import msgspec
import pytest

from perpscope.research.evidence.facts import Facts, Number, Risk
from perpscope.research.evidence.follow import promise_of
from perpscope.research.evidence.record import EvidencePage
from perpscope.setups.base import Verdict
from research.evidence.test_drift import around, page


def judged(verdict: Verdict, effect: Number, risks: list[Risk] | None = None) -> EvidencePage:
    facts = Facts(directional=True, effect=effect, risks=risks or [])
    return msgspec.structs.replace(page("flow", effect), verdict=verdict, facts=facts)


def test_weak_promises_its_effect_less_the_round_trip() -> None:
    found = promise_of(judged(Verdict.WEAK, around(30.0, 4.0, n=225)))
    assert found is not None
    assert (found.outcome, found.mean) == ("direction", 18.0)
    assert found.spread == pytest.approx(4.0 * math.sqrt(225), rel=1e-6)


@pytest.mark.parametrize("verdict", [Verdict.UNPROVEN, Verdict.REJECTED])
def test_who_promised_nothing_cannot_break_it(verdict: Verdict) -> None:
    assert promise_of(judged(verdict, around(30.0, 4.0))) is None


def test_an_effect_below_its_cost_is_no_promise() -> None:
    assert promise_of(judged(Verdict.WEAK, around(11.0, 1.0))) is None


def test_risk_only_promises_its_clearest_steady_risk() -> None:
    risks = [
        Risk("volatility", around(0.30, 0.10), 0.0, True),
        Risk("range", around(0.20, 0.02), 0.0, True),
        Risk("volume", around(-0.50, 0.01), 0.0, False),
        Risk("liquidations", around(-0.90, 0.01), 0.0, True),
    ]
    found = promise_of(judged(Verdict.RISK_ONLY, around(0.0, 4.0), risks))
    assert found is not None
    assert (found.outcome, found.mean) == ("range", 0.20)
    assert found.spread == pytest.approx(0.02 * math.sqrt(400), rel=1e-6)


def test_less_volume_is_a_promise_with_its_sign_turned() -> None:
    found = promise_of(judged(Verdict.RISK_ONLY, around(0.0, 4.0), [Risk("volume", around(-0.5, 0.01), 0.0, True)]))
    assert found is not None
    assert (found.outcome, found.mean) == ("volume", 0.5)
