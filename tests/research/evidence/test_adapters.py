"""From rows to signed events. Answers by hand: tables of a few rows written out below."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.table import Column, Table, choice, row_schema
from perpscope.core.units import Direction
from perpscope.engine.catalogue import all_folds
from perpscope.research.evidence.adapters import at_event, onset, signals, without_side
from perpscope.research.evidence.table import TABLE, adapter
from perpscope.setups.signal import EntryKind, SignalEvent


class Life(IntEnum):
    OPENED = 1
    TOUCHED = 2


ZONES = row_schema(
    "zones", choice("event", Life, "life"), choice("direction", Direction, "side"), Column("x", "score", "a score")
)
SIGNALS = row_schema(
    "proposals",
    choice("event", SignalEvent, "life"),
    choice("variant", Life, "kind"),
    choice("position_side", Direction, "side"),
    choice("entry_kind", EntryKind, "how"),
)


def zones() -> Table:
    return Table.of(
        ZONES,
        ref_ts=range(5),
        known_ts=range(10, 15),
        event=[1, 1, 2, 2, 1],
        direction=[1, 2, 1, 2, 0],
        x=[0.0, 2.0, 2.0, -2.0, 0.0],
    )


def read(reader, rows: Table) -> tuple[list[int], list[float]]:
    known, sign = reader(rows)
    return known.tolist(), sign.tolist()


def test_rows_of_one_kind_are_signed_by_their_side() -> None:
    assert read(at_event(1, "direction"), zones()) == ([10, 11, 14], [1.0, -1.0, 0.0])
    assert read(at_event(2, "direction", against=True), zones()) == ([12, 13], [-1.0, 1.0])
    assert read(at_event(None, "direction"), zones())[1] == [1.0, -1.0, 1.0, -1.0, 0.0]
    assert read(without_side(2), zones()) == ([12, 13], [0.0, 0.0])


def test_a_running_value_speaks_once_when_it_begins_to_be_beyond_its_level() -> None:
    assert read(onset(lambda t: t["x"], 1.0), zones()) == ([11, 13], [1.0, -1.0])
    assert read(onset(lambda t: t["x"], 1.0, sign=-1), zones()) == ([11, 13], [-1.0, 1.0])
    assert read(onset(lambda t: t["x"], 1.0, sign=0), zones())[1] == [0.0, 0.0]


def test_a_proposal_begins_when_a_position_would() -> None:
    opened, triggered, reached = SignalEvent.OPENED, SignalEvent.TRIGGERED, SignalEvent.REACHED
    rows = Table.of(
        SIGNALS,
        ref_ts=range(6),
        known_ts=range(10, 16),
        event=[opened, opened, triggered, reached, opened, triggered],
        variant=[1, 1, 1, 1, 2, 2],
        position_side=[1, 2, 2, 2, 1, 1],
        entry_kind=[EntryKind.MARKET, EntryKind.LIMIT, EntryKind.LIMIT, EntryKind.LIMIT, EntryKind.STOP, EntryKind.STOP],
    )
    assert read(signals(), rows) == ([10, 12, 15], [1.0, -1.0, 1.0])
    assert read(signals(2), rows) == ([15], [1.0])


def test_every_line_of_the_table_has_its_own_name_and_reads_a_fold_that_exists() -> None:
    names = [one.name for one in TABLE]
    assert len(set(names)) == len(names)
    assert {one.fold for one in TABLE} <= set(all_folds())
    for one in TABLE:
        known, sign = one.read(all_folds()[one.fold].spec.output.empty())
        assert len(known) == len(sign) == 0
        assert one.hypothesis[0].islower()
        assert not one.hypothesis.endswith(".")


def test_every_factor_of_the_confluence_has_a_page() -> None:
    from perpscope.setups.factors import FACTORS

    assert {f.feature for f in FACTORS} <= {one.fold for one in TABLE}


def test_an_unknown_factor_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match="Did you mean 'sweeps'"):
        adapter("sweep")


def test_an_absent_value_is_no_onset() -> None:
    rows = Table.of(ZONES, ref_ts=[0, 1], known_ts=[1, 2], event=[1, 1], direction=[1, 1], x=[np.nan, np.nan])
    assert read(onset(lambda t: t["x"], 1.0), rows) == ([], [])
