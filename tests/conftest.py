"""Fixtures shared by all tests: the recorded market data, which is read where it lies and never copied."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

collect_ignore = [] if find_spec("ray") else ["cluster"]
"""Ray is an extra; `make cluster-test` installs it and runs what needs it."""

settings.register_profile(
    "house", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("house")

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded market data beside the repository.

    A test that needs it fails, rather than passing by doing nothing, when it is missing.
    """
    if not (_DATA / "CATALOG.md").is_file():
        pytest.fail(
            f"The recorded market data is missing: put the 'shared' folder beside the repository, so that {_DATA} exists."
        )
    return _DATA
