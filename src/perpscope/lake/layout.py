"""Where a sealed file lies: `<venue>/<stream>/<symbol>/<period>/<origin>-<generation>.parquet`.

A period is a UTC day for dense point kinds and a UTC month for everything else; it is chosen by what a row is about
(its `ref_ts`, or `exchange_ts`), so that August holds the bars that opened in August. Every origin has files of its
own, so that no import can overwrite what another source said. The generation is the number of the catalogue that
first named the file: a new version never takes the place of an old one before the catalogue says so.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.events import stream_kind
from perpscope.core.time import DAY, HOUR

DAILY = frozenset({"trade", "book_delta", "mark_price"})
"""Kinds with a file a day; all others have one a month."""

CATALOGUE = "catalogue.json"
LOCK = "writer.lock"
HOT = "hot"
"""The folder of the hot log, which has a writer of its own."""
TEMPORARY = ".tmp-"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_FILE = re.compile(r"(?P<origin>[a-z0-9][a-z0-9_-]*)-(?P<generation>\d+)\.parquet")


def periods(stream: str, about: npt.NDArray[np.int64], hourly: bool = False) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The periods of a stream's rows, and for every row the index of its own, from the time the row is about.

    `hourly` makes hours of the kinds that have a file a day: what was recorded is sealed by the hour, and compacted later.

    Example:
        >>> names, index = periods("bars@1h", np.array([1_722_816_000_000_000_000, 1_722_819_600_000_000_000]))
        >>> names, index.tolist()
        (['2024-08'], [0, 0])
    """
    if hourly and stream_kind(stream) in DAILY:
        found, index = np.unique((about // HOUR).astype("datetime64[h]"), return_inverse=True)
    else:
        unit = "D" if stream_kind(stream) in DAILY else "M"
        days = (about // DAY).astype("datetime64[D]").astype(f"datetime64[{unit}]")
        found, index = np.unique(days, return_inverse=True)
    return found.astype(str).tolist(), index


def folder(venue: str, stream: str, symbol: str, period: str) -> Path:
    """The folder of one period, relative to the lake."""
    return Path(venue) / stream / quote(symbol, safe="") / period


def file_name(origin: str, generation: int) -> str:
    return f"{origin}-{generation}.parquet"


def is_sealed(path: Path) -> bool:
    """Whether a path is named like a sealed file."""
    return _FILE.fullmatch(path.name) is not None


def check_names(venue: str, symbol: str, origin: str) -> None:
    """Refuse names that could leave the lake's folder or hide in it.

    Raises:
        UserError: if the venue or origin is no plain lower-case word, or the symbol is empty, too long, made of
            dots or not printable ASCII.
    """
    for what, name in (("venue", venue), ("origin", origin)):
        if not _NAME.fullmatch(name):
            raise UserError(
                f"'{name}' cannot be the name of a {what}. Use lower-case letters, digits, - and _, such as 'binance_spot'."
            )
    if not symbol.isascii() or not symbol.isprintable() or not symbol.strip(". ") or len(symbol) > 60:
        raise UserError(f"{symbol!r} cannot be a symbol. Use the venue's own spelling, such as BTCUSDT.")
