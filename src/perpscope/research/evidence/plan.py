"""What a run promises before it reads data: a registered plan per factor, and every trial that it will make."""

from __future__ import annotations

from collections.abc import Sequence

from perpscope.core.time import Timeframe, format_ts
from perpscope.research.event_study.targets import TARGETS, horizon_bars
from perpscope.research.evidence.adapters import Adapter
from perpscope.research.evidence.collect import Window
from perpscope.research.evidence.gates import Gates
from perpscope.research.trials import Ledger, Registration, Trial, register
from perpscope.research.trials.trial import Value

SHARPE = "sharpe_ratio per day"


def registration(one: Adapter, window: Window, gates: Gates) -> Registration:
    """The plan of one factor on one window, made from its line in the table."""
    return Registration(
        study=f"{one.name} {window.venue} {window.frame} {format_ts(window.start)[:10]} {format_ts(window.end)[:10]}",
        hypothesis=one.hypothesis,
        family=one.family,
        test="5.2 matched event study",
        sign="+" if one.directional else "0",
        horizon=one.horizon,
        universe=list(window.symbols),
        venue=window.venue,
        window=[format_ts(window.start)[:10], format_ts(window.end)[:10]],
        metric="matched effect, bps" if one.directional else "matched logarithm of volatility, range, volume, liquidations",
        minimum_effect=gates.cost_bps if one.directional else gates.least_risk_effect,
        cost_bps=gates.cost_bps,
        variants_planned=len(horizon_bars(Timeframe.parse(window.frame).ns)) * (len(TARGETS) + 1),
        stop_rule="one run over the window",
        rule="in at the close at which the event is known, out one horizon later",
        data=[one.fold],
    )


def trials(one: Adapter, window: Window, data: str, date: int) -> list[Trial]:
    """Every variant of a factor that will be measured: horizon by outcome, and the strategy by horizon."""
    shared = _shared(one, window)
    names = horizon_bars(Timeframe.parse(window.frame).ns)
    what = f"event_study {one.name}"
    chosen = [{**shared, "horizon": h, "target": t} for h in names for t in TARGETS]
    out = [Trial(one.family, what, parameters, data, date, "evidence", "matched effect") for parameters in chosen]
    return out + [strategy_trial(one, window, data, date, h, None) for h in names if one.directional]


def strategy_trial(one: Adapter, window: Window, data: str, date: int, horizon: str, result: float | None) -> Trial:
    """The simplest strategy of a factor at one horizon, with its daily Sharpe ratio when it is known."""
    parameters = {**_shared(one, window), "horizon": horizon}
    return Trial(one.family, f"strategy {one.name}", parameters, data, date, "evidence", SHARPE, result)


def _shared(one: Adapter, window: Window) -> dict[str, Value]:
    return {"venue": window.venue, "symbols": " ".join(window.symbols), "timeframe": window.frame, "fold": one.fold}


def promise(ledger: Ledger, adapters: Sequence[Adapter], window: Window, gates: Gates, data: str, date: int) -> dict[str, str]:
    """Register the plans and enter the trials, before any data is read; what is already there is not entered again.

    Returns: the hash of each plan by factor.

    Raises:
        UserError: if a plan was changed since it was registered.
    """
    hashes = {one.name: register(ledger, registration(one, window, gates), date).plan_hash for one in adapters}
    known = {(t.family, t.key) for t in ledger.read().trials}
    new = [t for one in adapters for t in trials(one, window, data, date) if (t.family, t.key) not in known]
    ledger.append(new)
    return hashes


def report_results(ledger: Ledger, one: Adapter, window: Window, data: str, date: int, found: dict[str, float | None]) -> None:
    """Enter the results of the strategies, once."""
    known = {t.key for t in ledger.read().distinct(one.family).values() if t.result is not None}
    rows = [strategy_trial(one, window, data, date, h, value) for h, value in found.items() if value is not None]
    ledger.append([t for t in rows if t.key not in known])
