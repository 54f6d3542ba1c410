"""Answers: the input itself (a round trip must give it back), and decimal numbers as printed, parsed by Python's float."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import DataError
from perpscope.core.events import LIQUIDATION, TRADE
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS
from perpscope.lake import codec

_NOW = 1_722_866_400_000_000_000

_PRINTED = st.decimals(min_value="0.000000001", max_value="99999", places=9).map(float)
_ANY = st.floats(allow_nan=True, allow_infinity=False)


def _trades(prices: list[float]) -> Table:
    n = len(prices)
    return Table.of(
        TRADE, exchange_ts=np.arange(n) + _NOW, receive_ts=np.full(n, NULL_TS), trade_id=np.full(n, -1), price=prices,
        quantity=np.ones(n), aggressor_side=np.ones(n),
    )  # fmt: skip


@given(st.lists(st.one_of(_PRINTED, _ANY), max_size=60))
def test_every_float_comes_back_bit_for_bit(prices: list[float]) -> None:
    table = _trades(prices)
    back = codec.decode(codec.encode(table, {}), TRADE)
    assert np.array_equal(back["price"].view(np.int64), table["price"].view(np.int64)) or np.isnan(table["price"]).any()
    assert back.same_as(table)
    assert np.array_equal(np.signbit(back["price"]), np.signbit(table["price"])) or np.isnan(table["price"]).any()


@given(st.lists(st.integers(-(10**15) + 1, 10**15 - 1), min_size=1, max_size=50), st.integers(0, 12))
def test_decimals_of_fifteen_digits_are_stored_as_scaled_integers(units: list[int], places: int) -> None:
    values = np.array([float(f"{u}e-{places}") for u in units])
    assert codec.scale_of(values) is not None or bool((np.signbit(values) & (values == 0)).any())
    assert codec.decode(codec.encode(_trades(values.tolist()), {}), TRADE).same_as(_trades(values.tolist()))


@pytest.mark.parametrize("value", [1 / 3, 1e-13, 2.0**53, -0.0, float("inf")])
def test_a_value_that_no_twelve_decimals_hold_keeps_the_column_float(value: float) -> None:
    assert codec.scale_of(np.array([1.5, value])) is None


def test_absence_is_null_in_the_file_and_nan_or_null_ts_outside() -> None:
    table = Table.of(
        LIQUIDATION, exchange_ts=[_NOW], receive_ts=[NULL_TS], position_side=[1], bankruptcy_price=[np.nan], price=[9.5],
        quantity=[2.0],
    )  # fmt: skip
    data = codec.encode(table, {"origin": "x"})
    sheet = pq.read_table(pa.BufferReader(data))
    assert sheet["receive_ts"].null_count == sheet["bankruptcy_price"].null_count == 1
    assert sheet["position_side"].to_pylist() == ["long"]
    assert str(sheet["price"][0].as_py()) == "9.5"
    assert codec.decode(data, LIQUIDATION).same_as(table)
    assert codec.read_header(data) == {"origin": "x"}


def test_prices_are_delta_encoded_integers_on_disk() -> None:
    data = codec.encode(_trades([61807.7, 61807.8, 61807.6]), {})
    chunk = pq.read_metadata(pa.BufferReader(data)).row_group(0).column(3)
    assert (chunk.path_in_schema, chunk.physical_type, chunk.compression) == ("price", "INT64", "ZSTD")
    assert "DELTA_BINARY_PACKED" in chunk.encodings


@given(st.integers(0, 2**31), st.binary(min_size=1, max_size=3))
def test_damaged_bytes_are_refused_or_read_as_a_table_but_never_crash(at: int, noise: bytes) -> None:
    data = bytearray(codec.encode(_trades([1.5, 2.5]), {}))
    at %= len(data)
    data[at : at + len(noise)] = noise
    try:
        codec.decode(bytes(data[: max(at, 4)]), TRADE)
    except DataError:
        return
    raise AssertionError("half a file was read as a whole one")
