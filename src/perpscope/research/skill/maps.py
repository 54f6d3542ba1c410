"""The map as predictions: what each bar was expected to break, by mix, age and placebo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perpscope.core.events import stream_kind
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.research.calibration.cells import Cells
from perpscope.research.calibration.forgetting import walk_forward_fits
from perpscope.research.calibration.mlem import MixFit
from perpscope.research.calibration.prior import prior_of_opens
from perpscope.research.calibration.replay import FilterSettings, Swept, sweep
from perpscope.research.calibration.study import Study
from perpscope.research.skill.sample import Sample

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LearnedMap:
    """Sweeps with the mixes that were known: `weights` (weeks, 2, TIERS), those of week i hold from edge i on; before the
    first edge the first ones stand in, because those rows are only learned from. `fits` is empty where nothing was learned."""

    swept: Swept
    weights: Floats
    fits: list[MixFit]
    edges: list[int]

    def weights_at(self, ref: npt.NDArray[np.int64]) -> Floats:
        """w by bar, side and tier: float64 (bars, 2, TIERS)."""
        week = np.clip(np.searchsorted(np.array(self.edges[:-1]), ref, side="right") - 1, 0, len(self.weights) - 1)
        found: Floats = self.weights[week]
        return found

    def expected(self, age: int | None = None) -> Floats:
        """Expected liquidations of each bar and side: float64 (bars, 2), of one age class or all."""
        weights = self.weights_at(self.swept.study.bars["ref_ts"])
        units = self.swept.by_tier if age is None else self.swept.units[:, :, age]
        result: Floats = np.einsum("tsk,tsk->ts", units, weights)
        return result


def learned_map(sample: Sample, settings: FilterSettings, path: str, tables: Mapping[str, Table] | None = None) -> LearnedMap:
    """Sweep a path and learn the mix week by week, each from days strictly before.

    Args:
        tables: other streams in place of the study's (a placebo, which gets a mix of its own).
    """
    swept = sweep(sample.study.on_path(path), settings, tables)
    fits = weekly_fits(sample, swept.cells(), settings.hazard_tilt)
    return LearnedMap(swept, np.stack([fit.weights for fit in fits]), fits, sample.edges)


def prior_map(sample: Sample, settings: FilterSettings, path: str) -> LearnedMap:
    """Sweep a path with the shipped prior, where there is nothing to learn from."""
    prior = prior_of_opens(settings.hazard_tilt)
    weights = np.broadcast_to(np.array(prior[1:]), (1, 2, len(prior) - 1))
    return LearnedMap(sweep(sample.study.on_path(path), settings), weights, [], sample.edges)


def weekly_fits(sample: Sample, cells: Cells, hazard_tilt: float) -> list[MixFit]:
    """The mix before each test week, by the protocol's prior, forgetting and purge."""
    p = sample.protocol
    prior = prior_of_opens(hazard_tilt)
    return walk_forward_fits(cells, prior, sample.edges[:-1], p.options, p.mix.half_life_days, p.purge_hours * HOUR)


def geometry_tables(study: Study) -> dict[str, Table]:
    """The study with constant volume and constant open interest: the price path alone, through the same filter."""
    tables = {name: t for name, t in study.batch().tables.items() if stream_kind(name) != "liquidation_totals"}
    name = f"bars@{study.path}"
    bars, held = tables[name], tables["open_interest"]
    mean = np.full(len(bars), float(bars["volume"].mean()))
    tables[name] = bars.with_columns(volume=mean, buy_volume=mean / 2, sell_volume=mean / 2)
    level = np.full(len(held), float(np.nanmean(held["open_interest"])))
    tables["open_interest"] = held.with_columns(open_interest=level, open_interest_notional=np.full(len(held), np.nan))
    return tables


def random_aggressor_tables(study: Study, rng: np.random.Generator) -> dict[str, Table]:
    """The study with buyers and sellers exchanged in bars drawn at random."""
    tables = dict(study.batch().tables)
    name = f"bars@{study.path}"
    bars = tables[name]
    swap = rng.random(len(bars)) < 0.5
    buys = np.where(swap, bars["sell_volume"], bars["buy_volume"])
    tables[name] = bars.with_columns(buy_volume=buys, sell_volume=bars["volume"] - buys)
    return tables


def interest_only(settings: FilterSettings) -> FilterSettings:
    """phi = 0: entries from changes of open interest alone, as most public maps have them."""
    return replace(settings, flow_fraction=1e-3)
