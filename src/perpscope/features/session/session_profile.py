"""The volume profile of each session: its point of control and value area."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import Session, SessionName, windows
from perpscope.core.table import Array, Column, Table, choice, flag, price, quantity, row_schema, ts
from perpscope.core.time import DAY, MINUTE, NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.profile import FAR, FIRST, HIGH, LOW, STEP, auto_step, point_of_control, spread_bar, value_area
from perpscope.market.schedule import sessions_of
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

SESSION_PROFILES = row_schema(
    "session_profiles",
    choice("session", SessionName, "which session"),
    ts("end_ts", "end of the session; ref_ts is its start"),
    price("poc", "middle of the bin with the largest volume"),
    price("vah", "upper edge of the value area", mirror="swap:val"),
    price("val", "lower edge of the value area", mirror="swap:vah"),
    Column("fraction", "fraction", "share of the session's volume inside the value area"),
    quantity("volume", "base units traded in it"),
    flag("complete", "no bar of the session is missing or holds a gap"),
)


@dataclass(frozen=True)
class SessionProfileParams:
    """sessions: names, separated by commas, of sessions no longer than a day. bin_bps: widest bin, in bps of the price."""

    sessions: str = "asia,london,new_york"
    fraction: float = 0.7
    bin_bps: float = 5.0

    def __post_init__(self) -> None:
        at_least("session_profiles.bin_bps", self.bin_bps, 0.01)


class SessionProfiles(Feature):
    """Point of control and value area of every session, at its end.

    Definition: the volume of each bar that opens inside the session is spread evenly over its low..high; bins, point of
    control and value area (70 %) by the rules of `volume_profile`. Estimated: from bars, not from trades. No row for a
    session without volume. Disputed: the hours (see `session_ranges`).
    Units: price, base units. `ref_ts` = start of the window, `known_ts` = close of the first bar that reaches its end.
    Needs bars of one hour or less. A hole leaves the session `complete = false`.
    Source: rules as `volume_profile`; windows STRUCTURE ST20, ST22.

    Example:
        >>> SessionProfiles(SessionProfileParams(sessions="london"), frame="15m").wanted[0].zone
        'Europe/London'
    """

    Params = SessionProfileParams
    spec = FeatureSpec(
        name="session_profiles",
        title="Session profiles",
        inputs=("bars",),
        output=SESSION_PROFILES,
        source="STRUCTURE ST22",
        shape="line",
        pane="price",
    )
    exempt: ClassVar = {
        "mirror": "bins are counted from price 0, so p -> C - p moves their edges, as for volume_profile",
        "gap": "a session that holds a hole is still that session; its row says complete = false",
    }

    @cached_property
    def wanted(self) -> list[Session]:
        found = sessions_of(self.spec.name, self.params.sessions, self.frame)
        for one in found:
            if (one.end - one.start) * MINUTE > DAY:
                raise UserError(f"Session '{one.name}' lasts longer than a day, of which session_profiles keeps the bars.")
        return found

    @property
    def lookback(self) -> int:
        return 1500  # a day of minutes and an hour of clock change

    def start(self, instrument: Instrument) -> State:
        wanted = len(self.wanted)  # refuses names and bars that cannot be, before any is read
        return {"tick": instrument.tick_size, "kinds": wanted, "times": np.empty((2, 0), np.int64), "values": np.empty((4, 0))}

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        if not len(bars):
            return SESSION_PROFILES.empty()
        seen = int(state["times"][1, -1]) if state["times"].shape[1] else NULL_TS
        times = np.concatenate([state["times"], np.stack([bars["ref_ts"], bars["known_ts"]])], axis=1)
        new = np.stack([bars["low"], bars["high"], bars["volume"], bars["complete"].astype(float)])
        values = np.concatenate([state["values"], new], axis=1)
        rows = [self._rows(one, times, values, seen, state["tick"]) for one in self.wanted]
        keep = int(np.searchsorted(times[0], times[1, -1] - DAY - 60 * MINUTE))
        state["times"], state["values"] = times[:, keep:].copy(), values[:, keep:].copy()
        return Table.concat([SESSION_PROFILES.empty(), *rows]).sorted()

    def _rows(self, one: Session, times: Array, values: Array, seen: int, tick: float) -> Table:
        """Sessions whose end was first reached by a bar known after `seen`."""
        starts, ends = windows(one, int(times[0, 0]), int(times[1, -1]))
        first, last = np.searchsorted(times[0], starts), np.searchsorted(times[0], ends)
        told = np.searchsorted(times[1], ends)
        ripe = (told < times.shape[1]) & (last > first)
        known = times[1][np.minimum(told, times.shape[1] - 1)]
        ripe &= known > seen
        out = np.array([self._profile(times, values, a, b, s, e, tick) for a, b, s, e in
                        zip(first[ripe], last[ripe], starts[ripe], ends[ripe], strict=True)]).reshape(-1, 6)  # fmt: skip
        kept = out[:, 4] > 0
        out = out[kept]
        return Table.of(
            SESSION_PROFILES,
            ref_ts=starts[ripe][kept],
            known_ts=known[ripe][kept],
            session=np.full(len(out), SessionName[one.name.upper()]),
            end_ts=ends[ripe][kept],
            poc=out[:, 0],
            vah=out[:, 1],
            val=out[:, 2],
            fraction=out[:, 3],
            volume=out[:, 4],
            complete=out[:, 5] > 0,
        )

    def _profile(self, times: Array, values: Array, a: int, b: int, start: int, end: int, tick: float) -> Array:
        step = auto_step(float(values[0, a]), tick, self.params.bin_bps)
        made = np.asarray(_profile_kernel(values[:3, a:b], tick, step, self.params.fraction))
        edges = times[0, a] <= start and times[1, b - 1] >= end
        whole = edges and bool((times[0, a + 1 : b] == times[1, a : b - 1]).all()) and bool(values[3, a:b].all())
        return np.append(made, float(whole))


@njit
def _profile_kernel(bars: Array, tick: float, step: int, fraction: float) -> tuple[float, float, float, float, float]:
    """POC, VAH, VAL, share inside and volume of bars (low, high, volume)."""
    ints = np.zeros(10, np.int64)
    ints[STEP], ints[LOW], ints[HIGH] = step, FAR, -FAR
    cells = np.zeros((2, 256))
    total = 0.0
    for i in range(bars.shape[1]):
        low, high = np.int64(np.rint(bars[0, i] / tick)), np.int64(np.rint(bars[1, i] / tick))
        cells = spread_bar(cells, ints, low, high, bars[2, i], 0.0)
        total += bars[2, i]
    if not total > 0.0:
        return np.nan, np.nan, np.nan, np.nan, 0.0
    first, last = ints[LOW] - ints[FIRST], ints[HIGH] - ints[FIRST]
    poc = point_of_control(cells[0], first, last, 2)
    bottom, top, share = value_area(cells[0], first, last, poc, fraction, 2, 0)
    begin = ints[FIRST] * step
    middle = (begin + poc * step + (step - 1) / 2.0) * tick
    return middle, (begin + top * step + step - 1) * tick, (begin + bottom * step) * tick, share, total
