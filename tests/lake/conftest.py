"""An empty lake, and files and lakes made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from perpscope.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


Maker = Callable[..., Path]


@pytest.fixture
def csv_file(tmp_path: Path) -> Maker:
    """Write lines to a file and give its path."""

    def make(name: str, lines: Sequence[str]) -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return make


@pytest.fixture
def parquet_file(tmp_path: Path) -> Maker:
    """Write columns to a parquet file and give its path."""

    def make(name: str, **columns: Sequence[Any]) -> Path:
        path = tmp_path / name
        pl.DataFrame(columns).write_parquet(path)
        return path

    return make
