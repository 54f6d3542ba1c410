"""Opening gaps: the space between a close and the next open of a market that sleeps, or would sleep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import CME_TRADES_ALWAYS_SINCE, Session
from perpscope.core.table import Array, Table, choice, flag
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.schedule import bar_length, schedule_state, scheduled, windows_of
from perpscope.market.structure import at_least
from perpscope.market.zones import LINK, MEASURE, NO_BIRTHS, live_zones, zone_schema, zone_state, zone_table
from perpscope.numeric.jit import njit


class OpeningGapKind(IntEnum):
    """DAY: over the pause of an evening. WEEK: over the weekend."""

    DAY = 1
    WEEK = 2


OPENING_GAPS = zone_schema(
    "opening_gaps",
    choice("kind", OpeningGapKind, "over an evening's pause or over the weekend"),
    flag("synthetic", "the market did not close; the prices are those at the clock times"),
)

_NEW_YORK = "America/New_York"
_FIVE, _SIX = 17 * 60, 18 * 60
PAUSES = (
    Session("evening", _NEW_YORK, _FIVE, _SIX, (0, 1, 2, 3)),
    Session("weekend", _NEW_YORK, _FIVE, _SIX + 2 * 1440, (4,)),
)


@dataclass(frozen=True)
class OpeningGapParams:
    """Bounds on how many gaps live at once, and for how many bars."""

    max_live: int = 500
    max_age_bars: int = 2000

    def __post_init__(self) -> None:
        at_least("opening_gaps.max_live", self.max_live, 2)
        at_least("opening_gaps.max_age_bars", self.max_age_bars, 1)


class OpeningGaps(Feature):
    """New day and new week opening gaps.

    Definition: the zone between the close at 17:00 New York and the open at 18:00 (Monday to Thursday), and between
    Friday's close at 17:00 and Sunday's open at 18:00; direction UP when the open is higher. Life as for a fair value
    gap (halved = "consequent encroachment"); the bar that opens at 18:00 already counts. No zone when both are equal.
    Disputed: whether they mean anything on a market that never closes. CME crypto futures close no more since
    2026-05-29 21:00 UTC (their last real week gap is 2026-05-22 21:00 to 05-24 22:00 UTC); from then on, and on
    perpetuals always, `synthetic` is true: the prices at those clock times.
    Units: price in quote currency. `ref_ts` = the instant of the close, `known_ts` of the opening = close of the bar
    that opens at 18:00. A hole in the bars expires live gaps, but the pause of a market that sleeps is no hole.
    Source: STRUCTURE ST10, ST24; CME announcement of 2026-02-19.

    Example:
        >>> OpeningGaps(frame="1h").spec.output.by_name["synthetic"].unit
        'flag'
    """

    Params = OpeningGapParams
    spec = FeatureSpec(
        name="opening_gaps",
        title="Opening gaps",
        inputs=("bars",),
        output=OPENING_GAPS,
        source="STRUCTURE ST10",
        shape="zone",
        pane="price",
        episodes=True,
    )

    @cached_property
    def pauses(self) -> tuple[Session, ...]:
        """Asked for in `start`, so that bars too long to see them are refused before any is read."""
        bar_length("opening_gaps", self.frame)
        return PAUSES

    @property
    def lookback(self) -> int:
        return int(self.params.max_age_bars)

    def start(self, instrument: Instrument) -> State:
        return {
            "schedule": schedule_state(),
            "closes": len(self.pauses) > 0 and instrument.venue == "cme",
            "closed": np.array([NULL_TS]),  # last close
            "pending": np.full(2, NULL_TS),  # per pause: its start, once its closing price is known
            "pending_price": np.full(2, np.nan),
            "zones": zone_state(instrument.tick_size, self.params.max_live),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        if not len(bars):
            return OPENING_GAPS.empty()
        make = windows_of(self.pauses)
        times, first = scheduled(state["schedule"], make, int(bars["ref_ts"][0]), int(bars["known_ts"][-1]))
        real_until = CME_TRADES_ALWAYS_SINCE if state["closes"] else NULL_TS
        opens_ts = bars["ref_ts"].copy()
        ints, floats = np.empty((6, times.shape[1]), np.int64), np.empty((3, times.shape[1]))
        found = _opening_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["open"], bars["close"], times[0], times[1], first,
            state["zones"]["tick"], real_until, state["closed"], state["pending"], state["pending_price"],
            opens_ts, ints, floats,
        )  # fmt: skip
        births = (ints[:, :found], floats[:, :found]) if found else NO_BIRTHS
        rows, prices, n = live_zones(state["zones"], bars, births, self.params.max_age_bars, opens_ts)
        if n == 0:
            return OPENING_GAPS.empty()
        return zone_table(OPENING_GAPS, rows, prices, n, kind=rows[LINK, :n], synthetic=prices[MEASURE, :n] != 0.0)


@njit
def _opening_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, open_: Array, close: Array, starts: Array, ends: Array, first: Array,
    tick: float, real_until: int, closed: Array, pending: Array, pending_price: Array,
    opens_ts: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    """New gaps as births of zones (see `market.zones`); writes into `opens_ts` where a pause is no hole."""
    n = 0
    at = first[:-1].copy()
    for i in range(ref_ts.size):
        for k in range(at.size):
            # a bar may close at the start of a pause, lie in it, or open at its end
            while at[k] < first[k + 1] and ends[at[k]] < ref_ts[i]:
                at[k] += 1
            if at[k] == first[k + 1]:
                continue
            if ref_ts[i] == ends[at[k]]:
                if closed[0] == starts[at[k]]:
                    opens_ts[i] = closed[0]
                before = pending_price[k]
                if pending[k] == starts[at[k]] and complete[i] and np.rint(before / tick) != np.rint(open_[i] / tick):
                    ints[0, n], ints[1, n], ints[2, n] = ref_ts[i], known_ts[i], starts[at[k]]
                    ints[3, n], ints[4, n], ints[5, n] = (
                        starts[at[k]] // 1_000_000 * 8 + k,
                        k + 1,
                        1 if open_[i] > before else 2,
                    )
                    floats[0, n], floats[1, n] = min(before, open_[i]), max(before, open_[i])
                    floats[2, n] = 0.0 if starts[at[k]] < real_until else 1.0
                    n += 1
        for k in range(at.size):
            here = at[k]
            while here < first[k + 1] and starts[here] < known_ts[i]:
                here += 1
            if here < first[k + 1] and starts[here] == known_ts[i] and complete[i]:
                pending[k], pending_price[k] = known_ts[i], close[i]
        closed[0] = known_ts[i]
    return n
