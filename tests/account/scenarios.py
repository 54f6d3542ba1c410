"""Random markets and random orders: one seed, one scenario. Prices lie on whole ticks, quantities on whole lots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from account.made import BUY, SELL, funding
from perpscope.core.events import BARS, MARK_BARS
from perpscope.core.orders import OrderIntent, OrderKind, intents
from perpscope.core.table import Table
from perpscope.core.time import HOUR, NULL_TS

TICK = 0.5


@dataclass(frozen=True)
class Scenario:
    bars: Table
    marks: Table
    funding: Table
    wishes: tuple[OrderIntent, ...]

    @property
    def tables(self) -> dict[str, Table]:
        return {"bars": self.bars, "mark_bars": self.marks, "funding": self.funding, "intents": intents(self.wishes)}


def tick(values: np.ndarray | float) -> np.ndarray:
    return np.round(np.asarray(values) / TICK) * TICK


def scenario(
    seed: int, length: int = 80, *, orders: int = 14, move: float = 0.01, leverage: float | None = None, volume: float = 1e9,
    simple: bool = False, first: float = 1_000.0,
) -> Scenario:  # fmt: skip
    """`simple`: market orders with stop and target only."""
    rng = np.random.default_rng(seed)
    close = tick(first * np.exp(np.cumsum(rng.normal(0.0, move, length))))
    opens = tick(
        np.concatenate([[first], close[:-1]]) * np.where(rng.random(length) < 0.15, np.exp(rng.normal(0, move, length)), 1.0)
    )
    high = tick(np.maximum(opens, close) * np.exp(np.abs(rng.normal(0.0, move, length))))
    low = tick(np.minimum(opens, close) * np.exp(-np.abs(rng.normal(0.0, move, length))))
    ref = np.arange(length) * HOUR
    nan = np.full(length, np.nan)
    bars = Table.of(
        BARS, ref_ts=ref, known_ts=ref + HOUR, open=opens, high=high, low=low, close=close, volume=np.full(length, volume),
        buy_volume=nan, sell_volume=nan, trade_count=nan, min_delta=nan, max_delta=nan, complete=np.ones(length, bool),
    )  # fmt: skip
    off = tick(rng.normal(0.0, 0.001 * first, length))
    marks = Table.of(
        MARK_BARS, ref_ts=ref, known_ts=ref + HOUR, open=opens + off, high=high + off, low=low + off, close=close + off
    )
    stamps = [h * HOUR for h in range(0, length, 8)]
    paid = funding(stamps, rng.choice([-0.002, 0.0, 0.0005, 0.003], len(stamps)).tolist())
    return Scenario(bars, marks, paid, tuple(_wish(rng, i, close, leverage, simple) for i in range(orders)))


def _wish(rng: np.random.Generator, number: int, close: np.ndarray, leverage: float | None, simple: bool) -> OrderIntent:
    at = int(rng.integers(1, len(close) - 2))
    price, side = float(close[at - 1]), BUY if rng.random() < 0.5 else SELL
    s = side.sign
    kind = OrderKind.MARKET if simple else OrderKind(int(rng.choice([1, 1, 1, 2, 3, 4, 5, 7])))
    away = float(tick(price * rng.uniform(0.003, 0.03)))
    given: dict[str, float] = {}
    if kind is OrderKind.LIMIT:
        given = {"price": price - s * away}
    elif kind is OrderKind.STOP_MARKET:
        given = {"trigger": price + s * away}
    elif kind is OrderKind.STOP_LIMIT:
        given = {"trigger": price + s * away, "price": price + s * 2 * away}
    elif kind is OrderKind.TAKE_PROFIT_MARKET:
        given = {"trigger": price - s * away}
    elif kind is OrderKind.TRAILING_STOP:
        given = {"trail_fraction": 0.02}
    reducing = not simple and (kind is OrderKind.TRAILING_STOP or rng.random() < 0.2)
    if not reducing:
        entry = given.get("price", given.get("trigger", price))
        given["stop"] = float(tick(entry * (1 - s * rng.uniform(0.01, 0.06))))
        if rng.random() < 0.7:
            given["target"] = float(tick(entry * (1 + s * rng.uniform(0.01, 0.08))))
        if not simple and rng.random() < 0.3:
            given["trail_fraction"] = float(rng.choice([0.01, 0.03]))
    exit_ts = int((at + rng.integers(2, 20)) * HOUR) if not reducing and rng.random() < 0.3 else NULL_TS
    return OrderIntent(
        decided_ts=at * HOUR, side=side, quantity=float(rng.integers(1, 40)) / 8.0, kind=kind, reduce_only=reducing,
        leverage=leverage or float(rng.choice([1.0, 3.0, 10.0, 25.0, 50.0])), bracket_id=number, intent_id=number,
        exit_ts=exit_ts, **given,
    )  # fmt: skip
