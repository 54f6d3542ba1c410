"""The REST history of one venue: one name for what seven interfaces call differently."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.instrument import Instrument, TierTable
from perpscope.core.table import Table
from perpscope.core.time import DAY, Timeframe
from perpscope.venues.history import binance, unified
from perpscope.venues.history.client import VENUES, connect

_OFFERS = {
    "binance": {"bars", "mark", "funding", "oi", "trades"},
    "binance_coinm": {"bars", "mark", "funding", "oi", "trades"},
    "binance_spot": {"bars", "trades"},
    "bybit": {"bars", "mark", "funding", "oi"},
    "okx": {"bars", "mark", "funding", "oi"},
    "hyperliquid": {"bars", "funding"},
}


class VenueHistory:
    """What a venue tells of its past. `address` replaces the venue's hosts (a loopback server).

    Example:
        >>> VenueHistory("hyperliquid").offers("oi")
        False
    """

    def __init__(self, venue: str, address: str | None = None, timeout_s: float = 30.0) -> None:
        if venue not in VENUES:
            raise unknown_name("venue with REST history", venue, VENUES)
        self.venue, self.address, self.timeout_s = venue, address, timeout_s

    @cached_property
    def client(self) -> Any:
        return connect(self.venue, self.address, self.timeout_s)

    def offers(self, kind: str) -> bool:
        return kind in _OFFERS[self.venue]

    def reaches_back(self, kind: str, now: int) -> int:
        """The earliest instant that the venue still tells of, as documented; 0 where it keeps everything."""
        if self.venue.startswith("binance"):
            return {"oi": now - binance.OLDEST_INTEREST, "trades": now - 365 * DAY}.get(kind, 0)
        if self.venue == "okx" and kind == "funding":
            return now - 92 * DAY
        return 0

    def pages(self, kind: str, symbol: str, frame: Timeframe, start: int, end: int) -> Iterator[Table]:
        """Rows of [start, end) in order, page by page; bars that are not closed by `end` are left out.

        `kind` is bars, mark, funding, oi or trades. `receive_ts` is absent: nobody received these when they happened.

        Raises:
            UserError: if the venue does not offer the kind, cannot be reached or refuses.
            DataError: if it tells numbers that are none.
        """
        if not self.offers(kind):
            raise UserError(
                f"{self.venue} offers no history of {kind} by REST. It offers {', '.join(sorted(_OFFERS[self.venue]))}."
            )
        if kind == "trades":
            return binance.trades(self.client, self.venue, symbol, start, end)
        told = binance if self.venue.startswith("binance") else unified
        if kind in ("bars", "mark"):
            framed = told.bars if kind == "bars" else told.mark_bars
            return framed(self.client, self.venue, symbol, frame, start, end)
        polled = told.funding if kind == "funding" else told.open_interest
        return polled(self.client, self.venue, symbol, start, end)

    def tiers(self, symbol: str, valid_from: int) -> TierTable:
        """The margin table in force now, dated by the caller.

        Raises:
            UserError: if the venue tells it to accounts only, or not in notional.
        """
        if self.venue == "binance_spot":
            raise UserError("Spot has no margin table.")
        if self.venue.startswith("binance"):
            raise UserError("Binance tells its margin table to accounts only. Import one with 'perpscope import risk-tiers'.")
        return unified.tiers(self.client, self.venue, symbol, valid_from)

    def instruments(self) -> list[Instrument]:
        """The contracts that trade, from the venue's own description."""
        return unified.instruments(self.client, self.venue)
