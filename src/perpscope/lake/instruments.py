"""What is known of an instrument without asking the venue."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.table import Table
from perpscope.core.units import ContractKind
from perpscope.lake.catalogue import Catalogue, InstrumentEntry

QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "BTC", "ETH", "EUR")
PREFIX = 2_000
"""Rows that a step is estimated from: the first ones, because later ones were not known then."""

_STEP_COLUMNS = {
    "tick": ("price", "open", "high", "low", "close"),
    "lot": ("quantity", "volume"),
}


def contract_of(venue: str, symbol: str) -> tuple[ContractKind, float]:
    """Kind and size of a contract, told by the names of Binance's markets: spot, coin-margined, else linear.

    A coin-margined contract is worth 100 USD for BTC and 10 USD for every other coin (Binance contract specifications).

    Example:
        >>> contract_of("binance_coinm", "ETHUSD_PERP")
        (<ContractKind.INVERSE: 2>, 10.0)
    """
    if "spot" in venue:
        return ContractKind.SPOT, 1.0
    if venue.endswith("coinm") or re.fullmatch(r"[A-Z0-9]+USD_(PERP|\d{6})", symbol):
        return ContractKind.INVERSE, 100.0 if symbol.startswith("BTC") else 10.0
    return ContractKind.LINEAR, 1.0


def guess(venue: str, symbol: str) -> InstrumentEntry:
    """Contract and coins from the names, where nobody declared them.

    Example:
        >>> entry = guess("binance_coinm", "BTCUSD_PERP")
        >>> entry.kind.name, entry.base, entry.quote
        ('INVERSE', 'BTC', 'USD')
    """
    plain = symbol.upper().split("_")[0].removesuffix("-SWAP").replace("-", "").replace("/", "")
    quote = next((q for q in QUOTES if plain.endswith(q) and len(plain) > len(q)), "")
    kind, size = contract_of(venue, symbol)
    base = plain.removesuffix(quote) if quote else symbol
    return InstrumentEntry(venue, symbol, kind, base, quote or "USD", size)


def instrument(
    catalogue: Catalogue,
    venue: str,
    symbol: str,
    tables: Mapping[str, Table] | None = None,
    tiers: Table | None = None,
    tiers_source: str = "",
) -> Instrument:
    """The instrument from what was declared, its steps from the first rows where they were not."""
    declared = {(i.venue, i.symbol): i for i in catalogue.instruments}
    entry = declared.get((venue, symbol)) or guess(venue, symbol)
    tick = entry.tick_size if entry.tick_size is not None else _step(tables or {}, "tick", 0.1)
    lot = entry.lot_size if entry.lot_size is not None else _step(tables or {}, "lot", 0.001)
    return Instrument(
        venue, symbol, entry.kind, entry.base, entry.quote, tick, lot, entry.contract_size, entry.oi_sides,
        () if tiers is None else _tier_tables(venue, symbol, tiers, tiers_source),
    )  # fmt: skip


def _step(tables: Mapping[str, Table], which: str, otherwise: float) -> float:
    """The power of ten that the first prices (or quantities) are whole multiples of, trades before bars."""
    for stream in sorted(tables, key=lambda s: (s != "trade", s)):
        table = tables[stream]
        names = [n for n in _STEP_COLUMNS[which] if n in table.schema.by_name]
        if names and len(table) and table.schema.name in ("trade", "bars", "book_delta"):
            values = np.concatenate([table[n][:PREFIX] for n in names])
            return float(10.0 ** -_decimals(values[np.isfinite(values)]))
    return otherwise


def _decimals(values: npt.NDArray[np.float64]) -> int:
    for decimals in range(9):
        if np.allclose(np.round(values, decimals), values, rtol=1e-12, atol=1e-10):
            return decimals
    return 8


def _tier_tables(venue: str, symbol: str, rows: Table, source: str) -> tuple[TierTable, ...]:
    """One dated table per import date; each is valid until the next."""
    dates = np.unique(rows["ref_ts"]).tolist()
    made = []
    for date, following in zip(dates, [*dates[1:], None][: len(dates)], strict=True):
        mine = rows[rows["ref_ts"] == date]
        mine = mine[np.argsort(mine["floor"], kind="stable")]
        columns = [mine[n].tolist() for n in ("floor", "cap", "maintenance_rate", "maintenance_amount", "max_leverage")]
        tiers = tuple(RiskTier(*values) for values in zip(*columns, strict=True))
        made.append(TierTable(venue, symbol, tiers, date, following, source))
    return tuple(made)
