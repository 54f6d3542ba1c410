"""Every setup at the last close: its score, and the reasons that add up to it."""

from __future__ import annotations

from collections.abc import Mapping

from perpscope.core.fold import Fold
from perpscope.core.registry import discover
from perpscope.mtf.align import STALE_BARS
from perpscope.report.document import Reason, Setup
from perpscope.report.results import Results, last_row, number, when
from perpscope.setups.base import Factor, Verdict
from perpscope.setups.base import Setup as Proposer
from perpscope.setups.factors import FACTORS
from perpscope.setups.signal import living

_PART = "part_"


def read_setups(results: Results) -> list[Setup]:
    """The confluence, and each setup with a proposal that stands; a reason's verdict is what evidence has found."""
    found = []
    for name, fold in discover("perpscope.setups").items():
        table = results.table(name)
        proposes = issubclass(fold, Proposer)
        row = last_row(living(table) if proposes and table is not None else table)
        if row is not None and (proposes or results.at - row["known_ts"] < STALE_BARS * results.frame.ns):
            found.append(_setup(name, fold, row, results.verdicts))
    return found


def _setup(name: str, fold: type[Fold], row: dict[str, float | None], verdicts: Mapping[str, Verdict]) -> Setup:
    known_factors = {f.name: f for f in FACTORS}
    parts = {k.removeprefix(_PART): v for k, v in row.items() if k.startswith(_PART)}
    reasons = [_reason(key, value, known_factors.get(key), verdicts) for key, value in parts.items()]
    score = row.get("score")
    return Setup(
        name=name,
        title=fold.spec.title,
        known=when(int(row["known_ts"] or 0)),
        side="long" if score and score > 0 else "short" if score and score < 0 else None,
        score=number(score),
        most=float(len(parts)),
        reasons_known=sum(value is not None for value in parts.values()),
        reasons=reasons,
    )


def _reason(name: str, value: float | None, factor: Factor | None, verdicts: Mapping[str, Verdict]) -> Reason:
    found = verdicts.get(name, factor.verdict) if factor else Verdict.UNPROVEN
    return Reason(
        factor=name,
        title=factor.title if factor else name.replace("_", " "),
        contribution=number(value),
        detail=factor.reason(float("nan") if value is None else value) if factor else "",
        verdict=found.value.lower(),
    )
