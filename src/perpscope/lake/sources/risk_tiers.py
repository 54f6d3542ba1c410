"""Preset `risk-tiers`: margin brackets of many symbols in the format of ccxt's `fetchLeverageTiers`, as JSON.

A dict from `BASE/QUOTE:SETTLE` to tiers {minNotional, maxNotional, maintenanceMarginRate, maxLeverage, info: {cum}};
values of `info` are text. The symbol becomes the venue's own: BTC/USDT:USDT -> BTCUSDT, a dated BTC/USDT:USDT-241227
-> BTCUSDT_241227.

A table is known, and valid, from its date on until the next: the option `valid_from`, else the date in the file name
(2024-10 is the first of the month, 2025-mid the first of July). Nothing is said about earlier times. '*' takes every
symbol.

Source: shared data catalogue, section 6; ccxt manual, "Leverage Tiers".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from perpscope.core.errors import DataError, UserError, unknown_name
from perpscope.core.instrument import RiskTier, TierTable
from perpscope.core.table import Table
from perpscope.core.time import parse_ts
from perpscope.lake.sources.base import RISK_TIER, Parsed, Preset, Request
from perpscope.lake.sources.files import read_bytes

ORIGIN = "ccxt-tiers"


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        since = parse_ts(request.options.get("valid_from") or date_of(path))
        try:
            content = msgspec.json.decode(read_bytes(path), type=dict[str, list[dict[str, Any]]])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise DataError(f"{path.name} is no JSON of leverage tiers.") from None
        by_symbol = {venue_symbol(key): tiers for key, tiers in content.items()}
        if request.symbol not in ("*", *by_symbol):
            raise unknown_name(f"symbol in {path.name}", request.symbol, by_symbol)
        for symbol in sorted(by_symbol) if request.symbol == "*" else [request.symbol]:
            table = tier_rows(request.venue, symbol, by_symbol[symbol], since, path.name)
            yield Parsed(path, RISK_TIER.name, table, ORIGIN, symbol=symbol)


def tier_rows(venue: str, symbol: str, tiers: Sequence[Mapping[str, Any]], since: int, source: str) -> Table:
    """One symbol's brackets, refused if they leave a hole or jump."""
    try:
        made = tuple(
            RiskTier(
                float(t["minNotional"]), float(t["maxNotional"]), float(t["maintenanceMarginRate"]), float(t["info"]["cum"]),
                float(t["maxLeverage"]),
            )
            for t in tiers
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{source}: a tier of {symbol} lacks a field or holds no number.", tiers[:1]) from None
    TierTable(venue, symbol, made, since, None, source)
    return Table.of(
        RISK_TIER, ref_ts=[since] * len(made), known_ts=[since] * len(made), floor=[t.floor for t in made],
        cap=[t.cap for t in made], maintenance_rate=[t.maintenance_rate for t in made],
        maintenance_amount=[t.maintenance_amount for t in made], max_leverage=[t.max_leverage for t in made],
    )  # fmt: skip


def venue_symbol(name: str) -> str:
    """ccxt's spelling to the venue's.

    Example:
        >>> venue_symbol("BTC/USDT:USDT"), venue_symbol("ETH/USDT:USDT-241227")
        ('BTCUSDT', 'ETHUSDT_241227')
    """
    pair, _, settled = name.partition(":")
    _, dash, expiry = settled.partition("-")
    return pair.replace("/", "") + (f"_{expiry}" if dash else "")


def date_of(path: Path) -> str:
    """The date that a file name tells.

    Raises:
        UserError: if it tells none.

    Example:
        >>> date_of(Path("binance_usdm-2024-10.json.gz")), date_of(Path("binance_usdm-2025-mid.json.gz"))
        ('2024-10-01', '2025-07-01')
    """
    found = re.search(r"(20\d\d)-(\d\d|mid)(?:-(\d\d))?", path.name)
    if found is None:
        raise UserError(
            f"{path.name} does not say since when its tiers are valid. Add the option valid_from, such as 2024-10-01."
        )
    month = "07" if found[2] == "mid" else found[2]
    return f"{found[1]}-{month}-{found[3] or '01'}"


PRESET = Preset("risk-tiers", "margin brackets (ccxt leverage tiers)", read, {"valid_from": "date since when they are valid"})
