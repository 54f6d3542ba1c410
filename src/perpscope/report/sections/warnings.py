"""What a reader must know before trusting the rest."""

from __future__ import annotations

from perpscope.core.time import DAY
from perpscope.report.document import Leverage, Price
from perpscope.report.holes import sentence
from perpscope.report.results import Results, ts_of

EXPOSURE_HISTORY = 60 * DAY
"""Liquidation exposure is carried from opens long past: history wanted before the window (LIQUIDATION 3.6)."""

DAILY_BARS = 200
"""The slowest average of the daily frame needs as many bars before its first value."""

_ADDS_UP = 1e-3


def read_warnings(results: Results, price: Price, leverage: Leverage | None) -> list[str]:
    """Holes, thin history, stand-ins, and estimates that contradict themselves; one sentence each."""
    found = [sentence(hole) for hole in results.holes]
    before = max(0, results.window.start - int(results.bars["ref_ts"][0])) // DAY
    if before < DAILY_BARS:
        found.append(f"The 1d averages need {DAILY_BARS} daily bars before the window; there are {before}.")
    if price.mark is None:
        found.append("No mark price in the data: the last price stands in for it, and venues liquidate on mark.")
    return found if leverage is None else [*found, *_estimate(results, leverage)]


def _estimate(results: Results, leverage: Leverage) -> list[str]:
    found = []
    interest = results.stream("open_interest")
    begun = results.window.start if interest is None else int(interest.clock[0])
    days = max(0, results.window.start - begun) // DAY
    if days < EXPOSURE_HISTORY // DAY:
        found.append(
            f"Open interest is known for only {days} days before the window; estimated liquidations want "
            f"{EXPOSURE_HISTORY // DAY}, so older positions are missing from the map."
        )
    for side, placed, unplaced in (
        ("longs", leverage.coverage_longs, leverage.unplaced_longs),
        ("shorts", leverage.coverage_shorts, leverage.unplaced_shorts),
    ):
        if placed is not None and unplaced is not None and not abs(placed + unplaced - 1.0) < _ADDS_UP:
            found.append(f"The estimated books of the {side} do not add up to the open interest: do not use their dollars.")
    if leverage.mix.dated is not None and ts_of(leverage.mix.dated) > results.at:
        found.append(
            f"The leverage mix was observed by {leverage.mix.dated:%Y-%m-%d}, after the time of this report: it is a constant "
            "of the method, nobody had it then."
        )
    return found
