"""How long work says where it is: a callable that is given a stage, how much is done, and how much there is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float, float], None]


def silent(stage: str, done: float, total: float) -> None:
    """Say nothing."""
