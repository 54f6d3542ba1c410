"""Small markets with known positions, made once."""

from __future__ import annotations

import pytest

from research.calibration.world import World, make_world


@pytest.fixture(scope="session")
def worlds() -> list[World]:
    return [make_world(seed, days=30) for seed in range(4)]
