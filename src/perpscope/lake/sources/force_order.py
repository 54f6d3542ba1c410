"""Preset `force-order`: logs of Binance's forced closing orders, CSV without header, 11 or 12 columns.

Columns: symbol (without USDT unless another quote), side of the closing order, type, time in force, quantity, order
price, average price, status, last filled, accumulated, trade time (ms), and a notional that is ignored: in one
recorder it is in millions for some rows. SELL closed a LONG, BUY closed a SHORT. The order price is the bankruptcy
price.

An event is known again by symbol, side, time, quantity and price; repeats are dropped. The feed shows one event per
symbol and second at most, so sums understate the truth. A silence of all symbols together longer than ten minutes
means that the recorder stood still, and is a hole. An empty file is accepted. '*' takes every symbol.

Source: shared data catalogue, section 4.1; Binance USD-M stream documentation, "Liquidation Order Streams".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from perpscope.core.errors import DataError, unknown_name
from perpscope.core.time import MINUTE
from perpscope.lake import stamps
from perpscope.lake.coverage import Continuity
from perpscope.lake.sources.base import Parsed, Preset, Request
from perpscope.lake.sources.files import floats, read_bytes, read_csv
from perpscope.lake.sources.rows import liquidations

ORIGIN = "force-order"
COLUMNS = (
    "symbol", "side", "type", "time_in_force", "quantity", "order_price", "average_price", "status", "last_filled",
    "accumulated", "time", "usd",
)  # fmt: skip
_QUOTES = ("USDT", "USDC", "BUSD", "FDUSD")
_RECORDER_STOPPED = Continuity("silence", 10 * MINUTE)


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        data = read_bytes(path)
        width = data.partition(b"\n")[0].count(b",") + 1
        frame = read_csv(data, path.name, header=False, columns=COLUMNS[:width] if width == len(COLUMNS) - 1 else COLUMNS)
        symbols = frame["symbol"].cast(pl.String).str.strip_chars().map_elements(_with_quote, return_dtype=pl.String)
        stamps_all = np.sort(stamps.to_ns(frame["time"], path.name)) if len(frame) else np.empty(0, np.int64)
        none = np.full(len(stamps_all), -1, np.int64)
        marks = np.column_stack([stamps_all, stamps_all, none, none])
        found = sorted(set(symbols.to_list()))
        if request.symbol != "*" and request.symbol not in found and found:
            raise unknown_name(f"symbol in {path.name}", request.symbol, found)
        for symbol in found if request.symbol == "*" else [request.symbol]:
            mine = frame.filter(symbols == symbol)
            sides = mine["side"].cast(pl.String).str.strip_chars().str.to_uppercase()
            if not sides.is_in(["BUY", "SELL"]).all():
                raise DataError(f"{path.name}: the side of a forced order is neither BUY nor SELL.", sides[0])
            table = liquidations(
                stamps.to_ns(mine["time"], path.name),
                (sides == "SELL").to_numpy(),
                floats(mine, "average_price", path.name),
                floats(mine, "accumulated", path.name),
                floats(mine, "order_price", path.name),
            )
            yield Parsed(path, "liquidation", table, ORIGIN, _RECORDER_STOPPED, marks, symbol)


def _with_quote(symbol: str) -> str:
    return symbol if symbol.endswith(_QUOTES) else f"{symbol}USDT"


PRESET = Preset("force-order", "logs of Binance forced orders (one event a second at most)", read)
