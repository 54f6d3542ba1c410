"""The doors of all venues, found by name: a new venue is a new folder with a `door.py` that defines `DOOR`."""

from __future__ import annotations

import copy
import importlib
import pkgutil
from functools import cache

from perpscope import venues
from perpscope.core.errors import unknown_name
from perpscope.venues.door import Door


@cache
def doors() -> dict[str, Door]:
    """Every door by its name; a folder may define several (`DOORS`)."""
    found: dict[str, Door] = {}
    for module in pkgutil.iter_modules(venues.__path__):
        if module.ispkg and any(m.name == "door" for m in pkgutil.iter_modules([f"{venues.__path__[0]}/{module.name}"])):
            for door in importlib.import_module(f"perpscope.venues.{module.name}.door").DOORS:
                found[door.name] = door
    return found


def door(name: str) -> Door:
    """The door called `name`, the caller's own: what it remembers (unchanged ticker fields, trades seen) is shared with nobody.

    Raises:
        UserError: if there is none, with the nearest name.
    """
    known = doors()
    if name not in known:
        raise unknown_name("venue", name, known)
    return copy.deepcopy(known[name])
