"""What a preset is given, and what it hands back."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.table import Column, Table, row_schema
from perpscope.core.time import Timeframe
from perpscope.lake.coverage import ANY, Continuity, Stretches

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

RISK_TIER = row_schema(
    "risk_tier",
    Column("floor", "notional", "the tier begins at this notional, margin currency"),
    Column("cap", "notional", "and ends here"),
    Column("maintenance_rate", "fraction", "of the notional"),
    Column("maintenance_amount", "notional", "cumulative deduction that keeps maintenance continuous"),
    Column("max_leverage", "ratio", "highest leverage in the tier"),
)
"""Margin tables are stored like any stream, so that they too are known only from their date on."""


@dataclass(frozen=True)
class Request:
    """What the user asked for. `close_at` gives the last close that the lake knew at each instant (NaN if none), for
    sources that state dollars where coins are needed."""

    paths: tuple[Path, ...]
    venue: str
    symbol: str
    frame: Timeframe | None = None
    column_map: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    close_at: Callable[[Times], Floats] = lambda times: np.full(len(times), np.nan)

    def symbol_of(self, path: Path) -> str:
        """The symbol asked for; for '*' the letters and digits that the file name begins with.

        Example:
            >>> Request((), "binance", "*").symbol_of(Path("BTCUSDT_ohlcv-history.parquet"))
            'BTCUSDT'
        """
        if self.symbol != "*":
            return self.symbol
        return "".join(takewhile(str.isalnum, path.name))

    def need_frame(self, path: Path) -> Timeframe:
        """The time frame asked for.

        Raises:
            UserError: if there is none.
        """
        if self.frame is None:
            raise UserError(f"{path.name} does not say how long its bars are. Name the time frame, such as 1h.")
        return self.frame


@dataclass(frozen=True)
class Parsed:
    """Rows of one stream out of one source file, in the order of the source, not yet checked.

    `marks` are what the source covers, where that is more than its rows (`coverage.marks_of`). `counts` name what was
    left out and why; `notes` are sentences for the report.
    """

    path: Path
    stream: str
    table: Table
    origin: str
    continuity: Continuity = ANY
    marks: Stretches | None = None
    symbol: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """A format: its name, one line of help, the reader, and the options it understands (name to help)."""

    name: str
    title: str
    read: Callable[[Request], Iterator[Parsed]]
    options: Mapping[str, str] = field(default_factory=dict)


@cache
def presets() -> dict[str, Preset]:
    """Every preset, by name: the modules of this package that have a `PRESET`."""
    package = importlib.import_module("perpscope.lake.sources")
    found = {}
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        item = getattr(importlib.import_module(info.name), "PRESET", None)
        if isinstance(item, Preset):
            found[item.name] = item
    return dict(sorted(found.items()))


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UserError: if there is none, with the nearest name.
    """
    if name not in presets():
        raise unknown_name("import preset", name, presets())
    return presets()[name]
