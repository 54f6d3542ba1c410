"""The same bar strategy in our account, in vectorbt and in nautilus_trader: same trades, same money, how fast.

    python benchmarks/peers/bars.py --vectorbt PEER_PYTHON --nautilus PEER_PYTHON

PEER_PYTHON is the interpreter of a throwaway environment that holds the peer (docs/results/peers.md says how to make one); a
peer that is not named is left out. Strategy: one-minute bars of a random walk, moving averages of 20 and 60 closes, always in
the market with 0.1 coin long or short, flipped at the next open after the averages cross; taker fee 0.05 %, no slippage.
Everybody is given the same bars; we and vectorbt are given the crossings too, nautilus_trader's strategy finds them itself,
as its users do. CPU time of the process, best of several; the first call (compilation) is told apart.
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

from perpscope.account import Account, Rules, Slippage, Terms
from perpscope.contract import flat_tier
from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument
from perpscope.core.orders import INTENTS
from perpscope.core.table import Table
from perpscope.core.time import MINUTE, NULL_TS, parse_ts

BAR_COUNT, FAST, SLOW, QUANTITY, DEPOSIT, FEE = 525_600, 20, 60, 0.1, 1_000_000.0, 0.0005
HERE = Path(__file__).parent


def market() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    steps = rng.integers(-300, 301, BAR_COUNT)
    close = 600_000 + np.cumsum(steps)  # whole ticks of 0.1
    floor = 100_000
    close = np.abs(close - floor) + floor
    opens = np.r_[600_000, close[:-1]]
    wick = rng.integers(0, 200, (2, BAR_COUNT))
    high, low = np.maximum(opens, close) + wick[0], np.minimum(opens, close) - wick[1]
    ref = parse_ts("2024-01-01") + np.arange(BAR_COUNT) * MINUTE
    fast, slow = (np.convolve(close, np.ones(n, np.int64), "full")[:BAR_COUNT] / n for n in (FAST, SLOW))
    side = np.where(fast > slow, 1, -1)
    side[: SLOW - 1] = 0
    turned = np.flatnonzero((side != np.r_[0, side[:-1]]) & (side != 0))
    turned = turned[turned < BAR_COUNT - 1]
    return {
        "ref": ref,
        "open": opens / 10,
        "high": high / 10,
        "low": low / 10,
        "close": close / 10,
        "at": turned,
        "side": side[turned],
    }


def ours(data: dict[str, np.ndarray]) -> dict[str, Any]:
    n, k = BAR_COUNT, len(data["at"])
    bars = Table.filled(
        BARS, ref_ts=data["ref"], known_ts=data["ref"] + MINUTE, open=data["open"], high=data["high"], low=data["low"],
        close=data["close"], complete=np.ones(n, bool),
    )  # fmt: skip
    terms = Terms(
        Instrument("demo", "BTCUSDT", tick_size=0.1, lot_size=0.001),
        tiers=flat_tier(0.004),
        taker_fee=FEE,
        slippage=Slippage(bps=0.0),
    )
    account = Account(terms, Rules(deposit=DEPOSIT))

    def run() -> Any:
        decided = data["ref"][data["at"]] + MINUTE
        nan, never, no = np.full(k, np.nan), np.full(k, NULL_TS), np.zeros(k, bool)
        quantity = np.where(np.arange(k) == 0, QUANTITY, 2 * QUANTITY)
        ones, side = np.ones(k), np.where(data["side"] > 0, 1, 2)
        wishes = Table.of(
            INTENTS, ref_ts=decided, known_ts=decided, intent_id=np.arange(k), instrument=np.zeros(k), side=side, kind=ones,
            quantity=quantity, price=nan, trigger=nan, trigger_by=ones, time_in_force=ones, good_till_ts=never, reduce_only=no,
            close_position=no, leg=ones, leverage=5.0 * ones, bracket_id=-ones, stop=nan, target=nan, trail_fraction=nan,
            trail_activation=nan, exit_ts=never, latency=never,
        )  # fmt: skip
        return account.run({"bars": bars, "intents": wishes})

    first, best, rows = timed(run)
    return {
        "first": first,
        "cpu": best,
        "fills": int(k),
        "equity": float(rows.equity["equity"][-1]),
        "fees": float(rows.fills["fee"].sum()),
    }


def timed(run: Any, times: int = 7) -> tuple[float, float, Any]:
    begun = time.process_time()
    result = run()
    first, best = time.process_time() - begun, np.inf
    for _ in range(times):
        begun = time.process_time()
        result = run()
        best = min(best, time.process_time() - begun)
    return first, best, result


def theirs(python: str, script: str, data: Path) -> dict[str, Any]:
    done = subprocess.run([python, str(HERE / script), str(data)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--vectorbt")
    parser.add_argument("--nautilus")
    asked = parser.parse_args()
    print(f"{BAR_COUNT:,} bars, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    data = market()
    mine = ours(data)
    print(f"perpscope: {mine['fills']:,} orders, equity {mine['equity']:,.4f}, fees {mine['fees']:,.4f}")
    print(
        f"  first call {mine['first']:.2f} s, warm {mine['cpu'] * 1e3:.1f} ms CPU: {BAR_COUNT / mine['cpu'] / 1e6:.1f} M bars/s"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "market.npz"
        np.savez(path, **data)
        for name, python, script, goal in (
            ("vectorbt", asked.vectorbt, "vectorbt_bars.py", 2.0),
            ("nautilus_trader", asked.nautilus, "nautilus_bars.py", 50.0),
        ):
            if not python:
                continue
            other = theirs(python, script, path)
            print(f"{name} {other['version']}: {other['fills']:,} orders, equity {other['equity']:,.4f}")
            speed = BAR_COUNT / other["cpu"] / 1e6
            print(f"  first call {other['first']:.2f} s, best {other['cpu'] * 1e3:.1f} ms CPU: {speed:.2f} M bars/s")
            gap = abs(other["equity"] - mine["equity"])
            print(f"  differs by {gap:.6f} of equity: {'SAME MONEY' if gap < 0.01 else 'DIFFERENT'}")
            ratio = other["cpu"] / mine["cpu"]
            print(f"  we are {ratio:.1f} times as fast; goal {goal:g}: {'MET' if ratio >= goal else 'MISSED'}")


if __name__ == "__main__":
    main()
