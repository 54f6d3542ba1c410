"""Answers: frames laid out by hand from the definition at the head of `web/wire.py`; refusals from the definition too."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import DataError
from perpscope.core.events import BookSide
from perpscope.core.table import Column, Table, choice, flag, price, row_schema, ts
from perpscope.core.time import NULL_TS
from perpscope.web import wire
from perpscope.web.frames import (
    Arrays,
    decode_client,
    decode_frame,
    decode_server,
    encode_frame,
    encode_text,
    place_table,
    read_column,
)
from perpscope.web.typescript import typescript

MESSAGES = Path(__file__).parents[2] / "frontend" / "src" / "wire" / "messages.ts"

SCHEMA = row_schema(
    "zones",
    Column("id", "id", "a number", "int64"),
    choice("side", BookSide, "bid or ask"),
    price("top", "a price"),
    flag("complete", "whole"),
    ts("end_ts", "its end"),
)
TABLE = Table.of(
    SCHEMA,
    ref_ts=[1_500_000, 3_000_000],
    known_ts=[2_000_000, 4_000_000],
    id=[2**52 + 1, -1],
    side=[1, 2],
    top=[0.5, np.nan],
    complete=[True, False],
    end_ts=[NULL_TS, 5_000_000],
)


def delta(layers: list[wire.Layer]) -> wire.Delta:
    return wire.Delta(
        id=1, epoch="e", seq=2, watermark_ms=4.0, venue="demo", symbol="X", frame="1h", frame_ms=3.6e6, layers=layers,
        heats=[], signals=[], forming=None, skipped={}, after_seq=1,
        chip=wire.Chip(age_ms=0.0, holes=[], stale=[], sources={}), summary=None, mtf=None, score=None,
    )  # fmt: skip


def frame_of(table: Table) -> bytes:
    arrays = Arrays()
    columns = place_table(arrays, table)
    layer = wire.Layer(
        key="zones@1h", name="zones", title="Zones", shape="zone", pane="price", frame="1h", episodes=True, estimated=False,
        rows=len(table), dropped=0, columns=columns,
    )  # fmt: skip
    return encode_frame(delta([layer]), arrays)


def test_the_committed_typescript_is_what_the_wire_says() -> None:
    assert MESSAGES.read_text(encoding="utf-8") == typescript()


def test_a_frame_can_be_read_by_its_definition_alone() -> None:
    frame = frame_of(TABLE)
    length = struct.unpack("<I", frame[:4])[0]
    assert (4 + length) % 8 == 0
    header = json.loads(frame[4 : 4 + length])
    assert header["type"] == "delta"
    columns = {c["name"]: c for c in header["layers"][0]["columns"]}

    def at(name: str, layout: str) -> list[float]:
        return list(struct.unpack_from(layout, frame, 4 + length + columns[name]["offset"]))

    assert at("ref_ms", "<2d") == [1.5, 3.0]
    assert at("known_ms", "<2d") == [2.0, 4.0]
    assert at("id", "<2d") == [2**52 + 1, -1]
    assert at("side", "2B") == [1, 2]
    assert [columns["side"]["choices"][code] for code in at("side", "2B")] == ["bid", "ask"]
    assert at("complete", "2B") == [1, 0]
    assert np.isnan(at("end_ms", "<2d")[0])
    assert at("end_ms", "<2d")[1] == 5.0
    assert columns["top"]["dtype"] == "float32"
    assert at("top", "<2f")[0] == 0.5
    assert all(c["offset"] % 8 == 0 for c in columns.values())


def test_what_was_placed_is_read_back() -> None:
    header, body = decode_frame(frame_of(TABLE))
    assert read_column(body, header.layers[0], "ref_ms").tolist() == [1.5, 3.0]
    with pytest.raises(DataError, match="no column 'ref_ts'"):
        read_column(body, header.layers[0], "ref_ts")


def test_an_enum_value_that_nobody_knows_is_marked() -> None:
    odd = TABLE.with_columns(side=[1, 0])
    header, body = decode_frame(frame_of(odd))
    assert read_column(body, header.layers[0], "side").tolist() == [1, wire.NO_CHOICE]


@given(st.integers(0, 10_000), st.binary(max_size=12))
def test_a_damaged_frame_is_refused_or_read_but_never_anything_else(place: int, noise: bytes) -> None:
    frame = bytearray(frame_of(TABLE))
    at = place % len(frame)
    for damaged in (bytes(frame[:at]), bytes(frame[:at]) + noise + bytes(frame[at + len(noise) :])):
        try:
            header, body = decode_frame(damaged)
        except DataError:
            continue
        for layer in header.layers:
            for column in layer.columns:
                read_column(body, layer, column.name)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_noise_is_no_message(noise: str | bytes) -> None:
    with pytest.raises(DataError):
        decode_client(noise)


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", '{"type":"hello"}', '{"type":"nobody"}', '{"type":"ack","id":"1","seq":1}', "[" * 5_000,
        '{"type":"ack","id":1e400,"seq":1}', '{"type":"clock","do":"explode"}', '{"type":"subscribe","id":1,"venue":null}',
    ],
)  # fmt: skip
def test_a_malformed_message_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        decode_client(text)


def test_every_control_message_survives_the_journey() -> None:
    said: list[wire.ClientMessage] = [
        wire.Hello(protocol=1),
        wire.Subscribe(id=1, venue="binance", symbol="BTCUSDT", frame="1h", layers=["cvd"]),
        wire.Ack(id=1, seq=3),
        wire.Resume(id=1, epoch="a", seq=3),
        wire.Unsubscribe(id=1),
        wire.Clock(do="speed", value=60.0),
    ]
    assert [decode_client(encode_text(m)) for m in said] == said
    error = wire.ErrorMessage(code="x", sentence="s", todo="t")
    assert decode_server(encode_text(error)) == error


def test_an_outline_subscription_has_defaults() -> None:
    got = decode_client('{"type":"subscribe","id":1,"venue":"v","symbol":"s","frame":"1h","bars":1000,"at":null,"layers":null}')
    assert got == wire.Subscribe(id=1, venue="v", symbol="s", frame="1h")


def test_numbers_that_are_not_finite_become_null_in_json() -> None:
    state = wire.ClockState(playing=True, speed=float("nan"), at_ms=1.0, first_ms=0.0, last_ms=2.0)
    assert json.loads(msgspec.json.encode(state))["speed"] is None
