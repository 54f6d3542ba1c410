"""History of Bybit, OKX and Hyperliquid by ccxt's unified calls. Quantities are base units; what a venue does not tell of
(aggressive buyers, trade counts, notionals) is NaN."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from perpscope.core.errors import DataError, UserError
from perpscope.core.events import BARS, FUNDING, MARK_BARS, OPEN_INTEREST
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, NULL_TS, Timeframe
from perpscope.core.units import ContractKind
from perpscope.venues.closed_bar import Candle, values
from perpscope.venues.history.client import ask
from perpscope.venues.history.rows import closed_bars

_MS = 1_000_000
_BARS = {"bybit": 1_000, "okx": 100, "hyperliquid": 500}
_POLLED = {"bybit": 200, "okx": 100, "hyperliquid": 500}
_INTERVALS = (1, 2, 4, 8)


def market(client: Any, venue: str, symbol: str) -> dict[str, Any]:
    """ccxt's description of a contract, by the venue's spelling (its coin on Hyperliquid).

    Raises:
        UserError: if the venue has none of that name.
    """
    ask(venue, client.load_markets)
    if venue == "hyperliquid":
        found = [m for m in client.markets.values() if m.get("baseName") == symbol and m.get("swap")]
    else:
        found = [m for m in client.markets_by_id.get(symbol, []) if m.get("contract") or m.get("spot")]
    if not found:
        raise UserError(f"{venue} has no contract '{symbol}'. Use the venue's own spelling.")
    first: dict[str, Any] = found[0]
    return first


def bars(client: Any, venue: str, symbol: str, frame: Timeframe, start: int, end: int) -> Iterator[Table]:
    """Closed bars that opened in [start, end)."""
    for rows in _windows(client, venue, symbol, frame, start, end, {}):
        made = [values(r[0] * _MS, frame.ns, Candle(*_numbers(r[1:6], venue))) for r in rows]
        yield closed_bars(BARS, made, end)


def mark_bars(client: Any, venue: str, symbol: str, frame: Timeframe, start: int, end: int) -> Iterator[Table]:
    """Closed mark price bars that opened in [start, end)."""
    for rows in _windows(client, venue, symbol, frame, start, end, {"price": "mark"}):
        made = [(r[0] * _MS, r[0] * _MS + frame.ns, *_numbers(r[1:5], venue)) for r in rows]
        yield closed_bars(MARK_BARS, made, end)


def _windows(
    client: Any, venue: str, symbol: str, frame: Timeframe, start: int, end: int, more: dict[str, Any]
) -> Iterator[list[list[Any]]]:
    unified = market(client, venue, symbol)["symbol"]
    step, at = _BARS[venue] * frame.ns, frame.next(start)
    while at < end:
        stop = min(at + step, end)
        named = {**more, "until": stop // _MS - 1}  # Bybit counts the last instant in, and drops the oldest bar for it
        rows = ask(venue, client.fetch_ohlcv, unified, str(frame), at // _MS, _BARS[venue], named)
        yield sorted(r for r in rows if at <= r[0] * _MS < stop)
        at = stop


def funding(client: Any, venue: str, symbol: str, start: int, end: int) -> Iterator[Table]:
    """Settlements of [start, end); the interval is the distance to the one before, in whole hours."""
    unified = market(client, venue, symbol)["symbol"]
    step = (_POLLED[venue] - 20) * HOUR
    for at in range(start, end, step):
        stop = min(at + step, end)
        asked = (at - 9 * HOUR) // _MS
        rows = ask(venue, client.fetch_funding_rate_history, unified, asked, _POLLED[venue], {"until": stop // _MS - 1})
        told = sorted({int(r["timestamp"]) * _MS: float(r["fundingRate"]) for r in rows}.items())
        ts = np.array([t for t, _ in told], np.int64)
        hours = (np.diff(ts, prepend=ts[:1]) + HOUR // 2) // HOUR
        interval = np.where(np.isin(hours, _INTERVALS), hours * HOUR, NULL_TS).astype(np.int64)
        rate = np.array(_numbers([r for _, r in told], venue), np.float64)
        inside = (ts >= at) & (ts < stop)
        yield Table.of(
            FUNDING, exchange_ts=ts[inside], receive_ts=np.full(int(inside.sum()), NULL_TS, np.int64),
            funding_rate=rate[inside], funding_interval=interval[inside],
        )  # fmt: skip


def open_interest(client: Any, venue: str, symbol: str, start: int, end: int) -> Iterator[Table]:
    """Open interest every five minutes of [start, end), base units."""
    one = market(client, venue, symbol)
    if venue == "bybit" and one.get("inverse"):
        raise UserError(f"Bybit states the open interest of {symbol} in dollars, which are no coins. Record it live.")
    step = (_POLLED[venue] - 2) * 5 * MINUTE
    for at in range(start, end, step):
        stop = min(at + step, end)
        named = {"until": stop // _MS - 1}
        rows = ask(venue, client.fetch_open_interest_history, one["symbol"], "5m", at // _MS, _POLLED[venue], named)
        found: dict[int, tuple[float, float]] = {}
        for r in rows:
            base = r["openInterestAmount"] if venue == "bybit" else r["baseVolume"]
            value = r.get("openInterestValue")
            found[int(r["timestamp"]) * _MS] = (math.nan if base is None else base, math.nan if value is None else value)
        kept = sorted((t, *pair) for t, pair in found.items() if at <= t < stop)
        _numbers([coins for _, coins, _ in kept], venue)
        ts = np.array([t for t, *_ in kept], np.int64)
        yield Table.of(
            OPEN_INTEREST, exchange_ts=ts, receive_ts=np.full(len(ts), NULL_TS, np.int64),
            open_interest=np.array([c for _, c, _ in kept], np.float64),
            open_interest_notional=np.array([v for *_, v in kept], np.float64),
        )  # fmt: skip


def tiers(client: Any, venue: str, symbol: str, valid_from: int) -> TierTable:
    """The margin table in force, valid from the instant it was asked for.

    OKX bounds its tiers in contracts, which are no notional without a price: such a table is refused.

    Raises:
        UserError: if the venue tells it to accounts only, or in units that are no notional.
    """
    one = market(client, venue, symbol)
    if not client.has.get("fetchMarketLeverageTiers"):
        raise UserError(f"{venue} has no margin table by REST that ccxt reads. Import one with 'perpscope import risk-tiers'.")
    if venue == "okx":
        raise UserError(
            "OKX bounds its tiers in contracts, not in notional. Import a table with 'perpscope import risk-tiers'."
        )
    rows = sorted(ask(venue, client.fetch_market_leverage_tiers, one["symbol"]), key=lambda r: r["minNotional"])
    made: list[RiskTier] = []
    for r in rows:
        floor, cap, rate, leverage = _numbers(
            [r["minNotional"], r["maxNotional"], r["maintenanceMarginRate"], r["maxLeverage"]], venue
        )
        before = made[-1] if made else None
        due = 0.0 if before is None else before.maintenance_amount + floor * (rate - before.maintenance_rate)
        made.append(RiskTier(floor, cap, rate, due, leverage))
    return TierTable(venue, symbol, tuple(made), valid_from, None, f"{venue} by REST")


def instruments(client: Any, venue: str) -> list[Instrument]:
    """The contracts that trade."""
    ask(venue, client.load_markets)
    found = []
    for m in client.markets.values():
        if m.get("active") is False or not (m.get("swap") or m.get("spot")):
            continue
        kind = ContractKind.SPOT if m.get("spot") else ContractKind.INVERSE if m.get("inverse") else ContractKind.LINEAR
        symbol = m["baseName"] if venue == "hyperliquid" else m["id"]
        size = float(m.get("contractSize") or 1.0)
        tick, lot = float(m["precision"]["price"] or math.nan), float(m["precision"]["amount"] or math.nan)
        lot = lot * size if kind is ContractKind.LINEAR else lot
        found.append(Instrument(venue, symbol, kind, m["base"], m["quote"], tick, lot, size))
    return found


def _numbers(given: Any, venue: str) -> list[float]:
    """Finite numbers.

    Raises:
        DataError: if one is none.
    """
    made = [math.nan if x is None else float(x) for x in given]
    if not all(map(math.isfinite, made)):
        raise DataError(f"{venue} told a number that is none.", given)
    return made
