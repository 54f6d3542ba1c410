"""One variant measured: what a worker does, in a thread, a process or on a cluster alike.

A worker keeps the last history it read: variants that differ only in account, costs or risk run on the same signals,
so the graph need not run again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from perpscope.backtest.config import BacktestConfig, config_of
from perpscope.backtest.history import History, read_history
from perpscope.backtest.performance import daily_equity, daily_returns, trade_results
from perpscope.backtest.run import BacktestRun, trade
from perpscope.core.errors import DataError, UserError
from perpscope.lake import Lake
from perpscope.research.trials.trial import data_hash, digest
from perpscope.stats.metrics import METRICS

POINTS = ("annual_growth", "volatility", "sharpe_ratio", "sortino_ratio", "max_drawdown")
KEPT = 2
"""Histories a worker keeps in memory."""


class Measured(msgspec.Struct, frozen=True):
    """What a variant came to. `error` is the sentence of a variant that could not run; then there are no numbers.

    `daily`: returns per UTC day from `first_day` (days since 1970); `data_hash`: of all that was read.
    """

    number: int
    parameters: dict[str, str | int | float | bool | None]
    config_hash: str
    data_hash: str
    metrics: dict[str, float | None]
    first_day: int
    daily: list[float]
    seconds: float = 0.0
    error: str = ""


def measure(lake: str, number: int, parameters: dict[str, Any], plain: dict[str, Any]) -> Measured:
    """Run one variant and measure it, without intervals: those are for the few that are looked at.

    Args:
        lake: path of the lake.
        plain: the config as plain values (`BacktestConfig.plain`), so that it can travel to another machine.
    """
    config = config_of(plain)
    try:
        run = trade(config, histories_for(Path(lake), config))
    except (UserError, DataError) as fault:
        return Measured(number, parameters, config.digest, "none", {}, 0, [], error=str(fault))
    return _measured(number, parameters, run)


def histories_for(lake: Path, config: BacktestConfig) -> tuple[History, ...]:
    """The histories of a config, read now or kept from the variant before."""
    plain = config.plain()
    depth = config.trading.slippage.model == "from_book" and config.trading.slippage.bps is None
    read = [plain[name] for name in ("data", "setup", "features", "weights")]
    key = digest([str(lake.resolve()), *read, config.risk.clusters, config.min_agreement is None, depth])
    if key not in _kept:
        opened = Lake(lake)
        made = tuple(read_history(opened, config, symbol, clusters=config.risk.clusters) for symbol in config.data.symbols)
        while len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[key] = made
    return _kept[key]


_kept: dict[str, tuple[History, ...]] = {}


def _measured(number: int, parameters: dict[str, Any], run: BacktestRun) -> Measured:
    initial = run.config.account.deposit
    days, values = daily_equity(run.rows.equity, initial)
    returns = daily_returns(values, initial)
    trips = run.rows.round_trips
    metrics: dict[str, float | None] = {name: _finite(float(METRICS[name].reduce(returns, 365.0))) for name in POINTS}
    results, _ = trade_results(trips)
    metrics["growth"] = float(values[-1]) / initial - 1.0 if len(values) else 0.0
    metrics["round_trips"] = float(len(trips))
    metrics["expectancy"] = float(results.mean()) if len(results) else None
    metrics["sharpe_per_day"] = (
        _finite(float(returns.mean() / returns.std(ddof=1))) if len(returns) > 2 and returns.std() else None
    )
    metrics["liquidations"] = float(run.summary["liquidations"])
    hashed = data_hash(f"{h.instrument.symbol}/{name}={value}" for h in run.histories for name, value in h.digests.items())
    first = int(days[0]) if len(days) else 0
    return Measured(number, parameters, run.config.digest, hashed, metrics, first, returns.tolist())


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
