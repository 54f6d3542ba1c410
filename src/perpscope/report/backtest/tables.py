"""The tables of a backtest as words: headings and cells, for the terminal and the picture alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

from perpscope.backtest.performance import Group
from perpscope.backtest.result import BacktestResult
from perpscope.stats.interval import Estimate

WORDS = {
    "annual_growth": "Growth a year",
    "volatility": "Volatility a year",
    "sharpe_ratio": "Sharpe ratio (365 days)",
    "sortino_ratio": "Sortino ratio",
    "max_drawdown": "Deepest drawdown",
    "calmar_ratio": "Calmar ratio",
    "expected_shortfall": "Worst 5 % of days, mean",
    "expectancy": "Net result per trip",
    "hit_rate": "Trips that won",
    "profit_factor": "Profit factor",
    "payoff_ratio": "Mean win / mean loss",
}
FRACTIONS = frozenset({"annual_growth", "volatility", "max_drawdown", "expected_shortfall", "hit_rate"})


@dataclass(frozen=True)
class Sheet:
    """A titled table; the first column is text, the others are numbers."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sheets(result: BacktestResult) -> list[Sheet]:
    """What a reader looks at, in order: the run beside its yardsticks, costs, splits, random entries, refusals."""
    return [
        sheet
        for sheet in (_beside(result), _trades(result), _costs(result), *_splits(result), _random(result), _refused(result))
        if sheet.rows
    ]


def number(value: float, fraction: bool = False) -> str:
    """A number in three digits, a fraction in percent, a dash where there is none."""
    if not math.isfinite(value):
        return "-"
    if fraction:
        return f"{100.0 * value:.1f} %"
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.2f}"


def estimate(found: Estimate, fraction: bool = False) -> str:
    """A value with its interval.

    Example:
        >>> estimate(Estimate(0.123, 0.05, 0.2, 0.95, 100, "t"), fraction=True)
        '12.3 % (5.0 % .. 20.0 %)'
    """
    if not found.has_interval:
        return number(found.value, fraction)
    return f"{number(found.value, fraction)} ({number(found.low, fraction)} .. {number(found.high, fraction)})"


def _beside(result: BacktestResult) -> Sheet:
    level = f"{100 * result.run.config.yardsticks.level:g} %"
    columns = [("this run", result.performance.growth, result.performance.returns)]
    columns += [(("hold", "hold at steady risk")[min(k, 1)], y.growth, y.returns) for k, y in enumerate(result.yardsticks)]
    rows = [("Growth over the run", *(number(growth, True) for _, growth, _ in columns))]
    for name in result.performance.returns:
        rows.append((WORDS[name], *(estimate(r[name], name in FRACTIONS) if name in r else "-" for _, _, r in columns)))
    return Sheet(f"Daily returns, {level} intervals", ("", *(title for title, _, _ in columns)), tuple(rows))


def _trades(result: BacktestResult) -> Sheet:
    unit = "R" if result.unit == "R" else "share of equity"
    rows = [
        (WORDS[name] + (f", {unit}" if name == "expectancy" else ""), estimate(e, name in FRACTIONS))
        for name, e in result.performance.trades.items()
    ]
    rows.append(("Round trips", str(result.performance.round_trips)))
    rows += [(f"  ended by {name}", str(count)) for name, count in result.exits.items()]
    rows.append(("Mean gross notional / equity", f"{result.performance.exposure:.2f}x"))
    rows.append(("Turnover a year, times equity", number(result.performance.turnover)))
    rows.append(("P(true Sharpe ratio > 0), one trial", number(result.performance.psr, True)))
    return Sheet("Trades", ("", "value"), tuple(rows))


def _costs(result: BacktestResult) -> Sheet:
    costs = result.performance.costs
    rows = [(name.capitalize(), number(getattr(costs, name) + 0.0)) for name in ("fees", "slippage", "funding", "liquidation")]
    rows += [(f"Net at {name} of both", number(value)) for name, value in result.cost_grid.items()]
    rows.append(
        (
            "Break-even at costs of",
            f"x{result.break_even:.2f}" if result.break_even > 0 else "none",
        )
    )
    return Sheet("Costs, in the settlement coin; positive is paid", ("", "value"), tuple(rows))


def _splits(result: BacktestResult) -> list[Sheet]:
    made = []
    for scheme, groups in result.splits.items():
        rows = tuple(_group(name, group) for name, group in groups.items())
        made.append(Sheet(f"By {scheme}", (scheme, "trips", "net", f"per trip, {result.unit}", "won"), rows))
    return made


def _group(name: str, group: Group) -> tuple[str, ...]:
    return name, str(group.round_trips), number(group.net), estimate(group.expectancy), number(group.hit_rate.value, True)


def _random(result: BacktestResult) -> Sheet:
    rows = tuple(
        (r.symbol, number(r.mean_bps), f"{number(r.low_bps)} .. {number(r.high_bps)}", f"{r.p_value:.3f}", str(r.draws))
        for r in result.random_entries
    )
    return Sheet(
        "Timing against random entries: same count, sides, holding times; bps of notional per trip after costs",
        ("instrument", "this run", "5 .. 95 % of draws", "p", "draws"),
        rows,
    )


def _refused(result: BacktestResult) -> Sheet:
    return Sheet("Proposals not traded", ("reason", "times"), tuple((why, str(n)) for why, n in result.refusals.items()))
