"""Binary frames: a JSON header followed by raw arrays that a browser reads in place."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from perpscope.core.errors import DataError
from perpscope.core.table import Column as TableColumn
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS
from perpscope.web.wire import (
    NO_CHOICE,
    ClientMessage,
    Column,
    Delta,
    Dtype,
    FrameHeader,
    Heat,
    Layer,
    ServerMessage,
    Snapshot,
)

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

ALIGN = 8
_LENGTH = struct.Struct("<I")
_LITTLE = {"float64": "<f8", "float32": "<f4", "uint8": "|u1"}
_FINE = frozenset({"ns", "id", "ticks"})
"""Units that float32 cannot hold."""

_control = msgspec.json.Encoder()
_client = msgspec.json.Decoder(ClientMessage)
_server = msgspec.json.Decoder(ServerMessage)
_header = msgspec.json.Decoder(FrameHeader)


def encode_text(message: ServerMessage | ClientMessage) -> str:
    """A control message as JSON text; numbers that are not finite become null."""
    return _control.encode(message).decode()


def decode_client(text: str | bytes) -> ClientMessage:
    """What a client said.

    Raises:
        DataError: if it is no message of the protocol.

    Example:
        >>> decode_client('{"type":"ack","id":1,"seq":7}')
        Ack(id=1, seq=7)
    """
    try:
        return _client.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise DataError(f"This is no message of the protocol: {fault}.", text[:100]) from None


def decode_server(text: str | bytes) -> ServerMessage:
    """The other way, for clients in Python and for tests.

    Raises:
        DataError: if it is no message of the protocol.
    """
    try:
        return _server.decode(text)
    except msgspec.MsgspecError as fault:
        raise DataError(f"This is no message of the server: {fault}.", text[:100]) from None


class Arrays:
    """The arrays of a frame in the making: `place` returns where an array will be, counted from the first array."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0

    def place(self, array: npt.NDArray[Any], dtype: Dtype) -> int:
        body = np.ascontiguousarray(array, dtype=_LITTLE[dtype]).tobytes()
        at = self.length
        self.parts.append(body)
        pad = -len(body) % ALIGN
        if pad:
            self.parts.append(b"\0" * pad)
        self.length += len(body) + pad
        return at


def place_table(arrays: Arrays, table: Table, without: frozenset[str] = frozenset(), fine: bool = False) -> list[Column]:
    """Place the columns of a table, times as ms; `fine` keeps prices as float64."""
    return [place_column(arrays, c, table[c.name], fine) for c in table.schema.columns if c.name not in without]


def place_column(arrays: Arrays, column: TableColumn, values: npt.NDArray[Any], fine: bool = False) -> Column:
    """Place one column as the browser will read it."""
    name = column.name
    choices: list[str | None] | None = None
    dtype: Dtype = "float32"
    if column.unit == "ns":
        name, values, dtype = f"{name.removesuffix('_ts')}_ms", milliseconds(values), "float64"
    elif column.enum is not None:
        known = {int(member): member.name.lower() for member in column.enum}
        choices = [known.get(v) for v in range(max(known) + 1)]
        values, dtype = np.where(np.isin(values, list(known)), values, NO_CHOICE), "uint8"
    elif values.dtype == np.bool_:
        dtype = "uint8"
    elif (fine and column.unit == "price") or column.unit in _FINE or column.unit == "flag":
        dtype = "float64"
    at = arrays.place(values, dtype)
    return Column(name=name, unit=column.unit, help=column.help, dtype=dtype, offset=at, choices=choices)


def milliseconds(ts: npt.ArrayLike) -> Floats:
    """ns to float64 ms, NULL_TS to NaN.

    Example:
        >>> milliseconds([1_500_000, NULL_TS]).tolist()
        [1.5, nan]
    """
    ns = np.asarray(ts, np.int64)
    return np.where(ns == NULL_TS, np.nan, ns / 1e6)


def encode_frame(header: FrameHeader, arrays: Arrays) -> bytes:
    """A frame: u32 length | header padded to a multiple of 8 | arrays."""
    text = _control.encode(header)
    text += b" " * (-(len(text) + _LENGTH.size) % ALIGN)
    return b"".join((_LENGTH.pack(len(text)), text, *arrays.parts))


def decode_frame(frame: bytes) -> tuple[FrameHeader, memoryview]:
    """The header and the body of a frame; offsets of the header count from the body's first byte.

    Raises:
        DataError: if the frame is cut short, its header is none, or an array would reach beyond its end.
    """
    if len(frame) < _LENGTH.size:
        raise DataError("A frame is shorter than its length field.", frame)
    (length,) = _LENGTH.unpack_from(frame)
    begin = _LENGTH.size + length
    if begin % ALIGN or begin > len(frame):
        raise DataError("A frame ends before its header does, or its header is not padded.", frame[:64])
    try:
        header = _header.decode(frame[_LENGTH.size : begin])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise DataError(f"A frame's header is no header: {fault}.", frame[4:104]) from None
    body = memoryview(frame)[begin:]
    for offset, size in _extents(header):
        if offset < 0 or size < 0 or offset + size > len(body):
            raise DataError("An array of a frame reaches beyond its end.", (offset, size, len(body)))
    return header, body


def read_column(body: memoryview, layer: Layer, name: str) -> npt.NDArray[Any]:
    """A column of a layer as a view of the body; enums as codes.

    Raises:
        DataError: if the layer has no such column.
    """
    for column in layer.columns:
        if column.name == name:
            return np.frombuffer(body, _LITTLE[column.dtype], layer.rows, column.offset)
    raise DataError(f"Layer {layer.key} has no column '{name}'.", [c.name for c in layer.columns])


def read_heat(body: memoryview, heat: Heat) -> tuple[Floats, Bytes]:
    """Edges in ms (columns + 1) and cells (columns, bins), as views of the body."""
    edges = np.frombuffer(body, "<f8", heat.columns + 1, heat.edges_offset)
    cells = np.frombuffer(body, np.uint8, heat.columns * heat.bins, heat.cells_offset)
    return edges, cells.reshape(heat.columns, heat.bins)


def renumbered(header: FrameHeader, **changes: Any) -> FrameHeader:
    """The header with other numbers, for a frame that several clients share."""
    return msgspec.structs.replace(header, **changes)


def _extents(header: Snapshot | Delta) -> list[tuple[int, int]]:
    found = [(c.offset, layer.rows * np.dtype(_LITTLE[c.dtype]).itemsize) for layer in header.layers for c in layer.columns]
    for heat in header.heats:
        found.append((heat.edges_offset, 8 * (heat.columns + 1)))
        found.append((heat.cells_offset, heat.columns * heat.bins))
        if heat.columns < 0 or heat.bins < 0:
            found.append((-1, -1))
    return found
