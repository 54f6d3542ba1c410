"""What one instrument's past says, bar by bar: prices, funding, and the proposals of its setups, from the one graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from perpscope.account.depth import Depth, fit_depth
from perpscope.backtest.config import BacktestConfig
from perpscope.backtest.market import Resolution, Shown, shown_of
from perpscope.core.batch import Batch, cut
from perpscope.core.digest import digest
from perpscope.core.errors import UserError, unknown_name
from perpscope.core.events import BOOK_DELTA, stream_name
from perpscope.core.fold import Fold
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, Timeframe, format_ts, parse_span, parse_ts
from perpscope.core.units import ContractKind
from perpscope.engine.catalogue import all_folds
from perpscope.engine.graph import Graph
from perpscope.lake import Lake, Source
from perpscope.setups.base import Setup
from perpscope.setups.confluence import Confluence
from perpscope.setups.schedule import read_schedule

Progress = Callable[[str, float, float], None]

CHUNK_ROWS = 200_000
"""Rows of input between two reports of progress."""

CLUSTERS = "liquidation_clusters"


@dataclass(frozen=True)
class History:
    """One instrument over the run.

    `bars` decide, `fill_bars` fill (the same table where the time frames agree); both begin at the run's start.
    `past_bars` reach back through the warm-up, for what is measured over a trailing window. `mark_bars` have the fill's
    time frame or are None. `signals` by setup key, only those known from the start on. `clusters` None where the data
    cannot feed the map. `digests` fingerprint every stream that was read. `depth` is the slippage that recorded depth
    tells, where the config asks for it; `confluence` the rows of that fold, where it does.
    """

    instrument: Instrument
    frame: str
    bars: Table
    fill_bars: Table
    past_bars: Table
    mark_bars: Table | None
    funding: Table | None
    signals: Mapping[str, Table]
    clusters: Table | None
    refused: Mapping[str, str]
    digests: Mapping[str, str]
    holes: int
    warnings: tuple[str, ...]
    shown: Shown | None = None
    depth: Depth | None = None
    confluence: Table | None = None

    @property
    def market(self) -> Shown:
        """What the account is shown: the bars that fill, unless finer ones, prints or a book take their place."""
        return Shown(self.fill_bars, self.mark_bars) if self.shown is None else self.shown


def read_history(
    lake: Lake, config: BacktestConfig, symbol: str, progress: Progress | None = None, clusters: bool = False
) -> History:
    """Read one instrument from the lake and run its setups.

    Definition: rows from `start - warmup` to `end` are read and nothing later; the graph runs over them as one long batch
    (cut where there is much, which changes no row); signals known before `start` are dropped.
    Inputs: `clusters` also runs the liquidation map where the data can feed it.
    Raises: UserError for an unknown setup, or when no setup can run on the data (each with its reason).
    """
    start, end = parse_ts(config.data.start), parse_ts(config.data.end)
    source = lake.source(config.data.venue, symbol, start=start - parse_span(config.data.warmup), end=end)
    frame = Timeframe.parse(config.data.timeframe)
    fill = Timeframe.parse(config.data.fill_timeframe or frame.name)
    able, refused = _setups(source, config, frame.name)
    if not able:
        raise UserError(
            f"No setup of this run can work on {config.data.venue} {symbol}: "
            + "; ".join(f"{k}: {v}" for k, v in refused.items())
        )
    graph = Graph(source.instrument, [f"bars@{frame.name}", *able], source.offered, frame.name, config.features)
    keys = [f"{fold.spec.name}@{fold.frame}" for fold in able]
    bars_key, fill_key = graph.require("bars", frame.name), graph.require("bars", fill.name)
    cluster_key = graph.require(CLUSTERS) if clusters and graph.can_supply(CLUSTERS) else None
    finer = Timeframe.parse(config.data.finer_timeframe) if config.data.finer_timeframe else None
    finer_key = None if finer is None else graph.require("bars", finer.name)
    vote_key = None if config.min_agreement is None else _confluence(graph, config, frame.name)
    wanted = {key for key in (bars_key, fill_key, *keys, cluster_key, finer_key, vote_key) if key}
    rows = _run(graph, source, wanted, symbol, progress)
    past = rows[bars_key]
    bars, fill_bars = _since(past, start), _since(rows[fill_key], start)
    if len(bars) < 2:
        raise UserError(
            f"The data of {config.data.venue} {symbol} holds {len(bars)} {frame.name} bars between {format_ts(start)} and "
            f"{format_ts(end)}; a backtest needs two."
        )
    if end - int(bars["known_ts"][-1]) > DAY:
        raise UserError(
            f"The {frame.name} bars of {config.data.venue} {symbol} end at {format_ts(int(bars['known_ts'][-1]))}, before "
            f"{format_ts(end)}. Choose an earlier end, or import the missing data."
        )
    marks = _marks(source, fill, start)
    shown = shown_of(
        source, symbol, fill_bars, marks, length=fill.ns, start=start, resolution=config.data.resolution,
        finer=None if finer_key is None else _since(rows[finer_key], start),
        finer_marks=None if finer is None else _marks(source, finer, start), finer_length=finer.ns if finer else 0,
    )  # fmt: skip
    depth = _depth(source, config)
    funding = source.tables.get("funding")
    funding = funding if funding is not None and len(funding) else None
    return History(
        instrument=source.instrument,
        frame=frame.name,
        bars=bars,
        fill_bars=fill_bars,
        past_bars=past,
        mark_bars=marks,
        funding=None if funding is None else funding[funding.clock >= start],
        signals={key: rows[key][rows[key].clock >= start] for key in keys},
        clusters=None if cluster_key is None else rows[cluster_key],
        refused=refused,
        digests={name: digest(table) for name, table in sorted(source.tables.items()) if len(table)},
        holes=int((np.diff(fill_bars["ref_ts"]) != fill.ns).sum()),
        warnings=(
            *_warnings(fill_bars, marks, funding, fill, start, end, symbol, config.data.resolution),
            *shown.warnings,
            *_depth_said(symbol, depth),
        ),
        shown=shown,
        depth=depth,
        confluence=None if vote_key is None else rows[vote_key],
    )


def _marks(source: Source, frame: Timeframe, start: int) -> Table | None:
    marks = source.tables.get(stream_name("mark_bars", frame.name))
    marks = None if marks is None else _since(marks, start)
    return marks if marks is not None and len(marks) else None


def _depth(source: Source, config: BacktestConfig) -> Depth | None:
    """Slippage fitted on whatever book the run reads, where the config asks for it and gives no numbers of its own."""
    asked = config.trading.slippage
    if asked.model != "from_book" or asked.bps is not None:
        return None
    if source.instrument.kind is not ContractKind.LINEAR:
        raise UserError("Slippage is fitted on recorded depth for linear contracts; give bps and k, or use the model fixed.")
    book = source.tables.get("book_delta")
    return fit_depth(BOOK_DELTA.empty() if book is None else book, source.instrument.tick_size, source.gaps)


def _depth_said(symbol: str, depth: Depth | None) -> Iterator[str]:
    if depth is not None:
        yield (
            f"{symbol}: slippage of {depth.bps:.3g} bps + {depth.k:.3g} bps x quantity ** {depth.exponent:.2f} was fitted on "
            f"{depth.samples:,} seconds of book from {format_ts(depth.first_ts)} on (largest miss {depth.error:.0%}); other "
            "times may be thinner."
        )


def _confluence(graph: Graph, config: BacktestConfig, frame: str) -> str:
    """The node of confluence, with the weights of the config; they are dated, and each bar reads those in force by then."""
    weights = read_schedule(config.weights) if config.weights else ()
    return graph.require_fold(Confluence(Confluence.Params(weights=weights), frame))


def _setups(source: Source, config: BacktestConfig, frame: str) -> tuple[list[Fold], dict[str, str]]:
    """The setups that the data can feed, and why the others cannot: each is tried alone on two rows of every stream."""
    known = {name: cls for name, cls in all_folds().items() if issubclass(cls, Setup)}
    two = {name: table[:2] for name, table in source.tables.items() if len(table)}
    taste = Batch(max((int(table.clock[-1]) for table in two.values()), default=0), two)
    able: list[Fold] = []
    refused: dict[str, str] = {}
    for use in config.setup:
        if use.name not in known:
            raise unknown_name("setup", use.name, known)
        fold = known[use.name].with_settings(use.params, Timeframe.parse(use.timeframe or frame).name)
        try:
            Graph(source.instrument, [type(fold)(fold.params, fold.frame)], source.offered, frame, config.features).step(taste)
            able.append(fold)
        except UserError as fault:
            refused[use.name] = str(fault)
    return able, refused


def _run(graph: Graph, source: Source, wanted: set[str], symbol: str, progress: Progress | None) -> dict[str, Table]:
    pieces = max(1, source.rows // CHUNK_ROWS)
    tables = {**source.tables, "gap": source.gaps}
    clocks = [int(table.clock[0]) for table in source.tables.values() if len(table)]
    first = min(clocks, default=source.end)
    edges = [first + (source.end - first) * k // pieces for k in range(1, pieces)]
    parts: dict[str, list[Table]] = {key: [] for key in wanted}
    for done, batch in enumerate(cut(Batch(source.end, tables), edges)):
        if progress is not None:
            progress(f"{symbol}: features and setups", done, pieces)
        step = graph.step(batch)
        for key in wanted:
            parts[key].append(step.rows[key] if key in step.rows else batch[key])
    return {key: Table.concat(tables) for key, tables in parts.items()}


def _since(table: Table, start: int) -> Table:
    return table[table["ref_ts"] >= start]


def _warnings(
    bars: Table, marks: Table | None, funding: Table | None, fill: Timeframe, start: int, end: int, symbol: str,
    resolution: Resolution,
) -> Iterator[str]:  # fmt: skip
    span = end - start
    if resolution is Resolution.BARS and marks is None:
        yield f"{symbol}: no {fill.name} mark price was recorded; positions are liquidated by the last price, which is harsher."
    if funding is None or not len(funding):
        yield f"{symbol}: no funding was recorded; holding costs nothing here, which flatters or hurts what holds for long."
    missing = 1.0 - len(bars) * fill.ns / span
    if missing > 0.001:
        yield f"{symbol}: {missing:.1%} of the bars between start and end are missing; trades across a hole are flagged."
