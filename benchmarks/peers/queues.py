"""Resting orders on a recorded book: do our risk-averse queue and hftbacktest's fill the same orders at the same times?

    python benchmarks/peers/queues.py LAKE --hftbacktest PEER_PYTHON [--venue binance --symbol BTCUSDT]

Both get the same events in the same order (prints before book updates at equal times) and the same post-only orders: every
half second one lot at the touch, buy and sell in turn, cancelled after five seconds; order latency 1 ms. Also how many events
a second each works through, by CPU time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from perpscope.account import Account, QueueModel, Rules, Slippage, Terms
from perpscope.account.book import BOOK, set_level, touch_price
from perpscope.account.replay import advance_tape, events_of
from perpscope.account.tape import ASK, BID, SNAPSHOT
from perpscope.contract import flat_tier
from perpscope.core.batch import Batch
from perpscope.core.orders import OrderIntent, OrderKind, OrderSide, TimeInForce, intents
from perpscope.core.time import SECOND
from perpscope.lake import Lake

EVERY, HELD, LATENCY, WARM = SECOND // 2, 5 * SECOND, 1_000_000, 5 * SECOND


def schedule(events: Any, tick: float) -> dict[str, np.ndarray]:
    """When, which side and at what price: the touch as it stood at that time."""
    ts, kind, price, quantity = events
    books = np.zeros(1, BOOK)
    made = []
    due = int(ts[0]) + WARM
    for i in range(len(ts)):
        while ts[i] > due and due < ts[-1] - HELD:
            buy = len(made) % 2 == 0
            at = touch_price(books[0], not buy, tick)  # the best bid is what a seller meets
            made.append((due, 1 if buy else -1, round(at, 6)))
            due += EVERY
        if kind[i] == BID or kind[i] == ASK:
            set_level(books[0], kind[i] == BID, round(price[i] / tick), quantity[i])
    at, side, level = zip(*made, strict=True)
    return {"order_ts": np.array(at), "order_side": np.array(side), "order_price": np.array(level)}


def ours(
    instrument: Any, tables: dict[str, Any], orders: dict[str, np.ndarray], end: int
) -> tuple[dict[int, tuple[int, float]], float]:
    """Fills by order (time, price), and CPU seconds."""
    wishes = []
    for k, (at, side, price) in enumerate(zip(*orders.values(), strict=True)):
        one = OrderIntent(
            int(at), OrderSide.BUY if side > 0 else OrderSide.SELL, instrument.lot_size, 1.0, OrderKind.LIMIT, float(price),
            time_in_force=TimeInForce.GTX, bracket_id=k, intent_id=k,
        )  # fmt: skip
        wishes += [one, OrderIntent(int(at) + HELD, one.side, 1.0, kind=OrderKind.CANCEL, bracket_id=k)]
    terms = Terms(instrument, tiers=flat_tier(0.004), maker_fee=0.0, taker_fee=0.0, slippage=Slippage(bps=0.0))
    rules = Rules(deposit=1e7, latency=LATENCY, cancel_latency=LATENCY, queue=QueueModel.RISK_AVERSE)
    account = Account(terms, rules)
    batch = Batch(end, {**tables, "intents": intents(wishes)})
    best = np.inf
    for _ in range(3):
        begun = time.process_time()
        rows = advance_tape(account, account.start(), batch)
        best = min(best, time.process_time() - begun)
    found = zip(rows.fills["intent_id"].tolist(), rows.fills["ref_ts"].tolist(), rows.fills["price"].tolist(), strict=True)
    return {k: (t, p) for k, t, p in found}, best


def compare(mine: dict[int, tuple[int, float]], theirs: dict[int, tuple[int, float]], events: Any, prices: np.ndarray) -> None:
    both = sorted(mine.keys() & theirs.keys())
    same_price = sum(abs(mine[k][1] - theirs[k][1]) < 1e-9 for k in both)
    ts = events[0]
    near = sum(abs(int(np.searchsorted(ts, mine[k][0])) - int(np.searchsorted(ts, theirs[k][0]))) <= 1 for k in both)
    only_mine, only_theirs = sorted(mine.keys() - theirs.keys()), sorted(theirs.keys() - mine.keys())
    print(f"orders {len(prices)}; we filled {len(mine)}, hftbacktest {len(theirs)}; both {len(both)}")
    print(f"of those filled by both: same price {same_price}, within one event {near}")
    print(f"filled by us only {only_mine}; by hftbacktest only {only_theirs}")
    late = [(mine[k][0] - theirs[k][0]) / 1e6 for k in both]
    if late:
        low, middle, high = np.quantile(late, [0.05, 0.5, 0.95])
        print(f"our time minus theirs, ms: 5 % {low:.1f}, median {middle:.1f}, 95 % {high:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("lake", type=Path)
    parser.add_argument("--venue", default="binance")
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--hftbacktest", required=True)
    asked = parser.parse_args()
    source = Lake(asked.lake).source(asked.venue, asked.symbol)
    tables = {name: source.tables[name] for name in ("trade", "book_delta")}
    end = max(int(table.clock[-1]) for table in tables.values())
    events = events_of(Batch(end, tables))
    kept = events[1] != SNAPSHOT
    plain = tuple(column[kept] for column in events)
    print(f"{len(plain[0]):,} events, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    orders = schedule(plain, source.instrument.tick_size)
    mine, cpu = ours(source.instrument, tables, orders, end)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.npz"
        about = {"tick": source.instrument.tick_size, "lot": source.instrument.lot_size, "held": HELD, "latency": LATENCY}
        np.savez(path, **dict(zip(("ts", "kind", "price", "quantity"), plain, strict=True)), **orders, **about)
        script = Path(__file__).parent / "hftbacktest_queues.py"
        done = subprocess.run([asked.hftbacktest, str(script), str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"hftbacktest failed:\n{done.stderr[-3000:]}")
    told = json.loads(done.stdout.strip().splitlines()[-1])
    theirs = {int(k): (int(t), float(p)) for k, t, p in told["fills"]}
    compare(mine, theirs, plain, orders["order_price"])
    speeds = len(plain[0]) / cpu / 1e6, len(plain[0]) / told["cpu"] / 1e6
    print(f"CPU: we {speeds[0]:.1f} M events/s, hftbacktest {told['version']} {speeds[1]:.1f} M events/s")


if __name__ == "__main__":
    main()
