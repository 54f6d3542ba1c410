"""Evidence, verdicts and the base of every setup.

A row carries one column `part_<line>` for each line of evidence and a `score` that is their sum, so that no number is
ever shown without its reasons. A setup is a fold whose rows are proposals (`setups.signal`): its file says what it looks
at and writes drafts for longs; here the same is done on the mirror image for shorts, and the life of each proposal told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
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
            "past": {},
            "held": {},
            "last": {},
            "life": life.life_state(len(self.Variant), len(self.evidence)),
            "own": [self.own(instrument), self.own(instrument)],
        }

    def fold(self, state: State, batch: Batch) -> Table:
        if self.one_of and not any(name in batch for name in self.one_of):
            raise UserError(f"{self.spec.name} needs {' or '.join(self.one_of)}, and the data has neither. Import one of them.")
        bars = batch["bars"]
        bars = bars[bars["complete"]] if not bars["complete"].all() else bars
        given = {name: _joined(state["held"].get(name), batch[name]) for name in self._offered(batch)}
        if not len(bars):
            state["held"] = given
            return self.spec.output.empty()
        due, state["held"] = _due(given, int(bars.clock[-1]))
        broken, since, new = self._measured(state, bars)
        tapes = self._tapes(state, bars, new, since, due)
        drafts = [self.propose(own, tape) for own, tape in zip(state["own"], tapes, strict=True)]
        return self._live(state, bars, broken, drafts)

    def _offered(self, batch: Batch) -> list[str]:
        names = dict.fromkeys([*(s.input for s in self.series), *self.happenings])
        return [name for name in names if name in batch]

    def _measured(self, state: State, bars: Table) -> tuple[Array, Times, dict[str, Array]]:
        """Where the bars break, since when they are unbroken, and the ATR before and the age of each."""
        n = len(bars)
        broken, since, age, atr = np.empty(n, np.bool_), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
        _measure(
            bars["ref_ts"], bars["known_ts"], bars["high"], bars["low"], bars["close"], ATR_SPAN, state["ints"], state["atr"],
            broken, since, age, atr,
        )  # fmt: skip
        return broken, since, {"age": age, "atr": atr}

    def _tapes(
        self, state: State, bars: Table, new: dict[str, Array], since: Times, due: dict[str, Table]
    ) -> tuple[Tape, Tape]:
        at = bars.clock
        names = ("ref_ts", "known_ts", "open", "high", "low", "close", "volume")
        columns = {**{name: bars[name] for name in names}, **new, "delta": bars["buy_volume"] - bars["sell_volume"]}
        up = {s.name: self._read(state, s, due, at, since, False) for s in self.series}
        down = {s.name: self._read(state, s, due, at, since, True) for s in self.series}
        for s in self.series:
            if s.input in due and len(due[s.input]):
                state["last"][s.input] = due[s.input][-1:]
        columns |= {f"up {k}": v for k, v in up.items()} | {f"down {k}": v for k, v in down.items()}
        past = state["past"]
        if past:
            columns = {k: np.concatenate([past[k], v]) for k, v in columns.items()}
        first = len(columns["ref_ts"]) - len(bars)
        state["past"] = {k: v[-self.depth :].copy() for k, v in columns.items()}
        rows = {name: (table, first + np.searchsorted(at, table.clock)) for name, table in due.items()}
        frame = Timeframe.parse(self.frame or "1h").ns

        def tape(d: bool) -> Tape:
            s, side = (-1.0, "down") if d else (1.0, "up")
            return Tape(
                down=d, first=first, frame_ns=frame, tick=state["tick"],
                ref_ts=columns["ref_ts"], known_ts=columns["known_ts"], open=s * columns["open"],
                high=s * columns["low" if d else "high"], low=s * columns["high" if d else "low"], close=s * columns["close"],
                volume=columns["volume"], delta=s * columns["delta"], atr=columns["atr"], age=columns["age"],
                series={one.name: columns[f"{side} {one.name}"] for one in self.series},
                happenings={k: Happenings(*rows[k], d) for k in self.happenings if k in rows},
            )  # fmt: skip

        return tape(False), tape(True)

    def _read(self, state: State, series: Series, due: dict[str, Table], at: Times, since: Times, down: bool) -> Floats:
        if series.input not in due:
            return np.full(len(at), np.nan)
        rows = _joined(state["last"].get(series.input), due[series.input])
        if not len(rows):
            return np.full(len(at), np.nan)
        own = Timeframe.parse(self.frame or "1h")
        pace = Timeframe.parse(series.pace or series.input.partition("@")[2] or own.name)
        found = align(rows, max(pace, own), at)
        fresh = (found >= 0) & (rows.clock[found] > since)
        return np.where(fresh, faced(rows, series.column, down)[found], np.nan)

    def _live(self, state: State, bars: Table, broken: Array, drafts: list[Drafts]) -> Table:
        """Turn the shorts' drafts the right way up, and tell the life of all."""
        up, down = drafts
        turned = down.floats.copy()
        turned[[ENTRY, STOP, TARGET, TARGET_2, INVALIDATION]] *= -1.0
        turned[PARTS:] *= -1.0
        ints, floats = np.hstack([up.ints, down.ints]), np.hstack([up.floats, turned])
        sides = np.repeat(np.array([0, 1], np.int64), [up.ints.shape[1], down.ints.shape[1]])
        order = np.argsort(ints[BAR], kind="stable")
        n = len(bars)
        gone = np.zeros((2, n), np.bool_)
        for side, one in enumerate(drafts):
            if one.withdrawn is not None:
                gone[side] = one.withdrawn
        room = 3 * (len(sides) + 2 * len(self.Variant))  # opened, triggered, ended; an adjustment has its own draft
        rows, values = np.empty((10, room), np.int64), np.empty((floats.shape[0], room))
        told = life.live(
            bars["ref_ts"], bars["known_ts"], bars["high"], bars["low"], bars["close"], broken, gone,
            ints[:, order], floats[:, order], sides[order], self.rest, self.adjusts,
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
        k = int(np.searchsorted(table.clock, last, side="right"))
        due[name] = table[:k]
        if k < len(table):
            held[name] = table[k:]
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
