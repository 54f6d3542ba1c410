"""The tables of T3 to T8 and of the mix."""

from __future__ import annotations

import numpy as np

from perpscope.core.errors import ProgrammerError
from perpscope.core.time import HOUR
from perpscope.numeric.asof import asof_values
from perpscope.research.calibration.bands import bootstrap_mix
from perpscope.research.calibration.forgetting import age_weights
from perpscope.research.calibration.mlem import LEARNED_FROM, TIER_NAMES
from perpscope.research.skill.bands import BandSkill
from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.judge import Bench
from perpscope.research.skill.magnet import Magnet
from perpscope.research.skill.maps import LearnedMap
from perpscope.research.skill.path import GEOMETRY, MAP, PathScores
from perpscope.research.skill.placing import Placed
from perpscope.research.skill.response import MEASURES, Response
from perpscope.research.skill.result import Measured, Row, Table, columns, row, sentence_table
from perpscope.research.skill.sample import Sample
from perpscope.research.skill.strata import Stratified, strata, within_strata
from perpscope.research.skill.touch import Touched
from perpscope.research.skill.zones import Zones

STRATIFIED = (
    MAP,
    GEOMETRY,
    "B0 swept length",
    "B3 volume profile shifted by ladder",
    "B6 peer: turnover ladder with half-lives",
)


def placing_table(found: Placed | str) -> Table:
    """T3."""
    title = "Inside the swept path"
    question = "Did the map put the expectation where the events were?"
    if isinstance(found, str):
        return sentence_table("T3", title, question, found)
    rows = [row(f"over {name}", {"gain": estimate}) for name, estimate in found.gains.items()]
    note = f"{found.events} events; {100 * found.outside:.0f}% of their quantity beyond what the bars went through."
    return Table("T3", title, question, columns(gain="nats per liquidated base unit"), rows, [note])


def strata_table(bench: Bench, scores: list[PathScores]) -> tuple[Table, Stratified]:
    """T4: within strata of distance, side and speed; the map's on the first path is returned too."""
    sample = bench.sample
    label = strata(sample)
    rows, first = [], None
    for one in scores:
        for name in STRATIFIED:
            if name not in one.scored:
                continue
            found = within_strata(sample, label, one.scored[name].alone.predicted, bench.blocks)
            first = found if first is None else first
            rows.append(row(f"{name}, {one.path} path", {"auc": found.auc, "lift": found.lift}))
        found = within_strata(sample, label, one.base.predicted, bench.blocks)
        rows.append(row(f"R regression, {one.path} path", {"auc": found.auc, "lift": found.lift}))
    p = sample.protocol.strata
    table = Table(
        "T4",
        "Within strata of distance, side and sweep speed",
        "Of two sweeps that went equally far, equally fast, did the one with more on the map break more?",
        columns(auc="AUC (0.5: no skill)", lift=f"lift of the top {100 * p.top_share:.0f}% (1: no skill)"),
        rows,
        [f"{2 * p.distance * p.speed} strata: side x {p.distance} distances in sigma x {p.speed} speeds (volume over usual)."],
    )
    if first is None:
        raise ProgrammerError("no path was scored")
    return table, first


def magnet_table(found: list[Magnet]) -> Table:
    """T5."""
    rows = []
    for m in found:
        note = f"{m.starts} starts, {m.undecided} undecided, upper first {m.share_up:.2f}"
        rows.append(row(f"+-{m.sigmas:g} daily sigma", {"pull": m.pull}, note))
    return Table(
        "T5",
        "Magnet: which of two equally far barriers is met first",
        "Does price go to where more positions are?",
        columns(pull="log odds per standard deviation of ln(mass above / below)"),
        rows,
        ["Given momentum and funding. 0 is no magnet; above 0 price goes to the heavier side, below 0 away from it."],
    )


def response_table(found: list[Response], path: str, cost_bps: float) -> Table:
    """T6."""
    title, question = f"After a dense level is touched, {path} path", "Does price run on, stir or fade?"
    if not found:
        return sentence_table("T6", title, question, "Not measurable on this data: too few touches.")
    headings = dict(zip(("onward", "volatility", "volume", "interest"), MEASURES))
    rows = []
    for one in found:
        cells = {name: one.differences[heading] for name, heading in headings.items()}
        rows.append(row(f"{one.minutes} min", cells, f"{one.touches} touches, balance {one.balance:.2f}"))
    return Table(
        "T6", title, question, columns(**headings), rows,
        [
            "Dense touch minus its matched thin touches (side, depth, range, volatility, activity before). Onward: in the "
            f"direction of the sweep; a round trip costs {cost_bps:g} bps. Volatility and volume over the usual. "
            "Balance below 0.1 is good.",
        ],
    )  # fmt: skip


def zones_table(found: Zones | str) -> Table:
    """Hit rates of zones."""
    title, question = "Zones as public pages rank them", "Are the zones that the map calls strong met more often?"
    if isinstance(found, str):
        return sentence_table("zones", title, question, found)
    rows = [row(name, {"met": share}) for name, share in found.touched.items()]
    rows.append(row("map at equal distance: dense less thin zones", {"met": found.equal_distance}))
    return Table(
        "zones", title, question, columns(met="share met within 24 h"), rows,
        [
            f"{found.starts} starts; zones up to {100 * found.reach:.0f}% from price. A hit rate rewards nearness: the nearest "
            "tenth is the no-skill ranking to beat. The last row is a difference; 0 is no skill.",
        ],
    )  # fmt: skip


def observed_table() -> Table:
    """T9, which needs another recording."""
    return sentence_table(
        "T9",
        "Observed against estimated (and B7, the observed map transferred)",
        "Do observed positions lie where the map says?",
        "Not measurable on this data: snapshots of wallets belong to another venue and to other weeks. What they say is "
        "written in docs/definitions/liquidation_exposure.md.",
    )


def feed_table(sample: Sample, warm_fraction: float) -> Table:
    """T10: the identity of volume and open interest, and what is missing."""
    study = sample.study
    counted = study.counted
    held = study.tables["open_interest"]
    at = asof_values(held["exchange_ts"], held["open_interest"], study.bars["known_ts"])
    change = np.abs(np.diff(at, prepend=np.nan))[counted]
    volume = study.bars["volume"][counted]
    known = np.isfinite(change) & (volume > 0.0)
    ratio = change[known] / volume[known]
    missing = int((counted & ~np.isfinite(study.reported).all(axis=1)).sum()) if len(study.totals) else 0
    figures: dict[str, tuple[float, int]] = {
        "share of intervals with |change of open interest| above volume": (float((ratio > 1.0).mean()), len(ratio)),
        "median |change of open interest| / volume": (float(np.median(ratio)), len(ratio)),
        "intervals without a report": (float(missing), int(counted.sum())),
        "share of intervals with books still filling": (warm_fraction, int(counted.sum())),
    }
    rows = [
        Row(name, {"value": Measured(value, None, None, 0.95, n, "as it is", "a single figure")})
        for name, (value, n) in figures.items()
    ]
    return Table(
        "T10", "Feeds and identity", "Do volume and open interest obey the contract, and what is missing?",
        columns(value="figure"), rows,
        ["Open interest cannot change by more than the volume: above 0 by more than a trace, its unit or stamp is wrong."],
    )  # fmt: skip


def touch_table(found: list[Touched | str]) -> Table:
    """T7."""
    rows, notes = [], ["The map's chance: reflection principle, corrected by the trailing half year's excursions."]
    for one in found:
        if isinstance(one, str):
            notes.append(one)
            continue
        note = f"{one.starts} starts; miscalibration {one.miscalibration:.4f} of the score"
        cells = {"brier": one.brier, "skill": one.skill, "raw": one.raw_bias, "bias": one.bias}
        rows.append(row(f"{one.hours} h", cells, note))
    heads = columns(
        brier="Brier score", skill="share of base rate's error removed", raw="bias of the formula", bias="bias, corrected"
    )
    return Table(
        "T7", "Is the chance of a touch honest", "Stated against happened, all levels and both sides.", heads, rows, notes
    )


def band_table(found: BandSkill, low: float, high: float) -> Table:
    """T8."""
    stated = 100 * (high - low)
    rows = []
    for label, (inside, below, above) in (("band of the mix alone", found.mix_only), ("predictive band", found.predictive)):
        rows.append(row(label, {"coverage": inside, "below": below, "above": above}))
    for (share, inside), third in zip(found.by_prior, ("least", "middle", "most")):
        rows.append(row(f"predictive, {third} prior-driven third", {"coverage": inside}, f"{100 * share:.1f}% from the prior"))
    return Table(
        "T8", "Are the bands honest", f"How often does the report lie inside the stated {stated:.0f}% band?",
        columns(
            coverage=f"inside (stated {stated / 100:.1f})", below=f"below p{100 * low:.0f}", above=f"above p{100 * high:.0f}"
        ),
        rows,
        [
            "The band of the mix shows doubt about leverage only; it is not meant to hold single intervals, and does not. "
            "The predictive band adds the scatter of reports; a report equal to an end lies inside with the chance that makes "
            "an honest band come out right (randomised probability transform).",
        ],
    )  # fmt: skip


def mix_table(sample: Sample, learned: LearnedMap, blocks: DayBlocks) -> Table:
    """The last week's mix with its band, tier by tier, and what is not learned."""
    fit, cells, p = learned.fits[-1], learned.swept.cells(), sample.protocol
    edge = sample.edges[-2]
    known = cells.select(cells.window_ts < edge - p.purge_hours * HOUR)
    weight = age_weights(known, edge, p.mix.half_life_days)
    draws = bootstrap_mix(known, fit, blocks.rng, p.bands.draws, weight)
    ends = draws.interval(0.90)
    rows = []
    level = float(fit.fractions.mean())
    for k, name in enumerate(TIER_NAMES[1:], start=1):
        share = float(fit.weights[:, k - 1].mean())
        low, high = min(float(ends[k, 0]), share), max(float(ends[k, 1]), share)
        cells_ = {
            "prior": Measured(level * float(fit.prior[k]), None, None, 0.9, 0, "shipped prior", "not measured here"),
            "share": Measured(share, low, high, 0.9, draws.days, f"day-block bootstrap, {p.bands.draws} draws"),
            "events": Measured(
                float(fit.effective_events[k]), None, None, 0.9, draws.days, "expected effective events", "count"
            ),
        }
        rows.append(Row(name, cells_, "learned" if fit.learned[k] else "prior"))
    return Table(
        "mix", "Leverage mix before the last week", "Which tiers were learned, which are the prior's?",
        columns(prior="prior x kappa", share="share x kappa (90% interval)", events="effective events"), rows,
        [
            f"kappa, the share of what price reaches that the feed reports: longs {fit.fractions[0]:.3f}, shorts "
            f"{fit.fractions[1]:.3f}; never {100 * fit.shares[0]:.0f}% of opens.",
            f"A tier is learned from {LEARNED_FROM:g} effective events on. Background, unexplained by the map: "
            f"{100 * fit.background_share(known):.0f}% of the expectation.",
        ],
    )  # fmt: skip
