"""The public Python interface: open a lake, run features to a frame, make a report.

Everything the command line does goes through here, so that a script can do it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, Timeframe, format_ts, parse_span, parse_ts

if TYPE_CHECKING:
    import polars

    from perpscope.backtest.result import BacktestResult
    from perpscope.core.table import Table
    from perpscope.lake import Lake
    from perpscope.report import Report
    from perpscope.report.views.frames import FramesView
    from perpscope.report.views.levels import LevelsView
    from perpscope.report.views.metrics import MetricsView
    from perpscope.report.views.session_board import SessionsView
    from perpscope.report.views.snapshot import Snapshot
    from perpscope.research.prefix_replay import CheckReport
    from perpscope.research.session_statistics.study import SessionStudy
    from perpscope.setups.base import Verdict

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
    mix: str | Path | None = None,
    verdicts: str | Path | None = None,
) -> Report:
    """Everything that was knowable about one instrument at one moment.

    Args:
        at: an ISO time or ns; the end of the data where None.
        lookback: the length of the picture, such as "14d"; older history is read for warm-up only.
        mix: a calibration to read the liquidation map with (`perpscope liquidations calibrate`); the shipped prior where None.
        verdicts: folder that `perpscope evidence` wrote; what it had found by `at` stands beside each line. None: unproven.

    Raises:
        UserError: for an unknown symbol or time frame, or a moment outside the data.
    """
    from perpscope.report import build_report, history_start
    from perpscope.report.mix import SHIPPED, calibrated_mix
    from perpscope.research.calibration.artefact import read_artefact

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
    known = SHIPPED if mix is None else calibrated_mix(read_artefact(Path(mix)), source.instrument, moment)
    told = _verdicts(verdicts, moment)
    return build_report(source, at=moment, frame=frame, lookback=length, progress=progress, mix=known, verdicts=told)


def make_page(report: Report, static: Path | None = None) -> bytes:
    """The page of `perpscope serve` with a report's picture inside: one HTML file that needs no server and no network.

    Definition: the snapshot that the server would send at the report's moment, over the report's window, with the layers that
    the page shows at first. The same report and the same built page give the same bytes.

    Args:
        static: folder of a built page; the installation's own where None.

    Raises:
        UserError: if the page is not built into this installation.
    """
    from perpscope.web.files import STATIC
    from perpscope.web.offline import offline_html
    from perpscope.web.picture.frame import layer_names, snapshot
    from perpscope.web.picture.known import Picture

    told = report.results.verdicts
    return offline_html(snapshot(Picture(report.results, lambda at: told), layer_names(None)).frame(), static or STATIC)


def _verdicts(folder: str | Path | None, at: int) -> dict[str, Verdict]:
    if folder is None:
        return {}
    from perpscope.research.evidence.verdicts import read_verdicts

    return {name: one.verdict for name, one in read_verdicts(Path(folder), at).items()}


def make_mtf(
    lake: Lake | str | Path, symbol: str, frames: Sequence[str], *, venue: str, at: str | int | None = None
) -> tuple[FramesView, Snapshot]:
    """Several time frames at one moment, and the rows that the view rests on.

    Raises:
        UserError: for an unknown symbol or frame, bars that cannot be made, or a moment outside the data.
    """
    from perpscope.report.views.frames import read_frames_view
    from perpscope.report.views.make import view_source

    names = [frame.strip() for frame in frames]
    source, moment = view_source(_opened(lake), venue, symbol, _ts(at), names)
    return read_frames_view(source, names, moment)


def make_structure(
    lake: Lake | str | Path,
    symbol: str,
    *,
    venue: str,
    at: str | int | None = None,
    timeframe: str = "1h",
    tolerance_sigma: float = 0.1,
    companions: Sequence[str] = (),
) -> tuple[LevelsView, Snapshot]:
    """Structure and the level map at one moment, and the rows that the view rests on.

    Args:
        tolerance_sigma: levels within this many daily deviations coincide.
        companions: such as "other=binance:ETHUSDT".

    Raises:
        UserError: for an unknown symbol or frame, a companion that cannot be, or a moment outside the data.
    """
    from perpscope.report.views.levels import higher_frame, read_levels_view
    from perpscope.report.views.make import view_source

    frames = [f for f in (timeframe, higher_frame(timeframe)) if f]
    source, moment = view_source(_opened(lake), venue, symbol, _ts(at), frames, companions=companions)
    return read_levels_view(source, timeframe, moment, tolerance_sigma)


def make_sessions(
    lake: Lake | str | Path,
    symbol: str,
    *,
    venue: str,
    at: str | int | None = None,
    timeframe: str = "15m",
    start: str | int | None = None,
    seed: int = 0,
) -> tuple[SessionsView, Snapshot]:
    """The clock of the market at one moment, with the season of the day over the history from `start` to it.

    Raises:
        UserError: for an unknown symbol or frame, or a moment outside the data.
    """
    import numpy as np

    from perpscope.report.views.make import view_source
    from perpscope.report.views.session_board import SeasonHour, read_sessions_view
    from perpscope.research.session_statistics.season import season_table

    opened = _opened(lake)
    source, moment = view_source(opened, venue, symbol, _ts(at), [timeframe])
    bars = _bars(opened, venue, symbol, timeframe, _ts(start), moment)
    hours: list[SeasonHour] = []
    units: dict[str, str] = {}
    if len(bars) and int(bars["known_ts"][-1] - bars["ref_ts"][0]) >= 56 * DAY:
        season = season_table(bars, 60, "new_york", by="day", rng=np.random.default_rng(seed), replications=500)
        units = dict(season.units)
        for i in range(24):
            three = {m: [float(x[m][i]) for x in (season.values, season.lows, season.highs)] for m in units}
            kept = {m: [v if v == v else None for v in values] for m, values in three.items()}
            hours.append(SeasonHour(hour=i, bars=int(season.counts[i]), measures=kept))
    return read_sessions_view(source, timeframe, moment, hours, units)


def study_sessions(
    lake: Lake | str | Path,
    symbol: str,
    *,
    venue: str,
    timeframe: str = "15m",
    start: str | int | None = None,
    end: str | int | None = None,
    seed: int = 0,
    replications: int = 1000,
) -> SessionStudy:
    """Season by minute of the week, and what sessions did to the range before them; with intervals and placebos.

    Raises:
        UserError: for an unknown symbol or frame, or fewer than eight weeks of bars.
    """
    from perpscope.research.session_statistics.study import study_sessions as study

    opened = _opened(lake)
    bars = _bars(opened, venue, symbol, timeframe, _ts(start), _ts(end))
    return study(bars, opened.instrument(venue, symbol), seed=seed, replications=replications)


def make_metrics(
    lake: Lake | str | Path,
    symbol: str,
    *,
    venue: str,
    at: str | int | None = None,
    timeframe: str = "1h",
    lookback: str = "14d",
    companions: Sequence[str] = (),
) -> tuple[MetricsView, Snapshot]:
    """Open interest, funding and what else derivatives tell, at one moment; what the data lacks is named in the view.

    Args:
        companions: such as "venue=bybit:BTCUSDT" or "spot=binance-spot:BTCUSDT".

    Raises:
        UserError: for an unknown symbol or frame, a companion that cannot be, or a moment outside the data.
    """
    from perpscope.report.views.make import view_source
    from perpscope.report.views.metrics import read_metrics_view

    length = parse_span(lookback)
    source, moment = view_source(_opened(lake), venue, symbol, _ts(at), [timeframe], max(length, 100 * DAY), companions)
    return read_metrics_view(source, timeframe, moment, length)


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


def run_backtest(lake: Lake | str | Path, config: Mapping[str, Any], *, progress: Progress | None = None) -> BacktestResult:
    """Trade setups over history and measure what it was worth; see docs/definitions/backtest.md for the config.

    Args:
        config: the tables of a config file as plain values.

    Raises:
        UserError: for a setting that does not exist or makes no sense, or data that is missing.
    """
    from perpscope.backtest import run
    from perpscope.backtest.config import config_of
    from perpscope.backtest.result import evaluate

    opened = open_lake(lake) if isinstance(lake, (str, Path)) else lake
    return evaluate(run.run_backtest(opened, config_of(config), progress))


def _bars(lake: Lake, venue: str, symbol: str, timeframe: str, start: int | None, end: int | None) -> Table:
    """Bars of a frame, recorded or made, known in (start, end]."""
    from perpscope.engine.graph import Graph
    from perpscope.engine.loop import collect

    streams = [s for s in lake.streams(venue, symbol, end) if s.startswith("bars@") or s == "trade"]
    source = lake.source(venue, symbol, streams or None, start=start, end=end)
    graph = Graph(source.instrument, [], source.offered, timeframe)
    key = graph.require("bars")
    return source.tables[key] if key in source.tables else collect(graph, source)[key]


def _opened(lake: Lake | str | Path) -> Lake:
    return open_lake(lake) if isinstance(lake, (str, Path)) else lake


def _ts(when: str | int | None) -> int | None:
    return parse_ts(when) if isinstance(when, str) else when
