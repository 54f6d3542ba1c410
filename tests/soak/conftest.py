"""How long a soak lasts."""

from __future__ import annotations

import pytest

from faults import numbers


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=30.0, help="how long each soak runs")


@pytest.fixture
def minutes(request: pytest.FixtureRequest) -> float:
    """Minutes a soak runs; 30 where nothing else is said."""
    return float(request.config.getoption("--minutes", 30.0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if numbers.told:
        terminalreporter.section("numbers of the soak")
        for row in numbers.table(numbers.told):
            terminalreporter.write_line(row)
