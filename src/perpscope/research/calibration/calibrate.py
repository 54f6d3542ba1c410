"""A calibration from a lake: read, search, fit, measure, write down."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from perpscope import __version__
from perpscope.contract import nearest_tiers
from perpscope.core.errors import UserError
from perpscope.core.time import DAY, NULL_TS, format_ts
from perpscope.features.liquidation.mix import LEVERAGES, PRIOR, TIERS
from perpscope.research.calibration.artefact import SCHEMA, Artefact, Data, Fitted, Number, Tier, Tried
from perpscope.research.calibration.bands import REPLICATIONS, MixDraws, bootstrap_mix
from perpscope.research.calibration.forgetting import age_weights
from perpscope.research.calibration.mlem import TIER_NAMES, MixFit, MixOptions, fit_mix
from perpscope.research.calibration.replay import FilterSettings
from perpscope.research.calibration.scores import FEWEST_DAYS, out_of_sample, weekly_edges
from perpscope.research.calibration.study import Study
from perpscope.research.calibration.trials import GRID, Chosen, Search, Trial, search
from perpscope.stats.clusters import cluster_mean, cluster_ratio
from perpscope.stats.interval import Estimate

if TYPE_CHECKING:
    from perpscope.lake import Lake

Progress = Callable[[str, int, int], None]

LADDER = {10.0: 0.30, 25.0: 0.25, 50.0: 0.20, 100.0: 0.25}
"""The fixed ladder of most public maps (LIQUIDATION 7.3): shares of opens at 10x, 25x, 50x and 100x."""


def ladder_mix() -> tuple[float, ...]:
    """The fixed ladder as a mix.

    Example:
        >>> sum(ladder_mix())
        1.0
    """
    return (0.0, *(LADDER.get(leverage, 0.0) for leverage in LEVERAGES))


def calibrate(
    study: Study,
    *,
    created_ts: int,
    prior: Sequence[float] = PRIOR,
    seed: int = 0,
    grid: Sequence[tuple[str, Sequence[float]]] = GRID,
    replications: int = REPLICATIONS,
    progress: Progress | None = None,
) -> Artefact:
    """Learn the mix of a study and say how sure it is.

    Args:
        prior: shares of never, 2x, ..., 100x, such as the posterior of a parent (venue, or all).
        grid: what is tried besides the mix; every trial is counted.

    Raises:
        UserError: if there are no liquidations, or too few days with reports.
    """
    _check(study)
    rng = np.random.default_rng(seed)
    told = progress or (lambda what, done, total: None)
    edges = weekly_edges(study.start, study.end)
    found = search(
        study, prior, Chosen(FilterSettings(), MixOptions()), edges, rng, grid, lambda d, t: told("trying parameters", d, t)
    )
    weight = age_weights(found.cells, study.end, found.chosen.half_life_days)
    fit = fit_mix(found.cells, prior, found.chosen.options, weight)
    told("bootstrap", 0, 1)
    draws = bootstrap_mix(found.cells, fit, rng, replications, weight)
    told("bootstrap", 1, 1)
    table = nearest_tiers(study.instrument, study.start)
    chosen = found.chosen
    return Artefact(
        schema=SCHEMA,
        created_ts=created_ts,
        known_ts=int(study.bars["known_ts"][study.counted][-1]),
        venue=study.instrument.venue,
        instrument=study.instrument.symbol,
        train_from=study.start,
        train_to=study.end,
        test_from=edges[0],
        test_to=edges[-1],
        data=[Data(d.stream, d.sha256, d.rows, d.first, d.last) for d in study.data],
        tier_table={"source": table.source, "valid_from": format_ts(NULL_TS if table.valid_from is None else table.valid_from)},
        feed_model=study.feed.value,
        level="absolute" if study.feed.complete else "relative",
        event_quantity=study.event_quantity[0],
        event_quantity_source=study.event_quantity[1],
        params={
            **chosen.settings.plain(),
            "half_life_days": chosen.half_life_days,
            "strength": chosen.options.strength,
            "capacity_multiple": _finite(chosen.capacity_multiple),
            "funding_drift": 0.0,
        },
        pi0=[float(p) for p in fit.prior],
        pi=[float(p) for p in fit.shares],
        kap={"long": float(fit.fractions[0]), "short": float(fit.fractions[1])},
        w_0=fit.background,
        tiers=_tiers(fit, draws),
        bootstrap=[[_rounded(v) for v in row] for row in draws.shares.tolist()],
        bootstrap_kap=[[_rounded(v) for v in row] for row in draws.fractions.tolist()],
        fit=Fitted(
            found.scored.deviance,
            len(fit.trace),
            [_rounded(v) for v in fit.trace.tolist()],
            fit.dispersion,
            _finite(fit.background_share(found.cells)),
            _finite(found.swept.warm_fraction),
        ),
        profile=[_tried(trial) for trial in found.trials],
        skill=_skill(found, edges, prior, rng),
        trials=len(found.trials),
        notes=[*study.notes, *_notes(study, fit)],
        code_version=__version__,
    )


def calibrate_lake(
    lake: Lake,
    venue: str,
    symbol: str,
    *,
    created_ts: int,
    start: int | None = None,
    end: int | None = None,
    prior: Sequence[float] = PRIOR,
    warmup_interest: str = "auto",
    seed: int = 0,
    grid: Sequence[tuple[str, Sequence[float]]] = GRID,
    replications: int = REPLICATIONS,
    progress: Progress | None = None,
) -> Artefact:
    """`calibrate` on what a lake holds of an instrument.

    Raises:
        UserError: if something is missing, or the window too short.
    """
    from perpscope.research.calibration.study import load_study

    study = load_study(lake, venue, symbol, start=start, end=end, warmup_interest=warmup_interest)
    return calibrate(
        study, created_ts=created_ts, prior=prior, seed=seed, grid=grid, replications=replications, progress=progress
    )


def _check(study: Study) -> None:
    name = f"{study.instrument.venue} {study.instrument.symbol}"
    if not len(study.totals):
        raise UserError(
            f"The lake has no liquidations of {name}, so there is nothing to learn its leverage mix from. Import some with "
            "'perpscope import', or stay with the prior."
        )
    known = np.isfinite(study.reported).all(axis=1) & study.counted
    days = len(np.unique(study.bars["ref_ts"][known] // DAY))
    if days < FEWEST_DAYS + 7:
        raise UserError(
            f"Only {days} days of {name} between {format_ts(study.start)} and {format_ts(study.end)} report liquidations; a "
            f"mix needs {FEWEST_DAYS} days to learn from and a week to be judged on. Choose an earlier --from, or import more."
        )
    if not np.nansum(study.reported[study.counted]) > 0.0:
        raise UserError(f"No liquidation of {name} is reported in this window: there is nothing to learn. Choose another one.")


def _skill(found: Search, edges: Sequence[int], prior: Sequence[float], rng: np.random.Generator) -> list[Number]:
    """How the learned mix did out of sample, against the prior and the fixed ladder; and the level of each, the two fixed
    ones as they stand, without kappa or background."""
    ours, cells = found.scored, found.cells
    test = cells.between(edges[0], edges[-1])
    day = test.day[test.window_of]
    numbers = []
    for name, mix in (("prior mix", prior), ("fixed ladder 10/25/50/100x", ladder_mix())):
        fixed = MixOptions(strength=1e9, dispersion=found.chosen.options.dispersion)
        theirs = out_of_sample(cells, mix, edges, fixed, found.chosen.half_life_days)
        numbers.append((f"gain over the {name}, nats per report", cluster_mean(ours.scores - theirs.scores, ours.day, rng=rng)))
        on_map = test.exposure @ np.asarray(mix)[1:]
        numbers.append((f"predicted / reported, {name}", cluster_ratio(on_map, test.realised, day, rng=rng)))
    numbers.append(("predicted / reported, learned mix", cluster_ratio(ours.predicted, ours.realised, ours.day, rng=rng)))
    return [_number(name, estimate) for name, estimate in numbers]


def _notes(study: Study, fit: MixFit) -> list[str]:
    unlearned = [name for name, learned in zip(TIER_NAMES, fit.learned) if not learned]
    notes = [f"Not learned, the prior stands: {', '.join(unlearned)}."] if unlearned else []
    if not study.feed.complete:
        notes.append("kappa is 1 by convention: the map is labelled 'relative level'.")
    if len(fit.shares) != TIERS + 1:
        raise UserError("The mix has another number of tiers than the filter.")
    return notes


def _tiers(fit: MixFit, draws: MixDraws) -> list[Tier]:
    ends, learned, events = draws.interval(), fit.learned, fit.effective_events
    return [
        Tier(
            tier=name,
            A=_rounded(fit.exposures[k]),
            n=_rounded(fit.counts[k]),
            effective_events=_rounded(events[k]),
            status="learned" if learned[k] else "prior",
            low=_rounded(ends[k, 0]),
            high=_rounded(ends[k, 1]),
        )
        for k, name in enumerate(TIER_NAMES)
    ]


def _tried(trial: Trial) -> Tried:
    gain, value = trial.gain, _finite(trial.value)
    low, high = _finite(gain.low), _finite(gain.high)
    return Tried(trial.parameter, value, trial.deviance, gain.value, low, high, gain.n, trial.chosen)


def _number(name: str, e: Estimate) -> Number:
    return Number(name, _finite(e.value), _finite(e.low), _finite(e.high), e.level, e.n, e.method, e.note)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _rounded(value: float) -> float:
    return float(f"{float(value):.6g}")
