"""From a lake to signed events: one graph over the whole history of an instrument, read by every adapter it can feed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import stream_kind
from perpscope.core.table import Table
from perpscope.core.time import DAY
from perpscope.engine.catalogue import all_folds, fold_class
from perpscope.engine.graph import Graph
from perpscope.lake import Lake
from perpscope.lake.source import Source
from perpscope.research.event_study import PricePath, price_path
from perpscope.research.evidence.adapters import Adapter
from perpscope.research.trials import data_hash

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Progress = Callable[[str, float, float], None]

WARM_UP = 400 * DAY
"""Read before the window and used for nothing else: the longest memory of a fold is a year of daily bars."""

NOT_READ = frozenset({"trade", "book", "book_delta", "book_snapshot", "position"})


@dataclass(frozen=True)
class Window:
    """What is studied: one venue, some symbols, bars of one length, known in (start, end]."""

    venue: str
    symbols: tuple[str, ...]
    frame: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Claims:
    """The events of one factor on one instrument, or why there are none (`missing`: the inputs that the data lacks)."""

    known_ts: Integers
    sign: Floats
    missing: str = ""


@dataclass(frozen=True, eq=False)
class Collected:
    """One instrument: its path inside the window, its bars (earlier ones too), claims by factor, funding, hash of its data."""

    path: PricePath
    bars: Table
    claims: dict[str, Claims]
    funding: Table | None
    holes: int
    data_hash: str


def missing_inputs(graph: Graph, fold: str) -> str:
    """The first input of a fold that the data cannot supply, as a word; empty when it can be run."""
    if fold not in all_folds():
        return f"the feature {fold}, which this version does not have"
    either: tuple[str, ...] = getattr(fold_class(fold), "one_of", ())
    if either and not any(graph.can_supply(name) for name in either):
        return " or ".join(either)
    if graph.can_supply(fold):
        return ""
    for declared in fold_class(fold).with_settings({}, graph.frame).inputs:
        if not declared.endswith("?") and not graph.can_supply(declared):
            deeper = declared.partition("@")[0]
            return missing_inputs(graph, deeper) if deeper in all_folds() else declared
    return "an input"


def collect(
    lake: Lake, window: Window, symbol: str, adapters: Sequence[Adapter], progress: Progress | None = None
) -> Collected:
    """Run the folds of the adapters over one instrument and read their events.

    Trades and books are not read: months of them do not fit one batch, and the sets we have carry no claim (EVIDENCE 2).

    Raises:
        UserError: if the instrument has no bars in the window.
    """
    streams = [s for s in lake.streams(window.venue, symbol, window.end) if stream_kind(s) not in NOT_READ]
    source = lake.source(window.venue, symbol, streams, start=window.start - WARM_UP, end=window.end)
    graph = Graph(source.instrument, [], frozenset(streams), window.frame)
    lacking = {a.name: missing_inputs(graph, a.fold) for a in adapters}
    keys: dict[str, str] = {}
    for one in adapters:
        if not lacking[one.name]:
            try:
                keys[one.name] = graph.require(one.fold)
            except UserError as fault:  # an instrument without margin table: the others are measured all the same
                lacking[one.name] = f"usable start: {fault}"
    bars_key = graph.require("bars")
    forced_key = graph.require("liquidation_volume") if not missing_inputs(graph, "liquidation_volume") else None
    rows = _run(graph, source, {*keys.values(), bars_key, *([forced_key] if forced_key else [])}, symbol, progress)
    bars = rows[bars_key] if bars_key in rows else source.tables[bars_key]
    inside = (bars.clock > window.start) & (bars.clock <= window.end)
    if inside.sum() < 2:
        raise UserError(f"{window.venue} {symbol} has no bars of {window.frame} in the window.")
    forced = _forced(rows[forced_key], bars) if forced_key else None
    path = price_path(_only(bars, inside), window.frame, symbol, None if forced is None else forced[inside])
    claims = {}
    for one in adapters:
        if lacking[one.name]:
            claims[one.name] = Claims(np.zeros(0, np.int64), np.zeros(0), lacking[one.name])
            continue
        known, sign = one.read(rows[keys[one.name]])
        kept = (known > window.start) & (known <= window.end)
        claims[one.name] = Claims(known[kept].astype(np.int64), sign[kept].astype(np.float64))
    funding = source.tables.get("funding")
    holes = int((np.diff(path.known_ts) != path.step).sum())
    return Collected(path, bars, claims, funding, holes, instrument_hash(lake, window, symbol))


def instrument_hash(lake: Lake, window: Window, symbol: str) -> str:
    """Hash of every sealed file of an instrument, and of the window: the same data and question give the same hash."""
    files = [f.sha256 for f in lake.catalogue.files if (f.venue, f.symbol) == (window.venue, symbol)]
    return data_hash([*files, f"{window.venue} {symbol} {window.frame} {window.start} {window.end}"])


def _run(graph: Graph, source: Source, wanted: set[str], symbol: str, progress: Progress | None) -> dict[str, Table]:
    """Only the wanted rows are kept, month by month, so that years of heavy folds fit in memory."""
    parts: dict[str, list[Table]] = {key: [graph.nodes[key].fold.spec.output.empty()] for key in wanted if key in graph.nodes}
    monthly = Source(**{**source.__dict__, "step": 30 * DAY})
    edges = max(1, int((source.end - (source.start or source.end)) // (30 * DAY)) + 1)
    for number, batch in enumerate(monthly):
        step = graph.step(Batch(batch.watermark_ts, batch.tables))
        for key in parts:
            if len(step.rows[key]):
                parts[key].append(step.rows[key])
        if progress:
            progress(f"{symbol}: features", number + 1, edges)
    return {key: Table.concat(tables) for key, tables in parts.items()}


def _forced(rows: Table, bars: Table) -> Floats:
    """Liquidated notional of each bar, both sides; NaN where the feed says nothing."""
    out = np.full(len(bars), np.nan)
    at = np.searchsorted(bars.clock, rows["ref_ts"], side="right")
    good = at < len(bars)
    out[at[good]] = (rows["long_notional"] + rows["short_notional"])[good]
    return out


def _only(table: Table, rows: npt.NDArray[np.bool_]) -> Table:
    first, last = np.flatnonzero(rows)[[0, -1]]
    return table[int(first) : int(last) + 1]
