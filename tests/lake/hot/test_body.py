"""Answers: the table that went in. Random tables by hypothesis, from every kind of event."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import DataError
from perpscope.core.events import KINDS, MARK_PRICE, TRADE
from perpscope.core.table import Schema, Table, row_schema
from perpscope.lake.hot import body


@given(st.sampled_from(sorted(KINDS)), st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2]))
def test_every_kind_of_table_comes_back_bit_for_bit(kind: str, rows: int, seed: int, shape: int) -> None:
    rng = np.random.default_rng(seed)
    columns = {}
    for column in KINDS[kind].columns:
        if column.enum is not None:
            values = rng.choice([int(m) for m in column.enum], rows)
        elif column.dtype == "int64":
            values = rng.integers(-(2**63), 2**63 - 1, rows) if shape == 0 else rng.integers(0, 10**18, rows)
        elif column.dtype == "bool":
            values = rng.random(rows) < 0.5
        else:
            values = np.round(rng.random(rows) * 1e5, rng.integers(0, 5)) if shape else rng.standard_normal(rows)
            values[rng.random(rows) < (0.3 if shape == 2 else 0.0)] = np.nan
        columns[column.name] = values
    table = Table.of(KINDS[kind], **columns)
    scales: dict[str, int] = {}
    for _ in range(2):  # the second time with the decimals remembered
        assert body.decode(body.encode(table, [0], scales), KINDS[kind]).same_as(table)
    assert body.late_rows(body.encode(table, [0])) == [0]


def test_remembered_decimals_never_round_a_later_batch() -> None:
    scales: dict[str, int] = {}
    coarse = Table.filled(MARK_PRICE, exchange_ts=[1], receive_ts=[1], mark_price=[100.5])
    body.encode(coarse, (), scales)
    assert scales["mark_price"] == 1
    for value in (100.123, 1 / 3, -0.0, 1e300, 100.5):
        fine = Table.filled(MARK_PRICE, exchange_ts=[1], receive_ts=[1], mark_price=[value])
        again = body.decode(body.encode(fine, (), scales), MARK_PRICE)["mark_price"]
        assert again.tobytes() == fine["mark_price"].tobytes()


def test_a_column_that_was_added_since_is_absent_in_old_batches() -> None:
    old = Schema("mark_price", MARK_PRICE.columns[:3], clock="exchange_ts")
    written = body.encode(Table.of(old, exchange_ts=[1], receive_ts=[2], mark_price=[7.5]))
    read = body.decode(written, MARK_PRICE)
    assert read["mark_price"].tolist() == [7.5]
    assert np.isnan(read["index_price"]).all()


def test_a_flag_that_was_added_since_cannot_be_guessed() -> None:
    old = row_schema("trade")
    with pytest.raises(DataError, match="another version"):
        body.decode(body.encode(Table.of(old, ref_ts=[1], known_ts=[2])), TRADE)


@pytest.mark.parametrize(
    "broken", [b"", b"\x00", b"\x01\x00\x00\x00\x00", b"\x00\xff\xff\xff\xff", b"\x01\x05\x00\x00\x00abcdef"]
)
def test_bytes_that_are_no_body_are_refused(broken: bytes) -> None:
    with pytest.raises(DataError):
        body.decode(broken, TRADE)
