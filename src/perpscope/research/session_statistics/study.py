"""Season and sessions of one instrument over a stretch of history, as one versioned record."""

from __future__ import annotations

from datetime import datetime

import msgspec
import numpy as np
from msgspec import Struct

from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE, to_datetime
from perpscope.research.session_statistics.season import SeasonTable, season_table
from perpscope.research.session_statistics.sessions import PAIRS, QUESTIONS, Share, session_shares

VERSION = 1


class Slot(Struct, frozen=True):
    """A slot of the day or week: where it begins (minutes) and [value, low, high] by measure."""

    minute: int
    bars: int
    measures: dict[str, list[float | None]]


class Season(Struct, frozen=True):
    """A season table; `cycle` is "day" or "week"."""

    clock: str
    cycle: str
    units: dict[str, str]
    slots: list[Slot]


class Answer(Struct, frozen=True):
    """One share with its interval, its placebo, and the interval of the difference between them."""

    question: str
    of: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    placebo: float | None
    excess_low: float | None
    excess_high: float | None
    stands_out: bool


class Pair(Struct, frozen=True):
    """What `session` did to the range of `before`; `left_out` occurrences lacked bars."""

    before: str
    session: str
    left_out: int
    answers: list[Answer]


class SessionStudy(Struct, frozen=True):
    """The whole study. `looks` counts the intervals that were compared with a placebo."""

    schema: str
    schema_version: int
    venue: str
    symbol: str
    frame_minutes: int
    first: datetime
    last: datetime
    bars: int
    missing_bars: int
    seed: int
    replications: int
    seasons: list[Season]
    pairs: list[Pair]
    looks: int


def study_sessions(
    bars: Table, instrument: Instrument, *, seed: int = 0, replications: int = 1000, slot: int | None = None
) -> SessionStudy:
    """Season tables (hour of the day and slot of the week, by New York's clock) and the session pairs of `sessions.PAIRS`.

    Inputs: bars of 15 minutes or less; `slot` minutes of the week table, the bars' length where None.
    Raises: UserError if there are fewer than eight weeks of bars, or they are longer than an hour.
    """
    length = int((bars["known_ts"] - bars["ref_ts"]).min()) if len(bars) else 0
    if not length or int(bars["known_ts"][-1] - bars["ref_ts"][0]) < 56 * 24 * 60 * MINUTE:
        raise UserError("Session statistics need at least eight weeks of bars. Choose an earlier --from or import more.")
    if length > 60 * MINUTE:
        raise UserError("Session statistics need bars of one hour or less. Ask for a shorter time frame.")
    rng = np.random.default_rng(seed)
    minutes = length // MINUTE
    day = season_table(bars, 60, "new_york", by="day", rng=rng, replications=replications)
    week = season_table(bars, slot or minutes, "new_york", rng=rng, replications=replications)
    pairs = []
    for before, session in PAIRS:
        shares, lost = session_shares(bars, before, session, rng=rng, replications=replications)
        pairs.append(Pair(before, session, lost, [_answer(s) for s in shares]))
    span = int(bars["known_ts"][-1] - bars["ref_ts"][0])
    return SessionStudy(
        schema="perpscope.session_study",
        schema_version=VERSION,
        venue=instrument.venue,
        symbol=instrument.symbol,
        frame_minutes=minutes,
        first=to_datetime(int(bars["ref_ts"][0])),
        last=to_datetime(int(bars["known_ts"][-1])),
        bars=len(bars),
        missing_bars=span // length - len(bars),
        seed=seed,
        replications=replications,
        seasons=[_season(day, "day"), _season(week, "week")],
        pairs=pairs,
        looks=len(PAIRS) * len(QUESTIONS),
    )


def to_json(study: SessionStudy) -> bytes:
    """The study as indented JSON with sorted keys."""
    return msgspec.json.format(msgspec.json.encode(study, order="sorted"), indent=1) + b"\n"


def _season(table: SeasonTable, cycle: str) -> Season:
    slots = [
        Slot(
            minute=int(table.minute[i]),
            bars=int(table.counts[i]),
            measures={m: [_number(x[m][i]) for x in (table.values, table.lows, table.highs)] for m in table.units},
        )
        for i in range(len(table.minute))
    ]
    return Season(table.clock, cycle, dict(table.units), slots)


def _answer(share: Share) -> Answer:
    return Answer(
        question=share.what,
        of=QUESTIONS[share.what],
        value=_number(share.value),
        low=_number(share.low),
        high=_number(share.high),
        n=share.n,
        placebo=_number(share.placebo),
        excess_low=_number(share.excess_low),
        excess_high=_number(share.excess_high),
        stands_out=share.stands_out,
    )


def _number(value: float) -> float | None:
    return float(f"{float(value):.8g}") if np.isfinite(value) else None
