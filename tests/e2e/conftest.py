"""The command line, run as a user runs it, on lakes imported from the recorded data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perpscope.lake import Lake, import_files

Run = Callable[..., subprocess.CompletedProcess[str]]
WINDOW_END = "2024-08-05T14:00Z"


@pytest.fixture(scope="session")
def perpscope() -> Run:
    """Runs `perpscope ARGUMENTS` in a process of its own."""

    def run(*arguments: object, ok: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from perpscope.cli import main; main()", *map(str, arguments)]
        environment = {**os.environ, "COLUMNS": "140", "NO_COLOR": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
        if ok:
            assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done

    return run


def import_window(data: Path, lake: Lake, symbol: str) -> None:
    """The Coinalyze window with longer bars, mark and funding where the catalogue has them."""
    bars = data / "bars"
    plain = [
        bars / ("panel_1h" if symbol == "SOLUSDT" else "binance_perp/1h") / f"{symbol}.parquet",
        bars / "binance_funding" / f"{symbol}.parquet",
        bars / "binance_mark" / "1h" / f"{symbol}.parquet",
    ]
    for path in plain:
        if path.exists():
            import_files(lake, "bars-parquet", [path], venue="binance", symbol=symbol)
    import_files(
        lake, "coinalyze", sorted((bars / "coinalyze" / "1h").glob(f"{symbol}_*.parquet")), venue="binance", symbol=symbol
    )


@pytest.fixture(scope="session")
def window_lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BTCUSDT, ETHUSDT and SOLUSDT with everything the window has. (The README's test imports by command.)"""
    lake = tmp_path_factory.mktemp("lake")
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        import_window(shared_data, Lake(lake), symbol)
    return lake
