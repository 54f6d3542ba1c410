"""What a setup looks at: bars with everything else read at their closes, seen from the long side or its mirror image.

Mirrored, a price p becomes -p, highs and lows change places, longs become shorts, as each column says of itself. A
setup is written once, for longs; on the mirror image the same kernel finds the shorts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Array, Column, Table

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Series:
    """A column of an input, read at each bar's close: the last row known by then, absent once it is stale.

    `pace` is the time frame at which the input speaks when that is not the setup's own.
    """

    name: str
    input: str
    column: str
    pace: str | None = None


def faced(table: Table, name: str, down: bool) -> Array:
    """A column as it is, or as its mirror image, from what the schema says of it.

    Example:
        >>> from perpscope.core.events import BARS
        >>> one = Table.filled(BARS, ref_ts=[0], known_ts=[1], open=[5.0], high=[7.0], low=[4.0], close=[6.0], complete=[True])
        >>> faced(one, "high", down=True)
        array([-4.])
    """
    column = table.schema.by_name[name]
    if not down:
        return table[name]
    kind, _, other = column.mirror.partition(":")
    values = table[other] if kind == "swap" else table[name]
    if kind in ("negate", "reflect") or (kind == "swap" and (column.unit == "price" or column.name.endswith("_delta"))):
        return -values
    if kind == "flip":
        return _opposites(column)[values]
    return values


@cache
def _opposites(column: Column) -> npt.NDArray[np.int8]:
    """Code to opposite code: as the members say, else 1 and 2 are each other's and the rest their own; 0 is absent."""
    codes = np.arange(128, dtype=np.int8)
    codes[[1, 2]] = 2, 1
    enum: type[IntEnum] | None = column.enum
    for member in enum or ():
        codes[member] = int(getattr(member, "opposite", codes[member]))
    return codes


@dataclass(frozen=True)
class Happenings:
    """Rows of an episode input, each at the bar of the tape by whose close it was known."""

    table: Table
    bar: Times
    down: bool

    def __getitem__(self, name: str) -> Array:
        return faced(self.table, name, self.down)

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True)
class Tape:
    """Bars seen from one side: `first` is the first new one, those before it are the past that is still remembered.

    Attributes:
        down: whether this is the mirror image.
        atr: Wilder's average true range of the bars BEFORE each bar, so that no bar is its own measure; NaN at first.
        age: bars since the last hole, the bar included: how far a look back may go.
        delta: buy_volume - sell_volume; NaN where the source does not say.
        series: the declared columns, float64, NaN where absent, unknown or stale.
        happenings: rows of the other inputs; an input that is not offered has no rows.
    """

    down: bool
    first: int
    frame_ns: int
    tick: float
    ref_ts: Times
    known_ts: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    delta: Floats
    atr: Floats
    age: Times
    series: Mapping[str, Floats]
    happenings: Mapping[str, Happenings]

    @property
    def new(self) -> int:
        """Bars that this call may propose at."""
        return len(self.ref_ts) - self.first
