"""One report of the crash of 2024-08-05, three days of hourly bars, built and drawn once for all tests of this folder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perpscope.core.time import DAY, parse_ts
from perpscope.report import Report, build_report
from perpscope.report.picture import draw_picture
from report.recordings import MemorySource, crash_2024

AT = parse_ts("2024-08-05T14:00Z")


@pytest.fixture(scope="session")
def crash_source(shared_data: Path) -> MemorySource:
    return crash_2024(shared_data, "BTCUSDT")


@pytest.fixture(scope="session")
def crash(crash_source: MemorySource) -> Report:
    return build_report(crash_source, AT, "1h", 3 * DAY)


@pytest.fixture(scope="session")
def crash_png(crash: Report) -> bytes:
    return draw_picture(crash)


@pytest.fixture(scope="session")
def crash_pixels(crash_png: bytes) -> np.ndarray:
    """(height, width, 3) uint8."""
    return np.array(Image.open(io.BytesIO(crash_png)).convert("RGB"))
