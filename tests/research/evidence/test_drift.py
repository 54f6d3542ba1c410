"""Drift between two windows. Answers by hand: errors from intervals (width / 3.919928), squares added, p from the normal table;
and an independent check by simulation: two windows of one process are called different in about 5% of pairs."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from perpscope.research.evidence.drift import Change, Drift, DriftReport, difference, drift_page, drifts_of
from perpscope.research.evidence.facts import Facts, Number, Risk
from perpscope.research.evidence.gates import gates
from perpscope.research.evidence.record import EvidencePage
from perpscope.setups.base import Verdict


def around(value: float, error: float, n: int = 400) -> Number:
    return Number(value, value - 1.959964 * error, value + 1.959964 * error, n)


def page(name: str, effect: Number, risks: list[Risk] | None = None) -> EvidencePage:
    text = dict.fromkeys(
        ("title", "family", "fold", "hypothesis", "prior", "horizon", "qualifier", "sentence", "start", "end", "timeframe"),
        name,
    )
    hashes = dict.fromkeys(
        ("venue", "date", "expires", "data_hash", "gates_hash", "plan_hash", "ledger_hash", "code_version", "command"), "x"
    )
    facts = Facts(directional=True, effect=effect, risks=risks or [])
    return EvidencePage(
        name=name, **text, **hashes, verdict=Verdict.WEAK, direction=Verdict.WEAK, needed=None, n=effect.n, bps=effect,
        cost_bps=12.0, trials=1, symbols=["X"], seed=1, facts=facts, gates=[], tables=[], curves=[], notes=[],
    )  # fmt: skip


def test_errors_add_in_squares() -> None:
    told, p, seen = difference(around(10.0, 3.0), around(2.0, 4.0), 0.95)
    assert told.value == pytest.approx(-8.0)
    assert told.low == pytest.approx(-8.0 - 1.959964 * 5.0, rel=1e-6)
    assert told.high == pytest.approx(-8.0 + 1.959964 * 5.0, rel=1e-6)
    assert p == pytest.approx(math.erfc(1.6 / math.sqrt(2.0)), rel=1e-5)
    assert seen == pytest.approx((1.959964 + 0.841621) * 5.0, rel=1e-5)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [(20.0, -20.0, "reversed"), (20.0, 4.0, "weaker"), (4.0, 20.0, "stronger"), (20.0, 21.0, "no change shown")],
)
def test_a_change_beyond_noise_is_named(before: float, after: float, change: str) -> None:
    (found,) = drifts_of([page("flow", around(before, 1.0))], [page("flow", around(after, 1.0))], gates())
    assert found.change == change
    assert (f"**{change}**" in drift_page(report(found))) == (change != "no change shown")


def test_a_window_without_an_interval_is_not_compared() -> None:
    (found,) = drifts_of(
        [page("flow", around(20.0, 1.0))], [page("flow", Number(5.0, None, None, 2, "fewer than three days"))], gates()
    )
    assert found.change is Change.UNKNOWN
    assert found.p is None
    assert found.difference.note == "a window has no interval"


def test_risk_outcomes_are_compared_one_by_one() -> None:
    risk = Risk("volatility", around(0.3, 0.02), 0.0, True)
    calmer = msgspec.structs.replace(risk, effect=around(0.1, 0.02))
    old, new = page("flow", around(1.0, 5.0), [risk]), page("flow", around(2.0, 5.0), [calmer])
    found = {one.outcome: one.change for one in drifts_of([old], [new], gates())}
    assert found == {"direction": Change.NOT_SHOWN, "volatility": Change.WEAKER}


def test_false_discoveries_are_held_over_all_factors() -> None:
    """One p of 0.03 among forty that say nothing is no discovery at 10 %."""
    one = 2.17009 * math.sqrt(2.0)
    old = [page(f"f{k}", around(0.0, 1.0)) for k in range(40)]
    new = [page(f"f{k}", around(one if k == 0 else 0.0, 1.0)) for k in range(40)]
    found = drifts_of(old, new, gates())
    assert found[0].p == pytest.approx(0.03, abs=1e-4)
    assert all(d.change is Change.NOT_SHOWN for d in found)
    assert drifts_of(old[:1], new[:1], gates())[0].change is Change.STRONGER


def test_two_windows_of_one_process_differ_as_often_as_chance_says() -> None:
    rng = np.random.default_rng(5)
    draws = rng.normal(3.0, 60.0, (2000, 2, 300))
    means, errors = draws.mean(axis=2), draws.std(axis=2, ddof=1) / math.sqrt(300)
    p = [
        difference(around(*x), around(*y), 0.95)[1]
        for x, y in zip(zip(means[:, 0], errors[:, 0]), zip(means[:, 1], errors[:, 1]))
    ]
    share = np.mean([v is not None and v < 0.05 for v in p])
    assert 0.037 < share < 0.064


def report(*drifts: Drift) -> DriftReport:
    days = ("2024-03-01", "2025-03-01")
    return DriftReport(
        venue="binance", symbols=["X"], timeframe="1h", before=days, after=days, data=("a", "b"), false_discovery=0.1,
        drifts=list(drifts), command="perpscope drift",
    )  # fmt: skip
