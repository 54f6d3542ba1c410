"""A backtest as a trial: every run that was looked at counts, liked or not."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from perpscope.backtest.performance import daily_equity, daily_returns
from perpscope.backtest.result import BacktestResult
from perpscope.research.trials.ledger import Ledger
from perpscope.research.trials.trial import Trial

FAMILY = "backtest"
METRIC = "sharpe_ratio per day"


def trial_of(result: BacktestResult, date: int) -> Trial:
    """The run with its Sharpe ratio per day; `date` ns UTC. Two runs of one config on the same data are one trial."""
    config = result.run.config
    _, values = daily_equity(result.run.rows.equity, config.account.deposit)
    returns = daily_returns(values, config.account.deposit)
    known = len(returns) > 2 and returns.std() > 0.0
    sharpe = float(returns.mean() / returns.std(ddof=1)) if known else None
    setups = " ".join(dict.fromkeys(use.name for use in config.setup))
    chosen = {"symbols": " ".join(config.data.symbols), "timeframe": config.data.timeframe, "config": config.digest[:16]}
    found = sharpe if sharpe is not None and np.isfinite(sharpe) else None
    return Trial(FAMILY, f"backtest {setups}", dict(chosen), result.data_hash, date, "backtest", METRIC, found)


def count(ledger: Ledger, results: Iterable[BacktestResult], date: int) -> int:
    """Enter the runs that are not in the ledger yet; how many were new."""
    known = ledger.read().distinct(FAMILY)
    new = {trial.key: trial for trial in (trial_of(result, date) for result in results) if trial.key not in known}
    ledger.append(list(new.values()))
    return len(new)
