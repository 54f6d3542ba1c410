"""The wire in TypeScript: `python -m perpscope.web.typescript` prints it, `--write FILE` writes it."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import msgspec

from perpscope.core.errors import UserError
from perpscope.web import wire

_HEAD = """// Generated from src/perpscope/web/wire.py by `python -m perpscope.web.typescript --write <this file>`. Do not edit.
//
// Times are float64 ms UTC; null is "not known". A binary frame is a u32 (little-endian) header length, the header as JSON
// padded so that the arrays begin at a multiple of 8, then the arrays. An `offset` counts from the first byte after the header.
"""

_CONSTANTS = ("PROTOCOL", "IN_FLIGHT", "MAX_MESSAGE", "MAX_SUBSCRIPTIONS", "MAX_BARS", "HEAT_BINS", "NO_CHOICE")
_UNIONS = ("ClientMessage", "ServerMessage", "FrameHeader")
_LITERALS = ("Dtype", "Mode", "ClockDo")


def typescript() -> str:
    """The text of `frontend/src/wire/messages.ts`.

    Example:
        >>> "export interface Ack {" in typescript()
        True
    """
    parts = [_HEAD]
    parts += [f"export const {name} = {getattr(wire, name)};" for name in _CONSTANTS]
    parts.append("")
    for name in _LITERALS:
        parts.append(f"export type {name} = {' | '.join(_quoted(v) for v in getattr(wire, name).__args__)};")
    for cls in vars(wire).values():
        if inspect.isclass(cls) and issubclass(cls, msgspec.Struct) and cls.__struct_fields__:
            parts.append(_interface(cls))
    for name in _UNIONS:
        parts.append(f"\nexport type {name} = {' | '.join(cls.__name__ for cls in getattr(wire, name).__args__)};")
    return "\n".join(parts) + "\n"


def _interface(cls: type[msgspec.Struct]) -> str:
    info: Any = msgspec.inspect.type_info(cls)
    lines = []
    doc = inspect.cleandoc(cls.__doc__ or "").split("\n")
    lines.append("")
    if any(doc) and not (cls.__doc__ or "").startswith(f"{cls.__name__}("):
        lines += ["/**", *(f" * {line}".rstrip() for line in doc), " */"]
    lines.append(f"export interface {cls.__name__} {{")
    if info.tag is not None:
        lines.append(f"  {info.tag_field}: {_quoted(info.tag)};")
    for one in info.fields:
        lines.append(f"  {one.encode_name}{'' if one.required else '?'}: {_type(one.type)};")
    return "\n".join([*lines, "}"])


def _type(kind: Any) -> str:
    match kind:
        case msgspec.inspect.StrType():
            return "string"
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return "number"
        case msgspec.inspect.BoolType():
            return "boolean"
        case msgspec.inspect.NoneType():
            return "null"
        case msgspec.inspect.LiteralType():
            return " | ".join(map(_quoted, kind.values))
        case msgspec.inspect.ListType():
            inner = _type(kind.item_type)
            return f"({inner})[]" if "|" in inner else f"{inner}[]"
        case msgspec.inspect.DictType():
            return f"Record<string, {_type(kind.value_type)}>"
        case msgspec.inspect.UnionType():
            return " | ".join(map(_type, kind.types))
        case msgspec.inspect.StructType():
            return str(kind.cls.__name__)
    raise TypeError(f"The wire has a type that TypeScript was not taught: {kind!r}.")


def _quoted(text: Any) -> str:
    return f'"{text}"'


def main(arguments: list[str]) -> int:
    """Print the types, or write them."""
    if not arguments:
        sys.stdout.write(typescript())
        return 0
    if len(arguments) != 2 or arguments[0] != "--write":
        raise UserError("Say --write FILE, or nothing to print the types.")
    Path(arguments[1]).write_text(typescript(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
