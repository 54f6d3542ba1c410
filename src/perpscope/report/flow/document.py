"""The order flow as data: what was traded, by whom, at which prices, and what the features saw.

Every field is documented in `docs/definitions/flow.md`; a test compares the two. Conventions are those of the report:
ISO 8601 UTC, fractions never percent, `null` is "not known" and never 0. Nothing in here comes from a clock.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from perpscope.core.errors import DataError
from perpscope.report.document import Hole, Record

VERSION = 1
"""Raised when a field changes its meaning or goes away; a field that is added does not raise it."""


class FlowMeta(Record, frozen=True):
    """What the document is about, and everything that decided its content."""

    schema: str
    schema_version: int
    code_version: str
    venue: str
    symbol: str
    base: str
    tick_size: float
    timeframe: str
    start: datetime
    end: datetime
    history_start: datetime
    streams: dict[str, int]
    prints_left_out: dict[str, int]
    folds: dict[str, dict[str, str | int | float | bool | None]]
    holes: list[Hole]


class Tape(Record, frozen=True):
    """The trades of the window, in base units. `orders` counts fills that belong together once."""

    trades: int
    orders: int | None
    bought: float
    sold: float
    delta: float
    vwap: float
    first: float
    last: float
    high: float
    low: float


class VolumeAtPrice(Record, frozen=True):
    """Volume at price of the UTC day that the window ends in, up to the window's end."""

    day_start: datetime
    poc: float
    value_area_high: float
    value_area_low: float
    value_area_fraction: float
    volume: float
    bin_size: float
    whole: bool


class RunningDelta(Record, frozen=True):
    """The running sum of delta over the closed bars of the window, from 0; `breaks` counts where it had to begin anew."""

    close: float
    high: float
    low: float
    breaks: int


class Resting(Record, frozen=True):
    """The book at the window's end, and how much of the window it could be read in."""

    bid: float | None
    ask: float | None
    columns: int
    readable_fraction: float


class Large(Record, frozen=True):
    """One of the largest orders of the window; `large` if it reached the rolling quantile of the orders before it."""

    at: datetime
    side: str
    quantity: float
    vwap: float
    fills: int
    large: bool


class FlowDocument(Record, frozen=True):
    """The whole document. `rows` counts what each fold said in the window; `absent` says why something is missing."""

    meta: FlowMeta
    summary: list[str]
    warnings: list[str]
    tape: Tape
    profile: VolumeAtPrice | None
    cvd: RunningDelta | None
    book: Resting | None
    largest: list[Large]
    rows: dict[str, int]
    absent: dict[str, str]


def to_json(document: FlowDocument) -> bytes:
    """The document as indented JSON with sorted keys and a final line break."""
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2) + b"\n"


def from_json(data: bytes) -> FlowDocument:
    """Read a document back.

    Raises:
        DataError: if the bytes are no order flow of this schema version.
    """
    try:
        document = msgspec.json.decode(data, type=FlowDocument)
    except msgspec.DecodeError as fault:
        raise DataError(f"This is no order flow of schema version {VERSION}: {fault}.") from fault
    if document.meta.schema_version != VERSION:
        raise DataError(f"This order flow has schema version {document.meta.schema_version}; this program reads {VERSION}.")
    return document
