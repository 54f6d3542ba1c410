"""Answers by hand from the definitions of the factors; the mirror by negating what a factor reads."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from laws.market import FRAME, START, made_market, mirror_table
from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import GAP, GapKind
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, NULL_TS
from perpscope.engine.catalogue import all_folds
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.features.derivatives.positioning import POSITIONING, Positioning
from perpscope.setups.base import Factor, Verdict
from perpscope.setups.confluence import Confluence
from perpscope.setups.factors import FACTORS, flow, funding, positioning
from perpscope.setups.vetoes import vetoes_of
from perpscope.setups.weights import Calibration, Weights


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


def with_weights(*weights: Weights, hours: int = 480, change: dict[str, Table] | None = None) -> Table:
    market = made_market(1, hours)
    fold = Confluence(Confluence.Params(weights=weights), frame=FRAME)
    tables = {**market.tables, **(change or {})}
    graph = Graph(market.instrument, [fold], set(tables), FRAME)
    return collect(graph, [Batch(market.end, tables)])[f"confluence@{FRAME}"]


def weights_from(day: int, *, flow: float, calibration: Calibration | None = None) -> Weights:
    return Weights(
        method="ridge", factors=("flow", "trend"), weights=(flow, 0.5), base=0.1, ridge=1.0, frame=FRAME, horizon_bars=4,
        first_ts=START, last_ts=START + DAY, effective_ts=START + day * DAY, rows=24, independent=6, data_sha256="",
        calibration=calibration,
    )  # fmt: skip


def test_log_odds_are_the_sum_of_visible_terms_by_the_weights_in_force() -> None:
    """Flow weighs 2 from day 5 and 3 from day 10; before, nothing is in force and nothing is said."""
    table = with_weights(weights_from(10, flow=3.0), weights_from(5, flow=2.0))
    terms = np.stack([table[f"log_{f.name}"] for f in FACTORS])
    assert np.array_equal(table["log_odds"], table["log_base"] + terms.sum(axis=0), equal_nan=True)
    day = (table.clock - START) / DAY
    assert np.isnan(table["log_odds"][day < 5]).all()
    assert (table["weights_ts"][day < 5] == NULL_TS).all()
    flow = np.nan_to_num(table["part_flow"])
    for span, weight in (((day >= 5) & (day < 10), 2.0), (day >= 10, 3.0)):
        assert np.array_equal(table["log_flow"][span], weight * flow[span])
        assert (table["log_frames"][span] == 0.0).all()  # a factor without a weight adds nothing
        assert (table["log_base"][span] == 0.1).all()
    assert np.isnan(table["probability"]).all()  # no forecast was judged


def test_a_probability_is_told_only_where_forecasts_were_judged() -> None:
    told = Calibration(slope=0.5, base=-0.2, rows=600, brier=0.24, brier_base=0.25, first_ts=START, last_ts=START + DAY)
    table = with_weights(weights_from(5, flow=2.0), weights_from(10, flow=2.0, calibration=told))
    late = table.clock >= START + 10 * DAY
    assert np.isnan(table["probability"][~late]).all()
    assert table["probability"][late] == pytest.approx(1 / (1 + np.exp(0.2 - 0.5 * table["log_odds"][late])))


def test_weights_do_not_change_the_score_and_unproven_lines_add_no_size(rows: dict[str, Table]) -> None:
    table = with_weights(weights_from(5, flow=2.0))
    assert (table["score"] == rows[f"confluence@{FRAME}"]["score"]).all()
    assert (table["proven"] == 0.0).all()


def test_weights_of_another_frame_or_of_unknown_factors_are_refused() -> None:
    with pytest.raises(UserError, match="learned on 1h bars"):
        Confluence(Confluence.Params(weights=(weights_from(5, flow=2.0),)), frame="5m").start(made_market(1).instrument)
    odd = replace(weights_from(5, flow=2.0), factors=("flow", "moon"))
    with pytest.raises(UserError, match="do not exist: moon"):
        Confluence.Params(weights=(odd,))


def test_vetoes_stand_by_name_and_change_no_number(rows: dict[str, Table]) -> None:
    """The book loses its sequence in hour 300; open interest ends in hour 400; volume falls to a tenth from hour 420."""
    market = made_market(1, 480)
    lost = Table.filled(
        GAP, ref_ts=[START + 300 * HOUR - 60], known_ts=[START + 300 * HOUR - 5], end_ts=[START + 300 * HOUR - 5],
        kind=[int(GapKind.BOOK_DELTA)], cause=[3],
    )  # fmt: skip
    bars, interest = market.tables[f"bars@{FRAME}"], market.tables["open_interest"]
    thin = bars.with_columns(volume=np.where(bars.clock > START + 420 * HOUR, 0.1, 1.0) * bars["volume"])
    changed = {
        "gap": lost,
        "open_interest": interest[interest.clock <= START + 400 * HOUR],
        f"bars@{FRAME}": thin,
    }
    plain, table = with_weights(), with_weights(change=changed)
    hour = (table.clock - START) // HOUR
    assert hour[table["veto_book"]].tolist() == [300]
    assert (hour[table["veto_gap"]] < 25).all()
    assert table["veto_gap"][hour < 24].all()
    assert table["veto_stale"][hour > 403].all()
    assert not table["veto_thin"][hour <= 420].any()
    assert table["veto_thin"][(hour > 433) & (hour <= 460)].all()
    assert vetoes_of(table[hour == 300]) == [("book",)]
    known = hour < 400
    assert np.array_equal(plain["score"][known], table["score"][known])
