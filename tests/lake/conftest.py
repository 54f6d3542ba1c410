"""An empty lake, and files made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpscope.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")
