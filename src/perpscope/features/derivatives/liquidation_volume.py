"""Volume closed by force, per bar and side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import GapKind, LiquidationFeed
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, quantity, row_schema
from perpscope.core.time import NULL_TS, WEEK, Timeframe
from perpscope.core.units import PositionSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.window import mid_rank, push_sorted, quantile_state

LIQUIDATION_VOLUME = row_schema(
    "liquidation_volume",
    quantity("long_quantity", "longs closed by force, base units; NaN where nothing was told", mirror="swap:short_quantity"),
    quantity("short_quantity", "shorts closed by force, base units; NaN where nothing was told", mirror="swap:long_quantity"),
    Column("long_notional", "notional", "price x quantity of the events; close x quantity of totals"),
    Column("short_notional", "notional", "price x quantity of the events; close x quantity of totals"),
    Column("percentile", "fraction", "mid-rank of both sides' quantity among the 7 days before"),
    choice("feed", LiquidationFeed, "how much of the truth the source shows; absent without a source row"),
)


class LiquidationVolume(Feature):
    """What was closed by force in the bar, on which side, and how unusual that is.

    Definition: sums over the bar by `position_side`: totals that lie within the bar where the source has totals, else
    single events with open <= exchange_ts < close, exact copies counted once (recorded logs repeat rows). A bar without a
    total is absent, not zero; a bar without an event is zero, because an event feed says nothing when nothing happens. A gap
    of the liquidation feed makes its bars absent. `percentile` is the mid-rank of the sum of both sides among the
    bars of the 7 days before, from `n_min` on. Binance and OKX publish at most one event per second and symbol, so
    bursts are undercounted most when they matter: `feed` says so.
    Units: base units, notional in quote coin. One row per bar, known at its close.
    Source: own; STRUCTURE ST31.

    Example:
        >>> LiquidationVolume(frame="1h").lookback
        168
    """

    @dataclass(frozen=True)
    class Params:
        n_min: int = 48
        event_feed: int = int(LiquidationFeed.ONE_PER_SECOND)

        def __post_init__(self) -> None:
            at_least("liquidation_volume.n_min", self.n_min, 1)

    spec = FeatureSpec(
        name="liquidation_volume",
        title="Liquidation volume",
        inputs=("bars", "liquidation_totals?", "liquidation?"),
        output=LIQUIDATION_VOLUME,
        source="own",
        shape="histogram",
        pane="liquidations",
    )
    exempt: ClassVar = {
        "mirror": "notional is price x quantity, which p -> C - p does not keep; tests/features/derivatives mirrors quantities"
    }

    @property
    def lookback(self) -> int:
        return max(WEEK // Timeframe.parse(self.frame or "1h").ns, self.params.n_min)

    def start(self, instrument: Instrument) -> State:
        ring, ordered, counts = quantile_state(self.lookback)
        return {
            "ints": np.array([NULL_TS, NULL_TS, 0, NULL_TS, NULL_TS], np.int64),
            "sums": np.zeros(4),
            "last": np.zeros(4),
            "ring": ring,
            "ordered": ordered,
            "counts": counts,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, n = batch["bars"], len(batch["bars"])
        totals = "liquidation_totals" in batch
        begun, ended, amounts, feeds = _told(batch, self.params.event_feed)
        silent = self.params.event_feed if not totals and "liquidation" in batch else 0
        frame = Timeframe.parse(self.frame or "1h")
        gaps = batch["gap"]
        lost = gaps[gaps["kind"] == GapKind.LIQUIDATION]
        out, feed = np.empty((5, n)), np.empty(n, np.int8)
        _volume_kernel(
            begun, ended, amounts, feeds, totals, bars["ref_ts"], bars["known_ts"], bars["close"],
            lost["known_ts"], frame.ns, frame.floor(0), self.params.n_min, silent,
            state["ints"], state["sums"], state["last"], state["ring"], state["ordered"], state["counts"], out, feed,
        )  # fmt: skip
        if not n:
            return LIQUIDATION_VOLUME.empty()
        names = ("long_quantity", "short_quantity", "long_notional", "short_notional", "percentile")
        values = {name: out[k] for k, name in enumerate(names)}
        return Table.of(LIQUIDATION_VOLUME, ref_ts=bars["ref_ts"], known_ts=bars["known_ts"], feed=feed, **values)


def _told(batch: Batch, event_feed: int) -> tuple[Array, Array, Array, Array]:
    """Start, end, (4, n) amounts as in the kernel's sums, and feed of every row of the source; totals before events."""
    if "liquidation_totals" in batch:
        rows = batch["liquidation_totals"]
        absent = np.full(len(rows), np.nan)
        amounts = np.stack([rows["long_quantity"], rows["short_quantity"], absent, absent])
        return rows["ref_ts"], rows["known_ts"], amounts, rows["feed"].astype(np.int64)
    if "liquidation" in batch:
        rows = batch["liquidation"]
        sides = np.stack([rows["position_side"] == s for s in PositionSide])
        amounts = np.concatenate([sides * rows["quantity"], sides * (rows["price"] * rows["quantity"])])
        return rows["exchange_ts"], rows["exchange_ts"], amounts, np.full(len(rows), event_feed)
    nothing = np.empty(0, np.int64)
    return nothing, nothing, np.empty((4, 0)), nothing


@njit
def _volume_kernel(
    begun: Array, ended: Array, amounts: Array, feeds: Array, totals: bool, ref: Array, known: Array, close: Array,
    lost_known: Array, frame: int, offset: int, n_min: int, silent: int,
    ints: Array, sums: Array, last: Array, ring: Array, ordered: Array, counts: Array, out: Array, feed: Array,
) -> None:  # fmt: skip
    """ints: [expected open, stamp of the last row, feed of the sums, bar of the sums, end of the last gap]; sums: long and
    short quantity, long and short notional. A total known at the close belongs to that bar, an event at it to the next;
    a total that reaches over the edge of a bar to none."""
    i, g = 0, 0
    for b in range(ref.size + 1):
        final = b == ref.size
        while g < lost_known.size and (final or lost_known[g] <= known[b]):
            ints[4] = max(ints[4], lost_known[g])
            g += 1
        while i < ended.size and (final or ended[i] < known[b] or (totals and ended[i] == known[b])):
            copy = ended[i] == ints[1]
            for c in range(4):
                copy = copy and (amounts[c, i] == last[c] or amounts[c, i] != amounts[c, i])
                last[c] = amounts[c, i]
            ints[1] = ended[i]
            bar = (begun[i] - offset) // frame * frame + offset
            if ints[3] != bar:
                sums[:] = 0.0
                ints[2], ints[3] = 0, bar
            if not copy and ended[i] <= bar + frame:
                ints[2] = feeds[i]
                for c in range(4):
                    sums[c] += amounts[c, i]
            i += 1
        if final:
            return
        if ints[0] != ref[b]:
            ring[:] = np.nan
            counts[0] = counts[1] = 0
        ints[0] = known[b]
        spoken = ints[3] == ref[b] and ints[2] > 0
        feed[b] = 0 if ints[4] > ref[b] else (ints[2] if spoken else silent)
        for c in range(5):
            out[c, b] = np.nan
        total = np.nan
        if feed[b] > 0:
            total = sums[0] + sums[1] if spoken else 0.0
            for c in range(2):
                out[c, b] = sums[c] if spoken else 0.0
                out[2 + c, b] = (sums[c] * close[b] if totals else sums[2 + c]) if spoken else 0.0
            if counts[1] >= n_min:
                out[4, b] = mid_rank(total, ordered, counts[1])
        push_sorted(total, ring, ordered, counts)
