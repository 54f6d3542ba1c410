"""A verdict to act on."""

from __future__ import annotations

import pytest

from perpscope.research.evidence.facts import Number
from perpscope.research.evidence.verdicts import FactorVerdict
from perpscope.setups.base import Verdict


@pytest.fixture
def verdict() -> FactorVerdict:
    return FactorVerdict(
        name="flow",
        verdict=Verdict.RISK_ONLY,
        direction=Verdict.REJECTED,
        qualifier="",
        sentence="It foretells volatility.",
        horizon="4h",
        n=900,
        bps=Number(1.0, -2.0, 4.0, 900),
        cost_bps=12.0,
        trials=35,
        date="2026-03-01",
        expires="2026-08-28",
        needed=0,
        leverage=0.0,
    )
