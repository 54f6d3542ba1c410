"""A seeded book in which every iceberg and every spoof is known, and how well the scores find them.

Zero-intelligence orders around a middle that drifts for some seconds one way, then the other. Planted: icebergs (show a tip,
refill it from what they hide after 0 to 150 ms) and spoofs (posted 8 to 20 ticks away, pulled when the price comes within
4 ticks, or after 20 s). And what looks like them: makers who come straight back after the touch was hit, and large honest
orders, posted as far away and as large as spoofs, that leave at random times. The book is told every 50 ms.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import BOOK_DELTA, GAP, TRADE
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.features.book.icebergs import Icebergs
from perpscope.features.book.spoof_score import SpoofScore

STEP = 50_000_000
BID, ASK = 0, 1
DEMO = Instrument("demo", "PLANTED", tick_size=1.0, lot_size=1.0)


@dataclass
class Iceberg:
    side: int
    tick: int
    tip: float
    hidden: float
    shown: float
    since: int
    until: int = 2**62
    refills: int = 0
    due: int = -1


@dataclass
class Large:
    side: int
    tick: int
    quantity: float
    since: int
    spoof: bool
    leaves: int
    until: int = 2**62


@dataclass
class Planted:
    """The events, and the truth."""

    book: Table
    trades: Table
    icebergs: list[Iceberg] = field(default_factory=list)
    larges: list[Large] = field(default_factory=list)


class World:
    """Queues by tick: honest quantity, plus what planted orders show."""

    def __init__(self, seed: int, returning: float) -> None:
        self.rng, self.returning = np.random.default_rng(seed), returning
        self.honest: list[dict[int, float]] = [{}, {}]
        self.icebergs: list[Iceberg] = []
        self.larges: list[Large] = []
        self.live: list[Iceberg | Large] = []
        self.back: list[tuple[int, int, int, float]] = []  # step, side, tick, quantity of makers who return
        self.touched: set[tuple[int, int]] = set()
        self.prints: list[tuple[int, float, float, int]] = []

    def total(self, side: int, tick: int) -> float:
        planted = sum(p.shown if isinstance(p, Iceberg) else p.quantity for p in self.live if (p.side, p.tick) == (side, tick))
        return self.honest[side].get(tick, 0.0) + planted

    def ticks(self, side: int) -> list[int]:
        held = set(self.honest[side])
        held |= {p.tick for p in self.live if p.side == side and self._open(p)}
        return sorted(held, reverse=side == BID)

    def best(self, side: int) -> int:
        pick = max if side == BID else min
        return pick([pick(self.honest[side]), *(p.tick for p in self.live if p.side == side and self._open(p))])

    def put(self, side: int, tick: int, quantity: float) -> None:
        """Honest quantity from now on; nothing is kept of a level that is empty."""
        self.touched.add((side, tick))
        self.honest[side][tick] = quantity
        if quantity == 0:
            del self.honest[side][tick]

    def add(self, side: int, tick: int, quantity: float) -> None:
        self.put(side, tick, self.honest[side].get(tick, 0.0) + quantity)

    def hit(self, step: int, side: int, quantity: float) -> None:
        """An aggressive order takes from the touch: honest queues first, then planted ones."""
        ts = step * STEP - int(self.rng.integers(1, STEP // 1_000_000)) * 1_000_000
        while quantity > 0:
            tick = self.best(side)
            taken = min(quantity, self.honest[side].get(tick, 0.0))
            if taken > 0:
                self.put(side, tick, self.honest[side][tick] - taken)
                if self.rng.random() < self.returning:
                    self.back.append((step + int(self.rng.integers(1, 4)), side, tick, taken))
            else:
                planted = next(p for p in self.live if (p.side, p.tick) == (side, tick) and self._open(p))
                taken = self._take(planted, step, quantity)
            self.touched.add((side, tick))
            self.prints.append((ts, float(tick), taken, 2 if side == BID else 1))
            quantity -= taken
            if len(self.honest[side]) < 20:
                return

    def _open(self, planted: Iceberg | Large) -> bool:
        return (planted.shown if isinstance(planted, Iceberg) else planted.quantity) > 0

    def _take(self, planted: Iceberg | Large, step: int, quantity: float) -> float:
        if isinstance(planted, Large):
            taken = min(quantity, planted.quantity)
            planted.quantity -= taken
            return taken
        taken = min(quantity, planted.shown)
        planted.shown -= taken
        if planted.shown == 0 and planted.hidden > 0:
            planted.due = step + int(self.rng.integers(0, 4))
        return taken

    def step(self, step: int) -> None:
        rng = self.rng
        leaning = 0.5 + 0.3 * np.sin(step / 160.0)
        for _ in range(int(rng.poisson(1.1))):
            self.hit(step, ASK if rng.random() < leaning else BID, float(rng.geometric(0.12)))
        self._honest(step)
        self._planted(step)

    def _honest(self, step: int) -> None:
        rng = self.rng
        for side, sign in ((BID, 1), (ASK, -1)):
            other = self.best(1 - side)
            for _ in range(int(rng.poisson(2.2))):
                tick = other - sign * int(rng.geometric(0.12))
                self.add(side, tick, float(rng.geometric(0.15)))
            held = np.array(list(self.honest[side]))
            leaving = rng.random(len(held)) < np.where(np.abs(held - other) > 40, 0.036, 0.012)
            for tick in held[leaving].tolist() if len(held) > 25 else []:
                self.put(side, tick, 0.0 if rng.random() < 0.6 else float(np.floor(self.honest[side][tick] / 2)))
        for due, side, tick, quantity in [b for b in self.back if b[0] <= step]:
            inside = tick < self.best(ASK) if side == BID else tick > self.best(BID)
            if inside:
                self.add(side, tick, quantity)
            self.back.remove((due, side, tick, quantity))

    def _planted(self, step: int) -> None:
        rng = self.rng
        middle = (self.best(BID) + self.best(ASK)) / 2
        if rng.random() < 0.006:
            side = int(rng.integers(0, 2))
            tick, tip = self.best(side), float(rng.integers(6, 16))
            self._plant(Iceberg(side, tick, tip, tip * float(rng.integers(3, 9)), tip, step))
        if rng.random() < 0.03:
            side, sign = (BID, 1) if rng.random() < 0.5 else (ASK, -1)
            tick = int(self.best(side) - sign * rng.integers(6, 16))
            spoof = bool(rng.random() < 0.35)
            leaves = step + (600 if spoof else int(rng.exponential(300)) + 1)
            self._plant(Large(side, tick, float(rng.integers(60, 160)), step, spoof, leaves))
        for p in list(self.live):
            if isinstance(p, Iceberg):
                if 0 <= p.due <= step:
                    p.shown, p.due = min(p.tip, p.hidden), -1
                    p.hidden -= p.shown
                    p.refills += 1
                    self.touched.add((p.side, p.tick))
                gone = p.shown == 0 and p.hidden == 0
                crossed = p.tick >= self.best(ASK) if p.side == BID else p.tick <= self.best(BID)
                far = abs(p.tick - middle) > 30 or crossed
            else:
                gone = p.quantity == 0
                far = step >= p.leaves or (p.spoof and abs(p.tick - middle) <= 3)
            if gone or far:
                p.until = step
                self.live.remove(p)
                self.touched.add((p.side, p.tick))

    def _plant(self, order: Iceberg | Large) -> None:
        if isinstance(order, Iceberg):
            self.icebergs.append(order)
        else:
            self.larges.append(order)
        self.live.append(order)
        self.touched.add((order.side, order.tick))


def planted(seed: int, steps: int, returning: float = 0.25) -> Planted:
    """A book of so many steps of 50 ms; `returning` is how often a maker who was hit comes back at once."""
    world = World(seed, returning)
    for k in range(1, 60):
        world.honest[BID][10_000 - k], world.honest[ASK][10_000 + k] = 20.0, 20.0
    rows = [(STEP, 1, side, t, world.total(side, t), False) for side in (BID, ASK) for t in world.ticks(side)]
    rows[0] = (*rows[0][:5], True)
    for step in range(2, steps):
        world.touched.clear()
        world.step(step)
        for side in (BID, ASK):
            mine = sorted((t for s, t in world.touched if s == side), reverse=side == BID)
            rows += [(step * STEP, step, side, t, world.total(side, t), False) for t in mine]
    ts, sequence, side, tick, quantity, snapshot = zip(*rows, strict=True)
    book = Table.filled(
        BOOK_DELTA, exchange_ts=ts, sequence=sequence, side=np.array(side) + 1, price=tick, quantity=quantity, snapshot=snapshot
    )
    order = np.argsort([p[0] for p in world.prints], kind="stable")
    at, price, taken, aggressor = (np.array(c)[order] for c in zip(*world.prints, strict=True))
    trades = Table.filled(
        TRADE, exchange_ts=at, trade_id=np.arange(len(at)), price=price, quantity=taken, aggressor_side=aggressor
    )
    return Planted(book, trades, world.icebergs, world.larges)


def _rows(fold: Icebergs | SpoofScore, made: Planted) -> Table:
    tables = {"book_delta": made.book, "trade": made.trades, "gap": GAP.empty()}
    return fold.fold(fold.start(DEMO), Batch(int(made.book.clock[-1]), tables))


def iceberg_table(made: list[Planted], thresholds: tuple[float, ...]) -> list[tuple[float, int, int, int, int]]:
    """(least confidence, told, of them true, planted that refilled at least twice, of them found)."""
    told = [(k, r) for k, one in enumerate(made) for r in _best_rows(_rows(Icebergs(), one))]
    worth = [(k, i) for k, one in enumerate(made) for i in one.icebergs if i.refills >= 2]
    out = []
    for least in thresholds:
        mine = [(k, r) for k, r in told if r["confidence"] >= least]
        true = sum(any(_same(k, r, j, i) for j, i in _all(made)) for k, r in mine)
        found = sum(any(_same(k, r, j, i) for k, r in mine) for j, i in worth)
        out.append((least, len(mine), true, len(worth), found))
    return out


def _all(made: list[Planted]) -> list[tuple[int, Iceberg]]:
    return [(k, i) for k, one in enumerate(made) for i in one.icebergs]


def _best_rows(rows: Table) -> list[dict]:
    """The most confident row of each episode."""
    best: dict[int, dict] = {}
    for row in rows.rows():
        if row["id"] not in best or row["confidence"] > best[row["id"]]["confidence"]:
            best[row["id"]] = row
    return list(best.values())


def _same(k: int, row: dict, j: int, iceberg: Iceberg) -> bool:
    alive = iceberg.since * STEP <= row["known_ts"] and row["ref_ts"] <= iceberg.until * STEP
    return k == j and row["price"] == iceberg.tick and (row["side"] == "ask") == (iceberg.side == ASK) and alive


def spoof_table(made: list[Planted], thresholds: tuple[float, ...]) -> list[tuple[float, int, int, int, int]]:
    """(least score, told, of them spoofs, spoofs that were pulled as the price came, of them found)."""
    told = [(k, r) for k, one in enumerate(made) for r in _rows(SpoofScore(), one).rows()]
    spoofs = [(k, x) for k, one in enumerate(made) for x in one.larges if x.spoof]
    worth = [(k, x) for k, x in spoofs if x.until < x.leaves and x.quantity > 0]
    out = []
    for least in thresholds:
        mine = [(k, r) for k, r in told if r["score"] >= least]
        true = sum(any(_left(k, r, j, x) for j, x in spoofs) for k, r in mine)
        found = sum(any(_left(k, r, j, x) for k, r in mine) for j, x in worth)
        out.append((least, len(mine), true, len(worth), found))
    return out


def _left(k: int, row: dict, j: int, large: Large) -> bool:
    same = row["price"] == large.tick and (row["side"] == "ask") == (large.side == ASK)
    return k == j and same and row["known_ts"] == large.until * STEP
