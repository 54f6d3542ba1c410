"""The offline demo: a simulated market, stored, analysed, and its true levels drawn beside the estimated ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perpscope import api
from perpscope.backtest.result import BacktestResult
from perpscope.core.errors import UserError
from perpscope.core.time import DAY, format_ts, to_datetime
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.map import newest_cells
from perpscope.lake import Lake, store
from perpscope.report import Report, write_report
from perpscope.report.backtest import write_backtest
from perpscope.report.comparison import Comparison, compare, draw_comparison
from perpscope.report.heat import ahead
from perpscope.synthetic import Config, simulate

Progress = Callable[[str, float, float], None]

ORIGIN = "simulation"
SETUPS = ("zone_retest", "session_open", "cluster_breakout")
SIMULATED = "SIMULATED MARKET: invented traders, no real data"


@dataclass(frozen=True)
class Demo:
    """What the demo made."""

    report: Report
    comparison: Comparison
    backtest: BacktestResult
    written: list[Path]


def run_demo(out: Path, seed: int = 7, days: int = 21, progress: Progress | None = None) -> Demo:
    """Simulate -> lake -> report -> truth beside the estimate, in `out`; an earlier demo there is replaced.

    Raises:
        UserError: if the folder holds something that is not a demo, or cannot be written.
    """
    tell = progress or (lambda label, done, total: None)
    lake_dir = out / "lake"
    if out.exists() and any(out.iterdir()) and not (out / ".demo").exists():
        raise UserError(f"{out} is not empty and holds no demo. Choose another folder with --out.")
    shutil.rmtree(lake_dir, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / ".demo").write_text("made by perpscope demo; safe to replace\n", encoding="utf-8")
    tell("simulating the market", 0, 5)
    market = simulate(Config(seed=seed, days=float(days)))
    tell("storing it in a lake", 1, 5)
    lake = Lake(lake_dir)
    published = {name: table for name, table in market.tables.items() if name != "mark_price"}
    store(lake, market.instrument, published, ORIGIN)
    tell("analysing it", 2, 5)
    symbol, venue = market.instrument.symbol, market.instrument.venue
    report = api.make_report(lake, symbol, venue=venue, timeframe="1h", lookback="7d")
    tell("drawing", 3, 5)
    written = write_report(report, out)
    at = report.results.at
    mark = report.results.last_price
    heat = report.results.table("liquidation_heatmap")
    if heat is None:
        raise UserError(f"The demo has no heatmap: {report.results.why('liquidation_heatmap')}")
    comparison = compare(ahead(newest_cells(heat, at), mark), market.truth.levels_at(at), mark)
    picture = out / "true-levels.png"
    picture.write_bytes(draw_comparison(comparison, mark, at, SIMULATED))
    tell("trading it on paper", 4, 5)
    result = api.run_backtest(lake, _config(venue, symbol, at, days))
    return Demo(report, comparison, result, [*written, picture, *write_backtest(result, out / "backtest")])


def summary(demo: Demo) -> list[str]:
    """How the estimate compares with the truth, and what the small backtest came to, in sentences."""
    lines = [f"True against estimated levels within 12 % of the mark, {format_ts(demo.report.results.at)}:"]
    lines += [f"  {demo.comparison.sentence(side)}" for side in PositionSide]
    found = demo.backtest.performance
    held = demo.backtest.yardsticks[0]
    lines.append(f"A small backtest of {', '.join(SETUPS)} on the simulated market, 1h, fees and slippage paid:")
    lines.append(
        f"  {found.round_trips} round trips, {found.growth:+.2%} of equity; holding at the same exposure {held.growth:+.2%}. "
        "An invented market and a few days: it shows the machinery, nothing else."
    )
    return lines


def _config(venue: str, symbol: str, at: int, days: int) -> dict[str, Any]:
    """A backtest over the last two thirds of the simulated days."""
    begin = at - days * DAY * 2 // 3
    data = {
        "venue": venue, "symbols": [symbol], "start": _stamp(begin), "end": _stamp(at), "timeframe": "1h", "warmup": f"{days}d",
    }  # fmt: skip
    return {"name": "demo", "data": data, "setup": [{"name": name} for name in SETUPS], "yardsticks": {"random_draws": 200}}


def _stamp(ts: int) -> str:
    return to_datetime(ts).strftime("%Y-%m-%dT%H:%M:%SZ")
