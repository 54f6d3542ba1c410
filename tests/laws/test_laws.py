"""Every registered fold is found and held to every law, on a made market and on recorded bars."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laws import laws
from laws.market import FRAME, START, Market, made_market
from laws.recorded import recorded_market
from perpscope.core.fold import LAWS, Fold
from perpscope.core.time import HOUR
from perpscope.engine.catalogue import all_folds
from perpscope.engine.graph import Graph

HOURS = 480
NAMES = sorted(all_folds())
times = st.integers(START + 30 * HOUR, START + HOURS * HOUR)
hours = st.integers(40, HOURS - 60).map(lambda h: START + h * HOUR)
few = settings(max_examples=4)


def maker(name: str, law: str) -> laws.MakeFold:
    """How to make the fold, unless it is exempt (with its reason beside the class)."""
    cls = all_folds()[name]
    if law in cls.exempt:
        return lambda: Exempted()
    return lambda: cls(frame=FRAME)


class Exempted(Fold):
    """Stands for a fold in a law it is exempt from."""


@pytest.mark.parametrize("name", NAMES)
def test_exemptions_name_real_laws_and_give_a_reason(name: str) -> None:
    for law, reason in all_folds()[name].exempt.items():
        assert law in LAWS
        assert len(reason) > 20


@pytest.mark.parametrize("name", [n for n in NAMES if "split" not in all_folds()[n].exempt])
@few
@given(seed=st.integers(0, 3), watermarks=st.lists(times, max_size=10))
def test_split(name: str, seed: int, watermarks: list[int]) -> None:
    laws.law_split(maker(name, "split"), made_market(seed), watermarks)


@pytest.mark.parametrize("name", [n for n in NAMES if "truncation" not in all_folds()[n].exempt])
@few
@given(seed=st.integers(0, 3), at=times)
def test_truncation(name: str, seed: int, at: int) -> None:
    laws.law_truncation(maker(name, "truncation"), made_market(seed), at)


@pytest.mark.parametrize("name", [n for n in NAMES if "known" not in all_folds()[n].exempt])
@few
@given(seed=st.integers(0, 3), watermarks=st.lists(times, max_size=6))
def test_known(name: str, seed: int, watermarks: list[int]) -> None:
    laws.law_known(maker(name, "known"), made_market(seed), watermarks)


@pytest.mark.parametrize("name", [n for n in NAMES if "resume" not in all_folds()[n].exempt])
@few
@given(seed=st.integers(0, 3), at=times.filter(lambda t: t < START + HOURS * HOUR))
def test_resume(name: str, seed: int, at: int) -> None:
    laws.law_resume(maker(name, "resume"), made_market(seed), at)


@pytest.mark.parametrize("name", [n for n in NAMES if "innocence" not in all_folds()[n].exempt])
def test_innocence(name: str) -> None:
    laws.law_innocence(maker(name, "innocence"), made_market(0))


@pytest.mark.parametrize("name", [n for n in NAMES if "mirror" not in all_folds()[n].exempt])
@few
@given(seed=st.integers(0, 3))
def test_mirror(name: str, seed: int) -> None:
    laws.law_mirror(maker(name, "mirror"), made_market(seed))


@pytest.mark.parametrize("name", [n for n in NAMES if "scale" not in all_folds()[n].exempt])
@few
@given(seed=st.integers(0, 3))
def test_scale(name: str, seed: int) -> None:
    laws.law_scale(maker(name, "scale"), made_market(seed))


@pytest.mark.parametrize("name", [n for n in NAMES if "gap" not in all_folds()[n].exempt])
@few
@given(seed=st.integers(0, 3), start=hours, length=st.integers(1, 30))
def test_gap(name: str, seed: int, start: int, length: int) -> None:
    laws.law_gap(maker(name, "gap"), made_market(seed), start, start + length * HOUR)


@pytest.mark.parametrize("name", [n for n in NAMES if "warmup" not in all_folds()[n].exempt])
def test_warmup(name: str) -> None:
    laws.law_warmup(maker(name, "warmup"), made_market(1))


@pytest.mark.parametrize("name", [n for n in NAMES if "bounded" not in all_folds()[n].exempt])
def test_bounded(name: str) -> None:
    lookback = max(maker(name, "bounded")().lookback, 300)
    laws.law_bounded(maker(name, "bounded"), made_market(2, 3 * lookback, 4))


@pytest.mark.parametrize("name", [n for n in NAMES if "described" not in all_folds()[n].exempt])
def test_described(name: str) -> None:
    laws.law_described(maker(name, "described"))


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> Market:
    return recorded_market(shared_data)


@pytest.mark.parametrize("name", NAMES)
def test_recorded_bars_obey_split_truncation_and_known_time(name: str, recorded: Market) -> None:
    fold = all_folds()[name](frame=FRAME)
    probe = Graph(recorded.instrument, [], set(recorded.tables), FRAME)
    if not all(i.endswith("?") or probe.can_supply(i, FRAME) for i in fold.inputs):
        return  # the recording lacks an input; the made market above has them all
    span = recorded.end - int(recorded.tables[f"bars@{FRAME}"]["ref_ts"][0])
    middle = recorded.end - span // 3 - 1_234_567
    laws.law_split(maker(name, "split"), recorded, [recorded.end - span // k + k for k in (2, 3, 7, 40)])
    laws.law_truncation(maker(name, "truncation"), recorded, middle)
    laws.law_known(maker(name, "known"), recorded, [middle])
