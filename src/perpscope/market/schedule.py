"""Windows of clock time for folds: made for a stretch ahead, kept in the state, asked for anew when time runs past it.

A fold that meets one bar at a time must not ask the time-zone database for each; a fold that meets ten years at once
must not keep ten years of windows in its state. Both get theirs here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.fold import State
from perpscope.core.sessions import SESSIONS, Session, session, windows
from perpscope.core.time import DAY, HOUR, MINUTE, NULL_TS, Timeframe

Windows = npt.NDArray[np.int64]
"""(2, n) of starts and ends, one kind of window after the other, ascending within a kind."""

_AHEAD = 9 * DAY

Make = Callable[[int, int], Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]]
"""From a stretch of time to (starts, ends) of each kind of window that overlaps it."""


def schedule_state() -> State:
    return {"until": NULL_TS, "windows": np.empty((2, 0), np.int64), "first": np.zeros(1, np.int64)}


def scheduled(state: State, make: Make, first_ts: int, last_ts: int) -> tuple[Windows, npt.NDArray[np.int64]]:
    """All windows that matter to bars from `first_ts` to `last_ts`, and where each kind begins in them.

    `make` must depend on its two arguments only. The second array has one entry more than there are kinds.
    """
    if last_ts <= state["until"]:
        return state["windows"], state["first"]
    kinds = list(make(first_ts, last_ts + _AHEAD))
    made = _packed(kinds)
    left = [(starts[ends > last_ts], ends[ends > last_ts]) for starts, ends in kinds]
    state["until"] = last_ts + _AHEAD - DAY
    state["windows"], state["first"] = _packed(left)
    return made


def _packed(kinds: Sequence[tuple[Windows, Windows]]) -> tuple[Windows, npt.NDArray[np.int64]]:
    counts = [len(starts) for starts, _ in kinds]
    both = [np.concatenate([np.empty(0, np.int64), *(pair[side] for pair in kinds)]) for side in (0, 1)]
    return np.stack(both), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def names_of(feature: str, what: str, text: str, allowed: Sequence[str]) -> list[str]:
    """A comma-separated setting as a list of allowed names.

    Raises:
        UserError: if it is empty, repeats a name or holds an unknown one.
    """
    listed = [name.strip() for name in text.split(",") if name.strip()]
    if not listed or len(set(listed)) != len(listed):
        raise UserError(f"{feature} needs at least one {what}, each named once, not '{text}'. Known: {', '.join(allowed)}.")
    for name in listed:
        if name not in allowed:
            raise unknown_name(f"{what} of {feature}", name, allowed)
    return listed


def bar_length(feature: str, frame: str | None, longest: int = HOUR) -> int:
    """The length of the feature's bars, ns; 0 where it has no frame yet.

    Raises:
        UserError: if they are too long to see the clock times the feature is about.
    """
    length = 0 if frame is None else Timeframe.parse(frame).ns
    if length > longest:
        most = "one hour" if longest == HOUR else "one day"
        raise UserError(
            f"{feature} cannot tell its clock times in {frame} bars. Ask for it at {most} or less, as {feature}@5m."
        )
    return length


def sessions_of(feature: str, names: str, frame: str | None) -> list[Session]:
    """The sessions of a comma-separated setting, checked against the length of the bars they are measured by.

    Raises:
        UserError: for an unknown or repeated name, bars longer than one hour, or a window shorter than one bar.
    """
    wanted = [session(name) for name in names_of(feature, "session", names, tuple(SESSIONS))]
    length = bar_length(feature, frame)
    for one in wanted:
        if (one.end - one.start) * MINUTE < length:
            raise UserError(f"Session '{one.name}' is shorter than one {frame} bar. Ask for {feature} at a shorter time frame.")
    return wanted


def windows_of(wanted: Sequence[Session]) -> Make:
    """A `Make` with one kind per session."""

    def make(start: int, end: int) -> list[tuple[Windows, Windows]]:
        return [windows(one, start, end) for one in wanted]

    return make
