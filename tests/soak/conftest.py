"""How long a soak lasts."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=30.0, help="how long each soak runs")


@pytest.fixture
def minutes(request: pytest.FixtureRequest) -> float:
    """Minutes a soak runs; 30 where nothing else is said."""
    return float(request.config.getoption("--minutes", 30.0))
