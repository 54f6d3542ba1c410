"""Heatmaps as dense cells on the candle grid, the strongest kept where there are more than fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.core.units import ContractKind, PositionSide
from perpscope.features.liquidation.map import newest_cells
from perpscope.report.heat import scale_usd
from perpscope.web.frames import Arrays, milliseconds
from perpscope.web.picture.catalogue import estimated, spec_of
from perpscope.web.picture.known import Picture
from perpscope.web.picture.layers import key_of
from perpscope.web.wire import HEAT_BINS, Heat

Floats = npt.NDArray[np.float64]
Cells = npt.NDArray[np.uint8]
Stamps = npt.NDArray[np.int64]

MOST_COLUMNS = 1_024
AROUND = 0.12
"""How far beyond the window's candles the picture of the liquidations reaches, as a share of the price."""

BOOK_AROUND = 0.01
BOOK_FULL_BPS = 25.0
"""A cell of the book is full-bright at about this many bps of the contract's volume a day."""

SHARE_OF_INTEREST = 0.005
"""What `scale_usd` takes of the dollars it is given."""

_CHUNK = 512


@dataclass(frozen=True)
class Raster:
    """The grid of a heat: edges of its columns in ns, its bins in units of the fold's own bins, and what is full-bright.

    A picture that goes on (deltas) keeps its raster, so that no cell moves.
    """

    edges: Stamps
    pool: int
    first_bin: int
    bin_pool: int
    bins: int
    bin_height: float
    low: float
    log: bool
    full_usd: float


def place_heat(arrays: Arrays, picture: Picture, name: str, raster: Raster | None = None) -> tuple[Heat, Raster] | None:
    """The heat called `name` over the window, or on a given raster; None where it has no rows there.

    Cells are uint8 on a square root scale of dollars: 255 x sqrt(usd / full_usd), at least 1 where anything is held.
    """
    key = key_of(picture, name)
    spec = None if key is None else spec_of(key)
    if key is None or spec is None or not len(picture.results.rows[key]):
        return None
    rows = picture.results.rows[key]
    made = _book_raster(picture, rows) if name == "liquidity_heatmap" else _liquidation_raster(picture, rows)
    raster = made if raster is None else raster
    if raster is None:
        return None
    usd = _resting(rows, raster, picture) if name == "liquidity_heatmap" else _held(rows, raster, picture.frame_ns)
    cells = shade(usd, raster.full_usd)
    heat = Heat(
        key=key, name=name, title=spec.title, pane=spec.pane, estimated=estimated(name), columns=cells.shape[0],
        bins=cells.shape[1], pool=raster.pool, edges_offset=arrays.place(milliseconds(raster.edges), "float64"),
        cells_offset=arrays.place(cells, "uint8"), price_low=raster.low, price_step=raster.bin_height * raster.bin_pool,
        price_scale="log" if raster.log else "linear", scale="sqrt", full_usd=raster.full_usd,
    )  # fmt: skip
    return heat, raster


def shade(usd: Floats, full_usd: float) -> Cells:
    """Dollars as bytes on the square root scale; 0 only where nothing is held.

    Example:
        >>> shade(np.array([0.0, 1e-9, 25.0, 100.0, 900.0]), 100.0).tolist()
        [0, 1, 128, 255, 255]
    """
    root = np.rint(255.0 * np.sqrt(np.clip(usd / full_usd, 0.0, 1.0)))
    return np.where(usd > 0.0, np.maximum(root, 1.0), 0.0).astype(np.uint8)


def column_edges(picture: Picture) -> tuple[Stamps, int]:
    """Edges of the columns: the opens of the window's bars and of the one that is forming, `pool` bars a column."""
    window, step = picture.results.window, picture.frame_ns
    opens = np.arange(window.start, window.end + 1, step, dtype=np.int64)
    pool = max(1, -(-len(opens) // MOST_COLUMNS))
    return np.append(opens[::pool], int(opens[-1]) + step), pool


def extended(raster: Raster, picture: Picture, after: int) -> Raster:
    """The same raster from the column that held `after` on, up to the bar that is forming: what a delta redraws."""
    step, origin = picture.frame_ns, int(raster.edges[0])
    width = raster.pool * step
    opens = np.arange(origin + (after - origin) // width * width, picture.at + 1, step, dtype=np.int64)
    return replace(raster, edges=np.append(opens[:: raster.pool], int(opens[-1]) + step))


def left(raster: Raster, picture: Picture, after: int) -> bool:
    """Whether a bar since `after` reaches beyond the prices of the raster."""
    bars = picture.results.bars.between(after, picture.at)
    span = raster.bins * raster.bin_pool * raster.bin_height
    top = raster.low * math.exp(span) if raster.log else raster.low + span
    return bool(len(bars)) and (float(bars["low"].min()) < raster.low or float(bars["high"].max()) > top)


def _liquidation_raster(picture: Picture, rows: Table) -> Raster | None:
    bars = picture.results.window_bars
    if not len(bars):
        return None
    low, high = float(bars["low"].min()) * (1.0 - AROUND), float(bars["high"].max()) * (1.0 + AROUND)
    height = math.log(float(rows["price_high"][0]) / float(rows["price_low"][0]))
    anchor = math.log(float(rows["price_low"][0])) - height * int(rows["bin"][0])
    first, last = (math.floor((math.log(p) - anchor) / height) for p in (low, high))
    pool = -(-(last - first + 1) // HEAT_BINS)
    first = first // pool * pool
    bins = (last - first) // pool + 1
    edges, columns = column_edges(picture)
    usd = _open_interest_usd(picture)
    return Raster(edges, columns, first, pool, bins, height, math.exp(anchor + height * first), True, scale_usd(usd))


def _held(rows: Table, raster: Raster, step: int) -> Floats:
    """Dollars per (column, bin): what was known to be held there when the column's candles began, the largest of them."""
    opens = np.arange(raster.edges[0], raster.edges[-1], step, dtype=np.int64)
    size = raster.bins * raster.bin_pool
    used = rows[(rows["bin"] >= raster.first_bin) & (rows["bin"] < raster.first_bin + size)]
    found = np.zeros((len(raster.edges) - 1, raster.bins))
    stride = max(1, _CHUNK // raster.pool) * raster.pool
    for begin in range(0, len(opens), stride):
        part = opens[begin : begin + stride]
        total = np.zeros((size, len(part)))
        held = Table.concat([newest_cells(used, int(part[0])), used.between(int(part[0]), int(part[-1]))])
        column = np.searchsorted(part, held.clock, side="left")
        for side in PositionSide:
            mine = np.flatnonzero(held["side"] == side)
            holder = np.full(total.shape, -1, np.int64)
            holder[held["bin"][mine] - raster.first_bin, column[mine]] = mine
            holder = np.maximum.accumulate(holder, axis=1)
            total += np.where(holder >= 0, held["notional"][holder], 0.0) if len(held) else 0.0
        pooled = total.reshape(raster.bins, raster.bin_pool, len(part)).max(axis=1)
        columns = np.maximum.reduceat(pooled, np.arange(0, len(part), raster.pool), axis=1)
        at = begin // raster.pool
        found[at : at + columns.shape[1]] = columns.T
    return found


def _book_raster(picture: Picture, rows: Table) -> Raster | None:
    bars = picture.results.window_bars
    seen = rows[rows["ref_ts"] >= picture.results.window.start]
    if not len(bars) or not len(seen):
        return None
    params = picture.results.params.get("liquidity_heatmap")
    height = float(getattr(params, "step_ticks", 1)) * picture.results.instrument.tick_size
    low, high = float(bars["low"].min()) * (1.0 - BOOK_AROUND), float(bars["high"].max()) * (1.0 + BOOK_AROUND)
    first, last = math.floor(low / height), math.floor(high / height)
    pool = -(-(last - first + 1) // HEAT_BINS)
    first = first // pool * pool
    edges, columns = column_edges(picture)
    volume = float(np.nansum(bars["volume"] * bars["close"])) * 86_400e9 / max(int(edges[-1] - edges[0]), 1)
    full = scale_usd(volume * BOOK_FULL_BPS / 1e4 / SHARE_OF_INTEREST)
    return Raster(edges, columns, first, pool, (last - first) // pool + 1, height, first * height, False, full)


def _resting(rows: Table, raster: Raster, picture: Picture) -> Floats:
    """Dollars per (column, bin) that rested during the column: the largest of the fold's own means over shorter stretches."""
    inside = rows[(rows["ref_ts"] >= raster.edges[0]) & (rows["ref_ts"] < raster.edges[-1])]
    bins = inside["bin"] // raster.bin_pool - raster.first_bin // raster.bin_pool
    fits = (bins >= 0) & (bins < raster.bins)
    inside, bins = inside[fits], bins[fits]
    column = np.searchsorted(raster.edges, inside["ref_ts"], side="right") - 1
    inverse = picture.results.instrument.kind is ContractKind.INVERSE
    usd = inside["quantity"] * (1.0 if inverse else inside["bottom"])
    found = np.zeros((len(raster.edges) - 1, raster.bins))
    np.maximum.at(found, (column, bins), usd)
    return found


def _open_interest_usd(picture: Picture) -> float:
    interest = picture.results.stream("open_interest")
    price = picture.results.last_price
    if interest is None or not len(interest):
        return 1e9
    inverse = picture.results.instrument.kind is ContractKind.INVERSE
    return float(interest["open_interest"][-1]) * (1.0 if inverse else price)
