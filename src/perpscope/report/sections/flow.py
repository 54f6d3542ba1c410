"""Who is pushing: delta over spans that end now, the running sums, and the reading of price against open interest."""

from __future__ import annotations

import numpy as np

from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR
from perpscope.report.document import Flow, FlowSpan, Price
from perpscope.report.results import Results, inside, last_row, number, span_name

_SPANS = (HOUR, 4 * HOUR, 24 * HOUR, 7 * DAY)


def read_flow(results: Results, price: Price) -> Flow | str:
    """Sums over a span are absent unless every bar of it is there with its taker volume."""
    delta = results.table("delta")
    if delta is None:
        return results.why("delta")
    if not len(delta) or not delta["valid"].any():
        return "The data has no taker volume, so nobody can say who crossed the spread."
    newest = last_row(delta) or {}
    window_ns = results.window.end - results.window.start
    spans = [s for s in _SPANS if s >= results.frame.ns and s < window_ns]
    state = last_row(results.table("positioning"))
    shown = inside(delta, results.window)
    return Flow(
        spans=[_span(results, delta, s) for s in (*spans, window_ns)],
        cvd_day=number(newest["cvd_day"]),
        cvd_day_whole=bool(newest["anchored"]),
        cvd_window=number(float(np.sum(shown["delta"]))) if len(shown) and shown["valid"].all() else None,
        positioning=str(state["state"]) if state and state["state"] else None,
        positioning_detail={k: v for k, v in state.items() if k not in ("ref_ts", "known_ts", "state")} if state else {},
    )


def _span(results: Results, delta: Table, span: int) -> FlowSpan:
    bars, start = results.bars, results.frame.floor(results.at - span)
    mine, theirs = delta[delta["ref_ts"] >= start], bars[bars["ref_ts"] >= start]
    wanted = (results.frame.floor(results.at) - start) // results.frame.ns
    whole = len(mine) == wanted and bool(mine["valid"].all())
    total = float(theirs["volume"].sum()) if len(theirs) == wanted else None
    pushed = float(mine["delta"].sum()) if whole else None
    return FlowSpan(
        span=span_name(span),
        delta=number(pushed),
        volume=number(total),
        delta_fraction=number(pushed / total) if pushed is not None and total else None,
    )
