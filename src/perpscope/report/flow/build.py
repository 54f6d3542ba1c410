"""From a source to the order flow of a window: read up to its end, leave out bad prints, run the folds, say what they saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec
import numpy as np

from perpscope import __version__
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, Timeframe, TimeRange, format_ts
from perpscope.engine.catalogue import all_folds, fold_class
from perpscope.engine.graph import Graph
from perpscope.market.composite import Composite, visible_profile
from perpscope.market.prints import screen_prints
from perpscope.report.document import Hole
from perpscope.report.flow.document import (
    VERSION,
    FlowDocument,
    FlowMeta,
    Large,
    Resting,
    RunningDelta,
    Tape,
    VolumeAtPrice,
)
from perpscope.report.folds import run
from perpscope.report.holes import holes_of
from perpscope.report.progress import Progress, silent
from perpscope.report.results import when
from perpscope.report.source import Source, take
from perpscope.report.words import plain

FAMILIES = ("perpscope.features.flow.", "perpscope.features.profile.", "perpscope.features.book.")
"""Every fold of these families runs when the data can feed it: a new one is a new file and nothing here."""

_NAMED = (
    "imbalances", "stacked_imbalance", "unfinished_auction", "large_trades", "tape_sweeps", "book_sweeps", "absorption",
    "level_absorption", "exhaustion", "trapped", "icebergs", "walls",
)  # fmt: skip
LARGEST = 12
PROFILE_BINS = 150
COLUMNS = 1200
"""Columns of the heatmap at most: its width in time is chosen by the window's length, never by what is in it."""


@dataclass(frozen=True)
class Flow:
    """The order flow of a window: the document, the rows of every fold in it, its trades, and the day's profile."""

    document: FlowDocument
    instrument: Instrument
    frame: Timeframe
    window: TimeRange
    trades: Table
    rows: Mapping[str, Table]
    profile: Composite | None
    holes: tuple[Hole, ...]

    def table(self, name: str) -> Table | None:
        """The rows of a fold, by its name without the time frame."""
        return next((t for key, t in self.rows.items() if key.partition("@")[0] == name), None)


def history_start(start: int) -> int:
    """Where reading should begin: the UTC day before the window's, so that running thresholds and day sums are there.

    Example:
        >>> from perpscope.core.time import parse_ts
        >>> format_ts(history_start(parse_ts("2024-08-08T23:54Z")))
        '2024-08-07 00:00 UTC'
    """
    return start // DAY * DAY - DAY


def column_ms(length: int) -> int:
    """The width of a heatmap's column for a window of this length: a round number of milliseconds, 250 at least.

    Example:
        >>> column_ms(6 * 60_000_000_000), column_ms(DAY)
        (500, 100000)
    """
    raw = length / COLUMNS / 1_000_000
    steps = [m * 10**k for k in range(8) for m in (1, 2, 5)]
    return max(250, next(s for s in steps if s >= raw))


def build_flow(
    source: Source, window: TimeRange, frame: str, tick_size: float | None = None, progress: Progress | None = None
) -> Flow:
    """What the tape, and the book where there is one, showed from `window.start` to `window.end`.

    Definition: rows with clock <= the window's end are read and nothing else of the source enters. Prints that are no trades
    are left out and counted. Every fold of the order flow runs from the beginning of what was read; rows about the window
    are kept. A tick size that is given replaces the one the lake has or guessed.
    Raises:
        UserError: if there is no trade in the window or the time frame is unknown.
        DataError: if prices do not fit the tick size.
    """
    tell, length = progress or silent, Timeframe.parse(frame)
    instrument = source.instrument if tick_size is None else replace(source.instrument, tick_size=tick_size)
    taken = take(source, history_start(window.start), window.end, tell)
    name = f"{instrument.venue} {instrument.symbol}"
    if "trade" not in taken.tables:
        raise UserError(f"The lake has no trades of {name} before {format_ts(window.end)}. Import a tape: see import list.")
    screened = screen_prints(taken.tables["trade"], instrument.tick_size)
    trades = screened.trades[(screened.trades.clock >= window.start) & (screened.trades.clock < window.end)]
    if not len(trades):
        first, last = int(screened.trades.clock[0]), int(screened.trades.clock[-1])
        raise UserError(
            f"No trade of {name} lies between {format_ts(window.start)} and {format_ts(window.end)}; what was read of the tape "
            f"goes from {format_ts(first)} to {format_ts(last)}. Choose other --from and --to."
        )
    tables = {"trade": screened.trades}
    if "book_delta" in taken.tables:
        tables["book_delta"] = taken.tables["book_delta"]
    heat = {"column_ms": column_ms(window.end - window.start), "step_ticks": _book_step(screened.trades, instrument)}
    graph = _graph(instrument, set(tables), length.name, {"liquidity_heatmap": heat})
    everything = run(graph, tables, taken.gaps, window.end, tell)
    rows = {key: _within(table, window) for key, table in everything.items()}
    bars = everything[f"bars@{length.name}"]
    footprint = everything[f"footprint@{length.name}"]
    day = (window.end - 1) // DAY * DAY
    profile = visible_profile(footprint, instrument.tick_size, day, window.end, most_bins=PROFILE_BINS)
    holes = holes_of(bars, taken.gaps, window, length)
    meta = FlowMeta(
        schema="perpscope.flow",
        schema_version=VERSION,
        code_version=__version__,
        venue=instrument.venue,
        symbol=instrument.symbol,
        base=instrument.base,
        tick_size=instrument.tick_size,
        timeframe=length.name,
        start=when(window.start),
        end=when(window.end),
        history_start=when(min(int(t.clock[0]) for t in tables.values())),
        streams={key: len(table) for key, table in tables.items()},
        prints_left_out=screened.counts,
        folds={key: _params(node.fold.params) for key, node in sorted(graph.nodes.items())},
        holes=list(holes),
    )
    document = _described(meta, trades, rows, profile, day, screened.sentences())
    return Flow(document, instrument, length, window, trades, rows, profile, holes)


def _graph(instrument: Instrument, offered: set[str], frame: str, settings: dict[str, dict[str, Any]]) -> Graph:
    """Every fold of the order flow that the streams can feed."""
    empty = Graph(instrument, ["bars"], offered, frame)
    names = [name for name, cls in all_folds().items() if cls.__module__.startswith(FAMILIES)]
    able = [n for n in names if all(i.endswith("?") or empty.can_supply(i) for i in fold_class(n)(frame=frame).inputs)]
    return Graph(instrument, ["bars", *able], offered, frame, settings)


def _book_step(trades: Table, instrument: Instrument) -> int:
    """About half a basis point of the first price that was read, as a power of two ticks."""
    wanted = float(trades["price"][0]) * 0.5e-4 / instrument.tick_size
    return max(1, 2 ** int(np.log2(max(wanted, 1.0))))


def _within(table: Table, window: TimeRange) -> Table:
    """Rows that became known in the window and are about it; of an episode, every change known in the window."""
    since = table.clock if "event" in table.schema.by_name else table["ref_ts"]
    return table[(since >= window.start) & (table.clock <= window.end)]


def _params(params: Any) -> dict[str, Any]:
    return {k: (None if v != v else v) for k, v in asdict(params).items()}


def _described(
    meta: FlowMeta, trades: Table, rows: Mapping[str, Table], profile: Composite | None, day: int, left_out: list[str]
) -> FlowDocument:
    named = {key.partition("@")[0]: table for key, table in rows.items()}
    tape = _tape(trades, named["orders"])
    absent: dict[str, str] = {}
    if "book_state" not in named:
        absent["book"] = "The lake has no order book of this instrument in the window."
    if profile is None:
        absent["profile"] = f"No {meta.timeframe} bar of the day had closed."
    cvd = _cvd(named["delta"], named["bars"])
    if cvd is None:
        absent["cvd"] = f"No whole {meta.timeframe} bar closed in the window."
    for name, need in (("imbalances", "500 pairs of cells"), ("large_trades", "1,000 orders"), ("tape_sweeps", "500 bursts")):
        if not len(named[name]):
            absent[name] = f"None was found, or fewer than {need} came before: thresholds are never guessed."
    if not len(named["vpin"]):
        absent["vpin"] = "Buckets need the whole UTC day before."
    made = FlowDocument(
        meta=meta,
        summary=[],
        warnings=[
            *left_out,
            *(f"Hole in {h.what} from {h.start:%Y-%m-%d %H:%M:%S} to {h.end:%H:%M:%S} UTC." for h in meta.holes),
        ],
        tape=tape,
        profile=None if profile is None else _profile(profile, day, meta),
        cvd=cvd,
        book=_book(named),
        largest=_largest(named["orders"], named["large_trades"]),
        rows={key: len(table) for key, table in sorted(rows.items())},
        absent=absent,
    )
    return _summarised(made)


def _summarised(document: FlowDocument) -> FlowDocument:
    """The same document with the minute's reading written."""
    t, base = document.tape, document.meta.base or "units"
    lean = "bought" if t.delta > 0 else "sold"
    volume = t.bought + t.sold
    lines = [
        f"{t.trades:,} trades, {volume:,.3f} {base}; {abs(t.delta) / volume:.1%} of it net {lean} (delta {t.delta:+,.3f}).",
        f"Price {t.first:,} to {t.last:,}, range {t.low:,} to {t.high:,}; average paid {t.vwap:,.2f}.",
    ]
    p = document.profile
    if p is not None:
        lines.append(
            f"Day's point of control {p.poc:,.2f}, value area {p.value_area_low:,.2f} to {p.value_area_high:,.2f}"
            f"{'' if p.whole else ' (the day is not whole)'}."
        )
    if document.book is not None:
        b = document.book
        lines.append(f"Book readable in {b.readable_fraction:.1%} of its columns; best at the end {b.bid} x {b.ask}.")
    else:
        lines.append("No order book in the lake: trades only.")
    seen = [f"{n} {plain(k.partition('@')[0])}" for k, n in document.rows.items() if n and k.partition("@")[0] in _NAMED]
    lines.append("Rows: " + (", ".join(seen) or "no signal of the order flow") + ".")
    return msgspec.structs.replace(document, summary=lines)


def _tape(trades: Table, orders: Table) -> Tape:
    price, quantity = trades["price"], trades["quantity"]
    buys = trades["aggressor_side"] == 1
    bought, sold = float(quantity[buys].sum()), float(quantity[~buys].sum())
    return Tape(
        trades=len(trades),
        orders=len(orders),
        bought=round(bought, 9),
        sold=round(sold, 9),
        delta=round(bought - sold, 9),
        vwap=float((price * quantity).sum() / quantity.sum()),
        first=float(price[0]),
        last=float(price[-1]),
        high=float(price.max()),
        low=float(price.min()),
    )


def _profile(profile: Composite, day: int, meta: FlowMeta) -> VolumeAtPrice:
    return VolumeAtPrice(
        day_start=when(day),
        poc=round(profile.poc, 10),
        value_area_high=round(profile.vah, 10),
        value_area_low=round(profile.val, 10),
        value_area_fraction=profile.fraction,
        volume=float(profile.volume.sum()),
        bin_size=profile.bin_size,
        whole=profile.complete and meta.history_start <= when(day),
    )


def _cvd(delta: Table, bars: Table) -> RunningDelta | None:
    whole = delta[delta["valid"]]
    if not len(whole):
        return None
    closes = np.cumsum(whole["delta"])
    at = np.isin(bars["ref_ts"], whole["ref_ts"])
    opens = closes - whole["delta"]
    return RunningDelta(
        close=float(closes[-1]),
        high=float((opens + bars["max_delta"][at]).max()),
        low=float((opens + bars["min_delta"][at]).min()),
        breaks=len(np.unique(whole["segment"])) - 1,
    )


def _book(named: Mapping[str, Table]) -> Resting | None:
    if "book_state" not in named or not len(named["book_state"]):
        return None
    heat = named["liquidity_heatmap"]
    columns, first = np.unique(heat["ref_ts"], return_index=True)
    last = next(named["book_state"][len(named["book_state"]) - 1 :].rows())
    readable = float(heat["valid_fraction"][first].mean()) if len(columns) else 0.0
    return Resting(bid=last["bid_price"], ask=last["ask_price"], columns=len(columns), readable_fraction=readable)


def _largest(orders: Table, large: Table) -> list[Large]:
    order = np.argsort(-orders["quantity"], kind="stable")[:LARGEST]
    reached = set(zip(large["ref_ts"].tolist(), large["quantity"].tolist(), strict=True))
    return [
        Large(
            at=when(int(orders["ref_ts"][i])),
            side="buy" if orders["aggressor_side"][i] == 1 else "sell",
            quantity=float(orders["quantity"][i]),
            vwap=float(orders["vwap"][i]),
            fills=int(orders["fills"][i]),
            large=(int(orders["ref_ts"][i]), float(orders["quantity"][i])) in reached,
        )
        for i in order
    ]
