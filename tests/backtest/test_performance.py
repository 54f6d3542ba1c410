"""Answers by hand on a run of a few days and trades."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.made import trips_of
from perpscope.backtest.performance import by_group, daily_equity, daily_returns, performance, resting_on_models, trade_results
from perpscope.core.orders import (
    EQUITY,
    FILLS,
    LEDGER,
    ExitReason,
    FillModel,
    LedgerKind,
    Note,
    OrderRole,
    OrderSide,
    PositionLeg,
)
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR


def equity_of(stamps: list[int], values: list[float], gross: list[float]) -> Table:
    return Table.of(
        EQUITY,
        ref_ts=stamps,
        known_ts=stamps,
        wallet_balance=values,
        equity=values,
        gross_notional=gross,
        net_notional=[-g for g in gross],
    )


def ledger_of(lines: list[tuple[LedgerKind, float]]) -> Table:
    n = len(lines)
    return Table.filled(
        LEDGER,
        ref_ts=np.zeros(n),
        known_ts=np.zeros(n),
        kind=[kind for kind, _ in lines],
        amount=[amount for _, amount in lines],
        note=[Note.PLAIN] * n,
    )


def fills_of(prices: list[float], quantities: list[float]) -> Table:
    n = len(prices)
    codes = {"side": [OrderSide.BUY] * n, "role": [OrderRole.ENTRY] * n, "model": [FillModel.BAR] * n, "note": [Note.PLAIN] * n}
    flags = {"opens": [True] * n, "maker": [False] * n}
    return Table.filled(FILLS, ref_ts=np.zeros(n), known_ts=np.zeros(n), price=prices, quantity=quantities, **codes, **flags)


def run() -> tuple[Table, Table, Table, Table]:
    equity = equity_of([12 * HOUR, DAY, 2 * DAY, 4 * DAY], [101.0, 110.0, 99.0, 108.9], [100.0, 100.0, 0.0, 0.0])
    ledger = ledger_of(
        [
            (LedgerKind.DEPOSIT, 100.0),
            (LedgerKind.FEE, -1.0),
            (LedgerKind.FEE, -0.5),
            (LedgerKind.FUNDING, 0.25),
            (LedgerKind.LIQUIDATION, -5.0),
            (LedgerKind.LIQUIDATION_FEE, -1.0),
            (LedgerKind.INSURANCE, 2.0),
        ]
    )
    trips = trips_of(
        np.array([HOUR, DAY + HOUR, 3 * DAY]),
        np.array([2 * HOUR, DAY + 2 * HOUR, 4 * DAY]),
        np.array([PositionLeg.LONG, PositionLeg.SHORT, PositionLeg.LONG]),
        net=[10.0, -11.0, 9.9],
        risk_multiple=[2.0, -1.1, 1.0],
        slippage=[0.1, 0.2, 0.3],
        initial_equity=[100.0, 110.0, 99.0],
        exit_reason=[ExitReason.TARGET, ExitReason.LIQUIDATION, ExitReason.TIME],
        queue_model=[True, False, False],
    )
    return equity, ledger, fills_of([100.0, 110.0], [1.0, 0.5]), trips


def test_a_day_ends_at_midnight_and_a_silent_day_repeats_the_one_before() -> None:
    days, values = daily_equity(run()[0], 100.0)
    assert (days.tolist(), values.tolist()) == ([0, 1, 2, 3], [110.0, 99.0, 99.0, 108.9])
    assert daily_returns(values, 100.0) == pytest.approx([0.1, -0.1, 0.0, 0.1])


def test_a_run_in_numbers() -> None:
    found = performance(*run(), initial=100.0, rng=np.random.default_rng(0))
    assert found.growth == pytest.approx(0.089)
    assert found.returns["max_drawdown"].value == pytest.approx(0.1)
    daily = np.array([0.1, -0.1, 0.0, 0.1])
    assert found.returns["sharpe_ratio"].value == pytest.approx(daily.mean() / daily.std(ddof=1) * np.sqrt(365))
    assert found.trades["expectancy"].value == pytest.approx(1.9 / 3)
    assert found.trades["hit_rate"].value == pytest.approx(2 / 3)
    assert found.trades["profit_factor"].value == pytest.approx(3.0 / 1.1)
    assert found.exposure == pytest.approx((100 / 101 + 100 / 110) / 4)
    assert found.net_exposure == pytest.approx(-found.exposure)
    assert found.turnover == pytest.approx(155.0 / np.mean([101.0, 110.0, 99.0, 108.9]) / (4 / 365))
    assert (found.round_trips, found.liquidations, found.ambiguous) == (3, 1, 1)
    costs = found.costs
    assert (costs.fees, costs.funding, costs.liquidation, costs.insurance) == (1.5, -0.25, 6.0, 2.0)
    assert costs.slippage == pytest.approx(0.6)


def test_the_same_seed_gives_the_same_intervals() -> None:
    first, second = (performance(*run(), initial=100.0, rng=np.random.default_rng(7)) for _ in range(2))
    assert first == second


def test_a_run_without_trades_says_so_instead_of_a_number() -> None:
    empty = [table[:0] for table in run()]
    found = performance(*empty, initial=100.0, rng=np.random.default_rng(0))
    assert (found.growth, found.round_trips) == (0.0, 0)
    assert "nothing to measure" in found.trades["expectancy"].note


def test_results_are_shares_of_equity_where_a_stop_was_not_planned() -> None:
    trips = run()[3].with_columns(risk_multiple=[2.0, np.nan, 1.0])
    results, unit = trade_results(trips)
    assert (unit, results.tolist()) == ("equity", pytest.approx([0.1, -0.1, 0.1]))


def test_groups_add_up_to_the_whole() -> None:
    trips = run()[3]
    groups = by_group(trips, np.array(["x", "y", "x"]), np.random.default_rng(0))
    assert {name: group.round_trips for name, group in groups.items()} == {"x": 2, "y": 1}
    assert sum(group.net for group in groups.values()) == pytest.approx(float(trips["net"].sum()))


def test_profit_that_rests_on_a_queue_model_is_a_share_of_the_absolute_profit() -> None:
    assert resting_on_models(run()[3]) == pytest.approx(10.0 / 30.9)
