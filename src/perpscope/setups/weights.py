"""Weights are data: which factors, how much each, learned from what and when, in a file named after its own content."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from perpscope.core.errors import DataError, UserError
from perpscope.core.time import to_datetime

SCHEMA = "perpscope.weights/1"


class Calibration(msgspec.Struct, frozen=True):
    """How log-odds that were foretold became true: P = 1 / (1 + exp(-(base + slope x log-odds))), fitted to `rows` forecasts
    made before their outcomes, between `first_ts` and `last_ts`. `brier` against `brier_base`, that
    of always saying the base rate."""

    slope: float
    base: float
    rows: int
    brier: float
    brier_base: float
    first_ts: int
    last_ts: int


class Weights(msgspec.Struct, frozen=True):
    """Weights of a confluence from `effective_ts` on, and where they come from.

    Attributes:
        method: "equal" (one slope for the sum of the parts) or "ridge" (one for each).
        factors, weights: by position, log-odds per point of a part.
        base: log-odds where nothing is known: the drift of the window. It is shown, as any part.
        horizon_bars: the outcome was a higher close so many bars of `frame` later.
        first_ts, last_ts, rows: what was learned from; the last outcome was settled by `effective_ts`.
        independent: rows whose outcomes do not overlap; the honest count.
        data_sha256: of the parts and outcomes that were learned from.
        calibration: None while too few forecasts have come true or failed; then no probability is told.
    """

    method: str
    factors: tuple[str, ...]
    weights: tuple[float, ...]
    base: float
    ridge: float
    frame: str
    horizon_bars: int
    first_ts: int
    last_ts: int
    effective_ts: int
    rows: int
    independent: int
    data_sha256: str
    calibration: Calibration | None = None
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        numbers = np.array([*self.weights, self.base])
        if len(self.factors) != len(self.weights) or len(set(self.factors)) != len(self.factors):
            raise DataError("Weights must name each factor once and give it one number.")
        if self.schema != SCHEMA or not np.isfinite(numbers).all():
            raise DataError(f"These weights are not of {SCHEMA}, or one of them is no number.")

    @property
    def name(self) -> str:
        """The first sixteen digits of the SHA-256 of the content."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]


def write_weights(weights: Weights, folder: str | Path) -> Path:
    """Store under `weights-<day in force>-<name>.json`; the same weights twice are one file, and no file is ever changed."""
    day = to_datetime(weights.effective_ts).strftime("%Y-%m-%d")
    path = Path(folder) / f"weights-{day}-{weights.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        partial = path.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(weights))
        partial.replace(path)
    return path


def read_weights(path: str | Path) -> Weights:
    """The weights in a file.

    Raises:
        UserError: if there is no such file.
        DataError: if it is damaged, or its content does not fit its name.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no file of weights at {path}.")
    try:
        weights = msgspec.json.decode(path.read_bytes(), type=Weights)
    except msgspec.DecodeError as fault:
        raise DataError(f"{path.name} holds no weights ({fault}); estimate them anew.") from fault
    if not path.stem.endswith(weights.name):
        raise DataError(f"The content of {path.name} is not what its name was given for: it was changed. Estimate it anew.")
    return weights


def weights_in(folder: str | Path) -> tuple[Weights, ...]:
    """All weights of a folder in the order in which they come into force.

    Raises:
        UserError: if there are none.
    """
    found = sorted(Path(folder).glob("weights-*.json"))
    if not found:
        raise UserError(f"{folder} holds no weights. Estimate some first.")
    return in_order([read_weights(path) for path in found])


def in_order(weights: Sequence[Weights]) -> tuple[Weights, ...]:
    """By the time they come into force.

    Raises:
        UserError: if two come into force at one time.
    """
    ordered = tuple(sorted(weights, key=lambda w: w.effective_ts))
    for one, other in itertools.pairwise(ordered):
        if one.effective_ts == other.effective_ts:
            raise UserError(f"Weights {one.name} and {other.name} come into force at the same time; keep one of them.")
    return ordered
