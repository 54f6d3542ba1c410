"""The heatmap in the shape that CoinGlass' API made common, so that existing charts can draw it."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.core.errors import ProgrammerError
from perpscope.core.table import Table
from perpscope.core.time import SECOND
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.map import LiquidationMap
from perpscope.features.liquidation.window import HeatWindow


def heatmap_export(window: HeatWindow, bars: Table) -> dict[str, Any]:
    """A window as sparse triplets beside its candles.

    Shape: `{"y_axis": [price...], "liquidation_leverage_data": [[x_index, y_index, value]...], "price_candlesticks":
    [[ts_s, "open", "high", "low", "close", "volume_usd"]...]}`; x counts the candles, y the prices (row centres). Values are
    the sum of both sides in quote coin; what CoinGlass calls leverage is not a leverage. Our own fields stand under
    `perpscope`, where the sides are apart.

    Args:
        window: one column per bar: its `edges_ts` must be the closes of the bars and the end.
        bars: as many as the window has columns.

    Raises:
        ProgrammerError: if there is not one bar per column.

    Source: coinglass-api/coinglass-api-docs @6ee3798, rest/Futures/Liquidation.

    Example:
        >>> window = HeatWindow(np.array([0, 1]), np.array([90.0, 110.0]), np.array([[5.0]], np.float32),
        ...                     np.array([[0.0]], np.float32), "max")
        >>> from perpscope.core.events import BARS
        >>> bars = Table.filled(BARS, ref_ts=[0], known_ts=[1], open=[1.0], high=[2.0], low=[0.5], close=[1.5], volume=[4.0],
        ...                     complete=[True])
        >>> heatmap_export(window, bars)["liquidation_leverage_data"]
        [[0, 0, 5.0]]
    """
    if len(bars) != len(window.longs):
        raise ProgrammerError(f"The window has {len(window.longs)} columns and there are {len(bars)} bars.")
    both = window.longs + window.shorts
    columns, rows = np.nonzero(both)
    values = both[columns, rows].astype(float)
    sides = {
        side.name.lower(): [[int(x), int(y), float(picture[x, y])] for x, y in zip(*np.nonzero(picture))]
        for side, picture in ((PositionSide.LONG, window.longs), (PositionSide.SHORT, window.shorts))
    }
    dollars = bars["volume"] * bars["close"]
    texts = [[str(float(value)) for value in bars[name]] for name in ("open", "high", "low", "close")]
    candles = [[int(ts // SECOND), *row] for ts, *row in zip(bars["ref_ts"], *texts, map(str, dollars.tolist()))]
    return {
        "y_axis": np.sqrt(window.edges_price[1:] * window.edges_price[:-1]).tolist(),
        "liquidation_leverage_data": [[int(x), int(y), float(v)] for x, y, v in zip(columns, rows, values)],
        "price_candlesticks": candles,
        "perpscope": {"pool": window.pool, "sides": sides, "estimated": True, "known_ts_ns": window.edges_ts.tolist()},
    }


def map_export(current: LiquidationMap) -> dict[str, Any]:
    """A map as `{price: [[price, level, leverage_ratio, null]]}`, prices as text, with max pain per side under `perpscope`.

    `level` is the notional in quote coin, `leverage_ratio` the leverage that contributes most.

    Source: as `heatmap_export`.

    Example:
        >>> from perpscope.features.liquidation.heatmap import HEATMAP
        >>> map_export(LiquidationMap(0, 100.0, HEATMAP.empty(), HEATMAP.empty()))["data"]
        {}
    """
    data: dict[str, list[list[float | None]]] = {}
    for side in PositionSide:
        cells = current.side(side)
        for low, high, notional, leverage in zip(cells["price_low"], cells["price_high"], cells["notional"], cells["leverage"]):
            centre = float(np.sqrt(low * high))
            data[f"{centre:.10g}"] = [[centre, float(notional), float(leverage) if leverage == leverage else None, None]]
    pain = {side.name.lower(): current.heaviest(side) for side in PositionSide}
    return {
        "data": data,
        "perpscope": {
            "mark": current.mark,
            "at_ns": current.at,
            "max_pain": {name: value if value == value else None for name, value in pain.items()},
            "estimated": True,
        },
    }
