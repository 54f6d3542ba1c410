"""Options of the fault suite, and its table of numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from faults import numbers
from perpscope import __version__


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=200, help="how often the recorder is killed (F15)")
    parser.addoption("--write-numbers", type=Path, default=None, help="page that gets the table of numbers")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often a process is killed in the long form; 200 where the suite is not run by itself."""
    return int(request.config.getoption("--kills", 200))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not numbers.told:
        return
    terminalreporter.section("numbers of the fault matrix")
    for row in numbers.table(numbers.told):
        terminalreporter.write_line(row)
    page = config.getoption("--write-numbers", None)
    if page is not None:
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        numbers.write(page, numbers.told, f"Last written {when} by perpscope {__version__}, `make faults`.")
