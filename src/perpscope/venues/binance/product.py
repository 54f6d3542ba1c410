"""The two products of Binance futures: what differs between them, so that one code reads both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Product:
    """`st` marks its rows in arrays that carry both products since 2026-06-30 (1 USD-M, 2 COIN-M). `prefix` is the path of
    its REST interface. `inverse`: quantities are contracts of a face value in USD, base units = contracts x face / price.
    `faces` are the face values that the venue stated; else the published rule holds, 100 USD for BTC and 10 for others."""

    name: str
    st: int
    prefix: str
    inverse: bool
    faces: Mapping[str, float] = field(default_factory=dict)

    def face(self, symbol: str) -> float:
        """USD per contract.

        Example:
            >>> COIN_M.face("BTCUSD_PERP"), COIN_M.face("ETHUSD_PERP")
            (100.0, 10.0)
        """
        known = self.faces.get(symbol)
        return known if known is not None else 100.0 if symbol.startswith("BTCUSD_") else 10.0

    def base(self, symbol: str, quantity: float, price: float) -> float:
        """The venue's quantity in base units."""
        return quantity * self.face(symbol) / price if self.inverse else quantity


USD_M = Product("binance", 1, "/fapi/v1", inverse=False)
COIN_M = Product("binance_coinm", 2, "/dapi/v1", inverse=True)
