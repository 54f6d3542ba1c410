"""Every setup on every instrument in a wallet of its own: the table in which setups can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from perpscope.backtest.config import BacktestConfig
from perpscope.backtest.history import read_history
from perpscope.backtest.result import BacktestResult, evaluate
from perpscope.backtest.run import trade
from perpscope.core.errors import UserError
from perpscope.lake import Lake

Progress = Callable[[str, float, float], None]


@dataclass(frozen=True)
class Row:
    """One setup on one instrument: its result, or the sentence why it could not run."""

    setup: str
    symbol: str
    result: BacktestResult | None
    why_not: str = ""


def run_separately(lake: Lake, config: BacktestConfig, progress: Progress | None = None) -> Iterator[Row]:
    """Run each setup of the config alone on each of its symbols, and measure it.

    Definition: the graph runs once per symbol with all setups; each setup then has an account of its own, so that none
    takes another's place. A setup that the data cannot feed is a row with its reason, not an error.
    Raises: UserError for a mistake in the config, or a symbol the lake does not have.
    """
    for symbol in config.data.symbols:
        alone = replace(config, data=replace(config.data, symbols=(symbol,)))
        try:
            history = read_history(lake, alone, symbol, progress, config.risk.clusters)
        except UserError as fault:
            if "No setup of this run can work" not in str(fault):
                raise
            for use in config.setup:
                yield Row(use.name, symbol, None, str(fault))
            continue
        for use in config.setup:
            if use.name in history.refused:
                yield Row(use.name, symbol, None, history.refused[use.name])
                continue
            key = next(k for k in history.signals if k.partition("@")[0] == use.name)
            mine = replace(history, signals={key: history.signals[key]}, refused={})
            own = replace(alone, name=f"{use.name} on {symbol}", setup=(use,))
            if progress is not None:
                progress(f"{symbol}: {use.name}", 0, 1)
            yield Row(use.name, symbol, evaluate(trade(own, (mine,))))
