"""Recorded Binance liquidation orders as independent evidence for tiers, sides and P* = B*/(1 - s m).

Binance closes at market with the bankruptcy price B* as the limit `p`; the average fill `ap` lies between B* and the
trigger P*, so |ln(ap/p)| sits just under the maintenance rate of the position's bracket. Medians and counts were
computed beforehand by a separate script on the same recording. The logs repeat rows; columns: symbol, side, type,
tif, quantity, price, average price, status, last filled, total filled, time, value.
"""

from __future__ import annotations

import csv
import gzip
from typing import NamedTuple

import numpy as np
import pytest

from perpscope.contract import (
    liquidation_price_from_bankruptcy,
    maintenance_rate_at,
    notional,
    read_tier_tables,
)
from perpscope.core.units import PositionSide


class Order(NamedTuple):
    symbol: str
    side: PositionSide
    quantity: float
    limit: float
    fill: float


def read_orders(path):
    """Distinct orders; SELL closes a long."""
    with gzip.open(path, "rt", newline="") as lines:
        rows = {(r[0], r[1], r[10], r[4], r[5]): r for r in csv.reader(lines)}
    sides = {"SELL": PositionSide.LONG, "BUY": PositionSide.SHORT}
    return [Order(r[0].removesuffix("USDT"), sides[r[1]], float(r[4]), float(r[5]), float(r[6])) for r in rows.values()]


@pytest.fixture(scope="module")
def tables(shared_data):
    path = shared_data / "risk_tiers" / "binance_usdm-2024-10.json.gz"
    return read_tier_tables(path, "binance", valid_from=None, valid_to=None)


@pytest.fixture(scope="module")
def january(shared_data):
    return read_orders(shared_data / "liquidations" / "binance_force_order-2025-01-26" / "binance.csv.gz")


@pytest.fixture(scope="module")
def august(shared_data):
    folder = shared_data / "liquidations" / "binance_force_order-2024-08-17"
    return [*read_orders(folder / "binance.csv.gz"), *read_orders(folder / "binance_bigliqs.csv.gz")]


def distances_by_rate(orders, tables):
    found: dict[float, list[tuple[float, float]]] = {}
    for order in orders:
        table = tables.get(order.symbol + "USDT")
        if table is None:
            continue
        rate = maintenance_rate_at(notional(order.quantity, order.limit), table)
        trigger = liquidation_price_from_bankruptcy(order.side, order.limit, rate)
        fill = order.side.sign * np.log(order.fill / order.limit)
        found.setdefault(rate, []).append((fill, order.side.sign * np.log(trigger / order.limit)))
    return {rate: np.array(pairs) for rate, pairs in found.items()}


def test_no_order_was_filled_beyond_its_bankruptcy_price(january, august):
    assert len(january) == 1_837
    for order in (*january, *august):
        assert order.side.sign * (order.fill - order.limit) >= 0.0, order


def test_the_median_distance_of_every_bracket_is_just_under_its_maintenance_rate(january, tables):
    found = distances_by_rate(january, tables)
    medians = {rate: float(np.median(found[rate][:, 0])) for rate in (0.004, 0.005, 0.006, 0.0065, 0.01, 0.015)}
    expected = {0.004: 0.0037, 0.005: 0.0046, 0.006: 0.0055, 0.0065: 0.0060, 0.01: 0.0094, 0.015: 0.0143}
    assert {rate: round(value, 4) for rate, value in medians.items()} == expected
    for rate, median in medians.items():
        trigger = float(np.median(found[rate][:, 1]))
        assert 0.90 * trigger < median < trigger


def test_fills_lie_between_bankruptcy_and_trigger_only_if_sell_means_a_long(january, tables):
    def share_inside(orders):
        pairs = np.concatenate(list(distances_by_rate(orders, tables).values()))
        return float(np.mean((pairs[:, 0] >= 0.0) & (pairs[:, 0] <= pairs[:, 1])))

    swapped = [order._replace(side=PositionSide(3 - order.side)) for order in january]
    assert share_inside(january) > 0.8
    assert share_inside(swapped) < 0.05


def test_a_stale_table_shows(august, tables):
    """In August 2024 the symbols that the October table puts at 1% sit at 1.4% to 1.5%: their rate was another."""
    distances = distances_by_rate(august, tables)[0.01][:, 0]
    assert 0.0140 <= float(np.median(distances)) <= 0.0150
