"""The recorded hours of BTC in a lake, and small markets with known positions: made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpscope.lake import Lake, import_files
from research.calibration.world import World, make_world


@pytest.fixture(scope="session")
def worlds() -> list[World]:
    return [make_world(seed, days=30) for seed in range(4)]


@pytest.fixture(scope="session")
def recorded(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Binance hours with open interest and censored liquidations, 2024-06-19 to 08-19; Bybit's open interest before."""
    lake = Lake(tmp_path_factory.mktemp("recorded") / "lake")
    bars = shared_data / "bars"
    given = [
        ("coinalyze", sorted((bars / "coinalyze" / "1h").glob("BTCUSDT_*")), "binance"),
        ("bars-parquet", [bars / "binance_perp" / "1h" / "BTCUSDT.parquet"], "binance"),
        ("bars-parquet", [bars / "bybit_oi" / "1h" / "BTCUSDT.parquet"], "bybit"),
    ]
    for preset, files, venue in given:
        import_files(lake, preset, files, venue=venue, symbol="BTCUSDT")
        lake.refresh()
    return lake
