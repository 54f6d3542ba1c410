"""The report as data: a versioned tree of plain records, and the JSON that other programs may rely on.

Every field is documented in `docs/definitions/report.md`; a test compares the two. Conventions: times are ISO
8601 UTC, fractions are fractions (never percent), `null` is "not known" and never 0, and a section that could not
be made is `null` with its reason under `absent`. Nothing in here comes from a clock: the same data gives the
same bytes.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from perpscope.core.errors import DataError

VERSION = 1
"""Raised when a field changes its meaning or goes away; a field that is added does not raise it."""


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every record of the report."""


class Hole(Record, frozen=True):
    """A stretch without data, [start, end); `what` names the stream or kind of event that is absent."""

    what: str
    start: datetime
    end: datetime
    cause: str


class Stream(Record, frozen=True):
    """What was read of one stream: `origins` gives the share of rows by where they came from, `sha256` the rows."""

    name: str
    rows: int
    first: datetime
    last: datetime
    sha256: str
    origins: dict[str, float] = {}


class Meta(Record, frozen=True):
    """What the report is about, and everything that decided its content."""

    schema: str
    schema_version: int
    code_version: str
    venue: str
    symbol: str
    contract: str
    base: str
    tick_size: float
    timeframe: str
    at: datetime
    window_start: datetime
    history_start: datetime
    bars: int
    bars_expected: int
    streams: list[Stream]
    folds: dict[str, dict[str, str | int | float | bool | None]]
    holes: list[Hole]


class Move(Record, frozen=True):
    """Change of the price over a span that ends at the last close."""

    span: str
    change_fraction: float | None
    high: float | None
    low: float | None


class Price(Record, frozen=True):
    """Where price is. `daily_sigma_fraction` is one standard deviation of a day's log return, estimated."""

    last: float
    last_bar: datetime
    mark: float | None
    mark_source: str
    window_high: float
    window_high_at: datetime
    window_low: float
    window_low_at: datetime
    moves: list[Move]
    daily_sigma_fraction: float | None


class Reach(Record, frozen=True):
    """Estimated liquidations between the mark and `within` of it, on each side, in USD."""

    within: str
    longs_usd: float
    shorts_usd: float


class TierShare(Record, frozen=True):
    """The share of a cluster's USD that an assumed leverage contributes."""

    leverage: str
    share: float


class Cluster(Record, frozen=True):
    """A peak of estimated liquidations. Distances are from the mark to the near edge, negative below, 0 inside."""

    id: int
    side: str
    state: str
    low: float
    high: float
    peak: float
    usd: float
    usd_p10: float | None
    usd_p90: float | None
    distance_fraction: float
    distance_sigma: float | None
    first_seen: datetime
    age_s: int
    young_fraction: float | None
    supported: bool
    tiers: list[TierShare]


class Scale(Record, frozen=True):
    """The fixed colour scale of the heatmap: it never depends on the window."""

    mapping: str
    low_usd: float
    high_usd: float


class Mix(Record, frozen=True):
    """The leverage mix the estimate rests on, the date of what it was made from, and whether it was learned here.

    `level` is absolute where all liquidations were seen, else relative. `bands` says where p10 and p90 come from.
    """

    name: str
    dated: datetime | None
    learned: bool
    level: str = "relative"
    bands: str = "not known"


class Expected(Record, frozen=True):
    """Estimated dollars that price is expected to touch within a horizon, a mean over paths without drift."""

    horizon: str
    longs_usd: float
    shorts_usd: float


class Sweeps(Record, frozen=True):
    """What price ran through in the window's reported bars: estimated beforehand against told by the venue, in USD."""

    bars: int
    longs_expected_usd: float
    shorts_expected_usd: float
    longs_reported_usd: float
    shorts_reported_usd: float


class Leverage(Record, frozen=True):
    """Where leverage breaks: estimated, conditional on price going there."""

    skill: str
    mark: float
    mark_source: str
    longs_usd: float
    shorts_usd: float
    supported_fraction: float | None
    coverage_longs: float | None
    coverage_shorts: float | None
    unplaced_longs: float | None
    unplaced_shorts: float | None
    warm: bool
    flags: list[str]
    mix: Mix
    scale: Scale
    bin_bps: float | None
    reach: list[Reach]
    expected: list[Expected]
    imbalance_1_sigma: float | None
    imbalance_2_sigma: float | None
    above: list[Cluster]
    below: list[Cluster]
    sweeps: Sweeps | None
    estimated: bool = True


class FlowSpan(Record, frozen=True):
    """Aggressive buying against selling over a span that ends now, in base units."""

    span: str
    delta: float | None
    volume: float | None
    delta_fraction: float | None


class Flow(Record, frozen=True):
    """Who is pushing."""

    spans: list[FlowSpan]
    cvd_day: float | None
    cvd_day_whole: bool
    cvd_window: float | None
    positioning: str | None
    positioning_detail: dict[str, str | float | bool | None]


class FrameLean(Record, frozen=True):
    """How one time frame leans: parts in -1..1, their mean as `score`, and how old the newest row is."""

    timeframe: str
    parts: dict[str, float | None]
    score: float | None
    trend_state: str | None
    known: datetime | None
    settled: bool | None


class Frames(Record, frozen=True):
    """Which way the time frames lean."""

    frames: list[FrameLean]
    score: float | None
    agreement: float | None
    side: str | None


class Window(Record, frozen=True):
    """A named session with the times of its current or next occurrence."""

    name: str
    opens: datetime
    closes: datetime


class SessionRange(Record, frozen=True):
    """The range of the latest occurrence of a session; `developing` until it has ended."""

    name: str
    start: datetime
    end: datetime
    high: float | None
    low: float | None
    open: float | None
    developing: bool
    whole: bool


class Sessions(Record, frozen=True):
    """What session it is, what comes next, and what ranges the last ones left."""

    now: list[Window]
    next: list[Window]
    ranges: list[SessionRange]


class InterestChange(Record, frozen=True):
    """Change of open interest over a span that ends at the last sample, in base units and as a fraction."""

    span: str
    change: float | None
    change_fraction: float | None


class Funding(Record, frozen=True):
    """The last funding payment and what it means a year, and where it stands among its own last 90 days."""

    rate: float
    paid: datetime
    interval_s: int | None
    rate_8h: float | None
    rate_annual: float | None
    percentile: float | None
    who_pays: str


class Forced(Record, frozen=True):
    """Reported liquidations over a span, base units by the side that was closed; `intervals` reported anything."""

    span: str
    longs: float | None
    shorts: float | None
    intervals: int
    feed: str


class Derivatives(Record, frozen=True):
    """What open interest, funding and forced closing say."""

    open_interest: float | None
    open_interest_usd: float | None
    open_interest_known: datetime | None
    changes: list[InterestChange]
    funding: Funding | None
    forced: list[Forced]
    long_share: dict[str, float]


class Break(Record, frozen=True):
    """A close beyond a confirmed swing."""

    direction: str
    kind: str
    level: float
    swing_at: datetime
    known: datetime


class Zone(Record, frozen=True):
    """A zone that is alive: known since, what has happened to it, and how far its near edge is from the last price."""

    id: int
    kind: str
    direction: str
    bottom: float
    top: float
    known: datetime
    state: str
    distance_fraction: float


class Level(Record, frozen=True):
    """A price that still waits to be traded: a pool of equal swings where stops are thought to rest, or an old POC."""

    id: int
    kind: str
    price: float
    members: int
    known: datetime
    distance_fraction: float


class Structure(Record, frozen=True):
    """Breaks, swings, live zones and levels; `range_position` is 0 at the last swing low and 1 at the last swing high."""

    trend: str | None
    swing_high: float | None
    swing_low: float | None
    range_position: float | None
    range_zone: str | None
    breaks: list[Break]
    zones: list[Zone]
    levels: list[Level]


class MappedLevel(Record, frozen=True):
    """A level of the map: what it is, how far, since when, and which others coincide with it."""

    rank: int
    group: int
    families: int
    family: str
    name: str
    timeframe: str
    low: float
    high: float
    distance_fraction: float
    distance_sigma: float | None
    first_seen: datetime | None
    last_touched: datetime | None
    coincides: list[str]
    estimated: bool


class LevelMap(Record, frozen=True):
    """Every level a trader would mark, ranked: groups with more kinds of reason first, then nearer."""

    tolerance_sigma: float
    reach_sigma: float
    levels: list[MappedLevel]


class Average(Record, frozen=True):
    """The volume-weighted average price since the UTC day, week or month began; `whole` if nothing is missing since."""

    anchor: str
    vwap: float | None
    sigma: float | None
    whole: bool


class Profile(Record, frozen=True):
    """Volume at price of the UTC day so far and of the day before; `position` is the last price's to the latter."""

    poc: float | None
    value_area_high: float | None
    value_area_low: float | None
    value_area_fraction: float | None
    previous_poc: float | None
    previous_value_area_high: float | None
    previous_value_area_low: float | None
    position: str | None
    estimated: bool
    whole: bool
    averages: list[Average]


class Reason(Record, frozen=True):
    """One line of evidence: what it adds to the score, what it says, and what it has been worth so far."""

    factor: str
    title: str
    contribution: float | None
    detail: str
    verdict: str


class Setup(Record, frozen=True):
    """One setup at the last close; its score is the sum of its known reasons' contributions, at most `most`."""

    name: str
    title: str
    known: datetime
    side: str | None
    score: float | None
    most: float
    reasons_known: int
    reasons: list[Reason]


class Reading(Record, frozen=True):
    """The newest row of a fold, for whoever wants everything."""

    fold: str
    title: str
    ref: datetime
    known: datetime
    values: dict[str, float | int | str | bool | None]


class Document(Record, frozen=True):
    """The whole report. `absent` says, section by section, why something is missing."""

    meta: Meta
    summary: list[str]
    warnings: list[str]
    price: Price
    leverage: Leverage | None
    flow: Flow | None
    frames: Frames | None
    sessions: Sessions | None
    derivatives: Derivatives | None
    structure: Structure | None
    profile: Profile | None
    setups: list[Setup]
    readings: list[Reading]
    absent: dict[str, str]
    level_map: LevelMap | None = None


def to_json(document: Document) -> bytes:
    """The document as indented JSON with sorted keys and a final line break."""
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2) + b"\n"


def from_json(data: bytes) -> Document:
    """Read a report back.

    Raises:
        DataError: if the bytes are no report of this schema version.
    """
    try:
        document = msgspec.json.decode(data, type=Document)
    except msgspec.DecodeError as fault:
        raise DataError(f"This is no report of schema version {VERSION}: {fault}.") from fault
    if document.meta.schema_version != VERSION:
        raise DataError(f"This report has schema version {document.meta.schema_version}; this program reads {VERSION}.")
    return document


def schema() -> dict[str, object]:
    """The JSON Schema (2020-12) of the report."""
    return msgspec.json.schema(Document)
