"""The past is never edited: recorded one-minute bars appended one by one, and every row ever shown compared.

smartmoneyconcepts 0.0.27 rewrites 50 to 1,873 past cells in the same replay (STRUCTURE.md section 3); the answer here
is none. The two runs are independent: one sees all bars, the other ends at the bar in question.
"""

from __future__ import annotations

import polars as pl
import pytest

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect

NAMES = [
    "swings", "displacements", "breaks", "fair_value_gaps", "inverse_fair_value_gaps", "order_blocks", "breaker_blocks",
    "pools", "sweeps", "dealing_range",
]  # fmt: skip
SESSION_NAMES = ["session_ranges", "levels", "opens", "opening_gaps", "opening_ranges", "power_of_three"]


@pytest.fixture(scope="module")
def recorded(shared_data) -> pl.DataFrame:
    return pl.read_parquet(shared_data / "bars/binance_perp/1m/BTCUSDT-2025.parquet")


def rows_of(names: list[str], table: Table, settings: dict | None = None) -> dict[str, Table]:
    graph = Graph(Instrument("binance", "BTCUSDT", tick_size=0.1), names, {"bars@1m"}, "1m", settings)
    return collect(graph, [Batch(int(table["known_ts"][-1]), {"bars@1m": table})])


def rewritten(names: list[str], table: Table, first: int, step: int = 1, settings: dict | None = None) -> dict[str, int]:
    """How many prefixes of each feature differ from the whole run's rows known by then."""
    whole = rows_of(names, table, settings)
    count = dict.fromkeys(whole, 0)
    for n in range(first, len(table), step):
        known = int(table["known_ts"][n - 1])
        for key, rows in rows_of(names, table[:n], settings).items():
            count[key] += not rows.same_as(whole[key][whole[key].clock <= known])
    return count


def test_a_thousand_bars_appended_one_by_one_rewrite_no_row_of_any_structure_feature(recorded, bars):
    part = recorded[20_000:22_000]
    table = bars(*(part[c].to_numpy() for c in ("high", "low", "close", "open")), start=int(part["ts"][0]) * 1_000_000)
    assert all(len(rows) > 20 for rows in rows_of(NAMES, table).values())
    count = rewritten(NAMES, table, first=1000)
    assert set(count.values()) == {0}, count


def test_the_variants_rewrite_nothing_either(recorded, bars):
    part = recorded[30_000:31_000]
    table = bars(*(part[c].to_numpy() for c in ("high", "low", "close", "open")), start=int(part["ts"][0]) * 1_000_000)
    variants = {
        "swings": {"left": 2, "right": 3, "right_rule": "gt", "min_prominence_atr": 0.5},
        "breaks": {"break_on": "wick", "reference": "protected", "buffer_atr": 0.05, "max_age_bars": 300},
        "fair_value_gaps": {"filter": "displacement", "max_age_bars": 50, "max_live": 8},
        "order_blocks": {"require": "none", "zone": "body", "max_live": 8, "max_age_bars": 60},
        "breaker_blocks": {"breaker_rule": "swept", "max_live": 6},
        "pools": {"sources": "equal,swing,session", "sweep_bars": 3, "max_live": 20, "max_age_bars": 100},
    }
    assert all(len(rows) > 5 for rows in rows_of(NAMES, table, variants).values())
    count = rewritten(NAMES, table, first=300, step=7, settings=variants)
    assert set(count.values()) == {0}, count


def test_session_features_rewrite_nothing(recorded, bars):
    part = recorded[10_000:16_000]
    table = bars(*(part[c].to_numpy() for c in ("high", "low", "close", "open")), start=int(part["ts"][0]) * 1_000_000)
    assert table["known_ts"][0] - table["ref_ts"][0] == MINUTE
    count = rewritten(SESSION_NAMES, table, first=1500, step=37)
    assert set(count.values()) == {0}, count
