"""The tape as orders: fills of one aggressive order put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import TRADE
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, flag, price, quantity, row_schema
from perpscope.core.units import AggressorSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least, one_of
from perpscope.market.tape import Grouping, group_fills, no_fill
from perpscope.numeric.binning import to_ticks
from perpscope.numeric.jit import njit

MILLISECOND = 1_000_000

ORDERS = row_schema(
    "orders",
    choice("aggressor_side", AggressorSide, "who crossed the spread", mirror="flip"),
    Column("fills", "count", "public fills of the order"),
    quantity("quantity", "base units, all fills"),
    price("vwap", "average price paid"),
    price("first_price", "of the first fill"),
    price("last_price", "of the last fill"),
    Column("levels", "count", "distinct prices it took from"),
    Column("span", "ticks", "ticks between the first and the last price"),
    flag("partial", "a trade id is missing next to it, so it may be part of a larger order"),
)


class Orders(Feature):
    """Aggressive orders, rebuilt from their public fills.

    Definition: consecutive fills of equal side, equal exchange_ts, consecutive trade ids and a price that never improves for
    the taker are one order (`grouping = "same_stamp"`). "window" allows `window_ms` between two fills, for feeds that merge
    fills of one price within a tenth of a second; "none" makes every fill an order. Two takers in one millisecond
    merge, so the number of orders is a lower bound and the largest an upper one.
    Units: base units, prices; `span` in ticks. `ref_ts` is the first fill, `known_ts` the last fill plus what one must
    wait to be sure that no other follows (1 ms, or the window), whatever ended it.
    Source: own; checked on a recorded tape (ORDERFLOW section 11).

    Example:
        >>> Orders(Orders.Params(grouping="window")).hold_ns
        50000000
    """

    @dataclass(frozen=True)
    class Params:
        grouping: str = "same_stamp"
        window_ms: int = 50

        def __post_init__(self) -> None:
            one_of("grouping of orders", self.grouping, ("same_stamp", "window", "none"))
            at_least("orders.window_ms", self.window_ms, 1)

    spec = FeatureSpec(
        name="orders",
        title="Aggressive orders",
        inputs=("trade",),
        output=ORDERS,
        source="own",
        shape="marker",
        pane="price",
        wakes="watermark",
        framed=False,
    )

    @property
    def hold_ns(self) -> int:
        return int(self.params.window_ms) * MILLISECOND if self.params.grouping == "window" else MILLISECOND

    def start(self, instrument: Instrument) -> State:
        return {"tick": instrument.tick_size, "fills": TRADE.empty(), "before": no_fill()}

    def fold(self, state: State, batch: Batch) -> Table:
        fills = Table.concat([state["fills"], batch["trade"]])
        if not len(fills):
            return ORDERS.empty()
        grouping = Grouping[self.params.grouping.upper()]
        starts, partial = group_fills(fills, state["tick"], grouping, self.hold_ns, state["before"])
        ends = np.append(starts[1:], len(fills))
        # a group ended by the missing id of the fill after it is told so by that fill, which shares its time
        known = fills["exchange_ts"][ends - 1] + self.hold_ns
        done = int(np.searchsorted(known, batch.watermark_ts, side="right"))
        cut = int(ends[done - 1]) if done else 0
        state["fills"] = fills[cut:]
        if not done:
            return ORDERS.empty()
        ticks = to_ticks(fills["price"][:cut], state["tick"])
        state["before"] = np.array(
            [fills[c][cut - 1] for c in ("exchange_ts", "trade_id", "aggressor_side")] + [ticks[-1]], np.int64
        )
        starts, ends = starts[:done], ends[:done]
        out = np.empty((3, done))
        _sum_kernel(starts, ends, fills["price"], fills["quantity"], ticks, out)
        first, last = ticks[starts], ticks[ends - 1]
        return Table.of(
            ORDERS,
            ref_ts=fills["exchange_ts"][starts],
            known_ts=known[:done],
            aggressor_side=fills["aggressor_side"][starts],
            fills=ends - starts,
            quantity=out[0],
            vwap=out[1],
            first_price=fills["price"][starts],
            last_price=fills["price"][ends - 1],
            levels=out[2],
            span=np.abs(last - first),
            partial=partial[:done],
        )


@njit
def _sum_kernel(starts: Array, ends: Array, paid: Array, quantity: Array, ticks: Array, out: Array) -> None:
    for k in range(starts.size):
        total, mean, levels = 0.0, 0.0, 1
        for i in range(starts[k], ends[k]):
            total += quantity[i]
            if total > 0:
                mean += (paid[i] - mean) * (quantity[i] / total)
            if i > starts[k] and ticks[i] != ticks[i - 1]:
                levels += 1
        out[0, k], out[1, k], out[2, k] = total, mean, levels
