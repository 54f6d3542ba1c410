"""hftbacktest's side of `queues.py`; run by it with the interpreter of an environment that holds hftbacktest 2.4."""

import importlib.metadata
import json
import sys
import time
from typing import Any

import hftbacktest as h
import numpy as np
from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest
from numba import njit

BID, ASK, BUY, SELL = range(4)


@njit
def replay(hbt: Any, at: Any, side: Any, price: Any, held: int, lot: float, filled_ts: Any, filled_price: Any) -> int:
    """Submit and cancel by the schedule; note when the exchange filled what."""
    n = len(at)
    placed, ended = 0, 0
    hbt.elapse(1)  # the clock begins at the first event
    while ended < n:
        until = at[ended] + held
        if placed < n and at[placed] <= until:
            until = at[placed]
        if until > hbt.current_timestamp and hbt.elapse(until - hbt.current_timestamp) != 0:
            break
        if placed < n and at[placed] == until:
            if side[placed] > 0:
                hbt.submit_buy_order(0, placed, price[placed], lot, h.GTX, h.LIMIT, False)
            else:
                hbt.submit_sell_order(0, placed, price[placed], lot, h.GTX, h.LIMIT, False)
            placed += 1
        else:
            order = hbt.orders(0).get(ended)
            if order is not None:
                if order.status == h.FILLED:
                    filled_ts[ended], filled_price[ended] = order.exch_timestamp, order.exec_price
                elif order.cancellable:
                    hbt.cancel(0, ended, False)
            ended += 1
    return placed


def main(path: str) -> None:
    data = np.load(path)
    n, kind = len(data["ts"]), data["kind"]
    events = np.zeros(n, h.event_dtype)
    what = np.where(kind <= ASK, h.DEPTH_EVENT, h.TRADE_EVENT).astype(np.uint64)
    side = np.where((kind == BID) | (kind == BUY), h.BUY_EVENT, h.SELL_EVENT).astype(np.uint64)
    events["ev"] = what | side | np.uint64(h.EXCH_EVENT) | np.uint64(h.LOCAL_EVENT)
    events["exch_ts"] = events["local_ts"] = data["ts"]
    events["px"], events["qty"] = data["price"], data["quantity"]
    latency, orders = int(data["latency"]), len(data["order_ts"])
    best = np.inf
    for _ in range(3):
        asset = (
            BacktestAsset()
            .data([events])
            .linear_asset(1.0)
            .constant_order_latency(latency, 0)
            .risk_adverse_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0, 0.0)
            .tick_size(float(data["tick"]))
            .lot_size(float(data["lot"]))
        )
        hbt = HashMapMarketDepthBacktest([asset])
        filled_ts, filled_price = np.zeros(orders, np.int64), np.zeros(orders)
        begun = time.process_time()
        replay(
            hbt, data["order_ts"], data["order_side"], data["order_price"], int(data["held"]), float(data["lot"]), filled_ts,
            filled_price,
        )  # fmt: skip
        best = min(best, time.process_time() - begun)
        hbt.close()
    fills = [(int(k), int(filled_ts[k]), float(filled_price[k])) for k in np.flatnonzero(filled_ts)]
    print(json.dumps({"version": importlib.metadata.version("hftbacktest"), "cpu": best, "fills": fills}))


if __name__ == "__main__":
    main(sys.argv[1])
