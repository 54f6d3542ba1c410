"""What a backtest is told: data, setups, account, risk; read from TOML by the command line, and hashed into every result."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

import msgspec

from perpscope.account.config import MarginMode, Rules, Slippage, Terms
from perpscope.backtest.market import Resolution
from perpscope.core.config import from_mapping
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.time import Timeframe, format_ts, parse_span, parse_ts
from perpscope.risk import RiskLimits


@dataclass(frozen=True)
class Data:
    """What history to run over. `warmup` is read before `start` so that slow features speak from the first bar on.

    Fills are decided at `resolution`: by bars of `fill_timeframe` (the decision time frame where empty), with bars of
    `finer_timeframe` resolving the path inside them where they were recorded; by every public print; or by prints and
    the recorded book. Prints and books are worked through for one symbol.
    """

    venue: str
    symbols: tuple[str, ...]
    start: str
    end: str
    timeframe: str = "1h"
    warmup: str = "60d"
    fill_timeframe: str = ""
    finer_timeframe: str = ""
    resolution: Resolution = Resolution.BARS

    def __post_init__(self) -> None:
        if not self.symbols:
            raise UserError("[data] symbols names no instrument.")
        if len(set(self.symbols)) < len(self.symbols):
            raise UserError("[data] symbols names an instrument twice.")
        Timeframe.parse(self.timeframe)
        finer = Timeframe.parse(self.fill_timeframe or self.timeframe)
        if Timeframe.parse(self.timeframe).ns % finer.ns:
            raise UserError(f"[data] fill_timeframe {finer.name} does not divide the time frame {self.timeframe}.")
        if self.finer_timeframe:
            inner = Timeframe.parse(self.finer_timeframe)
            if finer.ns % inner.ns or finer.ns == inner.ns:
                raise UserError(f"[data] finer_timeframe {inner.name} does not divide the bars that fill, {finer.name}.")
            if self.resolution is not Resolution.BARS:
                raise UserError(
                    f'[data] finer_timeframe belongs to resolution = "bars"; at "{self.resolution}" prints tell the path.'
                )
        if parse_ts(self.start) >= parse_ts(self.end):
            raise UserError(
                f"[data] start {format_ts(parse_ts(self.start))} does not lie before end {format_ts(parse_ts(self.end))}."
            )
        parse_span(self.warmup)


@dataclass(frozen=True)
class SetupUse:
    """A setup, the time frame it decides on (the run's own where empty), and its parameters."""

    name: str
    timeframe: str = ""
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trading:
    """What every instrument of the run costs and allows; see `account.config.Terms` for the words."""

    margin: MarginMode = MarginMode.ISOLATED
    maker_fee: float = 0.0002
    taker_fee: float = 0.0005
    liquidation_fee: float = 0.012
    rebate: bool = False
    slippage: Slippage = field(default_factory=Slippage)
    participation: float = 0.1
    min_notional: float = 5.0

    def __post_init__(self) -> None:
        self.terms(Instrument("any", "ANY"))  # the account's own checks, before any data is read

    def terms(self, instrument: Instrument) -> Terms:
        return Terms(instrument, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    @property
    def round_trip_cost(self) -> float:
        """Fees of two taker fills, as a fraction of notional, slippage left out."""
        return 2.0 * self.taker_fee


@dataclass(frozen=True)
class Yardsticks:
    """How many random entries to draw beside the run; 0 draws none."""

    random_draws: int = 500
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.random_draws < 0 or not 0.5 <= self.level < 1.0:
            raise UserError("[yardsticks] random_draws is zero or more, level a fraction such as 0.95.")


@dataclass(frozen=True)
class BacktestConfig:
    """A whole run. `features` holds parameters by feature name.

    `weights`: a file (or folder) of dated confluence weights, see `perpscope weights`; at each instant only those in force
    by then are read. Empty: equal weights, one point a line. `min_agreement`: proposals are refused where confluence, in
    the direction of the proposal, is lower (log-odds with weights, points without); None asks nothing of it.
    """

    data: Data
    setup: tuple[SetupUse, ...]
    name: str = "backtest"
    seed: int = 0
    account: Rules = field(default_factory=Rules)
    trading: Trading = field(default_factory=Trading)
    risk: RiskLimits = field(default_factory=RiskLimits)
    features: dict[str, Any] = field(default_factory=dict)
    weights: str = ""
    min_agreement: float | None = None
    yardsticks: Yardsticks = field(default_factory=Yardsticks)

    def __post_init__(self) -> None:
        if not self.setup:
            raise UserError("A backtest needs at least one [[setup]] with a name.")
        uses = [(one.name, one.timeframe) for one in self.setup]
        if len(set(uses)) < len(uses):
            raise UserError("A setup is listed twice with the same time frame; give each once, or run two backtests.")
        if self.weights and self.min_agreement is None:
            raise UserError("weights change nothing unless min_agreement says how much agreement a proposal needs; give both.")

    def plain(self) -> dict[str, Any]:
        """Every setting with its value, enums by name: what is printed and hashed."""
        found: dict[str, Any] = _plain(asdict(self))
        return found

    @property
    def digest(self) -> str:
        """SHA-256 over every setting, defaults included."""
        return hashlib.sha256(msgspec.json.encode(self.plain(), order="sorted")).hexdigest()


def config_of(given: Mapping[str, Any]) -> BacktestConfig:
    """A config from the tables of a TOML file.

    Raises:
        UserError: for an unknown or missing setting, with the nearest name, or a value that makes no sense.

    Example:
        >>> data = {"venue": "binance", "symbols": ["BTCUSDT"], "start": "2024-01-01", "end": "2024-02-01"}
        >>> config_of({"data": data, "setup": [{"name": "trend_pullback"}]}).account.deposit
        10000.0
    """
    return from_mapping(BacktestConfig, given, "the config")


def with_setting(config: BacktestConfig, path: str, value: Any) -> BacktestConfig:
    """The same config with one setting replaced, named by its path: "account.deposit", "setup.trend_pullback.atr_multiple".

    Raises:
        UserError: if there is no such setting.

    Example:
        >>> data = {"venue": "binance", "symbols": ["BTCUSDT"], "start": "2024-01-01", "end": "2024-02-01"}
        >>> base = config_of({"data": data, "setup": [{"name": "trend_pullback"}]})
        >>> with_setting(base, "trading.taker_fee", 0.0004).trading.taker_fee
        0.0004
    """
    head, _, rest = path.partition(".")
    if head == "setup":
        name, _, param = rest.partition(".")
        if not param or name not in {one.name for one in config.setup}:
            known = ", ".join(f"setup.{one.name}.<parameter>" for one in config.setup)
            raise UserError(f"'{path}' names no parameter of a setup of this run. It has: {known}.")
        changed = tuple(replace(one, params={**one.params, param: value}) if one.name == name else one for one in config.setup)
        return replace(config, setup=changed)
    tables = config.plain()
    place = tables
    *between, last = path.split(".")
    for part in between:
        if not isinstance(place.get(part), dict):
            raise UserError(
                f"'{path}' is no setting: '{part}' is no table of the config. Tables: {', '.join(_tables(tables))}."
            )
        place = place[part]
    place[last] = value
    return config_of(tables)


def _tables(plain: Mapping[str, Any]) -> list[str]:
    return [name for name, value in plain.items() if isinstance(value, dict)]


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
