"""Everything known of one instrument at one frame, and the same as it was known earlier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS, TimeRange, format_ts
from perpscope.report.build import document_of
from perpscope.report.document import Document, Hole
from perpscope.report.results import Results, ts_of, when
from perpscope.setups.base import Verdict
from perpscope.web.picture.catalogue import spec_of

Stamps = npt.NDArray[np.int64]

BEGINNING = NULL_TS

Verdicts = Callable[[int], Mapping[str, Verdict]]
"""What evidence had found by a moment."""


def no_verdicts(at: int) -> Mapping[str, Verdict]:
    """Before anything was measured."""
    return {}


@dataclass(frozen=True)
class Picture:
    """Rows by node, recorded tables and the bars, none of it known after `results.at`.

    `until` is what a replay is made of: because a fold's rows known by t do not change when what comes later is taken away
    (the law of truncation), cutting the rows at t is the same as having run the graph up to t.
    """

    results: Results
    verdicts: Verdicts = no_verdicts
    origins: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def at(self) -> int:
        return self.results.at

    @property
    def frame_ns(self) -> int:
        return self.results.frame.ns

    def until(self, at: int, bars: int) -> Picture:
        """The picture as it was known at `at`, its window the `bars` bars before.

        Raises:
            UserError: if no bar had closed by then.
        """
        full, whole = self.results, at >= self.results.at
        if not len(full.bars.between(BEGINNING, at)):
            name = f"{full.instrument.venue} {full.instrument.symbol}"
            raise UserError(f"Not one {full.frame.name} bar of {name} had closed by {format_ts(at)}. Choose a later moment.")
        first = full.frame.floor(at - 1) - (bars - 1) * full.frame.ns
        window = TimeRange(max(first, full.frame.floor(full.history.start)), at)
        made = replace(
            full,
            at=at,
            window=window,
            history=TimeRange(full.history.start, at),
            recorded=full.recorded if whole else _begun(_until(full.recorded, at)),
            streams=full.streams if whole else _begun(_until(full.streams, at)),
            rows=full.rows if whole else _until(full.rows, at),
            holes=_holes_until(full.holes, window),
            verdicts=self.verdicts(at),
        )
        return replace(self, results=made)

    @cached_property
    def document(self) -> Document:
        """What the report would say at this moment, but for fingerprints of the data, which cost more than all its words."""
        specs = {key: spec for key in sorted(self.results.rows) if (spec := spec_of(key)) is not None}
        return document_of(replace(self.results, recorded={}), {}, specs)


def _until(tables: Mapping[str, Table], at: int) -> dict[str, Table]:
    return {name: table.between(BEGINNING, at) for name, table in tables.items()}


def _begun(tables: Mapping[str, Table]) -> dict[str, Table]:
    return {name: table for name, table in tables.items() if len(table)}


def _holes_until(holes: tuple[Hole, ...], window: TimeRange) -> tuple[Hole, ...]:
    """Holes that the window has met by its end."""
    found = []
    for hole in holes:
        start, end = ts_of(hole.start), ts_of(hole.end)
        if start < window.end and end > window.start:
            found.append(Hole(hole.what, when(max(start, window.start)), when(min(end, window.end)), hole.cause))
    return tuple(found)


def grid(window: TimeRange, frame_ns: int) -> Stamps:
    """The opens of every bar that has closed within the window, missing ones included."""
    return np.arange(window.start, window.end - frame_ns + 1, frame_ns, dtype=np.int64)
