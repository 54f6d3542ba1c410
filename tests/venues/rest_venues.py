"""A loopback server that answers the REST history questions of Binance, Bybit, OKX and Hyperliquid in their own words.

The market is plain arithmetic: hour i since 2026-01-01 opens at 60000 + 10 (i mod 7), volume 12.5, of which 5.25 were bought;
funding 0.0001 every eight hours (hourly on Hyperliquid); open interest 1000 + number of five minutes. Written after the
examples that the venues' documentations print, and by ranges as they document them.
"""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from perpscope.core.time import DAY, HOUR, MINUTE, parse_ts

MS = 1_000_000
ZERO = parse_ts("2026-01-01")
HOUR_MS, ZERO_MS = HOUR // MS, ZERO // MS
MORE_OPEN = 60_000
TRADES = 2_500
"""Aggregate trades, one every 10 s from the beginning."""


def hours(start: int, end: int, limit: int, newest: bool = False) -> list[int]:
    """Opens (ms) in [start, end], as many as one answer holds: the oldest ones, or where a venue prefers so the newest."""
    first = max(-(-max(start, ZERO_MS) // HOUR_MS) * HOUR_MS, ZERO_MS)
    found = list(range(first, min(end, ZERO_MS + 60 * DAY // MS) + 1, HOUR_MS))
    return found[-limit:] if newest else found[:limit]


def open_at(ts: int) -> float:
    return MORE_OPEN + 10.0 * ((ts - ZERO_MS) // HOUR_MS % 7)


def _ohlc(ts: int) -> list[str]:
    o = open_at(ts)
    return [f"{o}", f"{o + 9.5}", f"{o - 3.5}", f"{o + 3}"]


def _every(start: int, end: int, step: int, limit: int) -> list[int]:
    first = -(-max(start, ZERO_MS) // step) * step
    return list(range(first, min(end, ZERO_MS + 60 * DAY // MS) + 1, step))[:limit]


def binance(path: str, q: dict[str, str]) -> Any:
    start, end, limit = int(q.get("startTime", 0)), int(q.get("endTime", 1 << 60)), int(q.get("limit", 500))
    name = path.rpartition("/")[2]
    if name in ("klines", "markPriceKlines"):
        coins = path.startswith("/dapi")
        v, qv, b, bq = ("7500", "12.5", "3150", "5.25") if coins else ("12.5", "750000", "5.25", "315000")
        if name != "klines":
            v = qv = b = bq = "0"
        return [[t, *_ohlc(t), v, t + HOUR_MS - 1, qv, 42, b, bq, "0"] for t in hours(start, end, limit)]
    if name == "aggTrades":
        ids = range(int(q["fromId"]), TRADES) if "fromId" in q else range(TRADES)
        rows = [
            {"a": n, "p": f"{60_000 + n % 50}.1", "q": "0.5", "f": n, "l": n, "T": ZERO_MS + n * 10_000, "m": n % 2 == 0}
            for n in ids
        ]
        return [r for r in rows if start <= r["T"] <= end][:limit]
    if name == "fundingRate":
        return [
            {"symbol": q["symbol"], "fundingTime": t, "fundingRate": "0.0001"} for t in _every(start, end, 8 * HOUR_MS, limit)
        ]
    if name == "openInterestHist":
        found = _every(start, end, 5 * MINUTE // MS, limit)
        return [{"sumOpenInterest": str(1000 + k), "sumOpenInterestValue": "16", "timestamp": t} for k, t in enumerate(found)]
    return {"code": -1121, "msg": "Invalid symbol."}


def bybit(path: str, q: dict[str, str]) -> Any:
    start, end, limit = int(q.get("start", 0)), int(q.get("end", 1 << 60)), int(q.get("limit", 200))
    name = path.rpartition("/")[2]
    found: list[Any] = []
    if name == "instruments-info":
        found = [_bybit_contract()] if q["category"] == "linear" else []
    elif name == "kline":
        found = [[str(t), *_ohlc(t), "12.5", "750000"] for t in hours(start, end, limit, newest=True)][::-1]
    elif name == "mark-price-kline":
        found = [[str(t), *_ohlc(t)] for t in hours(start, end, limit, newest=True)][::-1]
    elif name == "history":
        times = _every(int(q["startTime"]), int(q["endTime"]), 8 * HOUR_MS, limit)
        found = [{"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingRateTimestamp": str(t)} for t in times][::-1]
    elif name == "open-interest":
        times = _every(int(q["startTime"]), int(q["endTime"]), 5 * MINUTE // MS, limit)
        found = [{"openInterest": str(1000 + k), "timestamp": str(t)} for k, t in enumerate(times)][::-1]
    elif name == "risk-limit":
        steps = [("2000000", "0.005", "0.01", "100.00"), ("2600000", "0.0056", "0.0111", "90.00")]
        found = [
            {"id": k + 1, "symbol": "BTCUSDT", "riskLimitValue": cap, "maintenanceMargin": m, "initialMargin": i,
             "isLowestRisk": int(not k), "maxLeverage": lev, "mmDeduction": ""}
            for k, (cap, m, i, lev) in enumerate(steps)
        ]  # fmt: skip
    result = {"category": q.get("category", ""), "symbol": q.get("symbol", ""), "list": found, "nextPageCursor": ""}
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": ZERO_MS}


def _bybit_contract() -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "BTC", "quoteCoin": "USDT",
        "launchTime": "1585526400000", "deliveryTime": "0", "deliveryFeeRate": "", "priceScale": "2", "settleCoin": "USDT",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
        "lotSizeFilter": {"maxOrderQty": "1190", "minOrderQty": "0.001", "qtyStep": "0.001", "minNotionalValue": "5"},
        "unifiedMarginTrade": True, "fundingInterval": 480,
    }  # fmt: skip


def okx(path: str, q: dict[str, str]) -> Any:
    before, after, limit = int(q.get("before", 0)), int(q.get("after", 1 << 60)), int(q.get("limit", 100))
    name = path.rpartition("/")[2]
    found: list[Any] = []
    if name == "instruments":
        found = [_okx_contract()]
    elif "candles" in name:
        mark = "mark" in name
        more = [] if mark else ["1250", "12.5", "750000"]
        found = [[str(t), *_ohlc(t), *more, "1"] for t in hours(before + 1, after - 1, limit, newest=True)][::-1]
    elif name == "funding-rate-history":
        times = _every(before + 1, after - 1, 8 * HOUR_MS, limit)
        found = [
            {"instId": "BTC-USDT-SWAP", "fundingRate": "0.0001", "realizedRate": "0.0001", "fundingTime": str(t)} for t in times
        ]
    elif name == "open-interest-history":
        begin, end = int(q.get("begin", 0)), int(q.get("end", 1 << 60))
        times = _every(begin, end, 5 * MINUTE // MS, limit)
        found = [[str(t), str(100 * (1000 + k)), str(1000 + k), "60000000"] for k, t in enumerate(times)][::-1]
    return {"code": "0", "msg": "", "data": found}


def _okx_contract() -> dict[str, Any]:
    return {
        "alias": "", "baseCcy": "", "category": "1", "ctMult": "1", "ctType": "linear", "ctVal": "0.01", "ctValCcy": "BTC",
        "expTime": "", "instFamily": "BTC-USDT", "instId": "BTC-USDT-SWAP", "instType": "SWAP", "lever": "100",
        "listTime": "1611916828000", "lotSz": "0.01", "maxLmtSz": "100000000", "minSz": "0.01", "optType": "", "quoteCcy": "",
        "settleCcy": "USDT", "state": "live", "stk": "", "tickSz": "0.1", "uly": "BTC-USDT",
    }  # fmt: skip


def hyperliquid(body: dict[str, Any]) -> Any:
    kind = body["type"]
    if kind == "metaAndAssetCtxs":
        context = {"dayNtlVlm": "1", "funding": "0.0000125", "markPx": "60000", "midPx": "60000.5", "openInterest": "1",
                   "oraclePx": "60000", "premium": "0", "prevDayPx": "60000", "impactPxs": ["60000", "60001"]}  # fmt: skip
        return [{"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "onlyIsolated": False}]}, [context]]
    if kind == "candleSnapshot":
        asked = body["req"]
        keys = ("o", "h", "l", "c")
        return [
            {
                "t": t,
                "T": t + HOUR_MS - 1,
                "s": "BTC",
                "i": "1h",
                **dict(zip(keys, _ohlc(t), strict=True)),
                "v": "12.5",
                "n": 42,
            }
            for t in hours(asked["startTime"], asked["endTime"], 5_000)
        ]
    if kind == "fundingHistory":
        times = _every(body["startTime"], body.get("endTime", 1 << 60), HOUR_MS, 500)
        return [{"coin": "BTC", "fundingRate": "0.0000125", "premium": "0.0001", "time": t + 31} for t in times]
    return []


class _Handler(BaseHTTPRequestHandler):
    server: Venues

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        asked = dict(urllib.parse.parse_qsl(query))
        self.server.asked.append(path)
        if self.server.refuse:
            self._answer(self.server.refuse, {"code": -1003, "msg": "Too many requests"} if self.server.refuse == 429 else {})
            return
        told = bybit if path.startswith("/v5") else okx if path.startswith("/api/v5") else binance
        self._answer(200, told(path, asked))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body["type"])
        self._answer(200, hyperliquid(body))

    def _answer(self, status: int, told: Any) -> None:
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class Venues(ThreadingHTTPServer):
    """`asked` is the log of paths (types on Hyperliquid); `refuse` answers everything with that status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.refuse = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def answering() -> Iterator[Venues]:
    site = Venues()
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        site.server_close()
        thread.join(10)
