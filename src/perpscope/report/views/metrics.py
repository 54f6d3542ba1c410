"""The view of the derivatives metrics: open interest, quadrants, funding, premium, basis, ratios, liquidations, venues."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from perpscope import __version__
from perpscope.core.time import DAY, NULL_TS, Timeframe, to_datetime
from perpscope.lake import Source
from perpscope.report.results import number, when
from perpscope.report.views.files import View
from perpscope.report.views.frames import Record
from perpscope.report.views.snapshot import Snapshot, take_snapshot

FOLDS = ("open_interest_delta", "positioning", "funding_state", "premium", "basis", "ratios", "liquidation_volume", "delta",
         "aggregate_interest", "flow_spread")  # fmt: skip
RATIO_KINDS = ("all_accounts", "top_accounts", "top_positions")


class Metric(Record, frozen=True):
    """The newest row of a fold: what each column says, and when it was known."""

    fold: str
    known: datetime
    values: dict[str, float | str | bool | int | None]


class QuadrantShare(Record, frozen=True):
    """How often a state of price x open interest x delta held over the window, and the price move in its bars."""

    state: str
    bars: int
    share: float
    absorbed: int
    forced: int


class MetricsView(View, frozen=True, kw_only=True):
    """The whole: `metrics` by fold, states over the window, and what was reported closed by force."""

    timeframe: str
    window_days: float
    price: float
    daily_sigma_fraction: float | None
    metrics: list[Metric]
    states: list[QuadrantShare]
    ratios: dict[str, float | None]
    liquidated_long: float | None
    liquidated_short: float | None
    liquidation_feed: str | None


def read_metrics_view(source: Source, frame: str, at: int, lookback: int) -> tuple[MetricsView, Snapshot]:
    """The view at `at`, from a source that ends there, and the rows it rests on. What the data lacks is named in `absent`.

    Raises:
        UserError: if bars of the frame cannot be made.
    """
    name = Timeframe.parse(frame).name
    snap = take_snapshot(source, FOLDS, name, at)
    metrics = [_metric(snap, fold) for fold in FOLDS]
    forced = snap.table("liquidation_volume")
    since = at - lookback
    long_sum, short_sum, feed = None, None, None
    if forced is not None and len(forced):
        recent = forced[forced["ref_ts"] >= since]
        told = recent["long_quantity"] == recent["long_quantity"]
        if told.any():
            long_sum, short_sum = float(recent["long_quantity"][told].sum()), float(recent["short_quantity"][told].sum())
            feed = next(recent[told][-1:].rows())["feed"]
    view = MetricsView(
        schema="perpscope.metrics",
        code_version=__version__,
        venue=snap.instrument.venue,
        symbol=snap.instrument.symbol,
        at=to_datetime(at).isoformat(),
        absent=dict(snap.absent),
        timeframe=name,
        window_days=lookback / DAY,
        price=snap.price,
        daily_sigma_fraction=number(snap.daily_sigma),
        metrics=[m for m in metrics if m is not None],
        states=_states(snap, since),
        ratios=_ratios(snap),
        liquidated_long=long_sum,
        liquidated_short=short_sum,
        liquidation_feed=feed,
    )
    return view, snap


def _metric(snap: Snapshot, fold: str) -> Metric | None:
    """The newest row; funding holds until the next payment, everything else must be fresh."""
    table = snap.table(fold)
    if fold == "ratios" or table is None or not len(table):
        return None
    row = next(table[-1:].rows())
    patience = DAY if fold == "funding_state" else 2 * snap.frame.ns
    if snap.at - row["known_ts"] > patience:
        return None
    values = {k: _plain(snap, table, k, v) for k, v in row.items() if k not in ("ref_ts", "known_ts")}
    return Metric(fold=fold, known=when(row["known_ts"]), values=values)


def _plain(snap: Snapshot, table: Any, column: str, value: Any) -> float | str | bool | int | None:
    """Times as ISO text, absent ones as null, numbers with ten digits."""
    if table.schema.by_name[column].unit == "ns":
        if value is None or value == NULL_TS:
            return None
        return to_datetime(value).isoformat() if column.endswith("_ts") else value // 1_000_000_000
    return number(value) if isinstance(value, float) else value


def _states(snap: Snapshot, since: int) -> list[QuadrantShare]:
    table = snap.table("positioning")
    if table is None:
        return []
    recent = table[table["ref_ts"] >= since]
    counted: dict[str, list[int]] = {}
    for row in recent.rows():
        one = counted.setdefault(row["state"], [0, 0, 0])
        one[0] += 1
        one[1] += int(row["absorbed"])
        one[2] += int(row["forced"])
    total = max(1, len(recent))
    found = [QuadrantShare(state=s, bars=n, share=n / total, absorbed=a, forced=f) for s, (n, a, f) in counted.items()]
    return sorted(found, key=lambda x: (-x.bars, x.state))


def _ratios(snap: Snapshot) -> dict[str, float | None]:
    """Long share by kind, kept apart; null where a kind is not in the data or stale."""
    found: dict[str, float | None] = dict.fromkeys(RATIO_KINDS)
    table = snap.table("ratios")
    if table is not None:
        for row in table[table.clock > snap.at - max(6 * snap.frame.ns, DAY // 4)].rows():
            found[row["ratio_kind"]] = number(row["long_fraction"])
    return found
