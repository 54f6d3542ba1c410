"""Order blocks: the last opposite bar before the leg that broke structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, price
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least, follows, one_of
from perpscope.market.zones import LINK, MEASURE, NO_BIRTHS, live_zones, zone_schema, zone_state, zone_table
from perpscope.numeric.jit import njit

ORDER_BLOCKS = zone_schema(
    "order_blocks",
    Column("break_id", "id", "the break that made it (with require = none: the swing)", "int64"),
    price("prior_swing", "swing ahead that a block not born of a break must exceed to become a breaker; NaN when it has"),
)

REQUIREMENTS = ("gap_or_displacement", "break", "none")


@dataclass(frozen=True)
class OrderBlockParams:
    """zone: "range" (low to high of the block's bar) or "body". back: how many bars before the origin are searched.
    require: what the leg must show: "gap_or_displacement", "break" (nothing more) or "none" (no break either: every
    confirmed swing has its block)."""

    zone: str = "range"
    back: int = 3
    require: str = "gap_or_displacement"
    max_live: int = 500
    max_age_bars: int = 2000

    def __post_init__(self) -> None:
        one_of("zone of order_blocks", self.zone, ("range", "body"))
        one_of("require of order_blocks", self.require, REQUIREMENTS)
        at_least("order_blocks.back", self.back, 0)
        at_least("order_blocks.max_live", self.max_live, 2)
        at_least("order_blocks.max_age_bars", self.max_age_bars, 2)


class OrderBlocks(Feature):
    """The bar from which a structure-breaking leg took off, as a zone.

    Definition: at an up-break known at bar i of a swing at p, the origin m is the bar of the lowest low in (p, i]
    (ties: the latest); the block is the last bar with close < open among m, m-1, .. m-back, its zone [low, high].
    The leg m..i must hold a displacement up, or a bullish fair value gap whose middle bar lies in it. Down by mirror.
    No opposite bar, no block. Life as for a fair value gap ("halved" is the mean threshold).
    Disputed: smartmoneyconcepts and LuxAlgo take bar m whatever its colour; `zone = "body"` takes open to close;
    `require` may be "break", or "none": then every confirmed swing low is an origin, without waiting for a break,
    and `prior_swing` is the last confirmed swing high before it, until price exceeds it. One bar makes one block,
    however many breaks it feeds.
    Units: price in quote currency. `ref_ts` = the block's bar, `known_ts` of the opening = close of the breaking bar,
    never earlier. A hole in the bars expires live blocks; origins are searched at most `max_age_bars` back.
    Source: STRUCTURE ST5.

    Example:
        >>> OrderBlocks(OrderBlockParams(require="break")).inputs
        ('bars', 'breaks')
    """

    Params = OrderBlockParams
    spec = FeatureSpec(
        name="order_blocks",
        title="Order blocks",
        inputs=("bars", "breaks", "fair_value_gaps", "displacements"),
        output=ORDER_BLOCKS,
        source="STRUCTURE ST5",
        shape="zone",
        pane="price",
        episodes=True,
    )

    @property
    def inputs(self) -> tuple[str, ...]:
        if self.params.require == "none":
            return ("bars", "swings")
        return self.spec.inputs if self.params.require == "gap_or_displacement" else ("bars", "breaks")

    @property
    def warmup(self) -> int:
        return 3

    @property
    def lookback(self) -> int:
        return int(self.params.max_age_bars)

    def start(self, instrument: Instrument) -> State:
        depth = self.params.max_age_bars
        return {
            "meta": np.array([NULL_TS, 0]),  # last close, bars in the ring
            "ring": np.zeros((4, depth)),  # open, high, low, close
            "ring_ref": np.zeros(depth, np.int64),
            "marks": np.full((2, 2), NULL_TS),  # per direction: ref_ts of the last sign of force, of the last block
            "prior": np.full(2, np.nan),  # price of the last swing per side
            "zones": zone_state(instrument.tick_size, self.params.max_live),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        p = self.params
        origins, codes, prices = _origins(batch)
        force, sides = _signs_of_force(batch)
        room = len(origins[0])
        ints, floats = np.empty((6, room), np.int64), np.empty((3, room))
        found = _block_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["open"], bars["high"], bars["low"], bars["close"],
            *origins, codes, prices, *force, sides, p.require == "none", p.require == "gap_or_displacement",
            p.zone == "body", p.back, state["zones"]["tick"], state["meta"], state["ring"], state["ring_ref"],
            state["marks"], state["prior"], ints, floats,
        )  # fmt: skip
        births = (ints[:, :found], floats[:, :found]) if found else NO_BIRTHS
        rows, values, n = live_zones(state["zones"], bars, births, p.max_age_bars)
        if n == 0:
            return ORDER_BLOCKS.empty()
        return zone_table(ORDER_BLOCKS, rows, values, n, break_id=rows[LINK, :n], prior_swing=values[MEASURE, :n])


def _origins(batch: Batch) -> tuple[tuple[Array, Array, Array], Array, Array]:
    """What a block may spring from: (known_ts, ref_ts, id), the direction of the block, and the swing's price."""
    if "breaks" in batch:
        breaks = batch["breaks"]
        return (breaks["known_ts"], breaks["ref_ts"], breaks["id"]), breaks["direction"], breaks["level"]
    swings = batch["swings"]
    first = np.flatnonzero(swings["event"] == 1)
    at = (swings["known_ts"][first], swings["ref_ts"][first], swings["id"][first])
    return at, 3 - swings["side"][first], swings["price"][first]


def _signs_of_force(batch: Batch) -> tuple[tuple[Array, Array], Array]:
    """Displacements and opened gaps by known time: (known_ts, ref_ts) and direction."""
    if "displacements" not in batch:
        nothing = np.empty(0, np.int64)
        return (nothing, nothing), np.empty(0, np.int8)
    moves, gaps = batch["displacements"], batch["fair_value_gaps"]
    opened = np.flatnonzero(gaps["event"] == 1)
    if not len(opened):
        return (moves["known_ts"], moves["ref_ts"]), moves["direction"]
    both = [np.concatenate([moves[name], gaps[name][opened]]) for name in ("known_ts", "ref_ts", "direction")]
    order = np.argsort(both[0], kind="stable")
    return (both[0][order], both[1][order]), both[2][order]


@njit
def _block_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, open_: Array, high: Array, low: Array, close: Array,
    o_known: Array, o_ref: Array, o_id: Array, o_direction: Array, o_price: Array,
    f_known: Array, f_ref: Array, f_direction: Array,
    from_swings: bool, forceful: bool, body: bool, back: int, tick: float,
    meta: Array, ring: Array, ring_ref: Array, marks: Array, prior: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    """Births of zones (see `market.zones`); returns their number."""
    n, o, f = 0, 0, 0
    depth = ring_ref.size
    for i in range(ref_ts.size):
        if not complete[i]:
            continue
        if not follows(ref_ts[i], meta):
            meta[1] = 0
            marks[:, 0] = -(2**63)
            prior[:] = np.nan
        meta[0] = known_ts[i]
        at = meta[1] % depth
        ring[0, at], ring[1, at], ring[2, at], ring[3, at] = open_[i], high[i], low[i], close[i]
        ring_ref[at] = ref_ts[i]
        meta[1] += 1
        while f < f_known.size and f_known[f] <= known_ts[i]:
            d = f_direction[f] - 1
            marks[d, 0] = max(marks[d, 0], f_ref[f])
            f += 1
        begin = o
        while o < o_known.size and o_known[o] <= known_ts[i]:
            d = o_direction[o] - 1
            sign = 1.0 - 2.0 * d
            m = _origin(sign, o_ref[o], from_swings, meta[1], ring, ring_ref, tick)
            block = _opposite(sign, m, back, meta[1], ring)
            fresh = block >= 0 and ring_ref[block] != marks[d, 1]
            if fresh and forceful:
                fresh = marks[d, 0] >= ring_ref[m]
            if fresh:
                marks[d, 1] = ring_ref[block]
                ints[0, n], ints[1, n], ints[2, n] = known_ts[i], known_ts[i], ring_ref[block]
                ints[3, n], ints[4, n], ints[5, n] = ring_ref[block] // 1_000_000 * 8, o_id[o], d + 1
                bottom, top = ring[2, block], ring[1, block]
                if body:
                    bottom, top = min(ring[0, block], ring[3, block]), max(ring[0, block], ring[3, block])
                floats[0, n], floats[1, n] = bottom, top
                floats[2, n] = np.nan
                if from_swings and not _exceeded(sign, prior[d], o_ref[o], meta[1], ring, ring_ref, tick):
                    floats[2, n] = prior[d]
                n += 1
            o += 1
        if from_swings:
            for k in range(begin, o):
                prior[2 - o_direction[k]] = o_price[k]
    return n


@njit
def _origin(sign: float, since: int, exact: bool, seen: int, ring: Array, ring_ref: Array, tick: float) -> int:
    """Ring position of the lowest low (mirrored for -1) after the bar `since`, ties: the latest; or of that bar itself."""
    depth = ring_ref.size
    row = 2 if sign > 0 else 1
    best = (seen - 1) % depth
    for back in range(min(seen, depth)):
        at = (seen - 1 - back) % depth
        if exact and ring_ref[at] == since:
            return at
        if ring_ref[at] <= since:
            break
        if np.rint(sign * ring[row, at] / tick) < np.rint(sign * ring[row, best] / tick):
            best = at
    return -1 if exact else best


@njit
def _exceeded(sign: float, level: float, since: int, seen: int, ring: Array, ring_ref: Array, tick: float) -> bool:
    """Whether price traded beyond a level after the bar `since`."""
    depth = ring_ref.size
    row = 1 if sign > 0 else 2
    for back in range(min(seen, depth)):
        at = (seen - 1 - back) % depth
        if ring_ref[at] <= since:
            return False
        if np.rint(sign * ring[row, at] / tick) > np.rint(sign * level / tick):
            return True
    return False


@njit
def _opposite(sign: float, m: int, back: int, seen: int, ring: Array) -> int:
    """Ring position of the last bar that closed against the leg among m and the `back` bars before it; -1 if none did."""
    depth = ring.shape[1]
    age = (seen - 1 - m) % depth
    for j in range(back + 1):
        if m < 0 or age + j >= min(seen, depth):
            return -1
        at = (m - j) % depth
        if sign * (ring[3, at] - ring[0, at]) < 0.0:
            return at
    return -1
