"""What evidence allows a trade to be: a cap on exposure from the setup's verdict, and a shrink from risks that speak now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perpscope.core.errors import unknown_name
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.lake import Source
from perpscope.research.event_study.targets import HORIZONS
from perpscope.research.evidence.collect import missing_inputs
from perpscope.research.evidence.record import EvidencePage, read_page
from perpscope.research.evidence.table import adapter
from perpscope.research.evidence.verdicts import FactorVerdict, read_verdict_file, read_verdicts
from perpscope.setups.base import Verdict

MOST_LEVERAGE = 3.0
"""Evidence never allows more, whatever its bound says (EVIDENCE 8)."""

_MORE_RISK = ("volatility", "range", "liquidations")


@dataclass(frozen=True)
class Allowance:
    """`exposure`: the most notional over equity that the setup's verdict allows (0: none). `shrink`: what the size is
    multiplied by because of risks that speak now, 0..1. `words`: why, one sentence each."""

    exposure: float
    shrink: float
    words: tuple[str, ...]


def exposure_allowed(verdict: FactorVerdict, at: int) -> tuple[float, str]:
    """The cap from a setup's own verdict at a moment, ns, and the sentence for it.

    Definition: a quarter of Kelly at the lower 90% bound (`FactorVerdict.leverage`), at most 3x, where the verdict is PROVEN
    then; 0 for every other verdict, and for one that has expired or was demoted.
    """
    now = verdict.at(at)
    if now is Verdict.PROVEN and verdict.leverage > 0.0:
        cap = min(verdict.leverage, MOST_LEVERAGE)
        return cap, f"{verdict.name} is PROVEN ({verdict.date}): up to {cap:.2g} times equity, by its lower bound."
    told = verdict.sentence if now is verdict.verdict else "Its verdict has expired or was taken back."
    return 0.0, f"{verdict.name} is {now} ({verdict.date}) and may not add size. {told}"


def risk_shrink(page: EvidencePage) -> float:
    """exp(-the largest steady risk that is foretold): as much less size as there is more volatility, range or liquidation.

    Example:
        A factor that foretells 20% more volatility leaves 1 / 1.2 of the size.
    """
    found = [r.effect.value or 0.0 for r in page.facts.risks if r.target in _MORE_RISK and r.steady and r.effect.above_zero]
    return math.exp(-max(found, default=0.0))


def speaking(source: Source, frame: str, names: Mapping[str, str], at: int) -> list[str]:
    """Which factors (name to horizon) had an event within their horizon before `at`; those that cannot be run do not speak."""
    graph = Graph(source.instrument, [], source.offered, frame)
    keys = {name: graph.require(adapter(name).fold) for name in names if not missing_inputs(graph, adapter(name).fold)}
    rows = collect(graph, source)
    out = []
    for name, key in keys.items():
        known, _ = adapter(name).read(rows[key])
        if bool(((known <= at) & (known > at - HORIZONS[names[name]])).any()):
            out.append(name)
    return sorted(out)


def allowance(folder: Path, setup: str, source: Source, at: int) -> Allowance:
    """What the verdicts in a folder allow a trade of `setup` to be at a moment.

    Raises:
        UserError: if the folder holds no verdicts, none on this setup, or a page is missing.
    """
    held = read_verdicts(folder, at)
    if setup not in held:
        raise unknown_name(f"verdict in {folder} on the setup", setup, [name for name in held if name.startswith("setup_")])
    exposure, why = exposure_allowed(held[setup], at)
    risks = {name: one.horizon for name, one in held.items() if one.verdict is Verdict.RISK_ONLY and one.may_shrink_size}
    words, shrink = [why], 1.0
    frame = read_verdict_file(folder).timeframe
    for name in speaking(source, frame, risks, at) if risks else []:
        part = risk_shrink(read_page(folder, name))
        if part < 1.0:
            shrink = min(shrink, part)
            words.append(
                f"{name} (RISK-ONLY) has spoken within {risks[name]}: {part:.0%} of the size, for the risk it foretells."
            )
    return Allowance(exposure, shrink, tuple(words))
