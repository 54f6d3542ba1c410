"""The baselines of a run's window as a table, our own data beside the published numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, HOUR
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.lake import Lake
from perpscope.research.evidence import baselines
from perpscope.research.evidence.baselines import YEAR_DAYS, Daily
from perpscope.research.evidence.collect import Window
from perpscope.research.evidence.facts import Number
from perpscope.research.evidence.record import Cellular, Line, Table
from perpscope.stats.deflation import sharpe_interval
from perpscope.stats.interval import mean_interval

Floats = npt.NDArray[np.float64]

COST = 7e-4
HISTORY = 400 * DAY
PUBLISHED = {
    "holding, funding paid": "BTC 2020-01 to 2026-02 Sharpe 0.70, 2023-01 on 1.00",
    "steady-risk holding, 25%": "lowers drawdown (A/C)",
    "momentum of 28 days, long/short": "BTC 2020-01 to 2026-02 Sharpe 1.13, 2023-01 on 0.86",
    "momentum of 28 days, long/flat": "BTC 1.24 and 1.20",
    "channels 5 to 360 days, long/flat": "20 coins, net Sharpe above 1.5 (Zarattini et al. 2025)",
    "agreement of 7, 28 and 90 days": "daily filter for hourly entries 0.33 to 0.80 (Quantpedia)",
    "funding carry, delta neutral": "+5.6% a year 2023 to 2026, decaying below zero",
    "cross-sectional funding": "out of sample Sharpe 0.39, PBO 0.81",
    "hour at 22 UTC, bps": "+3.3 bps an hour, below a 10 bps round trip",
}


def baseline_table(lake: Lake, window: Window) -> Table:
    """Annual Sharpe ratio of every baseline on every instrument over the window (analytic 95% interval); carry in % a year.

    Signals read up to 400 days before the window. A change of exposure costs 7 bps per unit of turnover.
    """
    rows: dict[str, dict[str, Cellular]] = {name: {} for name in PUBLISHED}
    many: list[Daily] = []
    notes: dict[str, str] = {}
    for symbol in window.symbols:
        streams = [s for s in lake.streams(window.venue, symbol, window.end) if s.startswith("bars@") or s == "funding"]
        source = lake.source(window.venue, symbol, streams, start=window.start - HISTORY, end=window.end)
        graph = Graph(source.instrument, ["bars@1h"], frozenset(streams), "1h")
        key = graph.require("bars@1h")
        bars = source.tables[key] if key in source.tables else collect(graph, source)[key]
        try:
            one = baselines.daily(bars, source.tables.get("funding"))
        except UserError as why:
            notes[symbol] = str(why)
            continue
        many.append(one)
        inside = one.day >= window.start // DAY
        for name, returns in _followed(one).items():
            rows[name][symbol] = _sharpe(returns[inside])
        received = baselines.carry(one)[inside]
        rows["funding carry, delta neutral"][symbol] = f"{100 * float(received.mean()) * YEAR_DAYS:.2f}% a year"
        late = bars[int(np.searchsorted(bars.clock, window.start, side="right")) :]
        if bool((late["known_ts"] - late["ref_ts"] == HOUR).all()):
            rows["hour at 22 UTC, bps"][symbol] = Number.of(mean_interval(baselines.hour_returns(late, 22)))
    if len(many) >= 3:
        days, returns = baselines.cross_section(many, COST)
        found = _sharpe(returns[days >= window.start // DAY])
        rows["cross-sectional funding"] = {symbol: (found if k == 0 else "") for k, symbol in enumerate(window.symbols)}
    question = "Annual Sharpe ratio with its 95% interval, after 7 bps per unit of turnover and funding; what needs no factor."
    lines = [Line(name, cells, PUBLISHED[name]) for name, cells in rows.items() if cells]
    lines += [Line(symbol, {}, why) for symbol, why in notes.items()]
    return Table("B", "Baselines", question, lines)


def _followed(one: Daily) -> dict[str, Floats]:
    exposures = {
        "steady-risk holding, 25%": baselines.steady_risk(one),
        "momentum of 28 days, long/short": baselines.time_series_momentum(one),
        "momentum of 28 days, long/flat": baselines.time_series_momentum(one, flat=True),
        "channels 5 to 360 days, long/flat": baselines.donchian(one),
        "agreement of 7, 28 and 90 days": baselines.frame_trend(one),
    }
    followed = {name: baselines.followed(one, exposure, COST) for name, exposure in exposures.items()}
    return {"holding, funding paid": baselines.hold(one), **followed}


def _sharpe(returns: Floats) -> Number:
    if len(returns) < 3 or not returns.std() > 0.0:
        return Number(None, None, None, len(returns), "no variance")
    return Number.of(sharpe_interval(returns, YEAR_DAYS))
