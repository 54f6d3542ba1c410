"""The contract-conserving liquidation exposure filter."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from perpscope.contract import tables_of
from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.table import Array, Table
from perpscope.core.time import DAY, HOUR, Timeframe
from perpscope.core.units import ContractKind
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.features.liquidation.advance import advance
from perpscope.features.liquidation.books import COHORTS, YOUNG, far_tiers, place_pending
from perpscope.features.liquidation.entries import EXPOSURE, UNIT_COLUMNS, AgeClass, ExposureEntry
from perpscope.features.liquidation.flags import Flag
from perpscope.features.liquidation.grid import NULL_BIN, LogGrid
from perpscope.features.liquidation.mix import LEVERAGES, PRIOR, TIERS, checked_mix
from perpscope.features.liquidation.shifts import kernel_edges, tier_kernels
from perpscope.features.liquidation.statement import (
    AGE,
    BAR,
    BIN,
    ENTRY,
    FLAGS,
    FULL,
    HOUR_NOW,
    LEVERAGE,
    NEAREST,
    ORIGIN,
    SIDE_CODE,
)

__all__ = ["EXPOSURE", "UNIT_COLUMNS", "AgeClass", "ExposureEntry", "ExposureParams", "LiquidationExposure"]

BLOCK = 256
"""The arrays of the books grow with the price range, by whole blocks of bins at fixed places."""


@dataclass(frozen=True)
class ExposureParams:
    """`mix`: share of opens never liquidated, then at each of `LEVERAGES`. `bin_bps`: height of a bin.
    `spread`: weight of cross margin, whose leverage may lie between the round ones.
    `closing_hazard`: how fast each tier closes relative to the average.
    `liquidated_fraction_long`, `_short` (kappa): share of what price reaches that is really closed by force, the rest
    having been stopped or topped up; 1 until a complete feed says otherwise.
    `taker_fee`: where the venue adds it to maintenance.
    `band`: how far from price, in log price, cells are watched bar by bar; beyond it every `refresh_hours`.
    `floor_fraction` of open interest: cells that hold less are empty. `tolerance`: relative change that is worth a new
    row. At every seventh refresh all cells are stated anew."""

    mix: tuple[float, ...] = PRIOR
    bin_bps: float = 10.0
    spread: float = 0.5
    closing_hazard: tuple[float, ...] = (1.0,) * TIERS
    liquidated_fraction_long: float = 1.0
    liquidated_fraction_short: float = 1.0
    taker_fee: float = 0.0005
    band: float = 0.24
    floor_fraction: float = 1e-5
    tolerance: float = 0.2
    refresh_hours: int = 24


class LiquidationExposure(Feature):
    """Where positions of both sides would be liquidated, with books that always sum to the open interest.

    Definition: longs and shorts are entered where the bar traded, moved by the liquidation shift of each leverage
    tier (`contract.liquidation_shift`) and kept in bins of log price. Per bar, in this order: bins whose centre the
    mark price passed are swept (longs at or above the low, shorts at or below the high); every bin loses the closing
    fraction h = (closed - liquidated) / (open interest - liquidated) times the tier's hazard; the opens of the bar are
    added, except where their liquidation price lies behind its close. Swept units that were not reported
    as liquidated stay in the open interest as `unplaced`, so exposure + unplaced = open interest on both sides, always.
    The mix that weighs the tiers is a prior, not a measurement, until it is calibrated: see
    docs/definitions/liquidation_exposure.md for what is estimated and what is unproven.
    Rows: per bar one SIDE row for longs and one for shorts, SWEPT rows per bin and age class, and CELL rows for bins
    whose content changed by more than `tolerance`, or for all bins when `full`. A CELL row holds until the next one of its
    side and bin. Rows are never changed: a later mix or parameter means another run.
    Units: position units: base (linear), USD face (inverse); prices in quote. `known_ts` is that of `position_flows`.
    Source: own; contract maths of docs/definitions/liquidation_price.md.

    Example:
        >>> LiquidationExposure(ExposureParams(bin_bps=5.0)).grid.per_octave
        1386
    """

    spec = FeatureSpec(
        name="liquidation_exposure",
        title="Liquidation exposure",
        inputs=("position_flows",),
        output=EXPOSURE,
        source="own",
        shape="table",
        pane="liquidations",
    )
    Params = ExposureParams
    exempt: ClassVar[dict[str, str]] = {
        "gap": "positions live through a hole in our data; a hole of more than a day restarts the books",
        "scale": "single precision of the unit columns; the law is tested on its own, with bins moving by whole octaves",
        "mirror": "the grid is logarithmic: its mirror is p -> 1/p with linear and inverse swapped, tested on its own",
    }

    def __init__(self, params: ExposureParams | None = None, frame: str | None = None) -> None:
        super().__init__(params, frame)
        p: ExposureParams = self.params
        self.grid = LogGrid.of_bps(p.bin_bps)
        self._mix = checked_mix(p.mix)
        self._band = round(p.band / self.grid.height)
        self._hazard = np.asarray(p.closing_hazard, np.float64)
        if self._hazard.shape != (TIERS,) or not (self._hazard >= 0.0).all():
            raise UserError(f"liquidation_exposure.closing_hazard needs {TIERS} numbers that are not negative.")
        if not (0.0 < p.liquidated_fraction_long <= 1.0 and 0.0 < p.liquidated_fraction_short <= 1.0):
            raise UserError("liquidation_exposure: the liquidated fractions are shares above 0 and up to 1.")
        if not (0.0 <= p.spread <= 1.0 and 0.0 < p.tolerance < 1.0 and p.band > 0.0 and p.refresh_hours >= 1):
            raise UserError(
                "liquidation_exposure: spread lies in [0, 1], tolerance in (0, 1), band is above 0, refresh_hours at least 1."
            )

    def start(self, instrument: Instrument) -> State:
        tables = [
            {"from": t.valid_from, "to": t.valid_to, "source": t.source, "tiers": [list(astuple(tier)) for tier in t.tiers]}
            for t in tables_of(instrument)
        ]
        ring = 2 + (DAY // Timeframe.parse(self.frame).ns if self.frame else 24 * 60)
        return {
            "instrument": {
                "venue": instrument.venue,
                "symbol": instrument.symbol,
                "kind": int(instrument.kind),
                "tables": tables,
            },
            "edges": kernel_edges(instrument),
            "segment": -1,
            "kernels": (),
            "scale": np.ones((2, TIERS)),
            "placed": np.zeros((2, TIERS)),
            "sums": np.zeros(5),
            "ints": np.array([0, 0, -1, 0, -1, 0], np.int64),
            "undated": False,
            "ring": np.zeros((ring, 6)),
            "ring_hours": np.zeros(ring, np.int64),
            **_empty_books(0),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        flows = batch["position_flows"]
        if not len(flows):
            return EXPOSURE.empty()
        segments = np.searchsorted(state["edges"], flows["ref_ts"], side="right")
        cuts = [0, *(np.flatnonzero(np.diff(segments)) + 1).tolist(), len(flows)]
        parts = []
        for a, b in pairwise(cuts):
            if state["segment"] != segments[a]:
                self._take_kernels(state, int(flows["ref_ts"][a]))
                state["segment"] = int(segments[a])
            parts += self._advance(state, flows[a:b])
        return Table.concat(parts)

    def _take_kernels(self, state: State, ts: int) -> None:
        params: ExposureParams = self.params
        if state["kernels"]:
            self._settle(state)
        instrument = _instrument(state["instrument"])
        kernels = tier_kernels(instrument, ts, self.grid.per_octave, params.spread, params.taker_fee)
        state["kernels"] = (kernels.density, kernels.cumulative, kernels.start, kernels.first, kernels.length)
        state["undated"] = not any(table.covers(ts) for table in instrument.tier_tables)

    def _settle(self, state: State) -> None:
        """What still waits was opened under the kernels that are about to go."""
        density, _, start, first, length = state["kernels"]
        far, near = np.zeros((2, TIERS), np.bool_), np.zeros(2, np.int64)
        far_tiers(self._band, first, length, far, near)
        for side in np.flatnonzero(state["pending_ends"][:, 1] >= 0).tolist():
            place_pending(
                side, int(state["ints"][HOUR_NOW]) % 3, state["young"], state["whole"], state["pending"], state["ends"],
                state["young_ends"], state["pending_ends"], self._mix, density, start, first, length, far,
            )  # fmt: skip

    def _advance(self, state: State, flows: Table) -> list[Table]:
        params: ExposureParams = self.params
        x = _stacked(flows, ("entry_low", "entry_high", "sweep_low", "sweep_high", "close"))
        x = np.log2(x) * self.grid.per_octave
        _make_room(state, x)
        amounts = _stacked(flows, _FLOWS)
        flags = flows["flags"] | int(Flag.TIERS_DATE) if state["undated"] else flows["flags"]
        uniform = bool((self._hazard == self._hazard[0]).all())
        books = (state[name] for name in (*_BOOKS, *_ENDS, "scale", "placed", "sums", "ints", "ring", "ring_hours"))
        fixed = (
            *books, *state["kernels"], self._mix, self._hazard, uniform, self._band,
            params.floor_fraction, params.tolerance, params.refresh_hours * HOUR,
        )  # fmt: skip
        parts, begin, width = [], 0, state["whole"].shape[1]
        while begin < len(flows):
            # memory that is not written to costs nothing, so the buffer is large enough for almost every history
            room = 16 + 7 * width + min(24 * (len(flows) - begin), 4_000_000)
            rows = (np.empty((3, room), np.int64), np.empty((5, room), np.int8), np.empty((6, room)))
            units = np.empty((TIERS, room), np.float32)
            begin, n = advance(begin, flows["ref_ts"], amounts, flows["late_bars"], flags, x, *fixed, *rows, units)
            if n:
                parts.append(self._table(flows, n, *rows, units))
        return parts

    def _table(self, flows: Table, n: int, big: Array, small: Array, values: Array, units: Array) -> Table:
        params: ExposureParams = self.params
        big, small, values, units = (
            array[:, :n] if 4 * n > array.shape[1] else array[:, :n].copy() for array in (big, small, values, units)
        )
        bar, bins = big[BAR], big[BIN]
        of_bins = bins[bins != NULL_BIN]
        low = int(of_bins.min()) if len(of_bins) else 0
        scale = np.arange(low, (int(of_bins.max()) if len(of_bins) else 0) + 1)
        at = np.maximum(bins - low, -1)  # a row about no bin finds the NaN at the end
        bottom, top = (np.append(edge(scale), np.nan)[at] for edge in (self.grid.low, self.grid.high))
        kappa = np.array([np.nan, params.liquidated_fraction_long, params.liquidated_fraction_short])
        forced = values[0] if (kappa[1:] == 1.0).all() else values[0] * kappa[small[SIDE_CODE]]
        names = ("exposure", "unplaced", "unresolved", "swept", "young", "day")
        return Table.of(
            EXPOSURE,
            ref_ts=flows["ref_ts"][bar],
            known_ts=flows["known_ts"][bar],
            entry=small[ENTRY],
            side=small[SIDE_CODE],
            age=small[AGE],
            full=small[FULL].view(np.bool_),
            bin=bins,
            price_low=bottom,
            price_high=top,
            liquidation=forced,
            leverage=np.array([*LEVERAGES, np.nan])[small[LEVERAGE]],
            flags=big[FLAGS],
            **{name: values[i] for i, name in enumerate(names)},
            **{name: units[k] for k, name in enumerate(UNIT_COLUMNS)},
        )


_FLOWS = (
    "open_interest", "opened_long", "opened_short", "closed_long", "closed_short", "liquidated_long", "liquidated_short",
    "late_opened", "unseen", "rebase", "volume",
)  # fmt: skip


def _stacked(flows: Table, names: tuple[str, ...]) -> Array:
    """Columns side by side: one row per bar."""
    return np.ascontiguousarray(np.array([flows[name] for name in names]).T)


def _instrument(plain: dict[str, Any]) -> Instrument:
    """The parts of an instrument that the state keeps, as an instrument again."""
    tables = tuple(
        TierTable(plain["venue"], plain["symbol"], tuple(RiskTier(*t) for t in table["tiers"]), table["from"], table["to"],
                  table["source"])
        for table in plain["tables"]
    )  # fmt: skip
    return Instrument(plain["venue"], plain["symbol"], ContractKind(plain["kind"]), tier_tables=tables)


_BOOKS = ("older", "young", "ages", "whole", "lower", "upper", "pending")
_ENDS = ("ends", "young_ends", "age_ends", "pending_ends")


def _empty_books(width: int) -> State:
    shapes = ((2, TIERS), (YOUNG, 2, TIERS), (COHORTS, 2), (2,), (2,), (2,), (2,))
    books = {name: np.zeros((*shape, width)) for name, shape in zip(_BOOKS, shapes)}
    ends = {name: np.full((*shape, 2), (width, -1), np.int64) for name, shape in zip(_ENDS, (*shapes[:3], (2,)))}
    return {**books, **ends}


def _make_room(state: State, x: Array) -> None:
    """Grow the arrays, in whole blocks, until every bin that prices `x` (bin units) can touch lies inside."""
    *_, first, length = state["kernels"]
    bottom = math.floor(x.min()) + min(0, int(first.min())) - 2
    top = math.floor(x.max()) + int((first + length).max()) + 2
    width, origin = state["whole"].shape[1], int(state["ints"][ORIGIN])
    if width and origin <= bottom and top < origin + width:
        return
    if width:
        bottom, top = min(bottom, origin), max(top, origin + width - 1)
    new_origin = bottom // BLOCK * BLOCK
    new_width = (top // BLOCK + 1) * BLOCK - new_origin
    books, shift = _empty_books(new_width), origin - new_origin
    nearest = (-1, new_width)
    if width:
        for name in _BOOKS:
            books[name][..., shift : shift + width] = state[name]
        for name in _ENDS:
            held = state[name][..., 1] >= 0
            books[name][held] = state[name][held] + shift
        old = state["ints"][NEAREST : NEAREST + 2].tolist()
        nearest = tuple(at + shift if 0 <= at < width else empty for at, empty in zip(old, nearest))
    state["ints"][ORIGIN] = new_origin
    state["ints"][NEAREST : NEAREST + 2] = nearest
    state.update(books)
