"""A ccxt client of one venue, on the venue's hosts or on another server, and its errors as sentences."""

from __future__ import annotations

import importlib
import urllib.parse
from collections.abc import Callable
from typing import Any

from perpscope.core.errors import UserError, unknown_name

VENUES = {
    "binance": ("binanceusdm", ["linear"]),
    "binance_coinm": ("binancecoinm", ["inverse"]),
    "binance_spot": ("binance", ["spot"]),
    "bybit": ("bybit", ["linear", "inverse"]),
    "okx": ("okx", ["swap"]),
    "hyperliquid": ("hyperliquid", ["swap"]),
}
"""Our name of a venue: ccxt's, and the kinds of contracts that are loaded."""


def connect(venue: str, address: str | None = None, timeout_s: float = 30.0) -> Any:
    """A client without keys. `address` takes the place of every host the client knows; paths stay.

    Raises:
        UserError: if the venue is unknown or the address is none.
    """
    if venue not in VENUES:
        raise unknown_name("venue with REST history", venue, VENUES)
    name, kinds = VENUES[venue]
    client = getattr(importlib.import_module("ccxt"), name)(
        {"enableRateLimit": address is None, "timeout": int(timeout_s * 1000)}
    )
    client.options["maxRetriesOnFailure"] = 0
    client.options["fetchMarkets"] = {**(client.options.get("fetchMarkets") or {}), "types": kinds}
    client.has["fetchCurrencies"] = False
    if address is not None:
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UserError(f"'{address}' is no address. Give one such as http://127.0.0.1:8080.")
        client.urls["api"] = _moved(client.urls["api"], address.rstrip("/"))
    return client


def _moved(urls: Any, address: str) -> Any:
    """Every URL of a tree on another host.

    Example:
        >>> _moved({"public": "https://fapi.binance.com/fapi/v1"}, "http://127.0.0.1:80")
        {'public': 'http://127.0.0.1:80/fapi/v1'}
    """
    if isinstance(urls, dict):
        return {key: _moved(value, address) for key, value in urls.items()}
    return address + urllib.parse.urlsplit(urls).path if isinstance(urls, str) else urls


def ask(venue: str, question: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """A question to a client, its errors as sentences.

    Raises:
        UserError: if the venue cannot be reached, refuses, asks for keys, or wants fewer requests.
    """
    errors = importlib.import_module("ccxt.base.errors")
    try:
        return question(*arguments, **named)
    except errors.AuthenticationError as fault:
        raise UserError(f"{venue} tells this only to accounts ({_short(fault)}).") from None
    except (errors.DDoSProtection, errors.RateLimitExceeded) as fault:
        raise UserError(f"{venue} wants fewer requests ({_short(fault)}). Run the same again in some minutes.") from None
    except errors.BadSymbol as fault:
        raise UserError(f"{venue} knows no such symbol ({_short(fault)}). Use the venue's own spelling.") from None
    except errors.NetworkError as fault:
        raise UserError(f"{venue} did not answer ({_short(fault)}). Check the connection, then run the same again.") from None
    except errors.BaseError as fault:
        raise UserError(f"{venue} refused: {_short(fault)}.") from None


def _short(fault: Exception) -> str:
    return " ".join(str(fault).split())[:200]
