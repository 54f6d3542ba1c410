"""A year of five-minute bars through the liquidation books, one window read out, one live bar; beside two other ways to do it.

One core, this process only, CPU time, the best of several runs, after compilation. The market is made (seeded), with the
volatility and turnover of BTC. The other ways are programs of our own for the same books: a loop over dictionaries in
plain Python, as most open projects do it, and whole matrices in numpy, decayed and swept bar by bar. Both do less than
ours: no ages, no rows, no accounts; that they end with the same books is checked here.

Goals: a year with all rows under 1 s at 10 and at 5 bps and linear in bars; a window of 1000 x 400
under 50 ms; a live bar through all liquidation features under 1 ms; at least 100 times the loop over dictionaries.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import BARS, GAP, OPEN_INTEREST
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, MINUTE, parse_ts
from perpscope.engine.graph import Graph
from perpscope.features.liquidation.clusters import LiquidationClusters
from perpscope.features.liquidation.exposure import UNIT_COLUMNS, ExposureEntry, ExposureParams, LiquidationExposure
from perpscope.features.liquidation.flows import PositionFlows
from perpscope.features.liquidation.heatmap import LiquidationHeatmap
from perpscope.features.liquidation.ledger import LiquidationLedger
from perpscope.features.liquidation.mix import TIERS
from perpscope.features.liquidation.outlook import LiquidationOutlook
from perpscope.features.liquidation.shifts import tier_kernels
from perpscope.features.liquidation.sweeps import LiquidationSweeps
from perpscope.features.liquidation.window import heat_window

STEP = 5 * MINUTE
YEAR_BARS = 105_120
LOOP_BARS = 4_000
START = parse_ts("2025-01-01")
INSTRUMENT = Instrument("binance", "BTCUSDT")
SISTERS = (LiquidationLedger, LiquidationHeatmap, LiquidationSweeps, LiquidationClusters, LiquidationOutlook)


def market(n: int) -> dict[str, Table]:
    """Bars and open interest: 55% a year, V/O about .3% a bar, open interest inside the identity."""
    rng = np.random.default_rng(11)
    sigma = 0.55 / math.sqrt(YEAR_BARS) * np.exp(0.6 * np.sin(np.arange(n) / 900.0))
    close = 60_000.0 * np.exp(np.cumsum(rng.standard_t(4, n) / math.sqrt(2.0) * sigma))
    before = np.concatenate([[60_000.0], close[:-1]])
    high = np.maximum(close, before) * np.exp(rng.exponential(0.6, n) * sigma)
    low = np.minimum(close, before) * np.exp(-rng.exponential(0.6, n) * sigma)
    volume = rng.gamma(1.5, 160.0, n)
    interest = np.maximum(80_000.0 + np.cumsum(rng.normal(0.0, 0.1, n).clip(-0.9, 0.9) * volume), 40_000.0)
    interest = np.concatenate([[80_000.0], interest])
    interest[1:] = interest[0] + np.cumsum(np.clip(np.diff(interest), -volume, volume))
    ref = START + STEP * np.arange(n)
    bars = Table.filled(
        BARS, ref_ts=ref, known_ts=ref + STEP, open=before, high=high, low=low, close=close, volume=volume,
        buy_volume=rng.uniform(0.35, 0.65, n) * volume, complete=np.ones(n, bool),
    )  # fmt: skip
    held = Table.filled(OPEN_INTEREST, exchange_ts=START + STEP * np.arange(n + 1), open_interest=interest)
    return {"bars": bars, "open_interest": held}


def best(work: Callable[[], object], runs: int = 5) -> float:
    """CPU seconds of the fastest run."""
    spent = []
    for _ in range(runs):
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)
    return min(spent)


def flows_of(tables: dict[str, Table]) -> Table:
    fold = PositionFlows(frame="5m")
    return fold.fold(fold.start(INSTRUMENT), Batch(int(tables["bars"].clock[-1]), tables))


def books(flows: Table, params: ExposureParams) -> Table:
    fold = LiquidationExposure(params, "5m")
    return fold.fold(fold.start(INSTRUMENT), Batch(int(flows.clock[-1]), {"position_flows": flows}))


def offsets(params: ExposureParams, per_octave: int) -> dict[tuple[int, int], list[tuple[int, float]]]:
    """Where each side and tier breaks, as bins from the entry and weights."""
    packed = tier_kernels(INSTRUMENT, START, per_octave, params.spread, params.taker_fee)
    found = {}
    for s in range(2):
        for k in range(TIERS):
            at, first, length = (int(a[s, k]) for a in (packed.start, packed.first, packed.length))
            found[s, k] = [(first + j, float(packed.density[at + j])) for j in range(length)]
    return found


def entries(x0: float, x1: float) -> list[tuple[int, float]]:
    a, b = math.floor(x0), math.floor(x1)
    if a == b:
        return [(a, 1.0)]
    return [(i, (min(x1, i + 1) - max(x0, i)) / (x1 - x0)) for i in range(a, b + 1)]


def dictionary_loop(flows: Table, per_octave: int, moved: dict) -> np.ndarray:
    """One dictionary of bins per side and tier, every lot by hand. Returns units per side and tier at the end."""
    held: dict[tuple[int, int], dict[int, float]] = {key: defaultdict(float) for key in moved}
    rows = {name: flows[name].tolist() for name in flows.schema.names}
    for t in range(len(flows)):
        low, high = math.log2(rows["sweep_low"][t]) * per_octave, math.log2(rows["sweep_high"][t]) * per_octave
        close = math.log2(rows["close"][t]) * per_octave
        entered = entries(math.log2(rows["entry_low"][t]) * per_octave, math.log2(rows["entry_high"][t]) * per_octave)
        before = rows["open_interest"][t - 1] if t else 0.0
        for (s, _), book in held.items():
            gone = [b for b in book if (b + 0.5 >= low if s == 0 else b + 0.5 <= high)]
            for b in gone:
                del book[b]
            closed = rows["closed_long" if s == 0 else "closed_short"][t]
            keep = 1.0 - closed / before if before else 1.0
            for b in book:
                book[b] *= keep
        for (s, k), book in held.items():
            opened = rows["opened_long" if s == 0 else "opened_short"][t]
            for i, share in entered:
                for d, weight in moved[s, k]:
                    b = i + d
                    if (b + 0.5 < close) if s == 0 else (b + 0.5 > close):
                        book[b] += opened * share * weight
    return np.array([[sum(held[s, k].values()) for k in range(TIERS)] for s in range(2)])


def dense_matrices(flows: Table, per_octave: int, moved: dict) -> np.ndarray:
    """One row of a matrix per side and tier over a fixed grid; every bar decays the matrix and adds a convolution."""
    middle = int(np.log2(flows["close"][0]) * per_octave)
    width = 4 * per_octave
    origin = middle - 2 * per_octave
    held = np.zeros((2, TIERS, width))
    kernels = {key: (steps[0][0], np.array([w for _, w in steps])) for key, steps in moved.items()}
    x = {n: np.log2(flows[n]) * per_octave for n in ("sweep_low", "sweep_high", "close", "entry_low", "entry_high")}
    for t in range(len(flows)):
        first, last = math.ceil(x["sweep_low"][t] - 0.5) - origin, math.floor(x["sweep_high"][t] - 0.5) - origin
        held[0, :, first:] = 0.0
        held[1, :, : last + 1] = 0.0
        before = flows["open_interest"][t - 1] if t else 0.0
        box = entries(x["entry_low"][t], x["entry_high"][t])
        shares = np.array([w for _, w in box])
        long_end = math.ceil(x["close"][t] - 0.5) - origin
        short_begin = math.floor(x["close"][t] - 0.5) + 1 - origin
        for s, (opened, closed) in enumerate((("opened_long", "closed_long"), ("opened_short", "closed_short"))):
            if before:
                held[s] *= 1.0 - flows[closed][t] / before
            for k in range(TIERS):
                d, weights = kernels[s, k]
                spread = flows[opened][t] * np.convolve(shares, weights)
                a = box[0][0] + d - origin
                held[s, k, a : a + len(spread)] += spread
        held[0, :, long_end:] = 0.0
        held[1, :, :short_begin] = 0.0
    return held.sum(axis=2)


def unit_totals(rows: Table) -> np.ndarray:
    accounts = rows[rows["entry"] == ExposureEntry.SIDE][-2:]
    return np.array([[float(accounts[name][s]) for name in UNIT_COLUMNS] for s in range(2)])


def live_bar(tables: dict[str, Table], features: list[str]) -> float:
    """CPU seconds of the median step: one bar and one open interest through the graph, after a month of history."""
    graph = Graph(INSTRUMENT, features, {"bars@5m", "open_interest"}, "5m")
    n = 30 * 288
    bars, held = tables["bars"], tables["open_interest"]
    graph.step(Batch(int(bars.clock[n - 1]), {"bars@5m": bars[:n], "open_interest": held[: n + 1], "gap": GAP.empty()}))
    spent = []
    for i in range(n, n + 600):
        batch = Batch(
            int(bars.clock[i]), {"bars@5m": bars[i : i + 1], "open_interest": held[i + 1 : i + 2], "gap": GAP.empty()}
        )
        before = time.process_time()
        graph.step(batch)
        spent.append(time.process_time() - before)
    return float(np.median(spent))


def main() -> int:
    tables = market(YEAR_BARS)
    flows = flows_of(tables)
    ten, five = ExposureParams(), ExposureParams(bin_bps=5.0)
    short = flows[:LOOP_BARS]
    books(short, ten)
    met = []
    print(f"{YEAR_BARS:,} bars; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; CPU time of this process")

    def say(what: str, figure: str, goal: bool | None = None) -> None:
        met.append(goal is not False)
        print(f"{what:<72} {figure:>16}{'' if goal is None else '  met' if goal else '  MISSED'}")

    say("flows by identity, a year", f"{best(lambda: flows_of(tables)) * 1e3:.0f} ms")
    year = {}
    for name, params, goal in (("10 bps", ten, 1.0), ("5 bps", five, 1.0)):
        year[name] = best(lambda p=params: books(flows, p))
        rows = books(flows, params)
        say(
            f"books and all rows, a year, {name} ({len(rows):,} rows, {rows.nbytes / 1e6:.0f} MB)",
            f"{year[name]:.2f} s",
            year[name] < goal,
        )
    quarter = best(lambda: books(flows[: YEAR_BARS // 4], ten))
    say("a year per quarter, per bar", f"{year['10 bps'] / quarter / 4:.2f} x", year["10 bps"] / quarter / 4 < 1.5)
    rows = books(flows, ten)
    for sister in SISTERS:
        fold = sister(frame="5m")
        given = Batch(int(flows.clock[-1]), {"position_flows": flows, "liquidation_exposure": rows})
        fold.fold(fold.start(INSTRUMENT), given)
        say(f"{fold.spec.name}, a year", f"{best(lambda f=fold, g=given: f.fold(f.start(INSTRUMENT), g), 3) * 1e3:.0f} ms")
    heat = LiquidationHeatmap(frame="5m")
    picture = heat.fold(heat.start(INSTRUMENT), Batch(int(flows.clock[-1]), {"liquidation_exposure": rows}))
    close = float(flows["close"][-1])
    for span, name in ((90 * DAY, "90 days"), (365 * DAY, "a year")):
        end = int(flows.clock[-1])

        def window(s: int = span, e: int = end) -> object:
            return heat_window(picture, e - s, e, 1000, close / 1.4, close * 1.4, 400)

        window()
        spent = best(window)
        say(f"a window of 1000 x 400 over {name}", f"{spent * 1e3:.0f} ms", spent < 0.05)
    names = ["liquidation_ledger", "liquidation_heatmap", "liquidation_sweeps", "liquidation_clusters", "liquidation_outlook"]
    live_bar(tables, names)
    spent = live_bar(tables, names)
    say("a live bar through flows, books and all their read-outs", f"{spent * 1e6:.0f} us", spent < 1e-3)
    moved = offsets(ten, LiquidationExposure(ten).grid.per_octave)
    per_octave = LiquidationExposure(ten).grid.per_octave
    ours = best(lambda: books(short, ten))
    wanted = unit_totals(books(short, ten))
    for name, other, goal in (
        ("dictionaries in plain Python", dictionary_loop, 100.0),
        ("matrices in numpy", dense_matrices, None),
    ):
        before = time.process_time()
        totals = other(short, per_octave, moved)
        spent = time.process_time() - before
        if not np.allclose(totals, wanted, rtol=1e-4, atol=1e-3):
            print(f"The books of {name} differ: {np.abs(totals - wanted).max()}")
            return 1
        met_goal = None if goal is None else spent / ours > goal
        say(f"{LOOP_BARS:,} bars: {name} {spent:.1f} s, ours with rows {ours * 1e3:.0f} ms", f"{spent / ours:.0f} x", met_goal)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
