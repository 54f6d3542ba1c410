"""A schedule of weights: every re-estimate of a walk-forward with its date, in one file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from perpscope.core.errors import DataError, UserError
from perpscope.setups.weights import Weights, in_order, weights_in

SCHEDULE = "perpscope.weight_schedule/1"


class Schedule(msgspec.Struct, frozen=True):
    """Weights in the order in which they come into force; `sha256` is of their content."""

    weights: tuple[Weights, ...]
    sha256: str
    schema: str = SCHEDULE


def write_schedule(weights: Sequence[Weights], path: str | Path) -> Path:
    """Store a schedule; the file is written whole or not at all.

    Raises:
        UserError: if there is nothing to store, two come into force at one time, or the path is a folder.
    """
    path, ordered = Path(path), in_order(weights)
    if not ordered:
        raise UserError("There are no weights to store.")
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file for the weights, such as {path / 'weights.json'}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(Schedule(ordered, _digest(ordered))), indent=1))
    partial.replace(path)
    return path


def read_schedule(path: str | Path) -> tuple[Weights, ...]:
    """The weights of a schedule, or of a folder of single files, in the order in which they come into force.

    Raises:
        UserError: if there is nothing at the path, or no weights in it.
        DataError: if the file is damaged, or was changed after it was written.
    """
    path = Path(path)
    if path.is_dir():
        return weights_in(path)
    if not path.is_file():
        raise UserError(f"There is no file of weights at {path}. Learn some: perpscope weights learn.")
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Schedule)
    except msgspec.DecodeError as fault:
        raise DataError(f"{path.name} holds no schedule of weights ({fault}); learn them anew.") from fault
    if found.schema != SCHEDULE or found.sha256 != _digest(found.weights):
        raise DataError(f"The content of {path.name} is not what it was written with: it was changed. Learn it anew.")
    return in_order(found.weights)


def _digest(weights: Sequence[Weights]) -> str:
    return hashlib.sha256(msgspec.json.encode(tuple(weights))).hexdigest()
