"""Setups side by side, as Markdown and in the terminal: good and bad alike, each number with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from perpscope.backtest.separately import Row
from perpscope.report.backtest.tables import estimate, number

HEADINGS = (
    "setup", "symbol", "proposals", "trips", "growth", "per trip", "Sharpe a year", "drawdown", "fees + slippage",
    "funding paid",
    "costs of break-even",
    "timing, bps a trip (random 5 .. 95 %)", "p", "hold: Sharpe",
)  # fmt: skip


def cells(row: Row) -> tuple[str, ...]:
    """A row of the comparison as words."""
    if row.result is None:
        return row.setup, row.symbol, f"could not run: {row.why_not}", *("" for _ in HEADINGS[3:])
    result = row.result
    found, costs = result.performance, result.performance.costs
    timing = result.random_entries[0] if result.random_entries else None
    return (
        row.setup,
        row.symbol,
        f"{sum(result.run.signals.values()):,}",
        f"{found.round_trips:,}",
        number(found.growth, True),
        f"{estimate(found.trades['expectancy'])} {result.unit}",
        estimate(found.returns["sharpe_ratio"]),
        number(found.returns["max_drawdown"].value, True),
        number((costs.fees + costs.slippage) / found.initial, True),
        number(costs.funding / found.initial, True),
        f"x{result.break_even:.2f}" if result.break_even > 0.0 else "none",
        "" if timing is None else f"{number(timing.mean_bps)} ({number(timing.low_bps)} .. {number(timing.high_bps)})",
        "" if timing is None else f"{timing.p_value:.3f}",
        number(result.yardsticks[0].returns["sharpe_ratio"].value) if result.yardsticks[0].returns else "",
    )


def markdown(rows: Sequence[Row]) -> str:
    """The comparison as a Markdown table."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + " --- |" * 2 + " ---: |" * (len(HEADINGS) - 2)]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def comparison_json(rows: Sequence[Row]) -> bytes:
    """Every result in full, keys in order: the same rows give the same bytes."""
    said = [
        {"setup": r.setup, "symbol": r.symbol, "why_not": r.why_not, "result": None if r.result is None else r.result.plain()}
        for r in rows
    ]
    return msgspec.json.format(msgspec.json.encode({"version": 1, "rows": said}, order="sorted"), indent=1)
