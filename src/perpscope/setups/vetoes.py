"""What forbids to act on a score, whatever it says. A veto never changes a number; it stands beside it by name."""

from __future__ import annotations

import numpy as np

from perpscope.core.events import GapKind
from perpscope.core.fold import State
from perpscope.core.table import Array, Table, flag
from perpscope.core.time import WEEK
from perpscope.numeric.jit import njit
from perpscope.numeric.window import moments_state, push_moments

SETTLE_BARS = 24
THIN_BARS = 12
THIN = 0.25
LEAST_BARS = 48

VETOES = (
    flag("veto_stale", "a line of evidence that spoke before has fallen silent"),
    flag("veto_gap", f"fewer than {SETTLE_BARS} bars since a hole in the bars, or since their beginning"),
    flag("veto_book", "the order book lost its sequence in this bar"),
    flag("veto_thin", f"the volume of {THIN_BARS} bars averages below {THIN:g} of that of 7 days"),
)


def veto_state(frame_ns: int) -> State:
    """Windows of volume, long and short; bars since a hole; gaps of the book that wait for their bar."""
    ring, stats = moments_state(max(WEEK // frame_ns, LEAST_BARS))
    short, sums = moments_state(THIN_BARS)
    return {
        "ring": ring,
        "stats": stats,
        "short": short,
        "sums": sums,
        "age": np.zeros(1, np.int64),
        "lost": np.empty(0, np.int64),
    }


def take_gaps(state: State, gaps: Table) -> None:
    """Remember when the book was lost until the bar comes in which it was told."""
    mine = gaps[gaps["kind"] == GapKind.BOOK_DELTA]
    if len(mine):
        state["lost"] = np.concatenate([state["lost"], mine.clock])


def vetoes(state: State, bars: Table, broken: Array, stale: Array) -> dict[str, Array]:
    """The flag columns at each bar; `broken` where a bar does not follow the one before, `stale` per bar."""
    thin, young = np.empty(len(bars), np.bool_), np.empty(len(bars), np.bool_)
    _volume_kernel(
        bars["volume"], broken, THIN, LEAST_BARS, SETTLE_BARS, state["ring"], state["stats"], state["short"], state["sums"],
        state["age"], thin, young,
    )  # fmt: skip
    at = bars.clock
    told = state["lost"]
    before = np.concatenate([[bars["ref_ts"][0]], at[:-1]])
    book = np.searchsorted(told, at, side="right") > np.searchsorted(told, before, side="right")
    state["lost"] = told[told > at[-1]]
    return {"veto_stale": stale, "veto_gap": young, "veto_book": book, "veto_thin": thin}


def vetoes_of(rows: Table) -> list[tuple[str, ...]]:
    """The names of the vetoes of each row, without their prefix.

    Example:
        >>> from perpscope.core.table import row_schema
        >>> told = dict(veto_stale=[True], veto_gap=[False], veto_book=[False], veto_thin=[True])
        >>> vetoes_of(Table.of(row_schema("v", *VETOES), ref_ts=[0], known_ts=[1], **told))
        [('stale', 'thin')]
    """
    return [tuple(c.name.removeprefix("veto_") for c in VETOES if rows[c.name][i]) for i in range(len(rows))]


@njit
def _volume_kernel(
    volume: Array, broken: Array, limit: float, least: int, settle: int, ring: Array, stats: Array, short: Array, sums: Array,
    age: Array, thin: Array, young: Array,
) -> None:  # fmt: skip
    for i in range(volume.size):
        if broken[i]:
            age[0] = 0
        age[0] += 1
        push_moments(volume[i], ring, stats)
        push_moments(volume[i], short, sums)
        thin[i] = stats[1] >= least and sums[2] < limit * stats[2]
        young[i] = age[0] < settle
