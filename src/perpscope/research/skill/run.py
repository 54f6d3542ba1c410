"""A skill report from a lake: every test of the protocol on one instrument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from perpscope import __version__
from perpscope.research.calibration.artefact import Data
from perpscope.research.calibration.study import Study, load_study
from perpscope.research.skill import other_tables, path_tables
from perpscope.research.skill.bands import band_skill
from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.curves import path_curves, touch_curves
from perpscope.research.skill.judge import Bench
from perpscope.research.skill.magnet import Magnet, magnet
from perpscope.research.skill.maps import LearnedMap, prior_map
from perpscope.research.skill.path import PathScores, Scored, foreign, published_profile, score_path
from perpscope.research.skill.placing import placing
from perpscope.research.skill.profile import Profile
from perpscope.research.skill.protocol import Protocol, protocol, protocol_hash
from perpscope.research.skill.response import responses
from perpscope.research.skill.result import SCHEMA, Curve, SkillReport, Table, Verdict, sentence_table
from perpscope.research.skill.sample import Sample
from perpscope.research.skill.touch import Touched, touches
from perpscope.research.skill.verdicts import held_together, path_verdicts, plain_verdicts
from perpscope.research.skill.zones import zones

if TYPE_CHECKING:
    from perpscope.lake import Lake

Progress = Callable[[str, int, int], None]
Floats = npt.NDArray[np.float64]

STEPS = 12

NEED_REPORTS = (
    ("T1", "Path-conditional score", "If price goes there, how much is reported liquidated?"),
    ("T2", "Added to the regression", "Does the map add to what the path alone says?"),
    ("T3", "Inside the swept path", "Did the map put the expectation where the events were?"),
    ("T4", "Within strata", "Of two sweeps that went equally far, did the one with more on the map break more?"),
    ("T8", "Are the bands honest", "How often does the report lie inside the stated band?"),
)


@dataclass(frozen=True, eq=False)
class SkillResult:
    """The report, and what pictures need besides: the sample, the scores by path, the map by distance."""

    report: SkillReport
    sample: Sample
    scores: list[PathScores]
    profile: Profile


def measure_skill(
    study: Study,
    *,
    created_ts: int,
    others: list[Study] | None = None,
    draws: int | None = None,
    progress: Progress | None = None,
) -> SkillResult:
    """Every test on one study.

    Args:
        others: other instruments over the same stretch, for the foreign-map placebo.
        draws: fewer bootstrap draws than the protocol's, for a first look; the report then says that it is none.

    Raises:
        UserError: if the stretch is too short.
    """
    p = protocol()
    if draws is not None and draws != p.replications:
        bands = msgspec.structs.replace(p.bands, draws=min(draws, p.bands.draws))
        p = msgspec.structs.replace(p, name=f"{p.name}, a look with {draws} draws", replications=draws, bands=bands)
    sample = Sample(study, p)
    blocks = DayBlocks(np.random.default_rng(p.seed), p.replications, p.level)
    told = _Steps(progress)
    if len(study.totals):
        return _with_reports(sample, blocks, created_ts, others or [], told)
    return _without_reports(sample, blocks, created_ts, told)


def measure_lake(
    lake: Lake,
    venue: str,
    symbol: str,
    *,
    created_ts: int,
    start: int | None = None,
    end: int | None = None,
    interval: str | None = None,
    warmup_interest: str = "auto",
    draws: int | None = None,
    progress: Progress | None = None,
) -> SkillResult:
    """`measure_skill` on what a lake holds of an instrument.

    Raises:
        UserError: if something is missing, or the stretch is too short.
    """

    def load(name: str, frame: str | None) -> Study:
        return load_study(lake, venue, name, start=start, end=end, interval=frame, warmup_interest=warmup_interest)

    study = load(symbol, interval)
    others = []
    if len(study.totals):
        for name in sorted({i.symbol for i in lake.instruments() if i.venue == venue} - {symbol}):
            if {f"liquidation_totals@{study.interval}", "open_interest"} <= set(lake.streams(venue, name)):
                others.append(load(name, study.interval))
    return measure_skill(study, created_ts=created_ts, others=others, draws=draws, progress=progress)


class _Steps:
    """Tells how far the work is."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._done = progress, 0

    def __call__(self, what: str) -> None:
        if self._progress:
            self._progress(what, self._done, STEPS)
        self._done += 1


def _with_reports(sample: Sample, blocks: DayBlocks, created_ts: int, others: list[Study], told: _Steps) -> SkillResult:
    study, p = sample.study, sample.protocol
    told("conditions and the constant model")
    bench = Bench(sample, blocks)
    told(f"maps, baselines and placebos, {study.interval} path")
    scores = [score_path(bench, study.interval)]
    _add_foreign(bench, scores[0], others)
    if study.fine != study.interval:
        told(f"maps, baselines and placebos, {study.fine} path")
        scores.append(score_path(bench, study.fine))
    finest = scores[-1]
    by_distance = published_profile(sample, scores[0].map)
    told("intervals of T1 and T2")
    tables: list[Table] = []
    for one in scores:
        tables += [path_tables.alone_table(bench, one, scores[0]), path_tables.added_table(bench, one)]
        tables += [path_tables.regimes_table(bench, one), path_tables.within_day_table(bench, one)]
    tables += [path_tables.decile_table(bench, finest), path_tables.miss_table(bench, finest)]
    told("rank correlations")
    tables.append(path_tables.rank_table(bench, scores))
    tables.append(path_tables.forecast_table(bench, by_distance))
    told("single events (T3)")
    tables.append(other_tables.placing_table(placing(sample, finest.map, blocks)))
    told("strata (T4)")
    stratified, within = other_tables.strata_table(bench, scores)
    tables.append(stratified)
    pulls, common, touched = _common(sample, finest.map, by_distance, blocks, told)
    tables += common
    told("bands (T8)")
    tables.append(other_tables.band_table(band_skill(sample, finest.map, blocks), p.bands.low, p.bands.high))
    tables.append(other_tables.mix_table(sample, finest.map, blocks))
    tables += [other_tables.observed_table(), other_tables.feed_table(sample, finest.map.swept.warm_fraction)]
    told("verdicts and curves")
    verdicts = held_together(p.family, [*path_verdicts(bench, scores), *plain_verdicts(within, pulls)])
    curves = [*path_curves(bench, scores), *touch_curves(touched)]
    report = _report(sample, created_ts, bench.trials, tables, verdicts, curves)
    return SkillResult(report, sample, scores, by_distance)


def _without_reports(sample: Sample, blocks: DayBlocks, created_ts: int, told: _Steps) -> SkillResult:
    """Without liquidations only price's own behaviour can be judged, on the map of the shipped prior."""
    study, p = sample.study, sample.protocol
    reason = f"Not measurable on this data: no liquidations of {study.instrument.venue} {study.instrument.symbol} are recorded."
    told("the map with the prior mix")
    learned = prior_map(sample, p.settings, study.fine)
    by_distance = published_profile(sample, learned)
    tables = [sentence_table(name, title, question, reason) for name, title, question in NEED_REPORTS]
    pulls, common, touched = _common(sample, learned, by_distance, blocks, told)
    report = _report(
        sample, created_ts, len(pulls), [*tables, *common], held_together(p.family, plain_verdicts(None, pulls)),
        touch_curves(touched),
    )  # fmt: skip
    return SkillResult(report, sample, [], by_distance)


def _common(
    sample: Sample, learned: LearnedMap, by_distance: Profile, blocks: DayBlocks, told: _Steps
) -> tuple[list[Magnet], list[Table], list[Touched | str]]:
    """T5, T6 and T7, which need no reports."""
    p = sample.protocol
    told("magnet (T5)")
    pulls = [magnet(sample, by_distance, sigmas, blocks) for sigmas in p.magnet.sigmas]
    told("response at touch (T6)")
    after = responses(sample, learned, blocks)
    told("touch probability (T7)")
    touched = [touches(sample, hours, blocks) for hours in p.touch.horizons_hours]
    path = learned.swept.study.path
    tables = [
        other_tables.zones_table(zones(sample, by_distance, blocks)),
        other_tables.magnet_table(pulls),
        other_tables.response_table(after, path, p.response.cost_bps),
        other_tables.touch_table(touched),
    ]
    return pulls, tables, touched


def _add_foreign(bench: Bench, scores: PathScores, others: list[Study]) -> None:
    """The first other instrument that covers the judged weeks, as a placebo."""
    for study in others:
        name = f"map of {study.instrument.symbol}"
        found = foreign(bench.sample, Sample(study, bench.sample.protocol), name)
        if found is not None:
            scores.scored[name] = Scored(found, bench.judge(found.condition), bench.judge(scores.conditions, found.condition))
            return


def _report(
    sample: Sample, created_ts: int, trials: int, tables: list[Table], verdicts: list[Verdict], curves: list[Curve]
) -> SkillReport:
    study, p = sample.study, sample.protocol
    judged = sample.test.any(axis=1)
    return SkillReport(
        schema=SCHEMA,
        created_ts=created_ts,
        venue=study.instrument.venue,
        instrument=study.instrument.symbol,
        interval=study.interval,
        fine_path=study.fine,
        train_from=study.start,
        test_from=sample.edges[0],
        test_to=sample.edges[-1],
        rows=int(sample.test.sum()),
        days=len(np.unique(sample.day[judged])),
        trials=trials,
        protocol=p.name,
        protocol_sha256=protocol_hash(),
        code_version=__version__,
        data=[Data(d.stream, d.sha256, d.rows, d.first, d.last) for d in study.data],
        notes=[*study.notes, *_development(p)],
        verdicts=verdicts,
        tables=tables,
        curves=curves,
    )


def _development(p: Protocol) -> list[str]:
    windows = "; ".join(p.development_windows)
    return [
        f"These windows were looked at while the model was made and are development data: {windows}. About "
        f"{p.settings_looked_at} settings of filter and prior were compared on them before the protocol was frozen. A claim "
        "needs data recorded later."
    ]
