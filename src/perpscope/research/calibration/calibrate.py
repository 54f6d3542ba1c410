"""A calibration from a lake: read, search, fit, measure, write down."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from perpscope import __version__
from perpscope.contract import nearest_tiers
from perpscope.core.errors import UserError
from perpscope.core.events import stream_kind
from perpscope.core.time import DAY, NULL_TS, format_ts
from perpscope.features.liquidation.mix import LEVERAGES, TIERS
from perpscope.research.calibration.artefact import SCHEMA, Artefact, Data, Fitted, Number, Tier, Tried
from perpscope.research.calibration.bands import REPLICATIONS, MixDraws, bootstrap_mix
from perpscope.research.calibration.forgetting import age_weights
from perpscope.research.calibration.mlem import TIER_NAMES, MixFit, MixOptions, fit_mix
from perpscope.research.calibration.replay import FilterSettings
from perpscope.research.calibration.scores import OutOfSample, out_of_sample, weekly_edges
from perpscope.research.calibration.study import FEWEST_DAYS, Study
from perpscope.research.calibration.trials import GRID, Chosen, Search, Trial, search
from perpscope.stats.clusters import cluster_mean, cluster_ratio
from perpscope.stats.interval import Estimate

if TYPE_CHECKING:
    from perpscope.lake import Lake

Progress = Callable[[str, int, int], None]

LADDER = {10.0: 0.30, 25.0: 0.25, 50.0: 0.20, 100.0: 0.25}
"""The fixed ladder of most public maps (LIQUIDATION 7.3): shares of opens at 10x, 25x, 50x and 100x."""


_NO_LIQUIDATIONS = (
    "The lake has no liquidations of {name}, so there is nothing to learn its leverage mix from. Import some with "
    "'perpscope import', or stay with the prior."
)

FEWEST_KEPT_DAYS = 3
"""Days that must be left to judge the choice of parameters on."""


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
    prior: Sequence[float] | None = None,
    seed: int = 0,
    grid: Sequence[tuple[str, Sequence[float]]] = GRID,
    replications: int = REPLICATIONS,
    progress: Progress | None = None,
) -> Artefact:
    """Learn the mix of a study and say how sure it is.

    Definition: the filter sees the study's finest bars. The first half of the judged weeks chooses the other parameters; the
    figures of `skill` are of the second half, each week with a mix of the days before; the mix written down is fitted on
    everything.

    Args:
        prior: shares of opens at never, 2x, ..., 100x, such as the posterior of a parent (venue, or all); None: the shipped
            prior, at the closing tilt of each trial.
        grid: what is tried besides the mix; every trial is counted.

    Raises:
        UserError: if there are no liquidations, or too few days with reports.
    """
    _check(study)
    rng = np.random.default_rng(seed)
    told = progress or (lambda what, done, total: None)
    study = study.on_path(study.fine)
    searched, kept = _split(weekly_edges(study.start, study.end))
    found = search(
        study, prior, Chosen(FilterSettings(), MixOptions()), searched, rng, grid, lambda d, t: told("trying parameters", d, t)
    )
    cells = found.cells.believed()
    weight = age_weights(cells, study.end, found.chosen.half_life_days)
    opens = found.chosen.prior(prior)
    fit = fit_mix(cells, opens, found.chosen.options, weight)
    told("bootstrap", 0, 1)
    draws = bootstrap_mix(cells, fit, rng, replications, weight)
    told("bootstrap", 1, 1)
    judged = _judged(found, kept, opens) if kept else None
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
        search_from=searched[0],
        test_from=kept[0] if kept else None,
        test_to=kept[-1] if kept else None,
        path=study.path,
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
            found.scored.deviance if judged is None else judged.deviance,
            len(fit.trace),
            [_rounded(v) for v in fit.trace.tolist()],
            fit.dispersion,
            _finite(fit.background_share(cells)),
            _finite(found.swept.warm_fraction),
        ),
        profile=[_tried(trial) for trial in found.trials],
        skill=[] if judged is None else _skill(found, judged, kept, opens, rng),
        trials=len(found.trials),
        notes=[*study.notes, *_notes(study, fit, searched, kept)],
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
    prior: Sequence[float] | None = None,
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

    if not any(stream_kind(stream) == "liquidation_totals" for stream in lake.streams(venue, symbol)):
        raise UserError(_NO_LIQUIDATIONS.format(name=f"{venue} {symbol}"))
    study = load_study(lake, venue, symbol, start=start, end=end, warmup_interest=warmup_interest)
    return calibrate(
        study, created_ts=created_ts, prior=prior, seed=seed, grid=grid, replications=replications, progress=progress
    )


def _check(study: Study) -> None:
    name = f"{study.instrument.venue} {study.instrument.symbol}"
    if not len(study.totals):
        raise UserError(_NO_LIQUIDATIONS.format(name=name))
    known = np.isfinite(study.reported).all(axis=1) & study.counted
    days = len(np.unique(study.bars["ref_ts"][known] // DAY))
    if days < FEWEST_DAYS + 7:
        raise UserError(
            f"Only {days} days of {name} between {format_ts(study.start)} and {format_ts(study.end)} report liquidations; a "
            f"mix needs {FEWEST_DAYS} days to learn from and a week to be judged on. Choose an earlier --from, or import more."
        )
    if not np.nansum(study.reported[study.counted]) > 0.0:
        raise UserError(f"No liquidation of {name} is reported in this window: there is nothing to learn. Choose another one.")


def _split(edges: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Weeks that choose the parameters, and weeks kept back to judge the choice; all choose where too few days would be left.

    Example:
        >>> _split([0, 7 * DAY, 14 * DAY, 21 * DAY])[1] == [14 * DAY, 21 * DAY], _split([0, 7 * DAY, 9 * DAY])[1]
        (True, [])
    """
    middle = len(edges) // 2
    while middle > 1 and edges[-1] - edges[middle] < FEWEST_KEPT_DAYS * DAY:
        middle -= 1
    if edges[-1] - edges[middle] < FEWEST_KEPT_DAYS * DAY:
        return edges, []
    return edges[: middle + 1], edges[middle:]


def _judged(found: Search, edges: Sequence[int], prior: Sequence[float]) -> OutOfSample:
    """The choice on the weeks that were kept back."""
    return out_of_sample(found.cells, prior, edges, found.chosen.options, found.chosen.half_life_days)


def _skill(
    found: Search, ours: OutOfSample, edges: Sequence[int], prior: Sequence[float], rng: np.random.Generator
) -> list[Number]:
    """How the learned mix did on the weeks kept back, against the prior's and the fixed ladder's shares, each with a kappa and
    background of its own; and the level of each, the two fixed ones also as they stand."""
    cells = found.cells
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


def _notes(study: Study, fit: MixFit, searched: Sequence[int], kept: Sequence[int]) -> list[str]:
    unlearned = [name for name, learned in zip(TIER_NAMES, fit.learned) if not learned]
    notes = [f"Not learned, the prior stands: {', '.join(unlearned)}."] if unlearned else []
    if not study.feed.complete:
        notes.append(
            "Relative level: kappa also holds what the feed hides, so the map's dollars are those that this feed would report, "
            "not all that would break."
        )
    if kept:
        notes.append(
            f"Parameters besides the mix were chosen on {format_ts(searched[0])} .. {format_ts(searched[-1])}; the skill "
            f"figures are of {format_ts(kept[0])} .. {format_ts(kept[-1])}, which no choice has seen."
        )
    else:
        notes.append("The window is too short to keep weeks back: the choice of parameters was judged on nothing new.")
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
            weight=_rounded(float(fit.shares[0] if k == 0 else fit.weights[:, k - 1].mean())),
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
