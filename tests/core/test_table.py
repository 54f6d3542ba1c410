"""Answers by hand; polars and numpy as peers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.batch import Batch, cut
from perpscope.core.errors import DataError, ProgrammerError
from perpscope.core.events import BARS, FUNDING, KINDS, TRADE, stream_frame, stream_kind, stream_name, stream_schema
from perpscope.core.state import freeze, thaw
from perpscope.core.table import Column, Schema, Table, price, row_schema
from perpscope.core.time import NULL_TS

ROWS = row_schema("demo", price("top", "a price"))


def table_of(clock: list[int]) -> Table:
    return Table.of(ROWS, ref_ts=clock, known_ts=clock, top=np.arange(len(clock), dtype=float))


def test_a_table_refuses_missing_unknown_and_uneven_columns() -> None:
    with pytest.raises(ProgrammerError, match=r"missing or unknown columns: \['top'\]"):
        Table.of(ROWS, ref_ts=[1], known_ts=[1])
    with pytest.raises(ProgrammerError, match="bottom"):
        Table.of(ROWS, ref_ts=[1], known_ts=[1], top=[1.0], bottom=[1.0])
    with pytest.raises(ProgrammerError, match="differ in shape"):
        Table.of(ROWS, ref_ts=[1], known_ts=[1], top=[1.0, 2.0])


def test_an_absent_column_is_nan_or_null_but_never_zero() -> None:
    paid = Table.filled(FUNDING, exchange_ts=[1, 2], funding_rate=[0.1, 0.2])
    assert paid["receive_ts"].tolist() == [NULL_TS, NULL_TS]
    bars = Table.filled(BARS, ref_ts=[0], known_ts=[1], open=[1.0], high=[1.0], low=[1.0], close=[1.0], complete=[True])
    assert np.isnan(bars["volume"]).all()
    with pytest.raises(ProgrammerError, match="aggressor_side cannot be absent"):
        Table.filled(TRADE, exchange_ts=[1], price=[1.0], quantity=[1.0])


def test_enums_leave_as_words_and_absent_values_as_none() -> None:
    trade = Table.filled(TRADE, exchange_ts=[10**18], price=[float("nan")], quantity=[2.0], aggressor_side=[2])
    row = next(trade.rows())
    assert (row["aggressor_side"], row["price"], row["quantity"]) == ("sell", None, 2.0)
    frame = trade.to_polars()
    assert frame["aggressor_side"].to_list() == ["sell"]
    assert frame["receive_ts"].null_count() == 1
    assert frame.schema["exchange_ts"] == pl.Datetime("ns", "UTC")


@given(st.lists(st.integers(0, 50), max_size=40).map(sorted), st.lists(st.integers(-5, 55), max_size=6))
def test_cutting_a_batch_loses_nothing_and_never_parts_equals(clock: list[int], watermarks: list[int]) -> None:
    whole = table_of(clock)
    parts = list(cut(Batch(100, {"x": whole}), watermarks))
    assert Table.concat([whole[:0], *(b["x"] for b in parts)]).same_as(whole)
    before = -(10**9)
    for batch in parts:
        assert ((batch["x"].clock > before) & (batch["x"].clock <= batch.watermark_ts)).all()
        before = batch.watermark_ts


@given(st.lists(st.integers(0, 9), max_size=30))
def test_sorting_by_clock_keeps_the_order_of_equals(clock: list[int]) -> None:
    table = Table.of(ROWS, ref_ts=[0] * len(clock), known_ts=clock, top=np.arange(len(clock), dtype=float))
    expected = sorted(range(len(clock)), key=lambda i: (clock[i], i))
    assert table.sorted()["top"].tolist() == [float(i) for i in expected]


def test_schemas_refuse_what_would_confuse_later() -> None:
    with pytest.raises(ProgrammerError, match="unknown unit"):
        Column("x", "furlongs", "?")
    with pytest.raises(ProgrammerError, match="twice"):
        row_schema("x", price("a", ""), price("a", ""))
    with pytest.raises(ProgrammerError, match="no column 'when'"):
        Schema("x", (price("a", ""),), clock="when")
    with pytest.raises(ProgrammerError, match="different schemas"):
        Table.concat([table_of([1]), Table.filled(FUNDING, exchange_ts=[1], funding_rate=[0.1])])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_event_kind_names_swaps_that_exist(kind: str) -> None:
    schema = KINDS[kind]
    for column in schema.columns:
        verb, _, other = column.mirror.partition(":")
        assert verb in {"same", "reflect", "negate", "flip", "swap"}
        if verb == "swap":
            assert schema.by_name[other].mirror == f"swap:{column.name}"


def test_stream_names_read_back() -> None:
    assert stream_name("bars", "1h") == "bars@1h"
    assert (stream_kind("bars@1h"), stream_frame("bars@1h")) == ("bars", "1h")
    assert stream_frame("trade") is None
    assert stream_schema("bars@5m") is BARS


scalars = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text(max_size=5)
states = st.recursive(
    scalars | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner, max_size=3),
    max_leaves=12,
)


@given(states)
def test_a_frozen_state_thaws_to_the_same(state: object) -> None:
    assert thaw(freeze(state)) == state


def test_arrays_tables_and_tuples_survive_the_frost() -> None:
    state = {"a": np.arange(6, dtype=np.int8).reshape(2, 3), "t": table_of([1, 2]), "u": (1, "x"), "n": np.float64(2.5)}
    back = thaw(freeze(state), {"demo": ROWS})
    assert back["a"].dtype == np.int8
    assert back["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    back["a"][0, 0] = 9  # a thawed array can be written to
    assert back["t"].same_as(state["t"])
    assert back["u"] == (1, "x")


def test_what_cannot_be_frozen_is_named_and_damage_is_noticed() -> None:
    with pytest.raises(ProgrammerError, match="holds a set"):
        freeze({"x": {1, 2}})
    with pytest.raises(ProgrammerError, match="array of objects"):
        freeze({"x": np.array([object()])})
    good = freeze({"x": np.arange(3)})
    for damaged in (good[:-3], b"\xc1" + good, good.replace(b"<i8", b"<Z8")):
        with pytest.raises(DataError, match="cannot be read"):
            thaw(damaged)
