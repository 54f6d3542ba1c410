"""The public Python interface: open a lake, run features to a frame, make a report.

Everything the command line does goes through here, so that a script can do it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpscope.core.errors import UserError
from perpscope.core.time import Timeframe, format_ts, parse_span, parse_ts

if TYPE_CHECKING:
    import polars

    from perpscope.lake import Lake
    from perpscope.report import Report
    from perpscope.research.prefix_replay import CheckReport

Progress = Callable[[str, float, float], None]
"""Told (what, done, total) as long work goes on."""


def open_lake(path: str | Path) -> Lake:
    """Open the lake in a folder.

    Raises:
        UserError: if there is no lake.
    """
    from perpscope.lake import Lake

    return Lake(Path(path))


def run_features(
    lake: Lake | str | Path,
    symbol: str,
    names: Sequence[str],
    *,
    venue: str,
    timeframe: str,
    start: str | int | None = None,
    end: str | int | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, polars.DataFrame]:
    """Run features over a stretch of history; one polars frame each, keyed by node name ("swings@1h").

    Args:
        names: feature names, each optionally at another time frame ("average_stack@4h").
        start, end: ISO dates or ns; the whole history where None. Rows known at or before `end` are returned.
        settings: parameters by feature name.

    Raises:
        UserError: for an unknown symbol, feature, time frame or parameter, or when an input is missing.
    """
    from perpscope.engine.graph import Graph
    from perpscope.engine.loop import collect

    opened = open_lake(lake) if isinstance(lake, (str, Path)) else lake
    source = opened.source(venue, symbol, start=_ts(start), end=_ts(end))
    graph = Graph(source.instrument, names, source.offered, timeframe, settings)
    wanted = [graph.require(name) for name in names]
    rows = collect(graph, source)
    return {key: rows[key].to_polars() for key in wanted}


def make_report(
    lake: Lake | str | Path,
    symbol: str,
    *,
    venue: str,
    at: str | int | None = None,
    timeframe: str = "1h",
    lookback: str = "14d",
    progress: Progress | None = None,
) -> Report:
    """Everything that was knowable about one instrument at one moment.

    Args:
        at: an ISO time or ns; the end of the data where None.
        lookback: the length of the picture, such as "14d"; older history is read for warm-up only.

    Raises:
        UserError: for an unknown symbol or time frame, or a moment outside the data.
    """
    from perpscope.report import build_report, history_start

    opened = open_lake(lake) if isinstance(lake, (str, Path)) else lake
    frame, length = Timeframe.parse(timeframe).name, parse_span(lookback)
    last = max(opened.span(venue, symbol, stream)[1] for stream in opened.streams(venue, symbol))
    moment = _ts(at)
    if moment is None:
        moment = last
    elif moment > last:
        raise UserError(
            f"The data of {venue} {symbol} ends {format_ts(last)}, before {format_ts(moment)}. Choose an earlier time."
        )
    source = opened.source(venue, symbol, start=history_start(moment, frame, length), end=moment)
    return build_report(source, at=moment, frame=frame, lookback=length, progress=progress)


def check_feature(
    lake: Lake | str | Path,
    symbol: str,
    name: str,
    *,
    venue: str,
    timeframe: str,
    cuts: int = 20,
    start: str | int | None = None,
    end: str | int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Does a feature look ahead on this data? See `perpscope.research.prefix_replay`.

    Raises:
        UserError: for an unknown symbol or feature, or when an input is missing.
    """
    from perpscope.core.batch import Batch
    from perpscope.core.table import Table
    from perpscope.engine.catalogue import fold_class
    from perpscope.research.prefix_replay import check_fold, spread_cuts

    cls = fold_class(name)
    frame = Timeframe.parse(timeframe).name
    opened = open_lake(lake) if isinstance(lake, (str, Path)) else lake
    source = opened.source(venue, symbol, start=_ts(start), end=_ts(end))
    parts = list(source)
    tables = {stream: Table.concat([b[stream] for b in parts]) for stream in parts[0].tables}
    batch = Batch(parts[-1].watermark_ts, tables)
    return check_fold(lambda: cls(frame=frame), source.instrument, batch, frame, spread_cuts(batch, cuts), progress)


def _ts(when: str | int | None) -> int | None:
    return parse_ts(when) if isinstance(when, str) else when
