"""A run told: numbers with intervals, splits fixed beforehand, yardsticks, costs, and every reason for doubt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import numpy as np

from perpscope.account import ScenarioKind
from perpscope.backtest import yardsticks
from perpscope.backtest.performance import (
    RETURNS,
    Group,
    Performance,
    by_group,
    daily_equity,
    fill_models,
    performance,
    resting_on_models,
    trade_results,
)
from perpscope.backtest.regimes import regimes
from perpscope.backtest.run import BacktestRun
from perpscope.core.orders import ExitReason, LedgerKind, Note, PositionLeg
from perpscope.core.table import Table
from perpscope.core.time import DAY, format_ts, parse_ts
from perpscope.risk import Reason
from perpscope.stats.interval import Estimate
from perpscope.stats.measurement import measure

FEW_TRIPS = 200
"""Round trips below which no verdict may rest on them (EVIDENCE, gate 3)."""

VERSION = 1


@dataclass(frozen=True)
class Yardstick:
    """What the same money would have done otherwise: metrics of daily returns, and what it is, in a sentence.

    `curve` is the growth of 1, one value per day, ending with the run.
    """

    title: str
    growth: float
    returns: dict[str, Estimate]
    curve: tuple[float, ...]


@dataclass(frozen=True)
class RandomComparison:
    """The run's timing against random entries of one instrument, in bps of notional per round trip, costs paid."""

    symbol: str
    mean_bps: float
    low_bps: float
    high_bps: float
    draws: int
    p_value: float


@dataclass(frozen=True)
class BacktestResult:
    """Everything that is said about a run. `splits` maps a scheme (setup, side, volatility, ...) to its groups."""

    run: BacktestRun
    performance: Performance
    unit: str
    splits: Mapping[str, Mapping[str, Group]]
    exits: Mapping[str, int]
    refusals: Mapping[str, int]
    yardsticks: tuple[Yardstick, ...]
    random_entries: tuple[RandomComparison, ...]
    models: Mapping[str, int]
    model_share: float
    cost_grid: Mapping[str, float]
    break_even: float
    warnings: tuple[str, ...]
    data_hash: str
    version: int = VERSION

    def plain(self) -> dict[str, Any]:
        """The result as plain values, for JSON."""
        said = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "run"}
        return _plain({**said, "config": self.run.config.plain(), "config_hash": self.run.config.digest, **_about(self.run)})


def evaluate(run: BacktestRun) -> BacktestResult:
    """Measure a run and everything that stands beside it. The same run gives the same numbers to the last bit."""
    config, rows, trips = run.config, run.rows, run.rows.round_trips
    rng = np.random.default_rng(config.seed)
    initial = config.account.deposit
    found = performance(rows.equity, rows.ledger, rows.fills, trips, initial=initial, rng=rng, level=config.yardsticks.level)
    _, unit = trade_results(trips)
    hashes = [f"{h.instrument.symbol}/{name}={value}" for h in run.histories for name, value in sorted(h.digests.items())]
    grid = {f"x{factor:g}": _net_at(trips, factor) for factor in (0.5, 1.0, 2.0, 3.0)}
    return BacktestResult(
        run=run,
        performance=found,
        unit=unit,
        splits={name: by_group(trips, labels, rng) for name, labels in _labels(run).items()} if len(trips) else {},
        exits={r.name.lower(): n for r in ExitReason if (n := int((trips["exit_reason"] == r).sum()))},
        refusals=run.refusals,
        yardsticks=tuple(_yardsticks(run, found, rng)),
        random_entries=tuple(_random(run, rng)),
        models=fill_models(trips),
        model_share=resting_on_models(trips),
        cost_grid=grid,
        break_even=_break_even(trips),
        warnings=tuple(_warnings(run, found)),
        data_hash=hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
    )


def _labels(run: BacktestRun) -> dict[str, np.ndarray]:
    """For every round trip its setup, side, instrument, and the regimes it was entered in."""
    trips = run.rows.round_trips
    symbols = np.array([h.instrument.symbol for h in run.histories])
    found = {
        "setup": run.setup_of(trips["bracket_id"]),
        "side": np.where(trips["leg"] == PositionLeg.LONG, "long", "short"),
        "instrument": symbols[trips["instrument"]],
        "year": (1970 + (trips["entry_ts"].astype("datetime64[ns]").astype("datetime64[Y]").astype(int))).astype(str),
    }
    parts: dict[str, np.ndarray] = {}
    for k, history in enumerate(run.histories):
        mine = trips["instrument"] == k
        for name, labels in regimes(trips["entry_ts"][mine], history.past_bars, history.funding, history.frame).items():
            whole = parts.setdefault(name, np.full(len(trips), "unknown", dtype="<U32"))
            whole[mine] = labels
    return {**found, **parts}


def _yardsticks(run: BacktestRun, found: Performance, rng: np.random.Generator) -> list[Yardstick]:
    """Holding the instruments, evenly shared, at the run's own mean exposure."""
    cost = run.cost_per_fill
    markets = [yardsticks.Market.of(h.bars, h.funding, h.frame) for h in run.histories]
    exposure = found.exposure
    named, level = f"{exposure:.2f}", run.config.yardsticks.level
    held = _mean([yardsticks.hold(m, exposure, cost) for m in markets])
    steady = _mean([yardsticks.hold_steady_risk(m, exposure, cost) for m in markets])
    made = []
    for title, returns in (
        (f"Hold long at {named}x, the run's mean exposure, funding paid", held),
        (f"Hold long at steady risk (28 day volatility), mean exposure {named}x, funding paid", steady),
    ):
        metrics = measure(RETURNS, returns, rng=rng, replications=1_000, level=level) if len(returns) else {}
        grown = np.cumprod(1.0 + returns)
        made.append(Yardstick(title, float(grown[-1] - 1.0) if len(grown) else 0.0, metrics, tuple(grown.tolist())))
    return made


def _random(run: BacktestRun, rng: np.random.Generator) -> list[RandomComparison]:
    draws, trips = run.config.yardsticks.random_draws, run.rows.round_trips
    made = []
    for k, history in enumerate(run.histories):
        mine = trips[trips["instrument"] == k]
        if not draws or not len(mine):
            continue
        market = yardsticks.Market.of(history.fill_bars, history.funding, run.fill_frame)
        found = yardsticks.random_entries(market, mine, run.cost_per_fill, draws, rng)
        low, high = found.percentile(0.05), found.percentile(0.95)
        made.append(RandomComparison(history.instrument.symbol, found.mean_bps, low, high, draws, found.p_value))
    return made


def _mean(series: list[np.ndarray]) -> np.ndarray:
    """The mean over instruments from the last common day backwards; instruments begin on different days."""
    days = min(map(len, series))
    return np.mean([one[len(one) - days :] for one in series], axis=0) if days else np.empty(0)


def _net_at(trips: Table, factor: float) -> float:
    """Net money of all round trips had fees and slippage been `factor` times as high; fills unchanged."""
    cost = trips["fees"] + trips["slippage"]
    return float((trips["net"] - (factor - 1.0) * cost).sum())


def _break_even(trips: Table) -> float:
    """The multiple of fees and slippage at which nothing is left; NaN without trips, at most zero when losing before cost."""
    cost = float((trips["fees"] + trips["slippage"]).sum())
    return float(trips["net"].sum()) / cost + 1.0 if cost > 0.0 else float("nan")


def _warnings(run: BacktestRun, found: Performance) -> list[str]:
    said = [line for history in run.histories for line in history.warnings]
    said += [f"{h.instrument.symbol}: {name} could not run. {why}" for h in run.histories for name, why in h.refused.items()]
    trips = run.rows.round_trips
    if found.round_trips < FEW_TRIPS:
        said.append(f"{found.round_trips} round trips are fewer than the {FEW_TRIPS} that any claim would need.")
    stopped = [d.known_ts for d in run.decisions if d.reason == Reason.DRAWDOWN.value]
    if stopped:
        limit = run.config.risk.max_drawdown
        since = format_ts(min(stopped))
        said.append(f"From {since} on {len(stopped)} proposals were refused: equity lay {limit:.0%} or more below its peak.")
    said += _scenarios(run)
    if gaps := int(trips["gap"].sum()):
        said.append(f"{gaps} of {len(trips)} round trips met a hole in the data or an exit that gapped.")
    both = run.ambiguous_bars
    if both:
        said.append(f"{both} round trips ended in a bar that held both stop and target: the worse was taken.")
    if found.costs.insurance > 0.0:
        said.append(f"Losses of {found.costs.insurance:,.2f} went beyond the margin and were borne by the venue's insurance.")
    said.append("One path of history, chosen settings: without a count of trials and unseen data this proves nothing.")
    return said


def _scenarios(run: BacktestRun) -> list[str]:
    """Each declared scenario, and how often any of its kind struck."""
    notes = run.rows.ledger["note"]
    struck = {
        ScenarioKind.ADL: int((run.rows.ledger["kind"] == LedgerKind.ADL).sum()),
        ScenarioKind.STOP_MAY_FAIL: int((notes == Note.STOP_FAILED).sum()),
        ScenarioKind.GAP_THROUGH: int((notes == Note.GAP_THROUGH).sum()),
    }
    said = []
    for kind in dict.fromkeys(one.kind for one in run.config.account.scenarios):
        times = f"{struck[kind]} time{'s' * (struck[kind] != 1)}"
        said.append(f"Declared, not measured: {kind.name.lower()} struck {times}; the ledger shows each.")
    return said


def _about(run: BacktestRun) -> dict[str, Any]:
    daily = daily_equity(run.rows.equity, run.config.account.deposit)
    return {
        "span": {"start": format_ts(parse_ts(run.config.data.start)), "end": format_ts(parse_ts(run.config.data.end))},
        "instruments": [h.instrument.symbol for h in run.histories],
        "digests": {h.instrument.symbol: dict(h.digests) for h in run.histories},
        "signals": run.signals,
        "daily": {"day": (daily[0] * DAY).tolist(), "equity": daily[1].tolist()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (Performance, Group, Yardstick, RandomComparison, Estimate)):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value


def to_json(result: BacktestResult) -> bytes:
    """The result as JSON with a version, keys in order: the same run gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(result.plain(), order="sorted"), indent=1)
