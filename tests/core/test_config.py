"""Answers by hand: what a person who wrote the file would expect to be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import pytest

from perpscope.core.config import from_mapping
from perpscope.core.errors import UserError


class Mode(IntEnum):
    ISOLATED = 1
    CROSS = 2


@dataclass(frozen=True)
class Inner:
    rate: float
    on: bool = True


@dataclass(frozen=True)
class Outer:
    name: str
    mode: Mode = Mode.ISOLATED
    inner: tuple[Inner, ...] = ()
    one: Inner | None = None
    limits: tuple[float, ...] = (1.0,)
    extra: dict[str, Any] = field(default_factory=dict)


def test_a_whole_table_is_filled_with_its_parts() -> None:
    given = {"name": "x", "mode": "cross", "inner": [{"rate": 1}, {"rate": 0.5, "on": False}], "one": {"rate": 2.0}}
    made = from_mapping(Outer, {**given, "limits": [1, 2], "extra": {"a": [1]}}, "the file")
    assert made == Outer("x", Mode.CROSS, (Inner(1.0), Inner(0.5, False)), Inner(2.0), (1.0, 2.0), {"a": [1]})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "x", "mod": "cross"}, "There is no setting in the file 'mod'. Did you mean 'mode'?"),
        ({"mode": "cross"}, "the file needs a value for 'name'."),
        ({"name": 3}, "the file name takes a str, not 3."),
        ({"name": "x", "mode": "crss"}, "There is no value of the file mode 'crss'. Did you mean 'cross'?"),
        ({"name": "x", "inner": [{"rate": True}]}, r"the file inner\[0\] rate takes a float, not True."),
        ({"name": "x", "one": {"rate": "much"}}, "the file one rate takes a float, not 'much'."),
        ({"name": "x", "one": 3}, "the file one must be a table of names and values, not 3."),
    ],
)
def test_a_mistake_is_told_in_a_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        from_mapping(Outer, given, "the file")
