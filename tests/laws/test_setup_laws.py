"""Every setup is held to the laws of setups, on a market in which it has something to say; each law catches its culprit.

The made market of the laws is calm, so each setup is run with settings loose enough that it proposes on both
sides; a setup that stays silent fails here. The broken setups change one thing each, by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from laws import laws
from laws.market import FRAME, START, Market, made_market
from laws.setups import SETUP_LAWS, opened
from perpscope.core.events import FUNDING
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.engine.catalogue import all_folds
from perpscope.setups.base import Setup
from perpscope.setups.signal import SignalEvent
from perpscope.setups.zone_retest import ZoneRetest

SETUPS = sorted(name for name, cls in all_folds().items() if issubclass(cls, Setup))
LOOSE: dict[str, dict[str, Any]] = {
    "cascade": {"rank": 0.6, "share": 0.55},
    "cluster_sweep": {"least_fraction": 0.04},
    "funding_carry": {"least_carry": 0.01, "steady": 0.5, "days": 1},
    "funding_extreme": {"extreme": 0.4},
    "squeeze": {"least_growth": 0.0, "most_range": 12.0, "skew": 0.6},
    "trend_ensemble": {"volatility_days": 5},
    "trend_pullback": {"least_score": 0.05, "least_agreement": 0.0},
}


@cache
def market(seed: int) -> Market:
    """The made market of the laws, with rates that are mostly of one sign."""
    made = made_market(seed, 720)
    paid = made.tables["funding"]
    lean = np.where(np.arange(len(paid)) // 12 % 2, 1.0, -1.0) / 4096.0
    made.tables["funding"] = Table.of(FUNDING, **{**paid.columns(), "funding_rate": paid["funding_rate"] + lean})
    return made


def maker(name: str) -> laws.MakeFold:
    return lambda: all_folds()[name].with_settings(LOOSE.get(name, {}), FRAME)


@cache
def rows_of(name: str, seed: int) -> Table:
    return laws.rows_of(maker(name), market(seed))


def test_there_are_twelve_setups_and_each_says_what_it_would_take_to_be_wrong() -> None:
    assert len(SETUPS) == 12
    for name in SETUPS:
        text = all_folds()[name].__doc__ or ""
        for word in ("vidence", "Entry", "Invalidation", "Stop", "Target", "Expiry", "UNPROVEN"):
            assert word in text, f"{name} does not name its {word}"


@pytest.mark.parametrize("name", SETUPS)
def test_a_setup_obeys_the_laws_of_setups_and_is_not_silent(name: str) -> None:
    sides = set()
    for seed in range(4):
        rows = rows_of(name, seed)
        for law in SETUP_LAWS.values():
            law(rows)
        sides |= set(opened(rows)[0]["position_side"].tolist())
        if sides == {1, 2}:
            break
    assert sides == {1, 2}, f"{name} proposed only {sides or 'nothing'} in up to four markets"


@pytest.mark.parametrize("name", SETUPS)
def test_a_speaking_setup_obeys_split_truncation_and_resume(name: str) -> None:
    """The general laws once more where they cannot hold by silence."""
    made = market(0)
    laws.law_split(maker(name), made, [START + h * HOUR + h for h in (60, 61, 200, 333, 600)])
    laws.law_truncation(maker(name), made, START + 401 * HOUR + 7)
    laws.law_resume(maker(name), made, START + 301 * HOUR + 7)


def spoil(**change: Callable[[Table], np.ndarray]) -> Table:
    rows = rows_of("zone_retest", 0)
    return rows.with_columns(**{name: make(rows) for name, make in change.items()})


CULPRITS: dict[str, Callable[[], Table]] = {
    "evidence": lambda: spoil(**{e: lambda t: np.full(len(t), np.nan) for e in _PARTS}, score=lambda t: 0.0 * t["score"]),
    "stop": lambda: spoil(stop=lambda t: 2 * t["entry"] - t["stop"]),
    "target": lambda: spoil(target=lambda t: 2 * t["entry"] - t["target"]),
    "score": lambda: spoil(score=lambda t: t["score"] + 0.1),
    "expiry": lambda: spoil(expire_ts=lambda t: t["ref_ts"]),
    "life": lambda: spoil(event=lambda t: np.where(t["event"] == SignalEvent.STOPPED, SignalEvent.OPENED, t["event"])),
}
_PARTS = [f"part_{e.name}" for e in ZoneRetest.evidence]


@pytest.mark.parametrize("law", SETUP_LAWS)
def test_a_law_of_setups_catches_its_culprit(law: str) -> None:
    with pytest.raises(AssertionError):
        SETUP_LAWS[law](CULPRITS[law]())


class WrongWay(ZoneRetest):
    """Puts the stop where the target is."""

    def propose(self, state: Any, tape: Any) -> Any:
        drafts = super().propose(state, tape)
        drafts.floats[[1, 2]] = drafts.floats[[2, 1]]
        return drafts


def test_the_stop_law_catches_a_setup_that_has_a_wrong_sign() -> None:
    with pytest.raises(AssertionError):
        SETUP_LAWS["stop"](laws.rows_of(lambda: WrongWay(frame=FRAME), market(0)))
