"""Which way the time frames lean: the four parts of each, their score, and how far they agree."""

from __future__ import annotations

from perpscope.core.time import HOUR, Timeframe
from perpscope.mtf.align import STALE_BARS
from perpscope.report.document import FrameLean, Frames, Price
from perpscope.report.results import Results, last_row, number, when

_PREFIX = "frame_bias@"
_FINEST = HOUR  # the shortest frame that `bias` joins: it speaks at least once in one of its bars


def read_frames(results: Results, price: Price) -> Frames | str:
    """Every frame that `bias` asked for, coarsest first; a row older than two of its bars is stale and left out."""
    names = sorted(
        (k.removeprefix(_PREFIX) for k in results.rows if k.startswith(_PREFIX)), key=lambda n: -Timeframe.parse(n).ns
    )
    if not names:
        return results.why("frame_bias", "its slowest average needs 200 bars")
    whole = last_row(results.table("bias"))
    if whole and results.at - whole["known_ts"] > STALE_BARS * _FINEST:
        whole = None
    leans = [_lean(results, name) for name in names]
    if all(lean.score is None for lean in leans):
        return "No time frame has the 200 bars that its slowest average needs."
    return Frames(
        frames=leans,
        score=number(whole["score"]) if whole else None,
        agreement=number(whole["agreement"]) if whole else None,
        side=str(whole["side"]) if whole else None,
    )


def _lean(results: Results, name: str) -> FrameLean:
    row, stack = last_row(results.table("frame_bias", name)), last_row(results.table("average_stack", name))
    fresh = row is not None and results.at - row["known_ts"] <= STALE_BARS * Timeframe.parse(name).ns
    if row is None or not fresh:
        return FrameLean(timeframe=name, parts={}, score=None, trend_state=None, known=None, settled=None)
    return FrameLean(
        timeframe=name,
        parts={k.removeprefix("part_"): number(v) for k, v in row.items() if k.startswith("part_")},
        score=number(row["score"]),
        trend_state=stack["trend_state"] if stack else None,
        known=when(row["known_ts"]),
        settled=bool(stack["settled"]) if stack else None,
    )
