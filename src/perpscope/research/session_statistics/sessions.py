"""What sessions did to the range before them: taken, which side first, and whether price went on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.sessions import windows
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.research.session_statistics.ratios import day_block_ratios

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PAIRS = (("asia", "london"), ("asia", "new_york"), ("london", "new_york"), ("new_york", "asia"))
"""(session whose range stands, session that trades against it)."""

DAY_BLOCK = 14.0
SHIFTS = tuple(range(1, 24))
"""Hours by which the placebo's windows are moved, each a pair of windows of the same lengths at a wrong time."""


@dataclass(frozen=True)
class Share:
    """A share or a mean with its 95 % interval, what it is of, and the same at windows moved to wrong hours."""

    what: str
    value: float
    low: float
    high: float
    n: int
    placebo: float
    excess_low: float
    excess_high: float

    @property
    def stands_out(self) -> bool:
        """Whether the interval of the difference from the placebo leaves out zero."""
        return self.excess_low > 0 or self.excess_high < 0


QUESTIONS: dict[str, str] = {
    "high taken": "of sessions: traded above the range before",
    "low taken": "of sessions: traded below it",
    "both taken": "of sessions",
    "neither taken": "of sessions",
    "high first": "of sessions that took a side: the high was taken first",
    "closed beyond first side": "of sessions that took a side: closed beyond the side taken first (continuation)",
    "back inside": "of sessions that took a side: closed back inside the range (a failed break)",
    "other side too": "of sessions that took a side: took the other one later",
    "same direction": "of sessions: close - open has the sign of the session before",
    "range ratio": "mean of log2(range / range before): 1 is twice as wide",
}


def session_shares(
    bars: Table, before: str, session: str, *, rng: np.random.Generator, replications: int = 1000
) -> tuple[list[Share], int]:
    """Answers to `QUESTIONS` for one pair of sessions, and how many occurrences were left out for missing bars.

    Definition: the range of the occurrence of `before` that ended last before (or began last before, where both overlap: then
    the range up to the start of `session`) stands against the bars of `session`. A side is taken by a trade beyond it; if one
    bar takes both, the side is unknown and the occurrence counts as neither high nor low first. Intervals: bootstrap of
    blocks of 14 days. Placebo: the same questions at 23 pairs of windows moved by 1 to 23 hours; `excess` is the interval of
    the difference, resampled by the same days, because a range is taken often whatever the hour.
    Inputs: bars of 15 minutes or less, complete ones count; an occurrence with a missing bar on either side is left out.
    Source: own.
    """
    starts, ends = _occurrences(bars, before, session)
    own, lost = _answers(bars, *starts, *ends)
    others = [_answers(bars, *(s + h * HOUR for s in starts), *(e + h * HOUR for e in ends))[0] for h in SHIFTS]
    fake = np.nanmean(np.stack([o[0] for o in others]), axis=0), np.nanmean(np.stack([o[1] for o in others]), axis=0)
    kept = own[1][:, 0] > 0
    above, below = own[0][kept], own[1][kept]
    fake_above, fake_below = (np.nan_to_num(part[kept]) for part in fake)
    value, low, high = day_block_ratios(above, below, block=DAY_BLOCK, rng=rng, replications=replications)
    with np.errstate(invalid="ignore", divide="ignore"):
        placebo = fake_above.sum(axis=0) / fake_below.sum(axis=0)
    # the difference of two ratios of the same days: linearised around both, so that one bootstrap of days serves
    influence = (above - value * below) / below.mean(axis=0) - (fake_above - placebo * fake_below) / fake_below.mean(axis=0)
    _, down, up = day_block_ratios(influence, np.ones_like(influence), block=DAY_BLOCK, rng=rng, replications=replications)
    gap = value - placebo
    shares = [
        Share(name, float(value[k]), float(low[k]), float(high[k]), int(below[:, k].sum()), float(placebo[k]),
              float(gap[k] + down[k]), float(gap[k] + up[k]))
        for k, name in enumerate(QUESTIONS)
    ]  # fmt: skip
    return shares, lost


def _occurrences(bars: Table, before: str, session: str) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
    """(starts of before, starts of session), (ends of before, ends of session), one pair an occurrence of the session."""
    first, last = int(bars["ref_ts"][0]), int(bars["known_ts"][-1])
    a, b = windows(before, first, last), windows(session, first, last)
    at = np.searchsorted(a[0], b[0], side="left") - 1
    held = at >= 0
    begin, end = a[0][at[held]], np.minimum(a[1][at[held]], b[0][held])
    recent = b[0][held] - begin <= 24 * HOUR
    return (begin[recent], b[0][held][recent]), (end[recent], b[1][held][recent])


def _answers(bars: Table, begin: Ints, start: Ints, finish: Ints, end: Ints) -> tuple[tuple[Floats, Floats], int]:
    """What is counted above and below the line, (occurrences, questions); rows of zeros where bars are missing."""
    above, below = np.zeros((len(begin), len(QUESTIONS))), np.zeros((len(begin), len(QUESTIONS)))
    edges = [np.searchsorted(bars["ref_ts"], ts) for ts in (begin, finish, start, end)]
    lost = 0
    for k, (a, b, c, d) in enumerate(zip(*edges, strict=True)):
        if not (_whole(bars, a, b, begin[k], finish[k]) and _whole(bars, c, d, start[k], end[k])):
            lost += 1
            continue
        above[k], below[k] = _one(bars, a, b, c, d)
    return (above, below), lost


def _whole(bars: Table, first: int, last: int, start: int, end: int) -> bool:
    """Whether the bars first..last-1 tile [start, end), but for a bar that straddles an edge, and all are complete."""
    if last <= first:
        return False
    ref, known = bars["ref_ts"][first:last], bars["known_ts"][first:last]
    length = known[0] - ref[0]
    tiled = bool((ref[1:] == known[:-1]).all()) and bool(bars["complete"][first:last].all())
    return tiled and ref[0] - start < length and end - known[-1] < length


def _one(bars: Table, a: int, b: int, c: int, d: int) -> tuple[list[float], list[float]]:
    high, low = bars["high"][a:b].max(), bars["low"][a:b].min()
    highs, lows = bars["high"][c:d], bars["low"][c:d]
    up, down = np.flatnonzero(highs > high), np.flatnonzero(lows < low)
    first_up, first_down = (int(x[0]) if len(x) else 10**9 for x in (up, down))
    taken = float(len(up) > 0 or len(down) > 0)
    known = taken * (first_up != first_down)
    high_first = float(first_up < first_down)
    close, opened = bars["close"][d - 1], bars["open"][c]
    beyond = float(close > high if high_first else close < low) * known
    inside = float(low <= close <= high) * known
    moved = np.sign(close - opened) * np.sign(bars["close"][b - 1] - bars["open"][a])
    ratio = np.log2((highs.max() - lows.min()) / (high - low)) if high > low and highs.max() > lows.min() else 0.0
    sides = (float(len(up) > 0), float(len(down) > 0))
    counted = [
        sides[0], sides[1], sides[0] * sides[1], 1.0 - taken, high_first * known, beyond, inside,
        sides[0] * sides[1] * known, float(moved > 0), float(ratio),
    ]  # fmt: skip
    return counted, [1.0, 1.0, 1.0, 1.0, known, known, known, known, float(moved != 0), 1.0]
