"""Drift: what each factor was worth in the newest window beside the one before, and whether they differ by more than noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum

import msgspec
from scipy import special

from perpscope.research.evidence.facts import Number, rounded
from perpscope.research.evidence.gates import Gates
from perpscope.research.evidence.record import EvidencePage
from perpscope.stats.multiplicity import benjamini_hochberg

POWER = 0.8


class Change(StrEnum):
    """What became of an effect."""

    REVERSED = "reversed"
    WEAKER = "weaker"
    STRONGER = "stronger"
    NOT_SHOWN = "no change shown"
    UNKNOWN = "unknown"


class Drift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One outcome of one factor in two windows.

    Attributes:
        outcome: "direction" (bps) or a risk outcome (logarithm).
        before, after, difference: with intervals of the same level; the windows do not overlap, so errors add in squares.
        p: two-sided, of no difference; seen: the smallest change that this data would have shown in 80% of cases.
        verdicts: the factor's verdict in both windows.
    """

    factor: str
    title: str
    outcome: str
    before: Number
    after: Number
    difference: Number
    p: float | None
    seen: float | None
    change: Change
    verdicts: tuple[str, str]


class DriftReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Two windows of the same length, one after the other, and every outcome in both."""

    venue: str
    symbols: list[str]
    timeframe: str
    before: tuple[str, str]
    after: tuple[str, str]
    data: tuple[str, str]
    false_discovery: float
    drifts: list[Drift]
    command: str


def drifts_of(before: Sequence[EvidencePage], after: Sequence[EvidencePage], gates: Gates) -> list[Drift]:
    """Compare the pages of two windows, factor by factor.

    Definition: difference = after - before, error^2 = error_before^2 + error_after^2 with the errors that the intervals stand
    for; an outcome has changed if its two-sided p is among the discoveries of Benjamini-Hochberg over all outcomes of all
    factors. "reversed": the sign changed too; "weaker", "stronger": by absolute value. Otherwise no change is shown, and
    `seen` says how large one would have had to be; unknown where a window has no interval.
    """
    newer = {page.name: page for page in after}
    found = [drift for old in before if old.name in newer for drift in _outcomes(old, newer[old.name], gates)]
    asked = {(one.factor, one.outcome): one.p for one in found if one.p is not None}
    if not asked:
        return found
    kept = benjamini_hochberg(list(asked.values()), gates.false_discovery).rejected
    changed = {key for key, yes in zip(asked, kept, strict=True) if yes}
    return [msgspec.structs.replace(one, change=_change(one)) if (one.factor, one.outcome) in changed else one for one in found]


def difference(before: Number, after: Number, level: float) -> tuple[Number, float | None, float | None]:
    """After minus before with its interval, the two-sided p of no difference, and the change seen with a power of 80%.

    Example:
        >>> told, p, seen = difference(Number(10.0, 8.04, 11.96, 99), Number(4.0, 2.04, 5.96, 99), 0.95)
        >>> str(told), round(p, 6), round(seen, 2)
        ('-6 [-8.77, -3.23]', 2.2e-05, 3.96)
    """
    if before.value is None or after.value is None or not (before.known and after.known):
        why = "a window has no interval"
        return Number(None, None, None, min(before.n, after.n), why), None, None
    error = math.hypot(before.error(level), after.error(level))
    value = after.value - before.value
    half = float(special.ndtri(0.5 + level / 2.0)) * error
    p = 2.0 * float(special.ndtr(-abs(value) / error)) if error > 0.0 else None
    seen = half + float(special.ndtri(POWER)) * error
    return Number(rounded(value), rounded(value - half), rounded(value + half), min(before.n, after.n)), p, rounded(seen)


def _outcomes(old: EvidencePage, new: EvidencePage, gates: Gates) -> Iterator[Drift]:
    pairs = [("direction", old.facts.effect, new.facts.effect)] if old.facts.directional else []
    risks = {risk.target: risk.effect for risk in new.facts.risks}
    pairs += [(risk.target, risk.effect, risks[risk.target]) for risk in old.facts.risks if risk.target in risks]
    for outcome, before, after in pairs:
        told, p, seen = difference(before, after, gates.level)
        change = Change.UNKNOWN if p is None else Change.NOT_SHOWN
        p = None if p is None else rounded(p)
        yield Drift(
            old.name, old.title, outcome, before, after, told, p, seen, change, (str(old.verdict), str(new.verdict))
        )  # fmt: skip


def _change(one: Drift) -> Change:
    before, after = one.before.value or 0.0, one.after.value or 0.0
    if before * after < 0.0:
        return Change.REVERSED
    return Change.WEAKER if abs(after) < abs(before) else Change.STRONGER


def drift_page(report: DriftReport) -> str:
    """The report as markdown; the same report gives the same bytes."""
    changed = [one for one in report.drifts if one.change not in (Change.NOT_SHOWN, Change.UNKNOWN)]
    unknown = [one for one in report.drifts if one.change is Change.UNKNOWN]
    lines = [
        f"# Drift: {', '.join(report.symbols)} on {report.venue}, bars of {report.timeframe}",
        "",
        f"The window {report.after[0]} .. {report.after[1]} UTC beside {report.before[0]} .. {report.before[1]} UTC: "
        f"{len(changed)} of {len(report.drifts) - len(unknown)} comparable outcomes changed by more than noise "
        f"(false discoveries held at {report.false_discovery:.0%}), {len(unknown)} cannot be compared. Made by",
        "",
        "```sh",
        report.command,
        "```",
        "",
        "Direction in bps in the direction of the claim, before costs; risk outcomes as logarithms. Brackets: 95%. Seen: the "
        "smallest change that this data would have shown in 80% of cases; a line without change says no more than that.",
        "",
        "| factor | outcome | before | after | difference | seen | change | verdict before | verdict after |",
        "|---|---|---|---|---|---:|---|---|---|",
    ]
    for one in [*changed, *(d for d in report.drifts if d not in changed)]:
        seen = "-" if one.seen is None else f"{one.seen:.3g}"
        word = f"**{one.change}**" if one in changed else str(one.change)
        cells = [one.title, one.outcome, str(one.before), str(one.after), str(one.difference), seen, word, *one.verdicts]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
