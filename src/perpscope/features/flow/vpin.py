"""Order-flow toxicity in volume time: VPIN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import GapKind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, quantity, row_schema
from perpscope.core.time import DAY, NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

VPIN = row_schema(
    "vpin",
    Column("vpin", "fraction", "mean of |bought - sold| / bucket over the last buckets"),
    quantity("bucket_quantity", "base units in a bucket of this day"),
    quantity("buy_volume", "bought in this bucket", mirror="swap:sell_volume"),
    quantity("sell_volume", "sold in this bucket", mirror="swap:buy_volume"),
)


class Vpin(Feature):
    """How one-sided trading is, measured in buckets of equal volume with the venue's own aggressor flag.

    Definition: trades fill buckets of V base units and are split at the edge; VPIN = mean of |bought - sold| / V over the
    last `buckets` of them. V = volume of the UTC day before / `per_day`, taken when a bucket opens. The first day
    after the start or a gap of the trades cannot be known to be whole, so buckets begin on the second day after it; a
    gap drops the open bucket and the past ones. Disputed: the original guesses sides from price changes in bulk; venues
    tell us the aggressor, so nothing is guessed. It is a state of the market, not a direction.
    Units: fraction 0..1. `ref_ts` = first trade of the bucket, `known_ts` = the trade that filled it. `buckets` of them
    are needed for the first row.
    Source: Easley, Lopez de Prado, O'Hara, Review of Financial Studies 25 (2012).

    Example:
        >>> Vpin().params.per_day
        50
    """

    @dataclass(frozen=True)
    class Params:
        buckets: int = 50
        per_day: int = 50

        def __post_init__(self) -> None:
            at_least("vpin.buckets", self.buckets, 1)
            at_least("vpin.per_day", self.per_day, 1)

    spec = FeatureSpec(
        name="vpin",
        title="VPIN",
        inputs=("trade",),
        output=VPIN,
        source="Easley, Lopez de Prado, O'Hara 2012",
        shape="line",
        pane="sigma",
        framed=False,
    )

    def start(self, instrument: Instrument) -> State:
        return {
            "ints": np.array([NULL_TS, 0, 0, NULL_TS], np.int64),
            "sums": np.zeros(5),
            "ring": np.zeros(self.params.buckets),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        trades, gaps, p = batch["trade"], batch["gap"], self.params
        ends = np.sort(gaps["end_ts"][gaps["kind"] == GapKind.TRADE])
        n, times, values = _vpin_kernel(
            trades["exchange_ts"], trades["quantity"], trades["aggressor_side"], ends, p.per_day,
            state["ints"], state["sums"], state["ring"],
        )  # fmt: skip
        if not n:
            return VPIN.empty()
        columns = {name: values[:n, k] for k, name in enumerate(VPIN.names[2:])}
        return Table.of(VPIN, ref_ts=times[:n, 0], known_ts=times[:n, 1], **columns)


@njit
def _vpin_kernel(
    ts: Array, quantity: Array, side: Array, gap_ends: Array, per_day: int, ints: Array, sums: Array, ring: Array
) -> tuple[int, Array, Array]:
    """ints: [day, whole days seen, buckets held (next slot modulo the ring), first trade of the open bucket];
    sums: [volume of this day, of the day before, bucket's size, bought, sold]."""
    n, g = 0, 0
    times, values = np.empty((64, 2), np.int64), np.empty((64, 4))
    for i in range(ts.size + 1):
        while g < gap_ends.size and (i == ts.size or gap_ends[g] <= ts[i]):
            ints[0] = ints[3] = NULL_TS
            ints[1] = ints[2] = 0
            g += 1
        if i == ts.size:
            break
        day = ts[i] // DAY
        if ints[0] != day:
            # a day counts only if the one before it was seen too, and nothing was missing in between
            whole = ints[0] == day - 1
            ints[1] = ints[1] + 1 if whole else 0
            sums[1], sums[0] = sums[0], 0.0
            ints[0] = day
            if ints[1] < 2:
                ints[2], ints[3] = 0, NULL_TS
        sums[0] += quantity[i]
        if ints[1] < 2:
            continue
        left = quantity[i]
        while left > 0:
            if ints[3] == NULL_TS:
                ints[3] = ts[i]
                sums[2], sums[3], sums[4] = sums[1] / per_day, 0.0, 0.0
            room = sums[2] - sums[3] - sums[4]
            part = min(left, room)
            sums[2 + side[i]] += part
            left -= part
            if part < room:
                break
            ring[ints[2] % ring.size] = abs(sums[3] - sums[4]) / sums[2]
            ints[2] += 1
            if ints[2] >= ring.size:
                if n == times.shape[0]:
                    more_times, more_values = np.empty((2 * n, 2), np.int64), np.empty((2 * n, 4))
                    for k in range(n):
                        more_times[k, 0], more_times[k, 1] = times[k, 0], times[k, 1]
                        for c in range(4):
                            more_values[k, c] = values[k, c]
                    times, values = more_times, more_values
                mean = 0.0
                for k in range(ring.size):
                    mean += ring[k] / ring.size
                times[n, 0], times[n, 1] = ints[3], ts[i]
                values[n, 0], values[n, 1], values[n, 2], values[n, 3] = mean, sums[2], sums[3], sums[4]
                n += 1
            ints[3] = NULL_TS
    return n, times, values
