"""What a run amounted to: returns, trades and costs, each number with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.orders import ExitReason, FillModel, LedgerKind
from perpscope.core.table import Table
from perpscope.core.time import DAY
from perpscope.stats.clusters import cluster_mean
from perpscope.stats.deflation import SharpeMoments, probabilistic_sharpe, sharpe_moments
from perpscope.stats.interval import Estimate, absent
from perpscope.stats.measurement import measure

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

RETURNS = ("annual_growth", "volatility", "sharpe_ratio", "sortino_ratio", "max_drawdown", "calmar_ratio", "expected_shortfall")
TRADES = ("expectancy", "hit_rate", "profit_factor", "payoff_ratio")
FEWEST_DAYS = 3


@dataclass(frozen=True)
class Costs:
    """Money paid to trade and to hold, in the settlement coin; positive is paid."""

    fees: float
    funding: float
    slippage: float
    liquidation: float
    insurance: float


@dataclass(frozen=True)
class Performance:
    """A run in numbers.

    `growth` is final / initial equity - 1. `returns` are metrics of daily returns (UTC days, 365 a year), `trades` of
    net results per round trip in R where a stop was planned. `exposure` is the mean gross notional over equity at bar
    closes, `net_exposure` the signed one; `turnover` fills' notional per year over mean equity. `psr` is the chance that
    the true Sharpe ratio is above zero, before any trials are counted.
    """

    initial: float
    final: float
    growth: float
    days: int
    returns: dict[str, Estimate]
    trades: dict[str, Estimate]
    psr: float
    exposure: float
    net_exposure: float
    turnover: float
    round_trips: int
    liquidations: int
    ambiguous: int
    costs: Costs


def daily_equity(equity: Table, initial: float) -> tuple[Integers, Floats]:
    """The last equity of each UTC day, with the initial one before the first.

    Returns: (days since 1970, equity); days without a row repeat the day before.

    Example:
        >>> from perpscope.core.orders import EQUITY
        >>> rows = Table.filled(EQUITY, ref_ts=[DAY, 3 * DAY], known_ts=[DAY, 3 * DAY], equity=[11.0, 12.0])
        >>> [part.tolist() for part in daily_equity(rows, 10.0)]
        [[0, 1, 2], [11.0, 11.0, 12.0]]
    """
    if not len(equity):
        return np.empty(0, np.int64), np.empty(0)
    day = (equity["ref_ts"] - 1) // DAY  # the close at midnight belongs to the day that ends
    last = np.append(np.flatnonzero(np.diff(day)), len(day) - 1)
    days = np.arange(day[0], day[-1] + 1)
    at = np.searchsorted(day[last], days, side="right") - 1
    return days, equity["equity"][last][at]


def daily_returns(values: Floats, initial: float) -> Floats:
    """Returns of a daily equity that began at `initial`; once broke, nothing is earned or lost.

    Example:
        >>> daily_returns(np.array([11.0, 0.0, 0.0]), 10.0).round(3).tolist()
        [0.1, -1.0, 0.0]
    """
    before = np.concatenate([[initial], values[:-1]])
    return np.divide(values, before, out=np.ones_like(values), where=before > 0.0) - 1.0


def performance(
    equity: Table, ledger: Table, fills: Table, trips: Table, *, initial: float, rng: np.random.Generator, level: float = 0.95
) -> Performance:
    """Everything that is said about a run, from the account's own rows.

    Args:
        equity, ledger, fills, trips: tables of `core.orders`.
        initial: equity before the first fill.
        rng: for the bootstrap; the same generator gives the same intervals.
    """
    days, values = daily_equity(equity, initial)
    returns = daily_returns(values, initial)
    growth = (float(values[-1]) if len(values) else initial) / initial - 1.0
    kinds = ledger["kind"]

    def total(*which: LedgerKind) -> float:
        return float(ledger["amount"][np.isin(kinds, [int(k) for k in which])].sum())

    mean_equity = float(equity["equity"].mean()) if len(equity) else initial
    alive = equity["equity"] > 0.0
    exposure = float((equity["gross_notional"][alive] / equity["equity"][alive]).mean()) if alive.any() else 0.0
    net = float((equity["net_notional"][alive] / equity["equity"][alive]).mean()) if alive.any() else 0.0
    years = max(len(days), 1) / 365.0
    return Performance(
        initial=initial,
        final=float(values[-1]) if len(values) else initial,
        growth=growth,
        days=len(days),
        returns=_measured(RETURNS, returns, rng, level),
        trades=trade_metrics(trips, rng, level),
        psr=_psr(returns),
        exposure=exposure,
        net_exposure=net,
        turnover=float((fills["price"] * fills["quantity"]).sum()) / mean_equity / years if mean_equity > 0.0 else np.nan,
        round_trips=len(trips),
        liquidations=int((trips["exit_reason"] == ExitReason.LIQUIDATION).sum()),
        ambiguous=int((trips["queue_model"] | trips["gap"]).sum()),
        costs=Costs(
            fees=0.0 - total(LedgerKind.FEE),
            funding=0.0 - total(LedgerKind.FUNDING),
            slippage=float(trips["slippage"].sum()),
            liquidation=0.0 - total(LedgerKind.LIQUIDATION, LedgerKind.LIQUIDATION_FEE),
            insurance=total(LedgerKind.INSURANCE),
        ),
    )


def trade_results(trips: Table) -> tuple[Floats, str]:
    """Net result of each round trip, in R; in shares of the equity at its entry where a trip planned no stop."""
    multiples = trips["risk_multiple"]
    if len(trips) and np.isfinite(multiples).all():
        return multiples, "R"
    return trips["net"] / trips["initial_equity"], "equity"


def trade_metrics(trips: Table, rng: np.random.Generator, level: float = 0.95) -> dict[str, Estimate]:
    """Metrics of round trips; the expectancy's interval comes from days, because trades of a day are not independent."""
    results, _ = trade_results(trips)
    found = _measured(TRADES, results, rng, level)
    entry_days = trips["entry_ts"] // DAY
    if len(np.unique(entry_days)) >= FEWEST_DAYS:
        found["expectancy"] = cluster_mean(results, entry_days, rng=rng, block_length=None, level=level)
    return found


@dataclass(frozen=True)
class Group:
    """Round trips that share a label."""

    round_trips: int
    net: float
    expectancy: Estimate
    hit_rate: Estimate


def by_group(trips: Table, labels: npt.NDArray[np.str_], rng: np.random.Generator) -> dict[str, Group]:
    """Round trips split by a label, in the label's order."""
    found: dict[str, Group] = {}
    for label in sorted(set(labels.tolist())):
        mine = trips[labels == label]
        metrics = trade_metrics(mine, rng)
        found[label] = Group(len(mine), float(mine["net"].sum()), metrics["expectancy"], metrics["hit_rate"])
    return found


def resting_on_models(trips: Table) -> float:
    """The share of absolute net profit and loss whose fills rest on a queue model, not on price trading through."""
    whole = float(np.abs(trips["net"]).sum())
    return float(np.abs(trips["net"][trips["queue_model"]]).sum()) / whole if whole else 0.0


def fill_models(trips: Table) -> dict[str, int]:
    """Round trips by what decided their fills."""
    return {model.name.lower(): int((trips["model"] == model).sum()) for model in FillModel if (trips["model"] == model).any()}


def _measured(names: tuple[str, ...], values: Floats, rng: np.random.Generator, level: float) -> dict[str, Estimate]:
    if not len(values):
        return {name: absent("there is nothing to measure", level=level, n=0, method="none") for name in names}
    return measure(names, values, rng=rng, replications=1_000, level=level)


def _psr(returns: Floats) -> float:
    if len(returns) < FEWEST_DAYS or not returns.std() > 0.0:
        return float("nan")
    moments: SharpeMoments = sharpe_moments(returns)
    return probabilistic_sharpe(moments)
