"""Plug-ins are found by their file: a new file beside its sisters is registered, and nothing else is touched."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

from perpscope.core.errors import ProgrammerError
from perpscope.core.fold import Fold


@cache
def discover(package: str) -> dict[str, type[Fold]]:
    """Every concrete fold defined in the modules below `package`, by name, in alphabetical order.

    Raises:
        ProgrammerError: if two folds share a name.
    """
    found: dict[str, type[Fold]] = {}
    root = importlib.import_module(package)
    for module_info in sorted(pkgutil.walk_packages(root.__path__, f"{package}."), key=lambda m: m.name):
        module = importlib.import_module(module_info.name)
        for _, item in inspect.getmembers(module, inspect.isclass):
            if item.__module__ != module.__name__ or not issubclass(item, Fold) or "spec" not in item.__dict__:
                continue
            if item.spec.name in found:
                raise ProgrammerError(f"Two folds are called '{item.spec.name}': {found[item.spec.name]} and {item}.")
            found[item.spec.name] = item
    return dict(sorted(found.items()))
