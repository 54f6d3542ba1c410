"""Liquidity pools: prices where stops are thought to rest, until they are swept or run through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import unknown_name
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.pools import DETAIL, NO_LEVELS, PoolSource, advance_pools, pool_state
from perpscope.market.structure import ExpiryCause, Extreme, at_least


class PoolEvent(IntEnum):
    """OPENED, GROWN by a further swing, then SWEPT, BROKEN (a run) or EXPIRED."""

    OPENED = 1
    GROWN = 2
    SWEPT = 3
    BROKEN = 4
    EXPIRED = 5


POOLS = row_schema(
    "pools",
    Column("id", "id", "the pool", "int64"),
    choice("event", PoolEvent, "opened, grown, swept, broken or expired"),
    choice("side", Extreme, "high: stops above; low: stops below", mirror="flip"),
    price("price", "the farthest member; stops rest beyond it"),
    Column("members", "count", "swings in the pool", "int64"),
    choice("source", PoolSource, "equal swings, a single swing, a period's level or a session's extreme"),
    price("depth", "how far beyond the pool price traded; NaN unless swept or broken", mirror="same"),
    Column("depth_atr", "ratio", "depth over the ATR before the first bar beyond; NaN likewise"),
    Column("bars_beyond", "count", "bars from the first trade beyond to the deciding close, that bar included; NaN likewise"),
    Column("wick_fraction", "fraction", "wick beyond the body, over the range of the bar that went farthest; NaN likewise"),
    choice("cause", ExpiryCause, "why an expired pool left: age, crowded or gap"),
)

SOURCES = ("equal", "swing", "period", "session")


@dataclass(frozen=True)
class PoolParams:
    """tolerance_atr: greatest distance of equal swings, in ATR. span_bars: greatest distance in time. sources: any of
    equal, swing, period, session, separated by commas. sweep_bars: closes (1 to 3) within which price must return."""

    tolerance_atr: float = 0.1
    span_bars: int = 200
    sources: str = "equal,swing"
    sweep_bars: int = 1
    atr_span: int = 14
    max_live: int = 500
    max_age_bars: int = 2000

    def __post_init__(self) -> None:
        for name in self.sources.split(","):
            if name.strip() not in SOURCES:
                raise unknown_name("source of pools", name.strip(), SOURCES)
        at_least("pools.tolerance_atr", self.tolerance_atr, 0.0)
        at_least("pools.span_bars", self.span_bars, 1)
        at_least("pools.sweep_bars", self.sweep_bars, 1)
        at_least("pools.atr_span", self.atr_span, 1)
        at_least("pools.max_live", self.max_live, 2)
        at_least("pools.max_age_bars", self.max_age_bars, 1)

    def takes(self, source: str) -> bool:
        return source in [name.strip() for name in self.sources.split(",")]


class Pools(Feature):
    """Equal highs and lows, single swings and other people's levels, as pools of resting stops.

    Definition: swing highs form one pool when they lie within `tolerance_atr` * ATR of each other, each at most
    `span_bars` after the one before, with no close above the highest in between; its price is the highest. The ATR is
    the one known before the bar that confirms the later swing. A further swing within the tolerance adds a GROWN row; a
    swing joins the latest pool it fits. A single swing is a pool of one (source "swing"), as are, when asked for, the
    previous period's high and low and the extremes of ended sessions. SWEPT: a bar trades at least one tick beyond,
    and a close returns to the pool or inside within `sweep_bars` closes, that bar's own the first. BROKEN: no such
    close came. Low pools by mirror. Disputed: the tolerance; smartmoneyconcepts scales it by the range of the whole
    sample, a look into the future, and LuxAlgo uses 0.1 ATR(200).
    Units: price in quote currency, ratios as named. `ref_ts` = the latest member's bar (the start of the period or
    session), `known_ts` = the confirming, sweeping or breaking close. A hole in the bars expires live pools.
    Source: STRUCTURE ST6 and ST7.

    Example:
        >>> Pools(PoolParams(sources="equal,swing,session")).inputs
        ('bars', 'swings', 'session_ranges')
    """

    Params = PoolParams
    spec = FeatureSpec(
        name="pools",
        title="Liquidity pools",
        inputs=("bars", "swings"),
        output=POOLS,
        source="STRUCTURE ST6, ST7",
        shape="line",
        pane="price",
        episodes=True,
    )

    @property
    def inputs(self) -> tuple[str, ...]:
        more = [name for source, name in (("period", "levels"), ("session", "session_ranges")) if self.params.takes(source)]
        return (*self.spec.inputs, *more)

    @property
    def warmup(self) -> int:
        return 1 if len(self.inputs) > 2 else 3

    @property
    def lookback(self) -> int:
        return int(self.params.max_age_bars)

    def start(self, instrument: Instrument) -> State:
        return pool_state(instrument.tick_size, self.params.max_live, self.params.span_bars)

    def fold(self, state: State, batch: Batch) -> Table:
        p = self.params
        tolerance = p.tolerance_atr if p.takes("equal") else -1.0
        ints, floats, n = advance_pools(
            state, batch["bars"], _first_rows(batch["swings"]), _levels(batch), tolerance, p.span_bars,
            p.takes("swing"), p.sweep_bars, p.atr_span, p.max_age_bars,
        )  # fmt: skip
        if n == 0:
            return POOLS.empty()
        return Table.of(
            POOLS,
            **{name: ints[i, :n] for i, name in enumerate(("ref_ts", "known_ts", *DETAIL))},
            **{name: floats[i, :n] for i, name in enumerate(("price", "depth", "depth_atr", "bars_beyond", "wick_fraction"))},
        )


def _first_rows(swings: Table) -> dict[str, Array]:
    """The rows that confirm a swing, not those that strengthen it."""
    at = np.flatnonzero(swings["event"] == 1)
    return {name: swings[name][at] for name in ("known_ts", "ref_ts", "side", "price")}


def _levels(batch: Batch) -> tuple[Array, Array]:
    """Levels of others as pools to open: (known_ts, ref_ts, side, source, valid_to), price; by known time."""
    if "levels" not in batch and "session_ranges" not in batch:
        return NO_LEVELS
    ints, prices = [np.empty((5, 0), np.int64)], [np.empty(0)]
    if "levels" in batch:
        rows = batch["levels"]
        rows = rows[rows["kind"] <= 2]  # highs and lows, not opens and closes
        source = np.full(len(rows), PoolSource.PERIOD)
        ints.append(np.stack([rows["known_ts"], rows["ref_ts"], rows["kind"], source, rows["valid_to"]]).astype(np.int64))
        prices.append(rows["price"])
    if "session_ranges" in batch:
        rows = batch["session_ranges"]
        rows = rows[(rows["phase"] == 2) & rows["complete"]]
        for side, name in ((1, "high"), (2, "low")):
            fixed = [np.full(len(rows), v) for v in (side, int(PoolSource.SESSION), NULL_TS)]
            ints.append(np.stack([rows["known_ts"], rows["ref_ts"], *fixed]).astype(np.int64))
            prices.append(rows[name])
    both, price_of = np.concatenate(ints, axis=1), np.concatenate(prices)
    order = np.argsort(both[0], kind="stable")
    return both[:, order], price_of[order]
