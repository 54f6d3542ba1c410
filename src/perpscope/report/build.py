"""From a source to a report: read up to `at`, run the graph, ask every section what it sees."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, Timeframe, TimeRange, format_ts
from perpscope.report.document import Document
from perpscope.report.folds import graph_of, run
from perpscope.report.holes import holes_of
from perpscope.report.mix import SHIPPED, MixInUse
from perpscope.report.progress import Progress, silent
from perpscope.report.results import Results, when
from perpscope.report.sections import SECTIONS
from perpscope.report.sections.meta import read_meta
from perpscope.report.sections.price import read_price
from perpscope.report.sections.readings import read_readings
from perpscope.report.sections.setups import read_setups
from perpscope.report.sections.summary import summarise
from perpscope.report.sections.warnings import EXPOSURE_HISTORY, read_warnings
from perpscope.report.source import Source, take
from perpscope.setups.base import Verdict

AVERAGE_BARS = 260
"""Bars of the coarsest leaning frame before the window: the slowest average needs 200, its slope and ATR some more."""

COARSEST = DAY
STALE_BARS = 2


@dataclass(frozen=True)
class Report:
    """The analysis: `document` for machines and tables, `results` for the picture."""

    document: Document
    results: Results


def history_start(at: int, frame: str, lookback: int) -> int:
    """Where reading should begin for a report: the window plus what its slowest ingredients need before it.

    Example:
        >>> from perpscope.core.time import parse_ts
        >>> format_ts(history_start(parse_ts("2024-08-05T14:00Z"), "1h", 14 * DAY))
        '2023-11-05 00:00 UTC'
    """
    length = Timeframe.parse(frame)
    before = max(EXPOSURE_HISTORY, AVERAGE_BARS * max(COARSEST, length.ns))
    return Timeframe(DAY, "1d").floor(at - lookback - before)


def build_report(
    source: Source,
    at: int,
    frame: str,
    lookback: int,
    progress: Progress | None = None,
    mix: MixInUse = SHIPPED,
    verdicts: Mapping[str, Verdict] | None = None,
    leave_out: Collection[str] = (),
) -> Report:
    """Everything that was known at `at` about one instrument.

    Definition: rows with clock <= `at` are read from `history_start` on, and nothing else of the source enters;
    a stream that has no row by then counts as not offered. Every fold runs whose inputs the source can supply:
    features and setups at the report's time frame, the lean of the frames at theirs. Nothing comes from a clock,
    a locale or a random number: the same rows give the same bytes. A source that reaches beyond `at` is cut there;
    what it tells of its origins is then left out, because it is about other rows.
    Inputs: `at` and `lookback` in ns; `frame` such as "1h"; `progress` is told (stage, done, total); `mix` is
    the leverage mix that the liquidation map is read with; `verdicts` what evidence had found by `at`, by factor; `leave_out`
    folds that are not wanted.
    Raises: UserError if the time frame is unknown, `at` lies outside the data, or the window holds fewer than two
    closed bars.
    """
    tell = progress or silent
    length = Timeframe.parse(frame)
    if lookback < 2 * length.ns:
        raise UserError(f"A lookback shorter than two {length.name} bars shows nothing. Ask for more.")
    instrument = source.instrument
    taken = take(source, history_start(at, frame, lookback), at, tell)
    if not taken.tables:
        raise UserError(
            f"There is no data of {_name(instrument)} in the time before {format_ts(at)} that a report would read. "
            "Import some, or choose another --at."
        )
    graph, refused = graph_of(instrument, taken.tables, length.name, mix.settings, leave_out)
    rows = run(graph, taken.tables, taken.gaps, at, tell)
    window = TimeRange(length.floor(at - lookback), at)
    bars = _bars(instrument, {**taken.tables, **rows}.get(f"bars@{length.name}"), length, window)
    results = Results(
        instrument=instrument,
        frame=length,
        at=at,
        window=window,
        history=TimeRange(min(*(int(t.clock[0]) for t in taken.tables.values()), window.start), at),
        recorded=taken.tables,
        streams={**taken.tables, f"bars@{length.name}": bars},
        rows=rows,
        params={key: node.fold.params for key, node in graph.nodes.items()},
        refused=refused,
        mix=mix,
        verdicts=verdicts or {},
        holes=holes_of(bars, taken.gaps, window, length),
    )
    titles = {key: node.fold.spec for key, node in sorted(graph.nodes.items())}
    tell("describing", 0, 1)
    document = document_of(results, source.origins if taken.whole else {}, titles)
    tell("describing", 1, 1)
    return Report(document, results)


def _bars(instrument: Instrument, bars: Table | None, frame: Timeframe, window: TimeRange) -> Table:
    """The bars, unless they do not reach the moment or hardly fill the window at all."""
    at = window.end
    if bars is None or not len(bars):
        raise UserError(f"Not one {frame.name} bar had closed by {format_ts(at)}. Choose a later --at or a shorter time frame.")
    last = int(bars["known_ts"][-1])
    if at - last >= STALE_BARS * frame.ns:
        raise UserError(
            f"The {frame.name} bars of {_name(instrument)} end at {format_ts(last)}, before {format_ts(at)}. "
            f"Import the missing data, or ask for --at {when(last):%Y-%m-%dT%H:%M:%SZ}."
        )
    inside = int((bars["ref_ts"] >= window.start).sum())
    if inside < 2:
        raise UserError(
            f"The data of {_name(instrument)} holds {inside} closed {frame.name} bar{'s' * (inside != 1)} between "
            f"{format_ts(window.start)} and {format_ts(at)}; a report needs two. It begins at "
            f"{format_ts(int(bars['ref_ts'][0]))}: choose a later --at or import more."
        )
    return bars


def _name(instrument: Instrument) -> str:
    return f"{instrument.venue} {instrument.symbol}"


def document_of(results: Results, origins: Mapping[str, Any], specs: Mapping[str, Any]) -> Document:
    """What the rows say, section by section; `specs` are those of the folds by key."""
    price = read_price(results)
    made: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for name, read in SECTIONS.items():
        section = read(results, price)
        made[name] = None if isinstance(section, str) else section
        if isinstance(section, str):
            absent[name] = section
    if results.table("liquidation_clusters") is None:
        absent["clusters"] = results.why("liquidation_clusters")
    setups = read_setups(results)
    if not setups:
        absent["setups"] = "No setup could run on this data."
    whole = Document(
        meta=read_meta(results, origins),
        summary=[],
        warnings=read_warnings(results, price, made["leverage"]),
        price=price,
        setups=setups,
        readings=read_readings(results, specs),
        absent=absent,
        **made,
    )
    return summarise(whole, results.instrument.tick_size)
