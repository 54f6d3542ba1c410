"""The claims, in sentences, held together by Holm's procedure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from perpscope.research.skill.judge import Bench, p_value
from perpscope.research.skill.magnet import Magnet
from perpscope.research.skill.path import GEOMETRY, INTEREST_ONLY, MAP, PathScores
from perpscope.research.skill.result import Verdict, verdict
from perpscope.research.skill.strata import Stratified
from perpscope.stats.interval import Estimate
from perpscope.stats.multiplicity import holm

UNIT = "nats per interval and side"


def path_verdicts(bench: Bench, scores: Sequence[PathScores]) -> list[tuple[Verdict, Estimate]]:
    """What T1 and T2 allow to say, path by path, with the number behind it."""
    found = []
    for one in scores:
        coarse = one.path == bench.sample.study.interval
        tail = "" if coarse else ", fine path"
        regression = "a regression on range, volume and the path" if coarse else "a regression that sees the same fine path"
        ours, placebo = one.scored[MAP], one.scored[GEOMETRY]
        gain = bench.gain(ours.alone, placebo.alone)
        found.append((verdict(
            f"map over geometry{tail}", gain,
            f"Alone on the {one.path} path the map beats the geometry placebo ({UNIT})",
            f"Alone on the {one.path} path the geometry placebo beats the map ({UNIT})",
            f"Alone on the {one.path} path the map and the geometry placebo cannot be told apart ({UNIT})",
        ), gain))  # fmt: skip
        gain = bench.gain(ours.added, one.base)
        found.append((verdict(
            f"map on regression{tail}", gain,
            f"On the {one.path} path the map adds to {regression} ({UNIT})",
            f"On the {one.path} path the map makes {regression} worse ({UNIT})",
            f"On the {one.path} path the map adds nothing measurable to {regression} ({UNIT})",
        ), gain))  # fmt: skip
        gain = bench.gain(one.full, one.geometry_base)
        name = "map on regression and geometry" if coarse else "map on regression, path and geometry, fine path"
        found.append((verdict(
            name, gain,
            f"Positions matter beyond geometry: given also the placebo, the map on the {one.path} path still adds ({UNIT})",
            f"Given also the placebo, the map on the {one.path} path makes it worse ({UNIT})",
            f"On the {one.path} path it is geometry: given the placebo, volume and open interest add nothing ({UNIT})",
        ), gain))  # fmt: skip
        gain = bench.gain(ours.alone, one.base)
        found.append((verdict(
            f"map alone over regression{tail}", gain,
            f"The map alone on the {one.path} path beats {regression} ({UNIT})",
            f"The map alone on the {one.path} path is worse than {regression} ({UNIT})",
            f"The map alone on the {one.path} path is as good as {regression} ({UNIT})",
        ), gain))  # fmt: skip
        for name in (n for n in one.scored if n.startswith(("map, mirrored", "map of ")) and "before" not in n):
            if name == INTEREST_ONLY:
                continue
            gain = bench.gain(ours.added, one.scored[name].added)
            found.append((verdict(
                f"map over '{name}'{tail}", gain,
                f"On the regression the map adds more than the placebo '{name}' ({UNIT})",
                f"On the regression the placebo '{name}' adds more than the map ({UNIT})",
                f"On the regression the placebo '{name}' adds as much as the map ({UNIT})",
            ), gain))  # fmt: skip
    return found


def plain_verdicts(within: Stratified | None, pulls: Sequence[Magnet]) -> list[tuple[Verdict, Estimate]]:
    """What T4 and T5 allow to say."""
    found = []
    if within is not None:
        shifted = within.auc
        if shifted.has_interval:
            shifted = replace(shifted, value=shifted.value - 0.5, low=shifted.low - 0.5, high=shifted.high - 0.5)
        found.append((verdict(
            "strata", shifted,
            "Among equally far and fast sweeps those with more on the map break more (AUC above one half by)",
            "Among equally far and fast sweeps those with more on the map break less (AUC above one half by)",
            "Among equally far and fast sweeps the map ranks no better than chance (AUC above one half by)",
        ), shifted))  # fmt: skip
    one = min(pulls, key=lambda m: abs(m.sigmas - 1.0), default=None)
    if one is not None:
        found.append((verdict(
            "magnet", one.pull,
            f"Price went to the heavier side first more often than not, at +-{one.sigmas:g} daily sigma (log odds per sd)",
            f"Price went away from the heavier side first, at +-{one.sigmas:g} daily sigma (log odds per sd)",
            f"No magnet: at +-{one.sigmas:g} daily sigma the heavier side is not met first more often (log odds per sd)",
        ), one.pull))  # fmt: skip
    return found


def held_together(family: Sequence[str], found: Sequence[tuple[Verdict, Estimate]]) -> list[Verdict]:
    """Verdicts with p-values; those of the frozen family adjusted together (Holm). A claim that does not survive the
    adjustment says so."""
    p = {v.claim: p_value(e) for v, e in found}
    members = [v.claim for v, e in found if v.claim in family and e.has_interval]
    adjusted = dict(zip(members, holm([p[name] for name in members]).adjusted.tolist())) if members else {}
    out = []
    for one, _ in found:
        together = adjusted.get(one.claim)
        sentence = one.sentence
        if together is not None and one.outcome in ("better", "worse") and together > 0.05:
            sentence += f" Not after Holm's adjustment over {len(members)} claims (p {together:.2f})."
        value = p[one.claim] if math.isfinite(p[one.claim]) else None
        out.append(msgspec.structs.replace(one, sentence=sentence, p=value, p_holm=together))
    return out
