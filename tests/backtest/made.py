"""Small tables for the tests of a backtest, made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.core.events import BARS
from perpscope.core.orders import ROUND_TRIPS, ExitReason, FillModel
from perpscope.core.table import Table


def bars_of(closes: np.ndarray, frame_ns: int, begin: int = 0) -> Table:
    """Bars that open at the close before them; the first opens at its own close."""
    n = len(closes)
    opens = np.concatenate([closes[:1], closes[:-1]])
    ref = begin + np.arange(n) * frame_ns
    return Table.filled(
        BARS,
        ref_ts=ref,
        known_ts=ref + frame_ns,
        open=opens,
        high=np.maximum(opens, closes),
        low=np.minimum(opens, closes),
        close=closes,
        volume=np.ones(n),
        complete=np.ones(n, bool),
    )


def trips_of(entry: np.ndarray, exits: np.ndarray, legs: np.ndarray, **more: Any) -> Table:
    """Round trips from when to when on which side; what else matters is given by name."""
    n = len(entry)
    flags = dict.fromkeys(("queue_model", "gap"), np.zeros(n, bool))
    codes = {"exit_reason": np.full(n, ExitReason.ORDER), "model": np.full(n, FillModel.BAR)}
    given = {**flags, **codes, "instrument": np.zeros(n, np.int64), **more}
    return Table.filled(ROUND_TRIPS, ref_ts=exits, known_ts=exits, entry_ts=entry, leg=legs, **given)
