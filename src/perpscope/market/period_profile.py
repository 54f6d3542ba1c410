"""Profiles of periods (days, hours) as they form: trades or bars in, one row per bar and the bins of each period out.

Two features read profiles, one row per bar (developing point of control and value area) and the bins at the end;
the one kernel here makes both, so that they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.batch import Batch
from perpscope.core.table import Array
from perpscope.core.time import NULL_TS
from perpscope.market.profile import (
    COMPLETE,
    END,
    EXPECTED,
    FAR,
    FIRST,
    HIGH,
    LOW,
    PREVIOUS_END,
    PRINTS,
    START,
    STEP,
    auto_step,
    cells_for,
    clear_cells,
    fill_cells,
    point_of_control,
    spread_bar,
    value_area,
)
from perpscope.numeric.binning import to_ticks
from perpscope.numeric.jit import njit


@dataclass(frozen=True)
class ProfileRules:
    """How bins are made and read; see the features for the meaning of each."""

    period_ns: int
    step_ticks: int
    bin_bps: float
    fraction: float
    rows: int
    tie: int
    poc_tie: int
    min_bins: int


def fresh_profile() -> dict[str, Array]:
    """The state of a profile that has not begun."""
    ints = np.zeros(10, np.int64)
    ints[START] = ints[END] = ints[EXPECTED] = ints[PREVIOUS_END] = NULL_TS
    ints[STEP], ints[LOW], ints[HIGH] = 1, FAR, -FAR
    return {"ints": ints, "cells": np.zeros((2, 64)), "previous": np.full(3, np.nan)}


def fold_profile(
    state: dict[str, Array], batch: Batch, tick_size: float, rules: ProfileRules, want_bins: bool
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Advance by a batch with "bars" and perhaps "trade".

    Returns four arrays. Per bar, as columns: nine numbers (poc, vah, val, share inside, bins, volume, and poc, vah,
    val of the period before) and two flags (complete, final). Per bin of every period that ended, as lines, only
    when `want_bins`: five integers (period start, known_ts, lowest tick, step, mark: 1 in the value area + 2 the
    point of control + 4 complete) and two numbers (volume, buy volume).
    """
    bars = batch["bars"]
    has_trades = "trade" in batch
    if has_trades:
        trades = batch["trade"]
        stamps, quantity, side = trades["exchange_ts"], trades["quantity"], trades["aggressor_side"]
        price = trades["price"]
    else:
        stamps, quantity = np.empty(0, np.int64), np.empty(0)
        side, price = np.empty(0, np.int8), np.empty(0)
    series = np.empty((9, len(bars)))
    flags = np.empty((2, len(bars)), np.bool_)
    cells, ended, lines, volumes = _profile_kernel(
        stamps, price, quantity, side, has_trades,
        bars["ref_ts"], bars["known_ts"], bars["open"], to_ticks(bars["low"], tick_size),
        to_ticks(bars["high"], tick_size), bars["volume"], bars["buy_volume"], bars["complete"],
        rules.period_ns, rules.step_ticks, rules.bin_bps, rules.fraction, rules.rows, rules.tie, rules.poc_tie,
        rules.min_bins, tick_size, want_bins, state["ints"], state["cells"], state["previous"], series, flags,
    )  # fmt: skip
    state["cells"] = cells
    return series, flags, lines[:ended], volumes[:ended]


@njit
def _begin(cells: Array, ints: Array, start: int, period: int, price: float, fixed: int, tick_size: float, bps: float) -> None:
    clear_cells(cells, ints)
    ints[START], ints[END] = start, start + period
    ints[STEP] = fixed if fixed > 0 else auto_step(price, tick_size, bps)
    ints[EXPECTED], ints[COMPLETE], ints[PRINTS] = start, 1, 0


@njit
def _list_bins(
    cells: Array, ints: Array, known: int, complete: int, fraction: float, rows: int, tie: int, poc_tie: int,
    n: int, lines: Array, volumes: Array,
) -> tuple[int, Array, Array]:  # fmt: skip
    """Append the period's bins with volume; returns the new count and the arrays, which may be new."""
    if ints[LOW] > ints[HIGH]:
        return n, lines, volumes
    low, high = ints[LOW] - ints[FIRST], ints[HIGH] - ints[FIRST]
    if n + high - low + 1 > lines.shape[0]:
        room = 2 * (n + high - low + 1)
        more_lines, more_volumes = np.empty((room, 5), np.int64), np.empty((room, 2))
        for i in range(n):
            for c in range(5):
                more_lines[i, c] = lines[i, c]
            more_volumes[i, 0], more_volumes[i, 1] = volumes[i, 0], volumes[i, 1]
        lines, volumes = more_lines, more_volumes
    poc = point_of_control(cells[0], low, high, poc_tie)
    bottom, top, _ = value_area(cells[0], low, high, poc, fraction, rows, tie)
    for k in range(low, high + 1):
        if cells[0, k] > 0:
            lines[n, 0], lines[n, 1] = ints[START], known
            lines[n, 2], lines[n, 3] = (k + ints[FIRST]) * ints[STEP], ints[STEP]
            lines[n, 4] = (1 if bottom <= k <= top else 0) + (2 if k == poc else 0) + 4 * complete
            volumes[n, 0], volumes[n, 1] = cells[0, k], cells[1, k]
            n += 1
    return n, lines, volumes


@njit
def _profile_kernel(
    ts: Array, price: Array, quantity: Array, side: Array, has_trades: bool,
    ref: Array, known: Array, opens: Array, lows: Array, highs: Array, volume: Array, buys: Array, whole: Array,
    period: int, fixed: int, bps: float, fraction: float, rows: int, tie: int, poc_tie: int,
    min_bins: int, tick_size: float, want_bins: bool, ints: Array, cells: Array, previous: Array, series: Array,
    flags: Array,
) -> tuple[Array, int, Array, Array]:  # fmt: skip
    """Trades and bars in order of time; a bar that closes at t comes before a trade stamped t, which belongs to the next."""
    lines, volumes, n, i = np.empty((64, 5), np.int64), np.empty((64, 2)), 0, 0
    for b in range(ref.size + 1):
        last = b == ref.size
        until = FAR if last else known[b]
        while i < ts.size and ts[i] < until:
            if ts[i] >= ints[END]:
                if want_bins:
                    n, lines, volumes = _list_bins(cells, ints, ts[i], 0, fraction, rows, tie, poc_tie, n, lines, volumes)
                _begin(cells, ints, ts[i] // period * period, period, price[i], fixed, tick_size, bps)
            k = np.int64(np.rint(price[i] / tick_size)) // ints[STEP]
            cells = cells_for(cells, ints, k, k)
            j = fill_cells(ts, price, quantity, side, i, min(until, ints[END]), tick_size, False, ints, cells)
            ints[PRINTS] += j - i
            i = j
        if last:
            break
        if ref[b] >= ints[END]:
            if want_bins:
                n, lines, volumes = _list_bins(cells, ints, known[b], 0, fraction, rows, tie, poc_tie, n, lines, volumes)
            _begin(cells, ints, ref[b] // period * period, period, opens[b], fixed, tick_size, bps)
        if ref[b] != ints[EXPECTED] or not whole[b] or (has_trades and volume[b] > 0 and ints[PRINTS] == 0):
            ints[COMPLETE] = 0
        ints[EXPECTED], ints[PRINTS] = known[b], 0
        if not has_trades and volume[b] > 0:
            cells = spread_bar(cells, ints, lows[b], highs[b], volume[b], buys[b])
        low, high = ints[LOW] - ints[FIRST], ints[HIGH] - ints[FIRST]
        final = known[b] >= ints[END]
        for c in range(9):
            series[c, b] = np.nan
        series[4, b] = max(0, high - low + 1)
        series[5, b] = 0.0
        for k in range(low, high + 1):
            series[5, b] += cells[0, k]
        if high - low + 1 >= min_bins:
            poc = point_of_control(cells[0], low, high, poc_tie)
            bottom, top, inside = value_area(cells[0], low, high, poc, fraction, rows, tie)
            step = ints[STEP]
            series[0, b] = ((poc + ints[FIRST]) * step + (step - 1) * 0.5) * tick_size
            series[1, b] = ((top + ints[FIRST]) * step + step - 1) * tick_size
            series[2, b] = (bottom + ints[FIRST]) * step * tick_size
            series[3, b] = inside
        if ints[PREVIOUS_END] == ints[START]:
            series[6, b], series[7, b], series[8, b] = previous[0], previous[1], previous[2]
        flags[0, b], flags[1, b] = ints[COMPLETE] == 1, final
        if final:
            if want_bins:
                n, lines, volumes = _list_bins(
                    cells, ints, known[b], ints[COMPLETE], fraction, rows, tie, poc_tie, n, lines, volumes
                )
            for k in range(3):
                previous[k] = series[k, b] if ints[COMPLETE] == 1 else np.nan
            ints[PREVIOUS_END] = ints[END]
            clear_cells(cells, ints)
    return cells, n, lines, volumes
