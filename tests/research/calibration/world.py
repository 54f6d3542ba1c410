"""A small market whose every position is known: the ground truth of the learning tests.

It shares no code with the package but the tables it fills: positions are lots in plain arrays, liquidation prices come
from the textbook formula. The exposure model is right by construction, so this says that the learner works, and nothing about
markets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from perpscope.core.events import BARS, LIQUIDATION, LIQUIDATION_TOTALS, OPEN_INTEREST, LiquidationFeed
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.table import Table
from perpscope.core.time import MINUTE, SECOND, parse_ts
from perpscope.research.calibration.study import Study

START = parse_ts("2024-03-04T00:00Z")
STEP = 15 * MINUTE
LEVERAGES = (2, 3, 4, 5, 7, 10, 15, 20, 25, 40, 50, 75, 100)
RATES = (0.004, 0.005, 0.0065)
CAPS = (125.0, 100.0, 75.0)
CLASSES = (0.5, 0.35, 0.15)
MIX = dict(zip((0, *LEVERAGES), (0.15, 0.15, 0.1, 0.08, 0.09, 0.08, 0.09, 0.06, 0.06, 0.05, 0.03, 0.03, 0.015, 0.015)))
"""Leverage -> share of opens; 0 is never liquidated."""


def true_shares() -> np.ndarray:
    """The mix as the learner orders it: never, 2x, ..., 100x."""
    return np.array([MIX[0], *(MIX.get(leverage, 0.0) for leverage in LEVERAGES)])


def instrument() -> Instrument:
    tiers, floor, amount = [], 0.0, 0.0
    for i, rate in enumerate(RATES):
        amount += floor * (rate - RATES[i - 1]) if i else 0.0
        tiers.append(RiskTier(floor, floor + 1e6, rate, amount, CAPS[i]))
        floor += 1e6
    return Instrument("demo", "X", tier_tables=(TierTable("demo", "X", tuple(tiers), None, None, "made"),))


@dataclass
class World:
    """`events`: bar, side (0 long), liquidation price, quantity, second inside the bar."""

    bars: Table
    interest: Table
    events: np.ndarray
    days: int

    def totals(self, shown: np.ndarray | None = None) -> np.ndarray:
        """Quantity liquidated by bar and side, of all events or of those shown."""
        out = np.zeros((len(self.bars), 2))
        events = self.events if shown is None else self.events[shown]
        np.add.at(out, (events[:, 0].astype(int), events[:, 1].astype(int)), events[:, 3])
        return out

    def latest_of_each_second(self) -> np.ndarray:
        """Which events a feed shows that publishes the latest per second."""
        key = self.events[:, 0] * 100_000 + self.events[:, 4]
        last = {k: i for i, k in enumerate(key.tolist())}
        shown = np.zeros(len(key), bool)
        shown[list(last.values())] = True
        return shown

    def study(self, censored: bool = False, located: bool = False, warmup_days: int = 6) -> Study:
        shown = self.latest_of_each_second() if censored else np.ones(len(self.events), bool)
        start = START + warmup_days * 24 * 60 * MINUTE
        ref, known = self.bars["ref_ts"], self.bars["known_ts"]
        feed = LiquidationFeed.TOTALS_CENSORED if censored else LiquidationFeed.COMPLETE
        sums = self.totals(shown)
        totals = Table.of(
            LIQUIDATION_TOTALS, ref_ts=ref, known_ts=known, long_quantity=sums[:, 0], short_quantity=sums[:, 1],
            feed=np.full(len(ref), int(feed)),
        )  # fmt: skip
        events = LIQUIDATION.empty()
        if located:
            seen = self.events[shown]
            seen = seen[np.argsort(seen[:, 0] * 100_000 + seen[:, 4], kind="stable")]
            rate = np.full(len(seen), RATES[0])
            sign = np.where(seen[:, 1] == 0, 1.0, -1.0)
            events = Table.filled(
                LIQUIDATION,
                exchange_ts=ref[seen[:, 0].astype(int)] + (seen[:, 4] * SECOND).astype(np.int64),
                position_side=seen[:, 1].astype(int) + 1,
                bankruptcy_price=np.exp(seen[:, 2]) * (1 - sign * rate),
                price=np.exp(seen[:, 2]),
                quantity=seen[:, 3],
            )
        tables = {"bars@15m": self.bars, "open_interest": self.interest}
        return Study(
            instrument(), tables, "15m", "15m", int(ref[0]), start, int(known[-1]), totals[ref >= start],
            events[events["exchange_ts"] >= start] if len(events) else events, "15m",
        )  # fmt: skip


def make_world(
    seed: int, days: int = 40, lots: int = 24, sigma: float = 0.0028, hazard: float = 1 / 120, activity: float = 0.0
) -> World:
    """Every bar opens a unit a side, in lots entered anywhere in its range; lots close at random or break. With `activity` the
    unit comes and goes in spells of some hours (standard deviation of its logarithm)."""
    rng = np.random.default_rng(seed)
    n = days * 96
    close = np.log(1000.0) + np.cumsum(rng.standard_t(4, n) * sigma / np.sqrt(2))
    before = np.concatenate([[np.log(1000.0)], close[:-1]])
    high = np.maximum(before, close) + np.abs(rng.normal(0, sigma / 2, n))
    low = np.minimum(before, close) - np.abs(rng.normal(0, sigma / 2, n))
    size = (n, 2, lots)
    entry = rng.uniform(low[:, None, None], high[:, None, None], size)
    leverage = rng.choice(np.array([*MIX], float), size, p=np.array([*MIX.values()]))
    kind = rng.choice(3, size, p=CLASSES)
    limit, rate = np.minimum(np.maximum(leverage, 2.0), np.array(CAPS)[kind]), np.array(RATES)[kind]
    sign = np.array([1.0, -1.0])[None, :, None]
    price = entry + np.log((1 - sign / limit) / (1 - sign * rate)) + rng.normal(0, 0.0005, size)
    price = np.where(leverage > 0, price, -sign * 1e9)  # those that never break
    lives = np.minimum(rng.geometric(hazard, size), 10**6)
    spell, noise = np.zeros(n), rng.standard_normal(n)
    for t in range(1, n):
        spell[t] = 0.95 * spell[t - 1] + np.sqrt(1 - 0.95**2) * noise[t]
    interest, volume, events = _play(close, high, low, price, lives, lots, np.exp(activity * spell))
    events = np.column_stack([events, rng.integers(900, size=len(events))])
    ref = START + STEP * np.arange(n)
    bars = Table.filled(
        BARS, ref_ts=ref, known_ts=ref + STEP, open=np.exp(before), high=np.exp(high), low=np.exp(low), close=np.exp(close),
        volume=volume, buy_volume=volume / 2, sell_volume=volume / 2, complete=np.ones(n, bool),
    )  # fmt: skip
    table = Table.filled(OPEN_INTEREST, exchange_ts=ref + STEP, open_interest=interest)
    return World(bars, table, events, days)


@numba.njit(cache=True)
def _play(close, high, low, price, lives, lots, unit):
    """Lots through the bars: break, leave when their time has come, open; then the larger side leaves pro rata."""
    n = close.size
    room = n * lots
    level, quantity, due = np.zeros((2, room)), np.zeros((2, room)), np.zeros((2, room), np.int64)
    held = np.zeros(2, np.int64)
    interest, volume = np.zeros(n), np.zeros(n)
    events, found = np.zeros((2 * room, 4)), 0
    before = 0.0
    for t in range(n):
        sums = np.zeros(2)
        for s in range(2):
            kept = 0
            for i in range(held[s]):
                broken = level[s, i] >= low[t] if s == 0 else level[s, i] <= high[t]
                if broken:
                    events[found, 0], events[found, 1], events[found, 2], events[found, 3] = t, s, level[s, i], quantity[s, i]
                    found += 1
                elif due[s, i] > t:
                    level[s, kept], quantity[s, kept], due[s, kept] = level[s, i], quantity[s, i], due[s, i]
                    sums[s] += quantity[s, i]
                    kept += 1
            held[s] = kept
        target = min(sums[0], sums[1])
        for s in range(2):
            for i in range(held[s]):
                quantity[s, i] *= target / sums[s]
            sums[s] = min(target, sums[s])
            for j in range(lots):
                if price[t, s, j] < close[t] if s == 0 else price[t, s, j] > close[t]:
                    i = held[s]
                    level[s, i], quantity[s, i], due[s, i] = price[t, s, j], unit[t] / lots, t + lives[t, s, j]
                    sums[s] += unit[t] / lots
                    held[s] += 1
        equal = min(sums[0], sums[1])
        for s in range(2):
            for i in range(held[s]):
                quantity[s, i] *= equal / sums[s]
        interest[t] = equal
        # half of all opens and closes of both sides; lots that broke inside their bar are both
        volume[t] = (4.0 * unit[t] + 2.0 * before - 2.0 * equal) / 2.0
        before = equal
    return interest, volume, events[:found]
