"""Freeze a fold's state to bytes and thaw it again, without pickle: bytes from a disk must not run code."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from perpscope.core.errors import DataError, ProgrammerError
from perpscope.core.events import KINDS
from perpscope.core.table import Schema, Table

_SCALARS = (bool, int, float, str, bytes, type(None))


def freeze(state: Any) -> bytes:
    """Dictionaries, lists, tuples, numbers, strings, numpy arrays and tables to bytes.

    Raises:
        ProgrammerError: for anything else, naming it.

    Example:
        >>> import numpy as np
        >>> thaw(freeze({"mean": np.array([1.5]), "count": 3}))["mean"]
        array([1.5])
    """
    return msgspec.msgpack.encode(_lower(state))


def thaw(data: bytes, schemas: dict[str, Schema] | None = None) -> Any:
    """The state that was frozen; `schemas` adds row schemas to the known event kinds.

    Raises:
        DataError: if the bytes are damaged or name an unknown schema.
    """
    try:
        return _raise(msgspec.msgpack.decode(data), {**KINDS, **(schemas or {})})
    except (msgspec.DecodeError, KeyError, ValueError, TypeError) as fault:
        raise DataError(f"A frozen state cannot be read ({fault}); start the fold afresh.") from fault


def _lower(value: Any) -> Any:
    if isinstance(value, Table):
        return {"~": "t", "s": value.schema.name, "c": {k: _lower(v) for k, v in value.columns().items()}}
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise ProgrammerError("A state holds an array of objects, which cannot be frozen.")
        flat = np.ascontiguousarray(value)
        return {"~": "a", "d": str(flat.dtype.str), "h": list(value.shape), "b": flat.tobytes()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return {"~": "u", "v": [_lower(v) for v in value]}
    if isinstance(value, dict):
        return {"~": "m", "v": [[_lower(k), _lower(v)] for k, v in value.items()]}
    if isinstance(value, list):
        return [_lower(v) for v in value]
    if isinstance(value, _SCALARS):
        return value
    raise ProgrammerError(f"A state holds a {type(value).__name__}, which cannot be frozen.")


def _raise(value: Any, schemas: dict[str, Schema]) -> Any:
    if isinstance(value, list):
        return [_raise(v, schemas) for v in value]
    if not isinstance(value, dict):
        return value
    match value["~"]:
        case "a":
            return np.frombuffer(value["b"], dtype=np.dtype(value["d"])).reshape(value["h"]).copy()
        case "t":
            columns = {k: _raise(v, schemas) for k, v in value["c"].items()}
            return Table.of(schemas[value["s"]], **columns)
        case "u":
            return tuple(_raise(v, schemas) for v in value["v"])
        case "m":
            return {_raise(k, schemas): _raise(v, schemas) for k, v in value["v"]}
        case other:
            raise ValueError(f"unknown tag {other!r}")
