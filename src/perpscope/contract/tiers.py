"""Risk tier tables: built from rates or leverage steps, read from files, looked up by venue, symbol and date."""

from __future__ import annotations

import functools
import gzip
import json
import math
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from perpscope.contract.margin import amount_step, tier_arrays
from perpscope.contract.rules import RULES
from perpscope.contract.seed_tiers import LEVERAGE_SEEDS, RATE_SEEDS, LeverageSeed, RateSeed
from perpscope.core.errors import DataError, UserError, unknown_name
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.time import format_ts, parse_ts

VENUES = tuple(sorted({rule.venue for rule in RULES}))


def tiers_from_rates(rows: Sequence[tuple[float, float, float]]) -> tuple[RiskTier, ...]:
    """Tiers from (cap, maintenance rate, max leverage), lowest first; floors and amounts follow.

    Definition: floor_n = cap_{n-1}, c_0 = 0, c_n = c_{n-1} + floor_n (m_n - m_{n-1}).

    Example:
        >>> [tier.maintenance_amount for tier in tiers_from_rates([(50e3, 0.004, 125), (600e3, 0.005, 100)])]
        [0.0, 50.0]
    """
    tiers: list[RiskTier] = []
    for cap, rate, leverage in rows:
        floor, amount = 0.0, 0.0
        if tiers:
            floor = tiers[-1].cap
            amount = amount_step(tiers[-1].maintenance_amount, floor, tiers[-1].maintenance_rate, rate)
            amount = round(amount, 8)  # the venue's own figures have no dust; ours should not either
        tiers.append(RiskTier(floor, float(cap), float(rate), amount, float(leverage)))
    return tuple(tiers)


def tiers_from_leverage(steps: Sequence[tuple[float, float]]) -> tuple[RiskTier, ...]:
    """Hyperliquid's tiers from (lower bound of notional, max leverage), as its `meta` lists them.

    Definition: m = 1 / (2 max leverage); amounts by the same recursion; the last tier has no end.

    Raises:
        UserError: if the steps do not begin at zero, do not rise, or a leverage is not above zero.

    Source: Hyperliquid docs, Margin tiers.

    Example:
        >>> tiers_from_leverage([(0.0, 40.0), (150e6, 20.0)])[1].maintenance_amount
        1875000.0
    """
    bounds = [bound for bound, _ in steps]
    if not steps or bounds[0] != 0.0 or bounds != sorted(set(bounds)) or any(not leverage > 0 for _, leverage in steps):
        raise UserError(
            "Leverage steps must begin at a notional of 0, rise, and have leverages above zero, "
            f"for example [(0, 40), (150_000_000, 20)]; got {list(steps)}."
        )
    caps = [*bounds[1:], math.inf]
    return tiers_from_rates([(cap, 0.5 / leverage, leverage) for cap, (_, leverage) in zip(caps, steps, strict=True)])


def venue_symbol(venue: str, name: str) -> str:
    """A unified contract name in the venue's own spelling.

    Definition: `BASE/QUOTE:SETTLE` with an optional `-YYMMDD` for dated futures becomes BTCUSDT, BTCUSDT_241227 or
    BTCUSD_PERP (Binance); BTCUSDT, BTCPERP (USDC) or BTCUSD (Bybit); BTC-USDT-SWAP (OKX); BTC (Hyperliquid).
    Dated futures are spelt for Binance only.

    Raises:
        UserError: if the venue is unknown or the name has another shape.

    Example:
        >>> venue_symbol("binance", "1000PEPE/USDT:USDT"), venue_symbol("binance", "BTC/USDT:USDT-241227")
        ('1000PEPEUSDT', 'BTCUSDT_241227')
        >>> venue_symbol("okx", "BTC/USD:BTC"), venue_symbol("hyperliquid", "BTC/USDC:USDC")
        ('BTC-USD-SWAP', 'BTC')
    """
    if venue not in VENUES:
        raise unknown_name("venue", venue, VENUES)
    pair, _, settle = name.partition(":")
    base, _, quote = pair.partition("/")
    settle, _, expiry = settle.partition("-")
    if not (base and quote and settle) or (expiry and venue != "binance"):
        raise UserError(f"'{name}' is not a contract name {venue} tables use. Write it like BTC/USDT:USDT.")
    if venue == "binance":
        inverse = quote == "USD" and settle == base
        return base + quote + (f"_{expiry}" if expiry else "_PERP" if inverse else "")
    if venue == "bybit":
        return f"{base}PERP" if settle == "USDC" else base + quote
    return base if venue == "hyperliquid" else f"{base}-{quote}-SWAP"


def read_tier_tables(
    path: Path, venue: str, *, valid_from: int | None, valid_to: int | None, source: str = ""
) -> dict[str, TierTable]:
    """Tier tables from a JSON file (plain or .gz) in the shape freqtrade and ccxt use.

    Shape: {"BTC/USDT:USDT": [{"minNotional", "maxNotional", "maintenanceMarginRate", "maxLeverage",
    "info": {"cum"}}, ...], ...}. Where `info.cum` is absent the amount is computed by the recursion.

    Args:
        path: the file.
        venue: whose tables these are; the file does not say.
        valid_from, valid_to: [from, to) in ns UTC, None where open; the file does not say.
        source: where the figures come from; the file's name if left out.

    Returns:
        `TierTable` by venue symbol, in the file's order.

    Raises:
        UserError: if the file is missing or the venue is unknown.
        DataError: if the file is no JSON of this shape, or a table breaks contiguity, the recursion or the rise of
            the rates: the offending piece is shown.

    Source: ccxt, `fetchLeverageTiers`.

    Example:
        >>> read_tier_tables(Path("none.json"), "binance", valid_from=None, valid_to=None)
        Traceback (most recent call last):
        ...
        perpscope.core.errors.UserError: There is no tier file 'none.json'. Check the path.
    """
    if not path.is_file():
        raise UserError(f"There is no tier file '{path}'. Check the path.")
    raw = path.read_bytes()
    try:
        content = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"'{path.name}' is not a JSON file of risk tiers ({error}).", raw[:80]) from None
    if not isinstance(content, dict):
        raise DataError(f"'{path.name}' does not map contract names to tiers.", content)
    tables: dict[str, TierTable] = {}
    for name, rows in content.items():
        symbol = venue_symbol(venue, name)
        if symbol in tables:
            raise DataError(f"'{path.name}' holds two tables of {symbol}.", name)
        tiers = _tiers(f"{name} in {path.name}", rows)
        table = TierTable(venue, symbol, tiers, valid_from, valid_to, source or path.name)
        tier_arrays(table)
        tables[symbol] = table
    return tables


@functools.cache
def seed_tables() -> tuple[TierTable, ...]:
    """The tables that ship with the package: Binance BTCUSDT, ETHUSDT, SOLUSDT; Bybit BTCUSDT; Hyperliquid majors.

    Example:
        >>> sorted({table.venue for table in seed_tables()})
        ['binance', 'bybit', 'hyperliquid']
    """
    tables = [_table(seed, seed.symbol, tiers_from_rates(seed.rows)) for seed in RATE_SEEDS]
    for steps in LEVERAGE_SEEDS:
        tables += [_table(steps, symbol, tiers_from_leverage(steps.steps)) for symbol in steps.symbols]
    return tuple(tables)


def tiers_for(
    venue: str,
    symbol: str,
    ts: int,
    tables: Iterable[TierTable] | None = None,
    *,
    outside: Literal["refuse", "nearest"] = "refuse",
) -> TierTable:
    """The risk tiers of a symbol in force at a time.

    Where several tables cover the time the one that became valid last is taken. Another venue's or symbol's table is
    never used. `outside="nearest"` takes the symbol's table nearest in time where none covers `ts`: an assumption
    the caller must show; the table's own dates and source say how far it is off.

    Args:
        venue, symbol: the venue's own spelling, "binance" and "BTCUSDT".
        ts: ns UTC.
        tables: where to look; the seed tables if left out.

    Returns:
        `TierTable`, with its source and dates.

    Raises:
        UserError: if the venue is unknown, the symbol has no table, or no table covers the time: the sentence says
            what is known and how to add more.

    Example:
        >>> tiers_for("hyperliquid", "ETH", parse_ts("2025-01-01")).tiers[0].max_leverage
        50.0
        >>> tiers_for("hyperliquid", "ETH", parse_ts("2026-01-01")).tiers[0].max_leverage
        25.0
    """
    if venue not in VENUES:
        raise unknown_name("venue", venue, VENUES)
    import_hint = "Import the venue's own table with 'perpscope import risk-tiers'; another venue's is never used."
    known = [table for table in (seed_tables() if tables is None else tables) if table.venue == venue]
    found = [table for table in known if table.symbol == symbol]
    if not known:
        raise UserError(f"No risk tiers of {venue} are known. {import_hint}")
    if not found:
        sentence = str(unknown_name(f"risk tier table of {venue} for", symbol, (table.symbol for table in known)))
        raise UserError(f"{sentence} {import_hint}")
    covering = [table for table in found if table.covers(ts)]
    if covering:
        return max(covering, key=lambda table: -math.inf if table.valid_from is None else table.valid_from)
    if outside == "nearest":
        return min(found, key=lambda table: _distance(table, ts))
    spans = "; ".join(_span(table) for table in found)
    raise UserError(
        f"No risk tiers of {venue} {symbol} are known for {format_ts(ts)}, only {spans}. {import_hint} "
        "Or ask for the nearest known table and say so in the result."
    )


def tables_of(instrument: Instrument) -> tuple[TierTable, ...]:
    """The instrument's own tier tables, or where it brings none the seed tables of its venue and symbol.

    Raises:
        UserError: if there is neither; another venue's or symbol's table is never used.

    Example:
        >>> [table.symbol for table in tables_of(Instrument("binance", "ETHUSDT"))]
        ['ETHUSDT']
    """
    if instrument.tier_tables:
        return instrument.tier_tables
    found = tuple(t for t in seed_tables() if (t.venue, t.symbol) == (instrument.venue, instrument.symbol))
    if not found:
        raise UserError(
            f"No risk tiers of {instrument.venue} {instrument.symbol} are known, so nobody can say where its positions break. "
            "Import the venue's own table with 'perpscope import risk-tiers'; another one is never used."
        )
    return found


def nearest_tiers(instrument: Instrument, ts: int) -> TierTable:
    """The tier table in force at `ts`, or the instrument's own table nearest in time where none is.

    Outside a table's dates it is an assumption, which whoever shows a result must show too: compare `covers(ts)`.

    Raises:
        UserError: if the instrument has no table at all.

    Example:
        >>> table = nearest_tiers(Instrument("binance", "BTCUSDT"), parse_ts("2024-08-05"))
        >>> table.covers(parse_ts("2024-08-05")), table.tiers[0].max_leverage
        (False, 125.0)
    """
    tables = tables_of(instrument)
    covering = [table for table in tables if table.covers(ts)]
    if covering:
        return max(covering, key=lambda table: -math.inf if table.valid_from is None else table.valid_from)
    return min(tables, key=lambda table: _distance(table, ts))


def _table(seed: RateSeed | LeverageSeed, symbol: str, tiers: tuple[RiskTier, ...]) -> TierTable:
    start, end = (None if day is None else parse_ts(day) for day in (seed.valid_from, seed.valid_to))
    return TierTable(seed.venue, symbol, tiers, start, end, seed.source)


def _tiers(name: str, rows: Any) -> tuple[RiskTier, ...]:
    if not isinstance(rows, list) or not rows:
        raise DataError(f"The tiers of {name} are not a list of steps.", rows)
    tiers: list[RiskTier] = []
    for row in rows:
        try:
            floor, cap = float(row["minNotional"]), float(row["maxNotional"])
            rate, most = float(row["maintenanceMarginRate"]), float(row["maxLeverage"])
            stated = (row.get("info") or {}).get("cum")
            if stated is not None:
                amount = float(stated)
            elif tiers:
                amount = amount_step(tiers[-1].maintenance_amount, floor, tiers[-1].maintenance_rate, rate)
            else:
                amount = 0.0
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"A tier of {name} is incomplete or not a number ({error!r}).", row) from None
        tiers.append(RiskTier(floor, cap, rate, amount, most))
    return tuple(tiers)


def _distance(table: TierTable, ts: int) -> int:
    if table.valid_from is not None and ts < table.valid_from:
        return table.valid_from - ts
    return 0 if table.valid_to is None else ts - table.valid_to


def _span(table: TierTable) -> str:
    start = "the beginning" if table.valid_from is None else format_ts(table.valid_from)
    end = "an open end" if table.valid_to is None else format_ts(table.valid_to)
    return f"from {start} to {end}"
