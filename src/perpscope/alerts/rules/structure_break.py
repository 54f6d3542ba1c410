"""A swing was broken by a close."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, rows_of
from perpscope.core.errors import unknown_name
from perpscope.core.fold import State
from perpscope.core.units import Direction
from perpscope.features.structure.breaks import BreakKind

_KINDS = {kind.name.lower(): int(kind) for kind in BreakKind}


@dataclass(frozen=True)
class StructureBreak(Rule):
    """Definition: a row of `breaks` of one of the `kinds`; with `displaced` only those by a displacement bar."""

    kind: ClassVar = "structure_break"
    title: ClassVar = "the structure broke"
    needs: ClassVar = ("breaks",)

    kinds: tuple[str, ...] = ("change_of_character", "break_of_structure")
    displaced: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.kinds:
            if name not in _KINDS:
                raise unknown_name("kind of break", name, _KINDS)

    def look(self, state: State, view: View) -> Iterator[Finding]:
        wanted = {_KINDS[name]: name.replace("_", " ") for name in self.kinds}
        for key, table in view.each("breaks", self.frame):
            for known, ident, direction, kind, level, displaced in rows_of(
                table, "known_ts", "id", "direction", "kind", "level", "displaced"
            ):
                if kind not in wanted or (self.displaced and not displaced):
                    continue
                way = "up" if direction == Direction.UP else "down"
                yield Finding(
                    f"{key}:{ident}", f"{key}:{kind}:{way}", known,
                    f"{wanted[kind]} {way} through {level:.6g}" + (", by displacement" if displaced else ""),
                    {"direction": way, "kind": wanted[kind], "level": level, "displaced": int(displaced)},
                )  # fmt: skip
