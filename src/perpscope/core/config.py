"""Configuration from a mapping: a frozen dataclass filled by name, every mistake told in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import IntEnum, StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from perpscope.core.errors import ProgrammerError, UserError, unknown_name

Config = TypeVar("Config")


def from_mapping(cls: type[Config], given: Mapping[str, Any], where: str) -> Config:
    """A dataclass filled from plain values, as a TOML file gives them.

    Definition: keys are field names; a missing key takes the field's default. An integer is taken where a float is
    wanted, a name where an enum is wanted, a table where a dataclass is wanted, a list where a tuple is wanted.
    Inputs: `where` names the place for messages, such as "[risk]".
    Raises: UserError for an unknown key (with the nearest one), a missing key, or a value of the wrong type.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Limits:
        ...     leverage: float = 3.0
        ...     trades: int = 10
        >>> from_mapping(Limits, {"leverage": 5}, "[limits]")
        Limits(leverage=5.0, trades=10)
    """
    if not is_dataclass(cls):
        raise ProgrammerError(f"{cls.__name__} is no dataclass.")
    if not isinstance(given, Mapping):
        raise UserError(f"{where} must be a table of names and values, not {given!r}.")
    known = {f.name: f for f in fields(cls)}
    hints = get_type_hints(cls)
    for name in given:
        if name not in known:
            raise unknown_name(f"setting in {where}", name, known)
    values: dict[str, Any] = {}
    for name, item in known.items():
        if name in given:
            values[name] = _value(hints[name], given[name], f"{where} {name}")
        elif item.default is MISSING and item.default_factory is MISSING:
            raise UserError(f"{where} needs a value for '{name}'.")
    return cast(Config, cls(**values))


def _value(wanted: Any, value: Any, where: str) -> Any:
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        if value is None and NoneType in parts:
            return None
        return _value(next(p for p in parts if p is not NoneType), value, where)
    if origin is tuple and isinstance(value, (list, tuple)):
        return tuple(_value(parts[0], item, f"{where}[{k}]") for k, item in enumerate(value))
    if origin is not None and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return dict(value)
    if isinstance(wanted, type):
        if is_dataclass(wanted):
            return from_mapping(wanted, value, where)
        if issubclass(wanted, (IntEnum, StrEnum)):
            return _member(wanted, value, where)
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool):
            return value
    kind = getattr(wanted, "__name__", str(wanted))
    raise UserError(f"{where} takes a {kind}, not {value!r}.")


def _member(enum: type[IntEnum] | type[StrEnum], value: Any, where: str) -> Any:
    if isinstance(value, enum):
        return value
    by_name = {member.name.lower(): member for member in enum}
    if not isinstance(value, str) or value.lower() not in by_name:
        raise unknown_name(f"value of {where}", str(value), by_name)
    return by_name[value.lower()]
