"""Evidence, verdicts and the base of every setup.

A row carries one column `part_<line>` for each line of evidence and a `score` that is their sum, so that no number is
ever shown without its reasons. A setup is a fold whose rows are proposals (`setups.signal`): its file says what it looks
at and writes drafts for longs; here the same is done on the mirror image for shorts, and the life of each proposal told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from perpscope.core.batch import Batch
from perpscope.core.errors import ProgrammerError, UserError
from perpscope.core.fold import Fold, FoldSpec, State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Schema, Table, row_schema
from perpscope.core.time import NULL_TS, Timeframe
from perpscope.mtf.align import align
from perpscope.numeric.atr import atr_reset, atr_state, atr_step
from perpscope.numeric.jit import njit
from perpscope.setups import life
from perpscope.setups.signal import (
    BAR,
    ENTRY,
    EXPOSURE,
    INVALIDATION,
    PARTS,
    STOP,
    TARGET,
    TARGET_2,
    Evidence,
    Only,
    signal_schema,
)
from perpscope.setups.tape import Happenings, Series, Tape, Times, faced

Floats = npt.NDArray[np.float64]


class Verdict(StrEnum):
    """What measurement has found a factor to be worth. Nothing is claimed before it is measured."""

    PROVEN = "PROVEN"
    RISK_ONLY = "RISK-ONLY"
    WEAK = "WEAK"
    UNPROVEN = "UNPROVEN"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class Factor:
    """One line of evidence.

    `feature` is the input it reads, `read` turns that feature's rows into parts in -1..1 (long positive, NaN where
    it says nothing). The three sentences say what the sign means. `pace` is the time frame at which the feature
    speaks when that is not the setup's own; a row older than two of its bars is stale.
    """

    name: str
    title: str
    feature: str
    read: Callable[[Table], Floats]
    when_long: str
    when_short: str
    when_flat: str
    pace: str | None = None
    verdict: Verdict = Verdict.UNPROVEN

    def reason(self, part: float) -> str:
        """The sentence for a part.

        Example:
            >>> Factor("f", "Flow", "delta", lambda t: t["delta"], "buyers push", "sellers push", "nobody pushes").reason(-0.5)
            'sellers push'
        """
        if part != part:
            return "not known here"
        return self.when_long if part > 0 else self.when_short if part < 0 else self.when_flat


def score_schema(name: str, factors: tuple[Factor, ...], *more: Column) -> Schema:
    """The columns of a score: its parts, their sum, how many are known, then whatever else the setup says."""
    parts = tuple(Column(f"part_{f.name}", "score", f"{f.title}, -1..1; NaN where not known", mirror="negate") for f in factors)
    return row_schema(
        name,
        *parts,
        Column("score", "score", "sum of the known parts", mirror="negate"),
        Column("known", "count", "parts that are known"),
        *more,
    )


ATR_SPAN = 14

_TIMES = ("ref_ts", "known_ts", "age")
_VALUES = ("open", "high", "low", "close", "volume", "delta", "atr")
"""Columns that a setup remembers of its bars, by place; the series follow, first as they are, then mirrored."""


@dataclass(frozen=True)
class Drafts:
    """What `propose` returns: the two halves of its drafts (see `setups.signal`), ordered by bar, the bar counted from the
    tape's first; `withdrawn` marks new bars at whose close the evidence of a living proposal is gone; None: never."""

    ints: Array
    floats: Array
    withdrawn: npt.NDArray[np.bool_] | None = None


def setup_spec(
    name: str,
    title: str,
    inputs: tuple[str, ...],
    evidence: tuple[Evidence, ...],
    source: str,
    variant: type[IntEnum] = Only,
) -> FoldSpec:
    """The spec of a setup: its rows are proposals with its parts."""
    return FoldSpec(
        name=name,
        title=title,
        inputs=inputs,
        output=signal_schema(name, evidence, variant),
        source=source,
        shape="marker",
        pane="price",
        episodes=True,
    )


class Setup(Fold):
    """Base of every setup. A subclass sets `spec`, `evidence`, `depth`, and defines `own` and `propose`.

    `series` are inputs read at each bar's close, `happenings` the inputs whose rows arrive as they come; together with the
    bars they are the declared inputs. `one_of` names optional streams of which at least one must be offered. `depth` is
    how many bars of the past `propose` may look at. `rest`: bars after an end before the same side may propose again.
    Nothing that is not PROVEN adds size: `verdict` says what measurement has found; nothing has been measured yet.
    """

    evidence: ClassVar[tuple[Evidence, ...]]
    Variant: ClassVar[type[IntEnum]] = Only
    series: ClassVar[tuple[Series, ...]] = ()
    happenings: ClassVar[tuple[str, ...]] = ()
    one_of: ClassVar[tuple[str, ...]] = ()
    depth: ClassVar[int] = 64
    rest: ClassVar[int] = 6
    adjusts: ClassVar[bool] = False
    verdict: ClassVar[Verdict] = Verdict.UNPROVEN

    def own(self, instrument: Instrument) -> State:
        """The state of `propose` for one side."""
        return {}

    def propose(self, state: State, tape: Tape) -> Drafts:
        """Drafts at the new bars of a tape, all as longs."""
        raise ProgrammerError(f"{self.spec.name} does not define propose().")

    def room(self, tape: Tape) -> tuple[Array, Array]:
        """Arrays for one draft per new bar and variant."""
        n = tape.new * len(self.Variant)
        return np.empty((5, n), np.int64), np.empty((PARTS + len(self.evidence), n))

    @property
    def lookback(self) -> int:
        return self.depth

    def start(self, instrument: Instrument) -> State:
        return {
            "tick": instrument.tick_size,
            "ints": np.array([NULL_TS, 0, NULL_TS], np.int64),  # last close, age, start of the unbroken run
            "atr": atr_state(),
            "times": np.empty((len(_TIMES), 0), np.int64),
            "values": np.empty((len(_VALUES) + 2 * len(self.series), 0)),
            "held": {},
            "last": {},
            "life": life.life_state(len(self.Variant), len(self.evidence)),
            "own": [self.own(instrument), self.own(instrument)],
        }

    @cached_property
    def _frame_ns(self) -> int:
        return Timeframe.parse(self.frame or "1h").ns

    @cached_property
    def _groups(self) -> list[tuple[str, Timeframe, list[tuple[int, str]]]]:
        """Every series input once: its name, its pace, and the columns read from it with their places among the series."""
        own = Timeframe.parse(self.frame or "1h")
        found: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for k, s in enumerate(self.series):
            found.setdefault((s.input, s.pace or s.input.partition("@")[2] or own.name), []).append((k, s.column))
        return [(name, max(own, Timeframe.parse(pace)), columns) for (name, pace), columns in found.items()]

    @cached_property
    def _read_inputs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*(s.input for s in self.series), *self.happenings]))

    def fold(self, state: State, batch: Batch) -> Table:
        if self.one_of and not any(name in batch for name in self.one_of):
            raise UserError(f"{self.spec.name} needs {' or '.join(self.one_of)}, and the data has neither. Import one of them.")
        bars = batch["bars"]
        if not bars["complete"].all():
            bars = bars[bars["complete"]]
        given = {name: _joined(state["held"].get(name), batch[name]) for name in self._read_inputs if name in batch}
        if not len(bars):
            state["held"] = {name: rows for name, rows in given.items() if len(rows)}
            return self.spec.output.empty()
        due, state["held"] = _due(given, int(bars.clock[-1]))
        n = len(bars)
        broken, since = np.empty(n, np.bool_), np.empty(n, np.int64)
        times, values = np.empty((len(_TIMES), n), np.int64), np.empty((len(_VALUES) + 2 * len(self.series), n))
        self._measure(state, bars, broken, since, times, values)
        self._read(state, due, bars.clock, since, values)
        tapes = self._tapes(state, bars, times, values, due)
        drafts = [self.propose(own, tape) for own, tape in zip(state["own"], tapes, strict=True)]
        return self._live(state, bars, broken, drafts)

    def _measure(self, state: State, bars: Table, broken: Array, since: Times, times: Array, values: Array) -> None:
        """Fill the bars' own columns: times, prices, volume, delta, ATR before, age; and where they break."""
        times[0], times[1] = bars["ref_ts"], bars["known_ts"]
        for k, name in enumerate(_VALUES[:5]):
            values[k] = bars[name]
        np.subtract(bars["buy_volume"], bars["sell_volume"], out=values[5])
        _measure(
            times[0], times[1], values[1], values[2], values[3], ATR_SPAN, state["ints"], state["atr"], broken, since, times[2],
            values[6],
        )  # fmt: skip

    def _read(self, state: State, due: dict[str, Table], at: Times, since: Times, values: Array) -> None:
        """Fill the series: as they are, then mirrored; NaN where unknown, stale, or known only from before a hole."""
        up, down = len(_VALUES), len(_VALUES) + len(self.series)
        values[up:] = np.nan
        for name, pace, columns in self._groups:
            if name not in due:
                continue
            rows = _joined(state["last"].get(name), due[name])
            if not len(rows):
                continue
            found = align(rows, pace, at)
            fresh = (found >= 0) & (rows.clock[found] > since)
            picked = found[fresh]
            for k, column in columns:
                values[up + k, fresh] = rows[column][picked]
                values[down + k, fresh] = faced(rows, column, True)[picked]
        for name, _, _ in self._groups:
            if name in due and len(due[name]):
                state["last"][name] = due[name][-1:]

    def _tapes(self, state: State, bars: Table, times: Array, values: Array, due: dict[str, Table]) -> tuple[Tape, Tape]:
        """Past and new bars together, from either side; the last `depth` stay for the next call."""
        if state["times"].shape[1]:
            times = np.concatenate([state["times"], times], axis=1)
            values = np.concatenate([state["values"], values], axis=1)
        first = times.shape[1] - len(bars)
        state["times"], state["values"] = times[:, -self.depth :].copy(), values[:, -self.depth :].copy()
        rows = {
            name: (due[name], first + np.searchsorted(bars.clock, due[name].clock)) for name in self.happenings if name in due
        }
        open_, high, low, close, volume, delta, atr = values[: len(_VALUES)]
        up, down = len(_VALUES), len(_VALUES) + len(self.series)

        def tape(turned: bool) -> Tape:
            prices = (-open_, -low, -high, -close) if turned else (open_, high, low, close)
            begin = down if turned else up
            return Tape(
                turned, first, self._frame_ns, state["tick"], times[0], times[1], *prices, volume, -delta if turned else delta,
                atr, times[2], {s.name: values[begin + k] for k, s in enumerate(self.series)},
                {name: Happenings(*found, turned) for name, found in rows.items()},
            )  # fmt: skip

        return tape(False), tape(True)

    def _live(self, state: State, bars: Table, broken: Array, drafts: list[Drafts]) -> Table:
        """Turn the shorts' drafts the right way up, and tell the life of all."""
        up, down = drafts
        ints, floats, sides = up.ints, up.floats, np.zeros(up.ints.shape[1], np.int64)
        if down.ints.shape[1]:
            turned = down.floats.copy()
            turned[[ENTRY, STOP, TARGET, TARGET_2, INVALIDATION]] *= -1.0
            turned[PARTS:] *= -1.0
            ints, floats = np.hstack([ints, down.ints]), np.hstack([floats, turned])
            sides = np.concatenate([sides, np.ones(down.ints.shape[1], np.int64)])
            order = np.argsort(ints[BAR], kind="stable")
            ints, floats, sides = ints[:, order], floats[:, order], sides[order]
        gone = np.zeros((2, len(bars)), np.bool_)
        for side, one in enumerate(drafts):
            if one.withdrawn is not None:
                gone[side] = one.withdrawn
        room = 3 * (len(sides) + 2 * len(self.Variant))  # opened, triggered, ended; an adjustment has its own draft
        rows, values = np.empty((10, room), np.int64), np.empty((floats.shape[0], room))
        told = life.live(
            bars["ref_ts"], bars["known_ts"], bars["high"], bars["low"], bars["close"], broken, gone,
            np.ascontiguousarray(ints), np.ascontiguousarray(floats), sides, self.rest, self.adjusts,
            state["life"]["ints"], state["life"]["floats"], rows, values,
        )  # fmt: skip
        return self._table(rows[:, :told], values[:, :told])

    def _table(self, rows: Array, values: Array) -> Table:
        if not rows.shape[1]:
            return self.spec.output.empty()
        parts = values[PARTS:]
        return Table.of(
            self.spec.output,
            ref_ts=rows[life.R_REF], known_ts=rows[life.R_KNOWN], id=rows[life.R_ID], event=rows[life.R_EVENT],
            variant=rows[life.R_VARIANT], position_side=rows[life.R_SIDE], entry_kind=rows[life.R_KIND],
            expire_ts=rows[life.R_EXPIRE], exit_ts=rows[life.R_EXIT], cause=rows[life.R_CAUSE],
            entry=values[ENTRY], stop=values[STOP], target=values[TARGET], target_2=values[TARGET_2],
            invalidation=values[INVALIDATION], exposure=values[EXPOSURE],
            **{f"part_{e.name}": parts[k] for k, e in enumerate(self.evidence)},
            score=np.nansum(parts, axis=0), known=(~np.isnan(parts)).sum(axis=0),
        )  # fmt: skip


def _joined(before: Table | None, new: Table) -> Table:
    return new if before is None or not len(before) else Table.concat([before, new])


def _due(given: dict[str, Table], last: int) -> tuple[dict[str, Table], dict[str, Table]]:
    """Rows known by the last close, and those that wait for the next one."""
    due, held = {}, {}
    for name, table in given.items():
        clock = table.clock
        if not len(clock) or clock[-1] <= last:
            due[name] = table
            continue
        k = int(np.searchsorted(clock, last, side="right"))
        due[name], held[name] = table[:k], table[k:]
    return due, held


@njit
def _measure(
    ref: Array, known: Array, high: Array, low: Array, close: Array, span: int, ints: Array, atr: Array,
    broken: Array, since: Array, age: Array, before: Array,
) -> None:  # fmt: skip
    """ints: [last close, age, start of the unbroken run]."""
    for i in range(ref.size):
        broken[i] = ref[i] != ints[0]
        if broken[i]:
            ints[1], ints[2] = 0, ref[i]
            atr_reset(atr)
        ints[0] = known[i]
        ints[1] += 1
        before[i], age[i], since[i] = atr[3], ints[1], ints[2]
        atr_step(atr, high[i], low[i], close[i], span)
