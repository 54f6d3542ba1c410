"""exchangeInfo: the recorded entry of a symbol, or one whose steps are read off the recording itself."""

from __future__ import annotations

from typing import Any

from perpscope.replay.binance.tape import Facts, grid
from perpscope.replay.frames import MS, Tape

QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD", "BTC", "ETH")
LISTED_MS = 1_569_398_400_000


def exchange_info(product: str, tape: Tape, now: int) -> dict[str, Any]:
    """The answer to exchangeInfo at market time."""
    limit = {"um": 2400, "cm": 2400, "spot": 6000}[product]
    return {
        "timezone": "UTC",
        "serverTime": now // MS,
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": limit}],
        "exchangeFilters": [],
        "assets": [],
        "symbols": [tape.facts[symbol].info or _entry(product, tape.facts[symbol]) for symbol in tape.symbols],
    }


def _entry(product: str, fact: Facts) -> dict[str, Any]:
    """Tick and lot are the greatest steps that all recorded prints are multiples of: a true multiple of the venue's own."""
    pair = fact.symbol.partition("_")[0]
    quote = next((q for q in QUOTES if pair.endswith(q)), "USDT")
    base = pair.removesuffix(quote)
    tick, lot = grid(p.price for p in fact.prints), grid(p.quantity for p in fact.prints)
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "4529764", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "1000000", "stepSize": lot},
        {"filterType": "MARKET_LOT_SIZE", "minQty": lot, "maxQty": "1000", "stepSize": lot},
        {"filterType": "NOTIONAL" if product == "spot" else "MIN_NOTIONAL", "notional": "5", "minNotional": "5"},
    ]
    entry: dict[str, Any] = {
        "symbol": fact.symbol,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "filters": filters,
    }
    if product == "spot":
        return entry | {"isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "permissions": ["SPOT"]}
    entry |= {
        "pair": pair,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000,
        "onboardDate": LISTED_MS,
        "marginAsset": quote if product == "um" else base,
        "pricePrecision": len(tick.partition(".")[2]),
        "quantityPrecision": len(lot.partition(".")[2]),
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }
    if product == "cm":
        entry |= {"contractStatus": "TRADING", "contractSize": 100 if base == "BTC" else 10}
    return entry
