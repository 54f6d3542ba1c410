"""ccxt.pro as a client of the simulated exchange, in a process of its own: prints what it heard as JSON.

Arguments: port, control token, symbols. Only its table of hosts is changed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiohttp


async def main(port: str, token: str, symbols: list[str]) -> None:
    import ccxt.pro  # seconds to import: not when the tests are collected

    client = ccxt.pro.binance(
        {"options": {"defaultType": "swap", "fetchMarkets": {"types": ["linear"]}, "tradesLimit": 100_000}}
    )
    address = f"http://127.0.0.1:{port}"
    for name, url in list(client.urls["api"].items()):
        if isinstance(url, str):
            client.urls["api"][name] = address + "/" + url.split("/", 3)[3]
    client.urls["api"]["ws"]["linear"] = f"ws://127.0.0.1:{port}/ws"
    client.options["fetchCurrencies"] = False
    client.has["fetchCurrencies"] = False
    client.options["watchTrades"] = {"name": "aggTrade"}
    client.options["watchTradesForSymbols"] = {"name": "aggTrade"}
    await client.load_markets()

    async def watch(what: str) -> None:
        while True:
            await getattr(client, what)(symbols)

    tasks = [asyncio.create_task(watch(w)) for w in ("watch_trades_for_symbols", "watch_order_book_for_symbols")]
    async with aiohttp.ClientSession() as session:
        deadline = time.monotonic() + 30.0
        while time.monotonic() < deadline:
            for task in tasks:
                if task.done():
                    task.result()
            async with session.get(f"{address}/_control", params={"token": token}) as answer:
                if (await answer.json())["ended"]:
                    break
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    for task in tasks:
        task.cancel()
    books = {s: client.orderbooks[s] for s in symbols}
    heard = {
        client.market_id(s): {
            "trades": len(client.trades.get(s, [])),
            "bought": sum(t["amount"] for t in client.trades.get(s, []) if t["side"] == "buy"),
            "nonce": books[s]["nonce"],
            "bids": [list(level[:2]) for level in books[s]["bids"][:20]],
            "asks": [list(level[:2]) for level in books[s]["asks"][:20]],
        }
        for s in symbols
    }
    print(json.dumps({"version": ccxt.pro.__version__, "heard": heard}))
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
