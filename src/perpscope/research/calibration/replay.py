"""Replaying the exposure filter with other parameters: what price went through, by tier, age and side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.batch import Batch
from perpscope.core.fold import Fold
from perpscope.core.table import Table
from perpscope.core.units import ContractKind
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.features.liquidation.exposure import UNIT_COLUMNS, AgeClass, ExposureEntry, ExposureParams, LiquidationExposure
from perpscope.features.liquidation.flags import Flag
from perpscope.features.liquidation.flows import FlowParams, PositionFlows
from perpscope.features.liquidation.mix import LEVERAGES, PRIOR, TIERS
from perpscope.numeric.asof import asof_values
from perpscope.research.calibration.cells import Cells, cells_of_totals
from perpscope.research.calibration.study import Study, excursions, side_index

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

AGES = ("young", "day", "old")
"""Opened less than 3 hours ago, 3 to about 24 hours ago, earlier."""

_NO_CELLS = 1.0  # a cell that holds less than all of the open interest has no row: sweeps are all that is wanted


@dataclass(frozen=True)
class FilterSettings:
    """Parameters of the exposure filter that a calibration may choose.

    `flow_fraction` phi, `taker_weight` theta, `bin_bps`, `spread`; `hazard_tilt` g: tier k closes (L_k / 10)^g times as
    fast as the average.
    """

    flow_fraction: float = 1.0
    taker_weight: float = 0.7
    bin_bps: float = 10.0
    spread: float = 0.5
    hazard_tilt: float = 0.0

    @property
    def closing_hazard(self) -> tuple[float, ...]:
        """How fast each tier closes, relative to the average."""
        return tuple((leverage / 10.0) ** self.hazard_tilt for leverage in LEVERAGES)

    def folds(self, frame: str, mix: tuple[float, ...] = PRIOR, **exposure: Any) -> list[Fold]:
        """The flows and the exposure filter at a time frame; `exposure` are further parameters of the filter."""
        flow = FlowParams(self.flow_fraction, self.taker_weight)
        params = ExposureParams(
            mix=mix, bin_bps=self.bin_bps, spread=self.spread, closing_hazard=self.closing_hazard, **exposure
        )
        return [PositionFlows(flow, frame), LiquidationExposure(params, frame)]

    def plain(self) -> dict[str, float]:
        """By name, for the artefact."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Swept:
    """What price went through in each interval: float64 (bars, 2, 3, TIERS) units by side, age class and tier.

    Rows follow `study.bars`; every unit was placed by bars before the one that swept it. `rows` are the filter's own sweeps.
    """

    study: Study
    settings: FilterSettings
    units: Floats
    rows: Table
    flags: Integers

    @cached_property
    def by_tier(self) -> Floats:
        """All ages: float64 (bars, 2, TIERS)."""
        return self.units.sum(axis=2)

    @property
    def warm_fraction(self) -> float:
        """Share of the counted bars for which the books were still filling."""
        flags = self.flags[self.study.counted]
        return float(((flags & int(Flag.WARM)) != 0).mean()) if len(flags) else float("nan")

    def mixed(self, weights: npt.ArrayLike, age: int | None = None) -> Floats:
        """Expected liquidations under weights by tier ((TIERS,) or (2, TIERS)): float64 (bars, 2)."""
        w = np.asarray(weights, np.float64)
        source = self.by_tier if age is None else self.units[:, :, age]
        return np.einsum("tsk,sk->ts", source, np.broadcast_to(w, (2, TIERS)))

    def cells(self, capacity: npt.ArrayLike = np.inf) -> Cells:
        """Cells of the counted intervals whose report is known; `capacity` for all of them, or float64 (counted intervals,)."""
        study = self.study
        counted = study.counted
        background = open_interest_at(study)[:, None] * excursions(study.bars)
        return cells_of_totals(
            self.by_tier[counted], background[counted], study.reported[counted], study.bars["ref_ts"][counted],
            study.event_quantity[0], study.feed, capacity,
        )  # fmt: skip


def open_interest_at(study: Study) -> Floats:
    """Open interest known at the beginning of each bar of the interval, base units; the first one where none was yet."""
    interest = study.tables["open_interest"]
    values = interest["open_interest"]
    found = asof_values(interest["exchange_ts"], values, study.bars["ref_ts"])
    return np.where(np.isfinite(found), found, values[0])


def sweep(study: Study, settings: FilterSettings, tables: Mapping[str, Table] | None = None) -> Swept:
    """Run the filter over a study and add up what was swept, by interval.

    Args:
        tables: other streams in place of the study's (placebos).
    """
    folds = settings.folds(study.path, floor_fraction=_NO_CELLS, refresh_hours=24 * 365 * 100)
    rows = run_filter(study, folds, tables)
    swept = rows[rows["entry"] == ExposureEntry.SWEPT]
    ref = study.bars["ref_ts"]
    at = np.searchsorted(ref, swept["ref_ts"], side="right") - 1
    inside = (at >= 0) & (swept["ref_ts"] < study.bars["known_ts"][np.maximum(at, 0)])
    swept, at = swept[inside], at[inside]
    amounts = base_units(study, swept)
    young = swept["age"] == AgeClass.YOUNG
    held = np.maximum(swept["exposure"], 1e-300)
    day = np.where(young, 0.0, np.nan_to_num(swept["day"]) / held)
    side = side_index(swept["side"])
    units = np.zeros((len(ref) * 2 * len(AGES), TIERS))
    for age, share in enumerate((young.astype(np.float64), day, np.where(young, 0.0, 1.0 - day))):
        np.add.at(units, (at * 2 + side) * len(AGES) + age, amounts * share[:, None])
    flags = np.zeros(len(ref), np.int64)
    place = np.searchsorted(ref, rows["ref_ts"], side="right") - 1
    np.bitwise_or.at(flags, np.maximum(place, 0), rows["flags"])
    return Swept(study, settings, units.reshape(len(ref), 2, len(AGES), TIERS), swept, flags)


def run_filter(study: Study, folds: Sequence[Fold], tables: Mapping[str, Table] | None = None) -> Table:
    """The exposure rows of the filter over a study, on the study's path."""
    given = dict(study.batch().tables if tables is None else tables)
    if f"bars@{study.path}" in given:
        given = {name: t for name, t in given.items() if not name.startswith("bars@") or name == f"bars@{study.path}"}
    graph = Graph(study.instrument, list(folds), set(given), study.path)
    return collect(graph, [Batch(study.end, given)])[f"liquidation_exposure@{study.path}"]


def base_units(study: Study, rows: Table) -> Floats:
    """The unit columns of exposure rows in base units: float64 (rows, TIERS)."""
    amounts = np.column_stack([rows[name] for name in UNIT_COLUMNS]).astype(np.float64)
    return amounts / rows["price"][:, None] if study.instrument.kind is ContractKind.INVERSE else amounts
