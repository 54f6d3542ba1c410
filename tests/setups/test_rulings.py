"""A verdict counts from the day it was given until it expired, for the factor it names and for no other. Cases by hand."""

from __future__ import annotations

import numpy as np
import pytest

from laws.market import FRAME, made_market
from perpscope.core.errors import UserError
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.setups.base import Verdict
from perpscope.setups.confluence import Confluence
from perpscope.setups.factors import FACTORS
from perpscope.setups.rulings import Ruling, proven


def test_only_the_parts_that_a_ruling_in_force_calls_proven_may_add_size() -> None:
    market = made_market(1, 300)
    clock = market.tables[f"bars@{FRAME}"].clock
    begin, end = int(clock[100]), int(clock[200])
    rulings = (Ruling("flow", Verdict.PROVEN, begin, end), Ruling("frames", Verdict.WEAK, begin, end))
    graph = Graph(market.instrument, [Confluence(Confluence.Params(rulings=rulings), FRAME)], set(market.tables), FRAME)
    rows = collect(graph, [market.batch()])[f"confluence@{FRAME}"]
    inside = (rows.clock >= begin) & (rows.clock < end)
    assert rows["proven"][inside] == pytest.approx(np.nan_to_num(rows["part_flow"][inside]))
    assert np.abs(rows["proven"][inside]).max() > 0.2
    assert not rows["proven"][~inside].any()


def test_without_rulings_nothing_is_proven() -> None:
    assert not proven((), FACTORS, np.arange(5)).any()


def test_of_two_rulings_in_force_the_one_given_last_counts() -> None:
    later, sooner = Ruling("flow", Verdict.REJECTED, 20, 40), Ruling("flow", Verdict.PROVEN, 10, 40)
    found = proven((later, sooner), FACTORS, np.array([15, 25]))
    assert found.sum() == 1
    assert found[[f.name for f in FACTORS].index("flow"), 0]


def test_a_ruling_on_nothing_or_of_no_time_is_refused() -> None:
    with pytest.raises(UserError, match="Did you mean 'flow'"):
        Confluence.Params(rulings=(Ruling("flows", Verdict.PROVEN, 0, 1),))
    with pytest.raises(UserError, match="before it was given"):
        Ruling("flow", Verdict.PROVEN, 5, 5)
