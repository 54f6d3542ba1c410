"""The words between the server and the page: control messages as JSON text, pictures as binary frames.

Definition: a binary frame is a u32 (little-endian) length of the header | the header, JSON in UTF-8, padded with spaces so
that what follows begins at a multiple of 8 | raw little-endian arrays. An array is named in the header by its `offset` from
the first byte after the header, its dtype and its number of rows, so that a browser reads it in place, without copying.

Units: times are float64 milliseconds UTC, ids float64, enums uint8 with the names in `choices` (255: none of them), flags
uint8. NaN means absent, in times too; an id that is absent is -1. Prices of candles are float64; every other number is
float32, for drawing: show it rounded to the instrument's `tick_size`, or fetch the exact one over HTTP.
The TypeScript twin of this file, `frontend/src/wire/messages.ts`, is generated (`python -m perpscope.web.typescript`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

PROTOCOL = 1
IN_FLIGHT = 2
"""Frames that a client may leave unacknowledged; newer ones replace those that wait."""

MAX_MESSAGE = 16_384
"""Bytes of a client's message."""

MAX_SUBSCRIPTIONS = 100
MAX_BARS = 20_000
HEAT_BINS = 400
NO_CHOICE = 255

Dtype = Literal["float64", "float32", "uint8"]
Mode = Literal["history", "live", "replay"]
ClockDo = Literal["play", "pause", "step", "speed", "jump"]


class Control(msgspec.Struct, tag_field="type", kw_only=True):
    """A text message."""


class Part(msgspec.Struct, kw_only=True):
    """A piece of a message."""


# ---------------------------------------------------------------------------------------------------- client -> server


class Hello(Control, tag="hello"):
    """The first message of a client. Who may speak was settled when the socket opened (cookie or bearer header)."""

    protocol: int


class Subscribe(Control, tag="subscribe"):
    """Show an instrument. `at` (ms) asks for the picture as it was known then; None: the newest, kept up to date.

    `layers` are names of the catalogue; None: those that the catalogue marks `shown`. An `id` in use is replaced.
    """

    id: int
    venue: str
    symbol: str
    frame: str
    bars: int = 1000
    at: float | None = None
    layers: list[str] | None = None


class Ack(Control, tag="ack"):
    """The frame with this number has been drawn."""

    id: int
    seq: int


class Resume(Control, tag="resume"):
    """After a broken socket, following a `subscribe` of the same `id`: the last frame that was drawn."""

    id: int
    epoch: str
    seq: int


class Unsubscribe(Control, tag="unsubscribe"):
    id: int


class Clock(Control, tag="clock"):
    """Turn the replay's clock. `value`: times real time for "speed", bars for "step", ms for "jump"."""

    do: ClockDo
    value: float | None = None


ClientMessage = Hello | Subscribe | Ack | Resume | Unsubscribe | Clock

# ---------------------------------------------------------------------------------------------------- server -> client


class InstrumentCard(Part):
    """An instrument that can be shown. `first_ms` and `last_ms` span what is recorded of it."""

    venue: str
    symbol: str
    base: str
    quote: str
    tick_size: float
    frames: list[str]
    streams: list[str]
    first_ms: float
    last_ms: float


class LayerCard(Part):
    """A layer that can be asked for: how it is drawn, and whether it is unless asked otherwise."""

    name: str
    title: str
    family: str
    shape: str
    pane: str
    episodes: bool
    estimated: bool
    shown: bool


class Welcome(Control, tag="hello"):
    protocol: int
    mode: Mode
    version: str
    instruments: list[InstrumentCard]
    layers: list[LayerCard]


class ErrorMessage(Control, tag="error"):
    """What went wrong, and what to do. `id` where it concerns a subscription."""

    code: str
    sentence: str
    todo: str
    id: int | None = None


class Alert(Control, tag="alert"):
    """A rule that fired; never dropped in silence: `skipped` counts older ones that had to be."""

    rule: str
    title: str
    text: str
    venue: str
    symbol: str
    known_ms: float
    number: int
    skipped: int = 0


class FeedState(Part):
    """A channel: `age_ms` since its last message, None before the first; `state` is connecting, live, stale or lost."""

    venue: str
    channel: str
    age_ms: float | None
    state: str


class StatusMessage(Control, tag="status"):
    """The state of the feeds. `gaps`: declared holes of the last day. `verdicts`: date of the evidence, None without."""

    now_ms: float
    feeds: list[FeedState]
    gaps: int
    verdicts: str | None


class ClockState(Control, tag="clock"):
    """Where the replay stands."""

    playing: bool
    speed: float
    at_ms: float
    first_ms: float
    last_ms: float


ServerMessage = Welcome | ErrorMessage | Alert | StatusMessage | ClockState

# ---------------------------------------------------------------------------------------------------- binary headers


class Column(Part):
    """A column of a layer. `choices[v]` is the name of the enum value v; a null there is a number nobody uses."""

    name: str
    unit: str
    help: str
    dtype: Dtype
    offset: int
    choices: list[str | None] | None = None


class Layer(Part):
    """Rows of a fold (or of a recorded stream), with its own columns, to be drawn by its shape.

    `dropped` rows older than those here were left out because there were too many. In a delta the rows are new ones, to be
    appended. Rows of `episodes` share an `id`: one row per change of the thing. Of an episode that began before the window
    the first and the newest row are there. A layer that is `whole`, such as the order book, replaces the one before.
    """

    key: str
    name: str
    title: str
    shape: str
    pane: str
    frame: str | None
    episodes: bool
    estimated: bool
    rows: int
    dropped: int
    columns: list[Column]
    whole: bool = False


class Heat(Part):
    """A dense picture on the candle grid: uint8 `cells`, column after column, `bins` from the lowest price up.

    A cell of byte b holds full_usd * (b / 255)^2 dollars; 0 is empty and 255 is full_usd or more. `edges_offset`: float64 ms,
    `columns` + 1 of them; a column is `pool` candles and its cells hold the largest of them. The lower price of bin i is
    price_low + i * price_step, or price_low * exp(i * price_step) where `price_scale` is "log". In a delta the columns follow
    those before; one that begins at or before the newest edge known replaces what was there.
    """

    key: str
    name: str
    title: str
    pane: str
    estimated: bool
    columns: int
    bins: int
    pool: int
    edges_offset: int
    cells_offset: int
    price_low: float
    price_step: float
    price_scale: Literal["linear", "log"]
    scale: Literal["sqrt"]
    full_usd: float


class Candle(Part):
    """The bar that is still forming."""

    ref_ms: float
    open: float
    high: float
    low: float
    close: float
    volume: float


class Reason(Part):
    """One reason: its part of the score (None: not known then) and what evidence found the factor worth ("unproven")."""

    name: str
    title: str
    detail: str
    part: float | None
    verdict: str


class SignalCard(Part):
    """A setup's signal with every reason. `event` is its newest state, such as "opened" or "stopped".

    `live`: it has not ended. `changed_ms`: when that state became known.
    """

    id: float
    setup: str
    title: str
    verdict: str
    event: str
    live: bool
    variant: str
    position_side: str
    ref_ms: float
    known_ms: float
    changed_ms: float
    entry: float | None
    stop: float | None
    target: float | None
    target_2: float | None
    invalidation: float | None
    score: float | None
    cause: str
    reasons: list[Reason]


class ScoreCard(Part):
    """The confluence: the sum of the known parts, each in -1..1, long positive; `vetoes` that are on."""

    title: str
    known_ms: float
    score: float | None
    most: float
    reasons: list[Reason]
    vetoes: list[str]


class HoleCard(Part):
    what: str
    start_ms: float
    end_ms: float
    cause: str


class Chip(Part):
    """What the chip at the top says: `age_ms` of the newest row against the moment shown, holes, streams that lag."""

    age_ms: float
    holes: list[HoleCard]
    stale: list[str]
    sources: dict[str, list[str]]


class MtfRow(Part):
    """One time frame, as text by heading."""

    frame: str
    cells: list[str]


class MtfGrid(Part):
    headings: list[str]
    rows: list[MtfRow]


class FrameHead(msgspec.Struct, tag_field="type", kw_only=True):
    """What snapshot and delta share. `watermark_ms`: nothing known later is in it. `skipped`: rows left out, by layer.

    `signals` of a delta are those that changed. `summary` is the picture in words, `mtf` the grid of time frames, `score`
    the confluence at the last close; null in a delta where they have not changed.
    """

    id: int
    epoch: str
    seq: int
    watermark_ms: float
    venue: str
    symbol: str
    frame: str
    frame_ms: float
    layers: list[Layer]
    heats: list[Heat]
    signals: list[SignalCard]
    forming: Candle | None
    skipped: dict[str, int]
    chip: Chip
    summary: list[str] | None
    mtf: MtfGrid | None
    score: ScoreCard | None


class Snapshot(FrameHead, tag="snapshot"):
    """The whole picture. `candles` is the layer named "candles": one row per bar of the grid, NaN where a bar is missing.

    `absent` says why a layer has nothing to show; `mix` which leverage mix the liquidation map is told with.
    """

    base: str
    quote: str
    tick_size: float
    start_ms: float
    end_ms: float
    history_ms: float
    absent: dict[str, str]
    mix: str


class Delta(FrameHead, tag="delta"):
    """What is new since frame `after_seq`. A client that holds another frame asks to resume."""

    after_seq: int


FrameHeader = Snapshot | Delta
