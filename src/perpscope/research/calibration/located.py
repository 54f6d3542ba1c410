"""Cells of single liquidations with prices: which of the swept bins each event belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.contract import liquidation_price_from_bankruptcy, nearest_tiers, tier_arrays
from perpscope.core.events import LiquidationFeed
from perpscope.core.table import Table
from perpscope.core.time import SECOND
from perpscope.core.units import ContractKind
from perpscope.features.liquidation.grid import LogGrid
from perpscope.features.liquidation.mix import TIERS
from perpscope.numeric.asof import asof_values
from perpscope.research.calibration.cells import Cells, smoothed
from perpscope.research.calibration.feeds import FeedModel, feed_model
from perpscope.research.calibration.replay import Swept, base_units
from perpscope.research.calibration.study import Study, side_index

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BINS_PER_CELL = 2


@dataclass(frozen=True, eq=False)
class Located:
    """Located cells and how the events fitted in. `bins`: first bin of each cell; `outside`: share of the event quantity
    whose price lay beyond what the bars went through, put at the nearest cell; `events`: number of events used."""

    cells: Cells
    bins: Integers
    outside: float
    events: int


def event_prices(study: Study, events: Table) -> Floats:
    """Where each liquidated position broke, on mark: from the bankruptcy price and the bracket of its notional.

    Definition: P* = B* / (1 - s m) (linear), B* (1 + s m) (inverse), m of the tier that holds quantity x B*; where the
    venue prints no bankruptcy price the fill stands for it, which errs towards the worse price.
    """
    table = tier_arrays(nearest_tiers(study.instrument, study.start))
    printed = events["bankruptcy_price"]
    price = np.where(np.isfinite(printed), printed, events["price"])
    notional = events["quantity"] * price
    tier = np.minimum(np.searchsorted(table.cap, notional), len(table.cap) - 1)
    amount = table.amount[tier] / notional
    side, kind = events["position_side"].astype(np.int64), study.instrument.kind
    result: Floats = np.asarray(
        liquidation_price_from_bankruptcy(side, price, table.rate[tier], amount_fraction=amount, kind=kind)
    )
    return result


def located_cells(swept: Swept, feed: LiquidationFeed) -> Located:
    """Cells of two bins for every bar of the path and side, with the events that fell into them.

    The bins of a cell are those that the bar went through or swept; exposures are smoothed 1-2-1 over bins; the background
    is open interest x log length. Windows are the bars; each can show one event per second where the feed is so.

    Raises:
        UserError: if events have no price above zero.
    """
    study = swept.study
    bars = study.tables[f"bars@{study.path}"]
    inside = (bars["ref_ts"] >= study.start) & (bars["ref_ts"] < study.end)
    bars = bars[inside]
    grid = LogGrid.of_bps(swept.settings.bin_bps)
    events = study.events
    at = np.searchsorted(bars["ref_ts"], events["exchange_ts"], side="right") - 1
    fits = (at >= 0) & (events["exchange_ts"] < bars["known_ts"][np.maximum(at, 0)])
    events, at = events[fits], at[fits]
    price = event_prices(study, events)
    quantity = events["quantity"] / (price if study.instrument.kind is ContractKind.INVERSE else 1.0)
    event_bin = np.floor(np.log2(price) * grid.per_octave).astype(np.int64)
    event_side = side_index(events["position_side"])
    span = _traversed(bars, grid)
    place = np.searchsorted(bars["ref_ts"], swept.rows["ref_ts"])
    known = (place < len(bars)) & (bars["ref_ts"][np.minimum(place, len(bars) - 1)] == swept.rows["ref_ts"])
    rows, place = swept.rows[known], place[known]
    side, bins, amounts = side_index(rows["side"]), rows["bin"], base_units(study, rows)
    flat = (place * 2 + side) * 2
    np.minimum.at(span.reshape(-1), flat, bins)
    np.maximum.at(span.reshape(-1), flat + 1, bins)
    counts = np.maximum(span[:, :, 1] - span[:, :, 0] + 1, 0)
    offsets = np.concatenate([[0], np.cumsum(counts.reshape(-1))]).astype(np.int64)
    exposure = np.zeros((int(offsets[-1]), TIERS))
    np.add.at(exposure, offsets[place * 2 + side] + bins - span[place, side, 0], amounts)
    realised = np.zeros(len(exposure))
    usable = counts[at, event_side] > 0
    low, high = span[at, event_side, 0], span[at, event_side, 1]
    outside = float(quantity[(event_bin < low) | (event_bin > high)].sum() / quantity.sum()) if len(quantity) else 0.0
    nearest = np.clip(event_bin, low, high)
    np.add.at(realised, (offsets[at * 2 + event_side] + nearest - low)[usable], quantity[usable])
    held = study.tables["open_interest"]
    interest = asof_values(held["exchange_ts"], held["open_interest"], bars["ref_ts"])
    cells, first = _paired(exposure, realised, span, counts, offsets, np.nan_to_num(interest) * grid.height)
    model = feed_model(feed, located=True)
    seconds = (bars["known_ts"] - bars["ref_ts"]) / SECOND
    mean = float(quantity.mean()) if len(quantity) else 1.0
    capacity = np.full(len(bars), np.inf) if model is FeedModel.O1 else seconds * mean
    return Located(_cells(cells, bars["ref_ts"], capacity, study.event_quantity[0], model), first, outside, int(usable.sum()))


def _traversed(bars: Table, grid: LogGrid) -> Integers:
    """First and last bin whose centre each bar went through beyond the close before, by side: int64 (bars, 2, 2)."""
    close = np.concatenate([bars["open"][:1], bars["close"][:-1]])
    given = {"low": bars["low"], "high": bars["high"], "close": close}
    x = {name: np.log2(values) * grid.per_octave for name, values in given.items()}
    span = np.empty((len(bars), 2, 2), np.int64)
    span[:, 0, 0], span[:, 0, 1] = np.ceil(x["low"] - 0.5), np.floor(x["close"] - 0.5)
    span[:, 1, 0], span[:, 1, 1] = np.ceil(x["close"] - 0.5), np.floor(x["high"] - 0.5)
    return span


def _paired(
    exposure: Floats, realised: Floats, span: Integers, counts: Integers, offsets: Integers, background: Floats
) -> tuple[dict[str, npt.NDArray], Integers]:
    """Bins joined in pairs at even bin numbers, so that a cell means the same prices in every bar."""
    names = ("exposure", "background", "realised", "side", "window", "bin")
    parts: dict[str, list[npt.NDArray]] = {name: [] for name in names}
    for bar, s in zip(*np.nonzero(counts > 0)):
        a, b = int(offsets[bar * 2 + s]), int(offsets[bar * 2 + s + 1])
        first = int(span[bar, s, 0])
        cell = (first + np.arange(b - a)) // BINS_PER_CELL
        cuts = np.flatnonzero(np.diff(cell, prepend=cell[0] - 1))
        parts["exposure"].append(np.add.reduceat(smoothed(exposure[a:b]), cuts))
        parts["realised"].append(np.add.reduceat(realised[a:b], cuts))
        parts["background"].append(background[bar] * np.diff(np.append(cuts, b - a)))
        parts["side"].append(np.full(len(cuts), s))
        parts["window"].append(np.full(len(cuts), bar))
        parts["bin"].append(cell[cuts] * BINS_PER_CELL)
    joined = {name: np.concatenate(arrays) if arrays else np.zeros((0,)) for name, arrays in parts.items()}
    return joined, joined.pop("bin").astype(np.int64)


def _cells(parts: dict[str, npt.NDArray], ref: Integers, capacity: Floats, u0: float, feed: FeedModel) -> Cells:
    window = parts["window"].astype(np.int64)
    used, starts = np.unique(window, return_index=True)
    return Cells(
        np.ascontiguousarray(parts["exposure"], np.float64).reshape(-1, TIERS),
        parts["background"].astype(np.float64),
        parts["realised"].astype(np.float64),
        parts["side"].astype(np.int64),
        np.append(starts, len(window)).astype(np.int64),
        ref[used],
        capacity[used],
        u0,
        feed,
    )
