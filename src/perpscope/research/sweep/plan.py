"""What a sweep runs: a backtest config, the settings to vary, and the combinations that follow."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from perpscope.backtest.config import BacktestConfig, config_of, with_setting
from perpscope.core.config import from_mapping
from perpscope.core.errors import UserError
from perpscope.research.trials.trial import Value


@dataclass(frozen=True)
class Period:
    """A stretch of history to run over, half-open."""

    start: str
    end: str


@dataclass(frozen=True)
class SweepTable:
    """The `[sweep]` table of a config file.

    `family` names the research question whose trials are counted together. `grid` maps paths of settings
    ("setup.trend_pullback.stop_atr", "risk.risk_fraction") to the values to try. With `each_symbol` every symbol is a run
    of its own, else all trade in one wallet. `periods` replace the config's start and end.
    """

    family: str
    grid: dict[str, Any] = field(default_factory=dict)
    each_symbol: bool = True
    periods: tuple[Period, ...] = ()


@dataclass(frozen=True)
class Variant:
    """One backtest of the sweep, and what tells it from the others."""

    number: int
    parameters: dict[str, Value]
    config: BacktestConfig


@dataclass(frozen=True)
class Sweep:
    """The plan of a sweep: its variants in order."""

    family: str
    base: BacktestConfig
    variants: tuple[Variant, ...]

    @property
    def setups(self) -> str:
        return " + ".join(use.name for use in self.base.setup)


def sweep_of(given: Mapping[str, Any]) -> Sweep:
    """A sweep from the tables of a TOML file: a backtest config with a `[sweep]` table.

    Raises:
        UserError: for an unknown setting, a grid that is no list of values, or a variant that makes no sense.

    Example:
        >>> data = {"venue": "binance", "symbols": ["BTCUSDT", "ETHUSDT"], "start": "2024-01-01", "end": "2024-02-01"}
        >>> table = {"family": "pullback", "grid": {"account.deposit": [1e3, 1e4, 1e5]}}
        >>> made = sweep_of({"data": data, "setup": [{"name": "trend_pullback"}], "sweep": table})
        >>> len(made.variants), made.variants[-1].parameters
        (6, {'account.deposit': 100000.0, 'symbols': 'ETHUSDT', 'period': '2024-01-01..2024-02-01'})
    """
    tables = dict(given)
    if "sweep" not in tables:
        raise UserError("A sweep needs a [sweep] table with a family and a grid; see docs/definitions/sweep.md.")
    table = from_mapping(SweepTable, tables.pop("sweep"), "[sweep]")
    if not table.family:
        raise UserError("[sweep] family is empty: name the question whose trials are to be counted.")
    for path, values in table.grid.items():
        if not isinstance(values, (list, tuple)) or not values:
            raise UserError(f"[sweep] grid '{path}' takes a list of values, not {values!r}.")
    base = config_of(tables)
    return Sweep(table.family, base, tuple(_variants(base, table)))


def _variants(base: BacktestConfig, table: SweepTable) -> list[Variant]:
    periods = table.periods or (Period(base.data.start, base.data.end),)
    groups = [(symbol,) for symbol in base.data.symbols] if table.each_symbol else [base.data.symbols]
    made: list[Variant] = []
    for symbols, period in itertools.product(groups, periods):
        data = replace(base.data, symbols=symbols, start=period.start, end=period.end)
        for values in itertools.product(*table.grid.values()):
            config = replace(base, data=data)
            for path, value in zip(table.grid, values, strict=True):
                config = with_setting(config, path, value)
            parameters: dict[str, Value] = dict(zip(table.grid, values, strict=True))
            parameters |= {"symbols": "+".join(symbols), "period": f"{period.start}..{period.end}"}
            made.append(Variant(len(made), parameters, config))
    return made
