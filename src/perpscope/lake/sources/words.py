"""The words by which sources tell a side."""

from __future__ import annotations

import numpy as np
import polars as pl

from perpscope.core.errors import DataError
from perpscope.lake.sources.rows import Mask

_BUY = ("buy", "b", "bid", "long")
_SELL = ("sell", "s", "a", "ask", "short")


def aggressors(column: pl.Series, source: str) -> Mask:
    """Whether the aggressor bought: buy or sell, b or s, Hyperliquid's B and A.

    Raises:
        DataError: for any other word, with the row.

    Example:
        >>> aggressors(pl.Series(["B", "A", " sell"]), "x.csv").tolist()
        [True, False, False]
    """
    words = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    bad = ~words.is_in([*_BUY, *_SELL]).fill_null(False)
    if bad.any():
        at = int(bad.arg_max() or 0)
        raise DataError(f"{source}, row {at + 1}: the side is neither buy nor sell.", column[at])
    return words.is_in(_BUY).to_numpy().astype(np.bool_)


def truths(column: pl.Series, source: str) -> Mask:
    """true and false, in any case, or 1 and 0.

    Raises:
        DataError: for any other word, with the row.
    """
    words = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    bad = ~words.is_in(["true", "false", "1", "0"]).fill_null(False)
    if bad.any():
        at = int(bad.arg_max() or 0)
        raise DataError(f"{source}, row {at + 1}: a truth value is neither true nor false.", column[at])
    return words.is_in(["true", "1"]).to_numpy().astype(np.bool_)
