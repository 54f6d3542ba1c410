"""Answers by hand from the definitions of the factors; the mirror by negating what a factor reads."""

from __future__ import annotations

import numpy as np
import pytest

from laws.market import FRAME, made_market, mirror_table
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.engine.catalogue import all_folds
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.features.derivatives.positioning import POSITIONING, Positioning
from perpscope.setups.base import Factor, Verdict
from perpscope.setups.factors import FACTORS, flow, funding, positioning


@pytest.fixture(scope="module")
def rows() -> dict[str, Table]:
    market = made_market(1, 480)
    graph = Graph(market.instrument, ["confluence"], set(market.tables), FRAME)
    return collect(graph, [market.batch()])


def feature_rows(rows: dict[str, Table], factor: Factor) -> Table:
    return rows[factor.feature if factor.feature in rows else f"{factor.feature}@{FRAME}"]


def test_the_score_is_the_sum_of_its_parts_and_counts_what_it_knows(rows: dict[str, Table]) -> None:
    table = rows[f"confluence@{FRAME}"]
    parts = np.stack([table[f"part_{f.name}"] for f in FACTORS])
    assert len(table) == len(made_market(1, 480).tables[f"bars@{FRAME}"])
    assert table["score"] == pytest.approx(np.nansum(parts, axis=0))
    assert (table["known"] == (~np.isnan(parts)).sum(axis=0)).all()
    assert (np.abs(parts[~np.isnan(parts)]) <= 1.0).all()


@pytest.mark.parametrize("factor", FACTORS, ids=lambda f: f.name)
def test_a_factor_turns_its_sign_when_the_market_is_turned(factor: Factor, rows: dict[str, Table]) -> None:
    read = feature_rows(rows, factor)
    assert len(read) > 10
    upside_down = mirror_table(read)
    if "percentile" in read.schema.by_name:
        upside_down = upside_down.with_columns(percentile=1.0 - read["percentile"])
    assert np.allclose(factor.read(upside_down), -factor.read(read), atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("factor", FACTORS, ids=lambda f: f.name)
def test_every_factor_reads_a_feature_that_exists_and_claims_nothing(factor: Factor) -> None:
    assert factor.feature in all_folds()
    assert factor.verdict is Verdict.UNPROVEN
    assert len({factor.reason(1.0), factor.reason(-1.0), factor.reason(0.0), factor.reason(float("nan"))}) == 4


def test_parts_by_hand() -> None:
    from perpscope.features.derivatives.funding_state import FUNDING_STATE
    from perpscope.features.flow.delta import DELTA

    n = 4
    flags = {"anchored": [True] * n, "valid": [True] * n}
    pushed = Table.filled(DELTA, ref_ts=[0] * n, known_ts=[1] * n, delta_fraction=[0.05, -0.2, 0.0, np.nan], **flags)
    assert np.array_equal(flow(pushed), [0.5, -1.0, 0.0, np.nan], equal_nan=True)
    paid = Table.filled(FUNDING_STATE, ref_ts=[0] * n, known_ts=[1] * n, percentile=[1.0, 0.95, 0.5, 0.05], history=[90.0] * n)
    assert funding(paid) == pytest.approx([-1.0, -0.5, 0.0, 0.5])
    state = [Positioning.LONG_BUILD, Positioning.SHORT_COVER, Positioning.SHORT_BUILD, 0]
    corners = Table.filled(
        POSITIONING, ref_ts=[0] * n, known_ts=[1] * n, state=state, absorbed=[False, True, False, False], forced=[False] * n
    )
    assert np.array_equal(positioning(corners), [1.0, 0.25, -1.0, np.nan], equal_nan=True)


def test_a_factor_whose_rows_grow_old_falls_silent() -> None:
    market = made_market(1, 480)
    tables = dict(market.tables)
    stop = market.end - 100 * HOUR
    tables["open_interest"] = tables["open_interest"][tables["open_interest"].clock <= stop]
    graph = Graph(market.instrument, ["confluence"], set(tables), FRAME)
    table = collect(graph, [market.batch().__class__(market.end, tables)])[f"confluence@{FRAME}"]
    late = table.clock > stop + 3 * HOUR
    assert np.isnan(table["part_positioning"][late]).all()
    assert not np.isnan(table["part_positioning"][~late]).all()
