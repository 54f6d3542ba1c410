"""What open interest, funding and forced closing say."""

from __future__ import annotations

import numpy as np

from perpscope.core.events import LiquidationFeed, RatioKind
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, NULL_TS, SECOND
from perpscope.report.document import Derivatives, Forced, Funding, InterestChange, Price
from perpscope.report.results import Results, ago_index, number, span_name, when, when_or_none

_SPANS = (HOUR, 4 * HOUR, 24 * HOUR, 7 * DAY)


def read_derivatives(results: Results, price: Price) -> Derivatives | str:
    """Open interest in base units with its changes, the last funding, liquidations as reported, account ratios."""
    interest, funding = results.stream("open_interest"), results.table("funding_state")
    forced = results.stream("liquidation_totals")
    if interest is None and (funding is None or not len(funding)) and forced is None:
        return "The data has no open interest, no funding and no liquidations."
    spans = [s for s in _SPANS if s < results.window.end - results.window.start]
    held = _held(results, interest)
    return Derivatives(
        open_interest=number(held),
        open_interest_usd=number(held * (price.mark or price.last)) if held is not None else None,
        open_interest_known=when_or_none(int(interest.clock[-1])) if interest is not None else None,
        changes=[_change(interest, results.at, s) for s in spans] if interest is not None else [],
        funding=_funding(funding),
        forced=[_forced(forced, results.at, s) for s in spans if s >= 4 * HOUR] if forced is not None else [],
        long_share=_ratios(results),
    )


def _held(results: Results, interest: Table | None) -> float | None:
    """The last sample, absent once it is older than two bars and than three of its own steps."""
    if interest is None:
        return None
    clock = interest.clock
    pace = int(np.median(np.diff(clock[-50:]))) if len(clock) > 2 else 0
    stale = results.at - int(clock[-1]) > max(2 * results.frame.ns, 3 * pace)
    return None if stale else float(interest["open_interest"][-1])


def _change(interest: Table, at: int, span: int) -> InterestChange:
    """The last sample against the one known a span before it, which must not be older than a tenth of the span."""
    clock, values = interest.clock, interest["open_interest"]
    last = int(clock[-1])
    before = ago_index(clock, last - span)
    known = before >= 0 and last - span - int(clock[before]) <= max(span // 10, 2 * 60 * SECOND)
    if not known:
        return InterestChange(span=span_name(span), change=None, change_fraction=None)
    change = float(values[-1] - values[before])
    return InterestChange(span=span_name(span), change=number(change), change_fraction=number(change / float(values[before])))


def _funding(rows: Table | None) -> Funding | None:
    if rows is None or not len(rows):
        return None
    row = next(rows[len(rows) - 1 :].rows())
    rate, interval = float(row["funding_rate"]), int(row["funding_interval"])
    return Funding(
        rate=rate,
        paid=when(row["known_ts"]),
        interval_s=None if interval == NULL_TS else interval // SECOND,
        rate_8h=number(row["funding_rate_8h"]),
        rate_annual=number(row["funding_rate_annual"]),
        percentile=number(row["percentile"]),
        who_pays="longs" if rate > 0 else "shorts" if rate < 0 else "nobody",
    )


def _forced(totals: Table, at: int, span: int) -> Forced:
    part = totals[totals["ref_ts"] >= at - span]
    return Forced(
        span=span_name(span),
        longs=number(float(part["long_quantity"].sum())) if len(part) else None,
        shorts=number(float(part["short_quantity"].sum())) if len(part) else None,
        intervals=len(part),
        feed=LiquidationFeed(int(totals["feed"][-1])).name.lower(),
    )


def _ratios(results: Results) -> dict[str, float]:
    """The newest share of longs by kind of ratio; they count accounts, and longs always equal shorts in size."""
    rows = results.stream("long_short_ratio")
    found: dict[str, float] = {}
    if rows is not None:
        recent = rows[rows.clock > results.at - DAY]
        for kind in RatioKind:
            mine = recent[recent["ratio_kind"] == kind]
            if len(mine):
                found[kind.name.lower()] = float(f"{float(mine['long_fraction'][-1]):.10g}")
    return found
