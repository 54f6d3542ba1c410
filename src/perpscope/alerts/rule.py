"""A rule: a frozen dataclass of parameters that reads steps and says what it found. One file a rule, found by its file."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from perpscope.alerts.alert import Finding
from perpscope.core.errors import ProgrammerError, UserError
from perpscope.core.fold import State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import Timeframe, parse_span
from perpscope.engine.graph import Step


@dataclass(frozen=True)
class Context:
    """What the live loop knows beside the rows. `stale`: since when (ns) each channel has been silent for too long; `now`: the
    time by its clock, ns; 0 in history."""

    now: int = 0
    stale: Mapping[str, int] = field(default_factory=dict)


@dataclass
class View:
    """One step as rules read it. `places` remembers which nodes of a graph belong to a name."""

    instrument: Instrument
    step: Step
    context: Context
    places: dict[str, list[str]]

    def each(self, name: str, frame: str = "") -> Iterator[tuple[str, Table]]:
        """(node, new rows) of every node of that name that has any, or of the one at a frame."""
        keys = self.places.get(name)
        if keys is None:
            keys = self.places[name] = [key for key in self.step.rows if key.partition("@")[0] == name]
        for key in keys:
            rows = self.step.rows[key]
            if len(rows) and (not frame or key.partition("@")[2] in ("", frame)):
                yield key, rows

    def sister(self, key: str, name: str) -> Table | None:
        """The new rows of another node at the same frame; None if the graph has none."""
        _, at, frame = key.partition("@")
        return self.step.rows.get(f"{name}{at}{frame}")


@dataclass(frozen=True)
class Rule:
    """Base of every rule. `frame` narrows it to nodes of one time frame. After a finding the rule is silent about the same
    subject for `cooldown`, by the time of the market.

    `look` reads the new rows, advances its state in place (plain data, bounded) and yields findings in order of time. What it
    finds must not depend on how steps are cut. `needs` names the nodes that it reads.
    """

    kind: ClassVar[str] = ""
    title: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    live_only: ClassVar[bool] = False

    frame: str = ""
    cooldown: str = "15m"

    def __post_init__(self) -> None:
        if self.frame:
            Timeframe.parse(self.frame)
        if self.cooldown != "0":
            parse_span(self.cooldown)

    @property
    def cooldown_ns(self) -> int:
        return 0 if self.cooldown == "0" else parse_span(self.cooldown)

    def nodes(self) -> tuple[str, ...]:
        """The nodes to ask a graph for."""
        return tuple(f"{name}@{self.frame}" if self.frame else name for name in self.needs)

    def look(self, state: State, view: View) -> Iterator[Finding]:
        raise ProgrammerError(f"The rule {self.kind} does not define look().")


def bounds(low: float, high: float, what: str) -> None:
    """A threshold and the one to leave it by, in the order that hysteresis needs.

    Raises:
        UserError: if they are the wrong way round.
    """
    if not low <= high:
        raise UserError(f"{what}: {low:g} must not be above {high:g}, or the alert would never be armed again.")


def rows_of(table: Table, *names: str) -> Iterator[tuple[Any, ...]]:
    """The rows of some columns as plain values."""
    return zip(*(table[name].tolist() for name in names), strict=True)


@cache
def rules() -> dict[str, type[Rule]]:
    """Every rule by its kind: a new file in `alerts/rules` is a new rule."""
    from perpscope.alerts import rules as folder

    found: dict[str, type[Rule]] = {}
    for info in pkgutil.iter_modules(folder.__path__):
        module = importlib.import_module(f"{folder.__name__}.{info.name}")
        for _, item in inspect.getmembers(module, inspect.isclass):
            if issubclass(item, Rule) and item.__module__ == module.__name__ and item.kind:
                if item.kind in found:
                    raise ProgrammerError(f"Two rules are called '{item.kind}'.")
                found[item.kind] = item
    return dict(sorted(found.items()))
