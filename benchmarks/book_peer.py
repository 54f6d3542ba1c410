"""hftbacktest replaying rows written by `book.py`; run by a Python of its own that has hftbacktest, prints CPU seconds."""

from __future__ import annotations

import sys
import time

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    DEPTH_SNAPSHOT_EVENT,
    EXCH_EVENT,
    LOCAL_EVENT,
    SELL_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
    event_dtype,
)
from numba import njit


@njit
def replay(backtest):
    while backtest.elapse(100_000_000) == 0:
        pass
    depth = backtest.depth(0)
    return depth.best_bid, depth.best_ask


def main(path: str, tick: float, lot: float) -> None:
    rows = np.load(path)
    events = np.zeros(len(rows["ts"]), event_dtype)
    kind = np.where(rows["told"], DEPTH_SNAPSHOT_EVENT, DEPTH_EVENT).astype(np.uint64)
    side = np.where(rows["side"] == 1, BUY_EVENT, SELL_EVENT).astype(np.uint64)
    events["ev"] = kind | side | np.uint64(EXCH_EVENT) | np.uint64(LOCAL_EVENT)
    events["exch_ts"] = events["local_ts"] = rows["ts"]
    events["px"], events["qty"] = rows["price"], rows["quantity"]
    low, high = rows["price"].min(), rows["price"].max()
    spent: dict[str, list[float]] = {"roi": [], "hashmap": []}
    for _ in range(5):
        for name, build in (("roi", ROIVectorMarketDepthBacktest), ("hashmap", HashMapMarketDepthBacktest)):
            asset = BacktestAsset().data([events]).linear_asset(1.0).constant_order_latency(0, 0).risk_adverse_queue_model()
            asset = asset.no_partial_fill_exchange().trading_value_fee_model(0, 0).tick_size(tick).lot_size(lot)
            backtest = build([asset.roi_lb(low).roi_ub(high)])
            began = time.process_time()
            best = replay(backtest)
            spent[name].append(time.process_time() - began)
            backtest.close()
    print(min(spent["roi"]), min(spent["hashmap"]), *best)


main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
