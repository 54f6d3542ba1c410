"""Every fold a graph may be made of: features, multi-timeframe folds and setups."""

from __future__ import annotations

from functools import cache

from perpscope.core.errors import ProgrammerError, unknown_name
from perpscope.core.fold import Fold
from perpscope.core.registry import discover

PACKAGES = ("perpscope.features", "perpscope.mtf", "perpscope.setups")


@cache
def all_folds() -> dict[str, type[Fold]]:
    """Name to class over all plug-in packages."""
    folds: dict[str, type[Fold]] = {}
    for package in PACKAGES:
        for name, cls in discover(package).items():
            if name in folds:
                raise ProgrammerError(f"Two folds are called '{name}'.")
            folds[name] = cls
    return folds


def fold_class(name: str) -> type[Fold]:
    """The fold called `name`.

    Raises:
        UserError: if there is none, with the nearest name.
    """
    known = all_folds()
    if name not in known:
        raise unknown_name("feature", name, known)
    return known[name]
