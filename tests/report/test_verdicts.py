"""By hand: what evidence found stands beside the line it is about, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from perpscope.report import Report
from perpscope.report.sections.setups import read_setups
from perpscope.setups.base import Verdict


def test_a_verdict_stands_beside_its_own_line(crash: Report) -> None:
    told = {
        reason.factor: reason.verdict
        for setup in read_setups(replace(crash.results, verdicts={"trend": Verdict.REJECTED, "flow": Verdict.RISK_ONLY}))
        if setup.name == "confluence"
        for reason in setup.reasons
    }
    assert (told.pop("trend"), told.pop("flow")) == ("rejected", "risk-only")
    assert set(told.values()) == {"unproven"}


def test_without_evidence_every_line_is_unproven(crash: Report) -> None:
    assert {reason.verdict for setup in crash.document.setups for reason in setup.reasons} == {"unproven"}
