"""From entry to liquidation price, per tier and side: the kernels by which entries are moved and smeared.

A position of leverage L breaks a fixed log distance from its entry (`contract.liquidation_shift`), so the map of
where a tier breaks is its map of entries convolved with one kernel. The kernel is that distance, smeared by what we do
not know: which maintenance rate (size classes) and which leverage between two round ones (cross margin).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from perpscope.contract import RULES, Valuation, flat_tier, liquidation_shift, nearest_tiers, rule_for, tables_of, tier_arrays
from perpscope.contract.tiers import VENUES
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.mix import LEVERAGES, TIERS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SIZE_CLASSES = (0.5, 0.35, 0.15)
"""Share of opens whose maintenance rate is that of the venue's first, second and third risk tier. Our choice."""

PAD = 64
"""Constant cells around each cumulative kernel, so that an entry range of up to 64 bins needs no bounds checks."""


@dataclass(frozen=True)
class Kernels:
    """Kernels of all tiers and both sides, packed into one array, with their cumulative sums.

    The kernel of (side, tier) puts `density[at + j]` of an entry at bin i into bin i + first + j, for 0 <= j < length, with
    `at = start[side, tier]`; `cumulative[at + j]` is the sum of what lies before j. Sides are 0 long, 1 short.
    """

    density: Floats
    cumulative: Floats
    start: Ints
    first: Ints
    length: Ints


def tier_kernels(instrument: Instrument, ts: int, per_octave: int, spread: float, taker_fee: float) -> Kernels:
    """The kernels that hold for opens at a time.

    Definition: per tier and side, a spike at the shift of the round leverage (weight 1 - spread, isolated margin)
    and a triangle that reaches half-way to the shifts of the neighbouring leverages (weight spread, cross margin),
    each summed over `SIZE_CLASSES`, where a class caps the leverage at its own maximum. Spikes are split linearly
    between the two nearest bins, so that the mean shift is exact.

    Raises:
        UserError: if the instrument has no risk tiers at all, or a venue's rule cannot be applied to them. Outside the
            dates of its tables the nearest one is taken: an assumption that the report states.
    """
    table = tier_arrays(nearest_tiers(instrument, ts))
    rule = rule_for(instrument.venue, instrument.kind, ts) if instrument.venue in VENUES else None
    classes = []
    for share, rate, limit in zip(SIZE_CLASSES, table.rate, table.max_leverage):
        applied = float(rate) if rule is None else float(rule.tiers(flat_tier(float(rate)), taker_fee).rate[0])
        classes.append((share, applied, LEVERAGES[-1] if math.isnan(limit) else float(limit)))
    total = sum(share for share, _, _ in classes)
    valuation = Valuation.MARK if rule is None else rule.valuation
    pieces: list[Floats] = []
    sums: list[Floats] = []
    start, first, length = (np.zeros((2, TIERS), np.int64) for _ in range(3))
    at = 0
    for s, side in enumerate((PositionSide.LONG, PositionSide.SHORT)):
        smears = [np.zeros(0)] * TIERS
        for share, rate, limit in classes:
            ladder = np.minimum(LEVERAGES, limit)
            shifts = liquidation_shift(side, ladder, rate, kind=instrument.kind, valuation=valuation)
            distance = shifts * -side.sign * per_octave / math.log(2.0)
            _check(instrument, ladder, distance)
            for k in range(TIERS):
                smears[k] = _added(smears[k], share / total * _smear(distance, k, spread))
        for k, smear in enumerate(smears):
            near = int(np.flatnonzero(smear)[0])
            body = smear[near:]
            first[s, k] = near if s else -(near + len(body) - 1)
            body = body if s else body[::-1]
            start[s, k], length[s, k] = at + PAD, len(body)
            weights = body / body.sum()
            pieces.append(np.concatenate([np.zeros(PAD), weights, np.zeros(PAD + 2)]))
            sums.append(np.concatenate([np.zeros(PAD + 1), np.cumsum(weights)[:-1], np.ones(PAD + 2)]))
            at += len(pieces[-1])
    return Kernels(np.concatenate(pieces), np.concatenate(sums), start, first, length)


def kernel_edges(instrument: Instrument) -> Ints:
    """The times at which the kernels of an instrument may change: its tier tables and its venue's rules."""
    tables = tables_of(instrument)
    edges = {table.valid_from for table in tables} | {table.valid_to for table in tables}
    edges |= {rule.valid_from for rule in RULES if rule.venue == instrument.venue}
    known = sorted(edge for edge in edges if edge is not None)
    halves = [a + (b - a) // 2 for a, b in pairwise(known)]  # where the nearest table changes between two
    return np.array(sorted([*known, *halves]), np.int64)


def _check(instrument: Instrument, ladder: Floats, distance: Floats) -> None:
    wrong = ~(distance > 0.0)
    if wrong.any():
        raise UserError(
            f"A position of {ladder[wrong][0]:g}x on {instrument.venue} {instrument.symbol} would be liquidated at its entry: "
            "the maximum leverage and the maintenance rate of its risk tier do not fit. Check the imported tier table."
        )


def _smear(distance: Floats, k: int, spread: float) -> Floats:
    """Weights by whole bins of distance from the entry, of tier k: a spike and a triangle around `distance[k]`."""
    u = float(distance[k])
    ladder = np.unique(distance)
    i = int(np.searchsorted(ladder, u))
    near = (u - ladder[i - 1]) / 2.0 if i > 0 else np.nan
    far = (ladder[i + 1] - u) / 2.0 if i + 1 < len(ladder) else np.nan
    near, far = (float(x) if x == x else float(y) if y == y else 0.0 for x, y in ((near, far), (far, near)))
    near, far = max(min(near, u / 2.0), 0.25), max(far, 0.25)
    out = np.zeros(math.ceil(u + far) + 2)
    floor = math.floor(u)
    out[floor] += (1.0 - spread) * (1.0 - (u - floor))
    out[floor + 1] += (1.0 - spread) * (u - floor)
    edges = np.arange(len(out) + 1) - 0.5
    rising = np.clip((edges - (u - near)) / near, 0.0, 1.0) ** 2 * near
    falling = (1.0 - (1.0 - np.clip((edges - u) / far, 0.0, 1.0)) ** 2) * far
    out += spread * np.diff((rising + falling) / (near + far))
    return out


def _added(a: Floats, b: Floats) -> Floats:
    out = np.zeros(max(len(a), len(b)))
    out[: len(a)] += a
    out[: len(b)] += b
    return out
