"""Preset `hyperliquid-wallets`: snapshots of the open positions of many wallets, as parquet.

Columns: snap (datetime UTC), address, coin, dir (Long or Short), size (coins), entryPx, value (size x mark), lev (the
leverage *setting*), liqPx (null where nothing liquidates), accountValue. The mark price is value / size. The symbol
asked for is the coin ('BTC', 'kPEPE'); '*' takes every coin. An address becomes a number: the first 63 bits of its
SHA-256, so that a wallet keeps its number in every file and its address stays out of the lake.

Source: shared data catalogue, section 5.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import polars as pl

from perpscope.core.errors import DataError, unknown_name
from perpscope.core.events import POSITION
from perpscope.core.table import Table
from perpscope.core.units import PositionSide
from perpscope.lake import stamps
from perpscope.lake.sources.base import Parsed, Preset, Request
from perpscope.lake.sources.files import floats, need, read_parquet
from perpscope.lake.sources.rows import never

ORIGIN = "wallets"


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        frame = read_parquet(path)
        need(frame, ["snap", "address", "coin", "dir", "size", "entryPx", "value", "lev", "liqPx", "accountValue"], path.name)
        coins = sorted(set(frame["coin"].to_list()))
        if request.symbol not in ("*", *coins):
            raise unknown_name(f"coin in {path.name}", request.symbol, coins)
        for coin in coins if request.symbol == "*" else [request.symbol]:
            yield Parsed(path, "position", positions(frame.filter(pl.col("coin") == coin), path.name), ORIGIN, symbol=coin)


def positions(frame: pl.DataFrame, name: str) -> Table:
    """One coin's positions."""
    ts = stamps.to_ns(frame["snap"], name)
    side = frame["dir"].replace_strict(
        {"Long": PositionSide.LONG, "Short": PositionSide.SHORT}, default=0, return_dtype=pl.Int8
    )
    if (side == 0).any():
        raise DataError(f"{name}: a position is neither Long nor Short.", frame.filter(side == 0)["dir"][0])
    quantity = floats(frame, "size", name)
    return Table.of(
        POSITION,
        exchange_ts=ts,
        receive_ts=never(len(ts)),
        wallet=np.array([wallet_number(a) for a in frame["address"].to_list()], np.int64),
        position_side=side.to_numpy(),
        quantity=quantity,
        entry_price=floats(frame, "entryPx", name),
        mark_price=floats(frame, "value", name) / quantity,
        liquidation_price=floats(frame, "liqPx", name),
        leverage_setting=floats(frame, "lev", name),
        account_value=floats(frame, "accountValue", name),
    )


def wallet_number(address: str) -> int:
    """The anonymous number of a wallet.

    Example:
        >>> wallet_number("0xabc") == wallet_number("0xABC"), wallet_number("0xabc") > 0
        (True, True)
    """
    return int.from_bytes(hashlib.sha256(address.lower().encode()).digest()[:8], "big") >> 1


PRESET = Preset("hyperliquid-wallets", "snapshots of wallets' open positions with liquidation prices", read)
