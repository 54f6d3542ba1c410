"""How fast the simulated account is: bars, sweeps on threads, prints with a walked book, micro-batches.

    python benchmarks/account.py

Every figure stands beside a bare loop over the same arrays, made in the same run: a kernel that reads the four prices of
each bar and keeps the equity of one held position, which no account can beat. CPU time of the process is measured beside
wall time, because the machine may be shared.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from perpscope.account import Account, Rules, Terms
from perpscope.account.replay import advance_tape
from perpscope.contract import flat_tier
from perpscope.core.batch import Batch
from perpscope.core.events import BARS, BOOK_DELTA, FUNDING, MARK_BARS, TRADE
from perpscope.core.instrument import Instrument
from perpscope.core.orders import INTENTS
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, NULL_TS
from perpscope.numeric.jit import njit

BAR_COUNT = 2_000_000
EVENT_COUNT = 1_000_000
HELD = Instrument("demo", "BTCUSDT", tick_size=0.1, lot_size=0.001)


@njit
def bare_loop(o: Any, h: Any, l: Any, c: Any, out: Any) -> float:
    """The least anybody does: read a bar, value a position, keep the worst."""
    worst = 1e18
    for i in range(len(c)):
        worst = min(worst, l[i] + h[i] - o[i])
        out[i] = 10_000.0 + 0.01 * (c[i] - o[0])
    return worst


def measured(work: Callable[[], Any], times: int = 5) -> tuple[float, float]:
    """Median wall and CPU seconds."""
    wall, cpu = [], []
    for _ in range(times):
        a, b = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - a)
        cpu.append(time.process_time() - b)
    return statistics.median(wall), statistics.median(cpu)


def market() -> dict[str, Table]:
    rng = np.random.default_rng(1)
    n = BAR_COUNT
    close = 60_000.0 * np.exp(np.cumsum(rng.standard_normal(n) * 0.0004))
    opens = np.r_[close[0], close[:-1]]
    high, low = np.maximum(opens, close) * 1.0002, np.minimum(opens, close) * 0.9998
    ref, nan = np.arange(n) * MINUTE, np.full(n, np.nan)
    bars = Table.of(
        BARS, ref_ts=ref, known_ts=ref + MINUTE, open=opens, high=high, low=low, close=close, volume=np.full(n, 1e9),
        buy_volume=nan, sell_volume=nan, trade_count=nan, min_delta=nan, max_delta=nan, complete=np.ones(n, bool),
    )  # fmt: skip
    marks = Table.of(MARK_BARS, ref_ts=ref, known_ts=ref + MINUTE, open=opens, high=high, low=low, close=close)
    stamps = np.arange(0, n * MINUTE, 8 * HOUR)
    absent = np.full(len(stamps), NULL_TS)
    paid = Table.of(
        FUNDING, exchange_ts=stamps, receive_ts=absent, funding_rate=np.full(len(stamps), 1e-4), funding_interval=absent
    )
    return {"bars": bars, "mark_bars": marks, "funding": paid, "intents": wishes(bars, rng, 600)}


def wishes(bars: Table, rng: np.random.Generator, every: int) -> Table:
    at = np.arange(100, len(bars) - 10, every)
    k = len(at)
    side = np.where(rng.random(k) < 0.5, 1, 2)
    s, price, ref = np.where(side == 1, 1, -1), bars["close"][at - 1], bars["ref_ts"][at]
    nan, never, no = np.full(k, np.nan), np.full(k, NULL_TS), np.zeros(k, bool)
    return Table.of(
        INTENTS, ref_ts=ref, known_ts=ref, intent_id=np.arange(k), instrument=np.zeros(k), side=side, kind=np.ones(k),
        quantity=np.full(k, 0.01), price=nan, trigger=nan, trigger_by=np.ones(k), time_in_force=np.ones(k), good_till_ts=never,
        reduce_only=no, close_position=no, leg=np.ones(k), leverage=np.full(k, 10.0), bracket_id=np.arange(k),
        stop=np.round(price * (1.0 - 0.01 * s), 1), target=np.round(price * (1.0 + 0.02 * s), 1), trail_fraction=nan,
        trail_activation=nan, exit_ts=ref + 500 * MINUTE, latency=never,
    )  # fmt: skip


def one_account() -> Account:
    return Account(Terms(HELD, tiers=flat_tier(0.004)), Rules(deposit=100_000.0))


def judged(name: str, value: float, unit: str, goal: float, higher: bool = True) -> None:
    met = value >= goal if higher else value <= goal
    print(f"{name}: {value:,.2f} {unit}; goal {'at least' if higher else 'at most'} {goal:g}: {'MET' if met else 'MISSED'}")


def bench_bars(tables: dict[str, Table]) -> None:
    bars = tables["bars"]
    columns, out = [bars[name] for name in ("open", "high", "low", "close")], np.empty(BAR_COUNT)
    bare_loop(*columns, out)
    bare = measured(lambda: bare_loop(*columns, out))[1]
    account = one_account()
    rows = account.run(tables)
    wall, cpu = measured(lambda: account.run(tables))
    print(f"bars: {BAR_COUNT:,} bars, {len(rows.ledger):,} ledger lines, {len(rows.round_trips):,} round trips")
    print(f"  wall {BAR_COUNT / wall / 1e6:.1f} M bars/s; {cpu / bare:.1f} x the CPU time of the bare loop")
    judged("  one configuration, by CPU time", BAR_COUNT / cpu / 1e6, "M bars/s", 20.0)


def bench_sweep(tables: dict[str, Table]) -> None:
    accounts = [one_account() for _ in range(4)]
    states = [account.start() for account in accounts]
    runs = list(zip(accounts, states, strict=True))

    def one(pair: tuple[Account, Any]) -> None:
        pair[0].run(tables, dict(pair[1]))

    alone = measured(lambda: [one(pair) for pair in runs], 3)[0]
    with ThreadPoolExecutor(2) as pool:
        both = measured(lambda: list(pool.map(one, runs)), 3)[0]
    judged("sweep of 4 configurations on 2 threads over 1", alone / both, "x", 1.8)


def bench_tape() -> None:
    rng = np.random.default_rng(2)
    n = EVENT_COUNT
    price = np.round(60_000.0 + np.cumsum(rng.integers(-1, 2, n)) * 0.1, 1)
    ts = np.arange(n) * 20_000_000
    book = rng.random(n) < 0.5
    prints, deltas = np.flatnonzero(~book), np.flatnonzero(book)
    trade = Table.of(
        TRADE, exchange_ts=ts[prints], receive_ts=ts[prints], trade_id=prints, price=price[prints],
        quantity=rng.random(len(prints)), aggressor_side=rng.integers(1, 3, len(prints)),
    )  # fmt: skip
    side = rng.integers(1, 3, len(deltas))
    away = rng.integers(1, 20, len(deltas)) * 0.1
    levels = np.round(price[deltas] + np.where(side == 1, -away, away), 1)
    delta = Table.of(
        BOOK_DELTA, exchange_ts=ts[deltas], receive_ts=ts[deltas], sequence=deltas, side=side, price=levels,
        quantity=rng.random(len(deltas)) * 5.0, snapshot=np.zeros(len(deltas), bool),
    )  # fmt: skip
    bars = Table.filled(BARS, ref_ts=ts[::5000], known_ts=ts[::5000], open=price[::5000], high=price[::5000], low=price[::5000],
                        close=price[::5000], complete=np.ones(len(ts[::5000]), bool))  # fmt: skip
    tables = {"trade": trade, "book_delta": delta, "intents": wishes(bars, rng, 2)}
    account = one_account()
    whole = Batch(int(ts[-1]), tables)
    advance_tape(account, account.start(), whole)
    cpu = measured(lambda: advance_tape(account, account.start(), whole), 3)[1]
    judged(f"prints and book: {n:,} events with a walked book, by CPU time", n / cpu / 1e6, "M events/s", 1.0)


def bench_micro(tables: dict[str, Table]) -> None:
    account = one_account()
    state = account.start()
    bars = tables["bars"]
    account.run({"bars": bars[:2_000], "intents": tables["intents"][:3]}, state)
    batches = [Batch(int(bars["known_ts"][i]), {"bars": bars[i : i + 1]}) for i in range(2_000, 6_000)]
    begin = time.process_time()
    for batch in batches:
        account.advance(state, batch)
    judged("micro-batch of one bar, by CPU time", (time.process_time() - begin) / len(batches) * 1e6, "us", 20.0, higher=False)


def main() -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"cores {os.cpu_count()}, load average {load}")
    if os.getloadavg()[0] > 1.0:
        print("the machine is busy: wall times are too slow, CPU times somewhat")
    tables = market()
    bench_bars(tables)
    bench_sweep(tables)
    bench_tape()
    bench_micro(tables)
    assert_sane(tables)


def assert_sane(tables: dict[str, Table]) -> None:
    """The run that was timed is an account: its ledger is its wallet."""
    rows = one_account().run(tables)
    total = rows.ledger["amount"][rows.ledger["kind"] != 10].sum()
    print(f"ledger - wallet: {math.fsum([total, -rows.equity['wallet_balance'][-1]]):.9f}")


if __name__ == "__main__":
    main()
