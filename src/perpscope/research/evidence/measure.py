"""Measuring one factor: the event study, the simplest strategy, its breakdowns, controls and inference, as facts and tables."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from perpscope.backtest.regimes import regimes
from perpscope.core.time import DAY
from perpscope.research.event_study import Cell, EventStudy, Prepared, Settings, events_at, study_events
from perpscope.research.event_study.targets import horizon_bars
from perpscope.research.evidence.adapters import Adapter
from perpscope.research.evidence.controls import shifted_effects, shuffled_signs
from perpscope.research.evidence.facts import Facts, Number, Risk, rounded
from perpscope.research.evidence.gates import Gates
from perpscope.research.evidence.record import Measured, Moments
from perpscope.research.evidence.strategy import follow
from perpscope.research.evidence.tables import (
    RISK_TARGETS,
    Ready,
    controls_table,
    cost_table,
    data_table,
    decay,
    direction_table,
    effect_curves,
    notes,
    parts_table,
    risk_table,
)
from perpscope.stats.clusters import cluster_mean
from perpscope.stats.interval import Estimate, absent

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SHIFTS = (-5, -2, -1, 1, 2, 5)
VALIDATION = "2025-01-01"


def seed_of(name: str, seed: int) -> int:
    """A seed of its own for each factor, so that the order in which they are measured does not matter.

    Example:
        >>> seed_of("flow", 1) != seed_of("trend", 1), seed_of("flow", 1) == seed_of("flow", 1)
        (True, True)
    """
    return seed + int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)


def measure(one: Adapter, ready: Ready) -> Measured:
    """Measure a factor on all instruments that have its inputs."""
    claims = [c.claims[one.name] for c in ready.collected]
    usable = [k for k, claim in enumerate(claims) if not claim.missing]
    tables = [data_table(one, ready)]
    if not usable:
        return Measured(one.name, Facts(directional=one.directional, missing=claims[0].missing), None, tables, [], notes(ready))
    prepared = [ready.prepared[k] for k in usable]
    events = [events_at(p.path, claims[k].known_ts, claims[k].sign) for p, k in zip(prepared, usable)]
    gates, seed = ready.gates, seed_of(one.name, ready.seed)
    settings = Settings(replications=gates.replications, placebo_draws=gates.placebo_draws, level=gates.level)
    study = study_events(prepared, events, seed=seed, settings=settings)
    horizon = primary_horizon(one, prepared[0].path.step)
    rng = np.random.default_rng([seed, 77])
    tables += [direction_table(study, one), risk_table(study)]
    facts = Facts(
        directional=one.directional,
        given=sum(map(len, events)),
        risks=_risks(study, horizon, prepared, gates),
        registered=True,
    )
    if not one.directional:
        return Measured(one.name, facts, None, tables, effect_curves(study, "volatility"), notes(ready))
    cell = study.cell("return_bps", horizon)
    if cell is None:
        return Measured(one.name, facts, None, tables, [], notes(ready))
    parts = _parts(cell, ready, usable, gates, rng)
    bars = horizon_bars(prepared[0].path.step)
    strategies = {
        name: follow([ready.collected[k] for k in usable], events, count, gates.cost_bps, ready.window)
        for name, count in bars.items()
        if study.cell("return_bps", name) is not None
    }
    main = strategies[horizon]
    inference = main.infer({n: s.net for n, s in strategies.items()}, bars[horizon] * prepared[0].path.step, gates, rng)
    shifts = shifted_effects(prepared, events, horizon, SHIFTS, seed, settings)
    facts = msgspec.structs.replace(
        facts,
        effect=Number.of(cell.effect),
        p=rounded(cell.p_value),
        balance=rounded(max(cell.balance)),
        years=parts["year"],
        symbols=parts["symbol"],
        halves=parts["half"],
        neighbours=_neighbours(study, horizon),
        without_best_days=rounded(main.without_best_days(gates.best_days)),
        without_best_trades=rounded(main.without_best_trades(gates.best_trades)),
        sharpe=Number.of(inference.sharpe),
        psr=rounded(inference.psr),
        pbo=rounded(inference.pbo),
        length=len(main.net),
        needed_length=rounded(inference.needed_length),
        median_sharpe=rounded(inference.path_quantiles[1]),
        low_sharpe=rounded(inference.path_quantiles[0]),
        superior={name: rounded(p) for name, p in inference.superior.items()},
        shuffled_p=rounded(shuffled_signs(cell.differences, rng)),
        suspects=_suspects(cell, inference.gross_sharpe, gates),
    )
    tables += [
        cost_table(facts, main, gates),
        parts_table(parts),
        main.inference_table(facts, inference),
        controls_table(facts, cell, shifts),
        main.leverage_table(gates, rng),
    ]
    curves = [*effect_curves(study, "return_bps"), *main.curves(), decay(parts)]
    moments = Moments(*(rounded(x) for x in inference.moments))
    by_horizon = {name: rounded(s.daily_sharpe()) for name, s in strategies.items()}
    return Measured(one.name, facts, moments, tables, curves, notes(ready), by_horizon)


def primary_horizon(one: Adapter, step: int) -> str:
    """The factor's horizon, or the shortest one that these bars can show when they are longer."""
    known = horizon_bars(step)
    return one.horizon if one.horizon in known else next(iter(known))


def _risks(study: EventStudy, horizon: str, prepared: Sequence[Prepared], gates: Gates) -> list[Risk]:
    out = []
    for target in RISK_TARGETS:
        cell = study.cell(target, horizon)
        if cell is None or cell.effect.n == 0:
            continue
        p = None if math.isnan(cell.p_value) else rounded(2.0 * min(cell.p_value, 1.0 - cell.p_value))
        d, sign = cell.differences, np.sign(cell.effect.value)
        groups = [_year(d.known_ts), d.path]
        means = [d.matched[g == v].mean() for g in groups for v in np.unique(g) if (g == v).sum() >= gates.least_of_a_year]
        out.append(Risk(target, Number.of(cell.effect), p, bool(means) and all(np.sign(m) == sign for m in means)))
    return out


def _year(known_ts: Integers) -> Integers:
    return known_ts.astype("datetime64[ns]").astype("datetime64[Y]").astype(np.int64) + 1970


def _quarter(known_ts: Integers) -> npt.NDArray[np.str_]:
    months = known_ts.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    return np.array([f"{1970 + m // 12} Q{m % 12 // 3 + 1}" for m in months.tolist()], dtype=np.str_)


def _parts(
    cell: Cell, ready: Ready, usable: Sequence[int], gates: Gates, rng: np.random.Generator
) -> dict[str, dict[str, Number]]:
    """The effect by year, half, symbol, regime and quarter."""
    d = cell.differences
    split = np.datetime64(VALIDATION, "ns").astype(np.int64)
    labels: dict[str, npt.NDArray[np.str_]] = {
        "year": _year(d.known_ts).astype(np.str_),
        "half": np.where(d.known_ts <= split, "research to 2024", "validation 2025 on"),
        "symbol": np.array([ready.collected[usable[p]].path.symbol for p in d.path.tolist()], dtype=np.str_),
        "quarter": _quarter(d.known_ts),
    }
    found: dict[str, list[npt.NDArray[np.str_]]] = {}
    for number, k in enumerate(usable):
        mine = d.known_ts[d.path == number]
        one = ready.collected[k]
        for scheme, names in regimes(mine, one.bars, one.funding, ready.window.frame).items():
            found.setdefault(scheme, []).append(names)
    order = np.argsort(d.path, kind="stable")
    for scheme, pieces in found.items():
        joined = np.empty(len(d.path), dtype="<U32")
        joined[order] = np.concatenate(pieces)
        labels[f"regime: {scheme}"] = joined
    return {
        scheme: {
            str(name): Number.of(_mean(d.matched[names == name], d.known_ts[names == name], gates, rng))
            for name in np.unique(names)
        }
        for scheme, names in labels.items()
    }


def _mean(values: Floats, known_ts: Integers, gates: Gates, rng: np.random.Generator) -> Estimate:
    days = known_ts // DAY
    if len(np.unique(days)) < 3:
        mean = float(values.mean()) if len(values) else math.nan
        return absent("fewer than three days", level=gates.level, n=len(values), method="none", value=mean)
    return cluster_mean(values, days, rng=rng, replications=500, level=gates.level)


def _neighbours(study: EventStudy, horizon: str) -> float | None:
    """The smaller effect of the two neighbouring horizons, over the primary one's, in sigmas of each horizon."""
    names = [c.horizon for c in study.cells if c.target == "return_sigma"]
    at = names.index(horizon)
    values = {name: c.effect.value for name in names if (c := study.cell("return_sigma", name)) is not None}
    near = [values[names[k]] for k in (at - 1, at + 1) if 0 <= k < len(names) and math.isfinite(values[names[k]])]
    mine = values[horizon]
    return rounded(min(near) / mine) if near and mine > 0.0 else None


def _suspects(cell: Cell, gross_sharpe: float, gates: Gates) -> list[str]:
    out = []
    spread = cell.differences.matched.std() if len(cell.differences.matched) else 0.0
    score = cell.effect.value / spread if spread > 0.0 else 0.0
    if cell.effect.n >= gates.least_events and cell.effect.excludes(0.0) and score > gates.suspect_ic:
        out.append(f"the correlation of sign and outcome is {score:.2f}, above {gates.suspect_ic:g}")
    if gross_sharpe > gates.suspect_sharpe:
        out.append(f"the annual Sharpe ratio before costs is {gross_sharpe:.1f}, above {gates.suspect_sharpe:g}")
    return out
