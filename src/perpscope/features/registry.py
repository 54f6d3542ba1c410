"""The features, found by file."""

from __future__ import annotations

from perpscope.core.errors import unknown_name
from perpscope.core.fold import Fold
from perpscope.core.registry import discover


def all_features() -> dict[str, type[Fold]]:
    """Every feature by name."""
    return discover("perpscope.features")


def feature(name: str) -> type[Fold]:
    """The feature called `name`.

    Raises:
        UserError: if there is none, with the nearest name.
    """
    known = all_features()
    if name not in known:
        raise unknown_name("feature", name, known)
    return known[name]
