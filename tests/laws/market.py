"""A made market for the laws: random, seeded, consistent over all streams, and exact under mirror and scale.

Prices lie on a grid of 0.5 and quantities on one of 1/8, so that C - p, 4p and 8q are exact in float64 and the
laws can ask for equality where the arithmetic allows it. It is no model of a market (that is `synthetic/`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache

import numpy as np

from laws.books import made_books
from perpscope.core.batch import Batch
from perpscope.core.events import (
    FUNDING,
    GAP,
    LIQUIDATION,
    LIQUIDATION_TOTALS,
    LONG_SHORT_RATIO,
    MARK_BARS,
    MARK_PRICE,
    OPEN_INTEREST,
    OTHER_BARS,
    POSITION,
    SPOT_BARS,
    TRADE,
    VENUE_FUNDING,
    VENUE_INTEREST,
    GapKind,
)
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.table import Column, Table
from perpscope.core.time import HOUR, MINUTE, parse_ts
from perpscope.market.bars import BarsFromTrades

MIRROR_ABOUT = 4096.0
FRAME = "1h"
START = parse_ts("2024-03-04T00:00Z")  # a Monday; the US clock change of 2024-03-10 lies inside


@dataclass(frozen=True)
class Market:
    """Streams of one instrument up to a watermark."""

    instrument: Instrument
    tables: dict[str, Table]
    end: int

    def batch(self) -> Batch:
        return Batch(self.end, self.tables)

    def until(self, ts: int) -> Market:
        """What was there at `ts`, with nothing of what came later."""
        return replace(self, tables={k: t[t.clock <= ts] for k, t in self.tables.items()}, end=ts)

    def since(self, ts: int) -> Market:
        """Only what began at or after `ts`."""
        kept = {k: t[(t["ref_ts"] if "ref_ts" in t.schema.by_name else t.clock) >= ts] for k, t in self.tables.items()}
        return replace(self, tables=kept)


@cache
def made_market(seed: int, hours: int = 480, trades_per_hour: int = 24) -> Market:
    """A market of `hours` whole hours from START."""
    rng = np.random.default_rng(seed)
    n = hours * trades_per_hour
    end = START + hours * HOUR
    at = np.sort(rng.integers(START, end, n))
    lull = (at - START) // HOUR % 97 == 13  # an hour without trades now and then
    at = at[~lull]
    n = len(at)
    steps = np.rint(rng.standard_t(3, n) * 3).astype(np.int64) + rng.choice([0, 0, 0, 40, -40], n) * (rng.random(n) < 0.01)
    ticks = 4000 + np.cumsum(steps)
    ticks = 3000 + np.abs((ticks - 3000) % 4000 - 2000)  # reflected into 1500 .. 2500
    quantity = rng.integers(1, 80, n) / 8.0
    side = rng.integers(1, 3, n).astype(np.int8)
    books, prints = made_books(np.random.default_rng((seed, 1)), at, ticks, end)
    at, ticks, quantity, side = _with_prints((at, ticks, quantity, side), prints)
    trades = Table.filled(
        TRADE, exchange_ts=at, trade_id=np.arange(len(at)), price=ticks * 0.5, quantity=quantity, aggressor_side=side
    )
    instrument = Instrument("demo", "LAWUSDT", tick_size=0.5, lot_size=0.125, tier_tables=(_tiers(1.0),))
    return Market(instrument, {"trade": trades, "gap": GAP.empty(), **_derived(rng, trades, end), "book_delta": books}, end)


def _derived(rng: np.random.Generator, trades: Table, end: int) -> dict[str, Table]:
    fold = BarsFromTrades(frame=FRAME)
    bars = fold.fold(fold.start(Instrument("demo", "LAWUSDT")), Batch(end, {"trade": trades, "gap": GAP.empty()}))
    n = len(bars)
    wobble = rng.integers(-2, 3, n) * 0.5
    mark = {k: bars[k] + wobble for k in ("open", "high", "low", "close")}
    stamps = np.arange(START + HOUR, end + 1, HOUR)
    net = np.cumsum(rng.integers(-80, 81, len(stamps))) / 8.0 + 20_000.0
    minutes = np.arange(START + 7 * MINUTE, end, 17 * MINUTE)
    last = np.searchsorted(trades["exchange_ts"], minutes, side="right") - 1
    mid = trades["price"][np.maximum(last, 0)]
    paid = np.arange(START + 8 * HOUR, end + 1, 8 * HOUR)
    forced = rng.random(n) < 0.6
    events = np.sort(rng.choice(len(trades), len(trades) // 40, replace=False))
    index = mid + 0.5 * rng.integers(-1, 2, len(minutes))
    rates = rng.integers(-8, 9, len(paid)) / 65536.0
    sums = rng.integers(0, 40, (2, int(forced.sum()))) / 8.0
    hit = trades[events]
    share = rng.integers(20, 45, n) / 64.0
    span = {"ref_ts": bars["ref_ts"], "known_ts": bars["known_ts"]}
    return {
        f"bars@{FRAME}": bars,
        f"mark_bars@{FRAME}": Table.of(MARK_BARS, **span, **mark),
        "mark_price": Table.filled(MARK_PRICE, exchange_ts=minutes, mark_price=mid, index_price=index),
        "open_interest": Table.filled(OPEN_INTEREST, exchange_ts=stamps, open_interest=net),
        "funding": Table.filled(FUNDING, exchange_ts=paid, funding_rate=rates, funding_interval=np.full(len(paid), 8 * HOUR)),
        f"liquidation_totals@{FRAME}": Table.of(
            LIQUIDATION_TOTALS,
            **{name: values[forced] for name, values in span.items()},
            long_quantity=sums[0],
            short_quantity=sums[1],
            feed=np.full(sums.shape[1], 1),
        ),
        "liquidation": Table.filled(
            LIQUIDATION,
            exchange_ts=hit["exchange_ts"],
            position_side=rng.integers(1, 3, len(hit)),
            bankruptcy_price=hit["price"],
            price=hit["price"],
            quantity=hit["quantity"],
        ),
        f"long_short_ratio@{FRAME}": Table.of(
            LONG_SHORT_RATIO, **span, ratio_kind=np.full(n, 1), long_fraction=share, short_fraction=1.0 - share
        ),
        "position": POSITION.empty(),
        **_beside(bars, stamps, paid),
    }


def _beside(bars: Table, stamps: np.ndarray, paid: np.ndarray) -> dict[str, Table]:
    """Companions: a coin that moves alike, its spot market, and two more venues. Chance of their own."""
    rng = np.random.default_rng(len(bars) + len(stamps))
    made = {}
    for schema in (OTHER_BARS, SPOT_BARS):
        shift = (np.cumsum(rng.integers(-40, 41, len(bars))) * 0.5).clip(-400.0, 400.0)
        columns = {c.name: bars[c.name] for c in schema.columns}
        columns |= {name: bars[name] + shift for name in ("open", "high", "low", "close")}
        columns |= {name: rng.integers(0, 400, len(bars)) / 8.0 for name in ("buy_volume", "sell_volume")}
        made[f"{schema.name}@{FRAME}"] = Table.of(schema, **columns)
    n, m = len(stamps), len(paid)
    made[VENUE_INTEREST.name] = Table.filled(
        VENUE_INTEREST,
        exchange_ts=np.repeat(stamps, 2),
        venue=np.tile([1, 2], n),
        open_interest=rng.integers(4000, 9000, 2 * n) / 8.0,
    )
    made[VENUE_FUNDING.name] = Table.filled(
        VENUE_FUNDING,
        exchange_ts=np.repeat(paid, 2),
        venue=np.tile([1, 2], m),
        funding_rate_8h=rng.integers(-8, 9, 2 * m) / 65536.0,
    )
    return made


def _with_prints(tape: tuple[np.ndarray, ...], prints: list[tuple[int, int, float, int]]) -> list[np.ndarray]:
    """The tape with the prints of the recorded books, in order of time."""
    joined = [np.concatenate([old, np.array(new, old.dtype)]) for old, new in zip(tape, zip(*prints, strict=True), strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return [column[order] for column in joined]


def _tiers(scale: float) -> TierTable:
    """Two tiers in notional units scaled like the market."""
    first = RiskTier(0.0, 1e6 * scale, 0.004, 0.0, 100.0)
    second = RiskTier(1e6 * scale, 1e12 * scale, 0.01, 1e6 * scale * 0.006, 50.0)
    return TierTable("demo", "LAWUSDT", (first, second), None, None, "made for the laws")


def with_hole(market: Market, start: int, end: int) -> Market:
    """The market with nothing in [start, end), and the gap declared."""
    tables = {}
    for name, table in market.tables.items():
        began = table["ref_ts"] if "ref_ts" in table.schema.by_name else table.clock
        tables[name] = table[(table.clock <= start) & (began < start) | (began >= end)]
    kinds = [int(k) for k in GapKind]
    tables["gap"] = Table.of(
        GAP,
        ref_ts=[start] * len(kinds),
        known_ts=[end] * len(kinds),
        end_ts=[end] * len(kinds),
        cause=[1] * len(kinds),
        kind=kinds,
    )
    return replace(market, tables=tables)


def mirrored(market: Market) -> Market:
    """The market upside down: a price p becomes MIRROR_ABOUT - p, buys become sells, longs become shorts."""
    return replace(market, tables={name: mirror_table(table) for name, table in market.tables.items()})


def mirror_table(table: Table) -> Table:
    return Table.of(table.schema, **{c.name: _mirror_column(table, c) for c in table.schema.columns})


def _mirror_column(table: Table, column: Column) -> np.ndarray:
    kind, _, other = column.mirror.partition(":")
    values = table[other] if kind == "swap" else table[column.name]
    if kind == "negate":
        return -values
    if kind == "reflect" or (kind == "swap" and column.unit == "price"):
        return MIRROR_ABOUT - values
    if kind == "swap" and column.name in ("min_delta", "max_delta"):
        return -values
    if kind == "flip" and column.enum is not None:
        return _opposites(column.enum)[values].astype(values.dtype)
    return values


def _opposites(enum: type[IntEnum]) -> np.ndarray:
    """Code to opposite code: as the members say, else 1 and 2 are each other's and the rest their own; 0 is absent."""
    table = np.arange(128)
    table[[1, 2]] = 2, 1
    for member in enum:
        table[member] = int(getattr(member, "opposite", table[member]))
    return table


def scaled(market: Market, k: float, m: float) -> Market:
    """Prices times k, quantities times m, notionals times k * m."""
    tables = {name: scale_table(table, k, m) for name, table in market.tables.items()}
    old = market.instrument
    new = replace(old, tick_size=old.tick_size * k, lot_size=old.lot_size * m, tier_tables=(_tiers(k * m),))
    return replace(market, tables=tables, instrument=new)


def scale_table(table: Table, k: float, m: float) -> Table:
    factor = {"price": k, "quantity": m, "notional": k * m}
    return Table.of(
        table.schema,
        **{c.name: table[c.name] * factor[c.unit] if c.unit in factor else table[c.name] for c in table.schema.columns},
    )


def read_only(market: Market) -> Market:
    """The same market in arrays that refuse to be written to."""
    tables = {}
    for name, table in market.tables.items():
        columns = {c: v.copy() for c, v in table.columns().items()}
        for array in columns.values():
            array.flags.writeable = False
        tables[name] = Table(table.schema, columns, len(table))
    return replace(market, tables=tables)
