"""Following verdicts: what factors did after they were judged, and which of them the monitor takes back, with the date."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.time import format_ts, parse_ts
from perpscope.lake import Lake
from perpscope.research.event_study import Prepared, Settings, events_at, study_events
from perpscope.research.event_study.targets import HORIZONS
from perpscope.research.evidence.collect import Window, collect
from perpscope.research.evidence.facts import rounded
from perpscope.research.evidence.gates import gates
from perpscope.research.evidence.measure import primary_horizon, seed_of
from perpscope.research.evidence.monitor import Watch, demote, watch
from perpscope.research.evidence.record import EvidencePage, read_page
from perpscope.research.evidence.table import adapter
from perpscope.research.evidence.tables import Ready
from perpscope.research.evidence.verdicts import VerdictFile, read_verdict_file
from perpscope.setups.base import Verdict

Progress = Callable[[str, float, float], None]


@dataclass(frozen=True)
class Promise:
    """What a verdict promised of a result: its mean and spread, of `outcome` ("direction", net bps; or a risk outcome, log)."""

    outcome: str
    mean: float
    spread: float


class Followed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A factor after its verdict.

    Attributes:
        outcome, promised: what is followed and its promised mean; "" and None where nothing was promised.
        seen, mean: results since, and their mean; demoted_at: ISO day of the alarm, or "".
        words: what the monitor says.
    """

    name: str
    verdict: str
    outcome: str
    promised: float | None
    seen: int
    mean: float | None
    demoted_at: str
    words: str


def promise_of(page: EvidencePage) -> Promise | None:
    """What can be broken: a positive net effect of PROVEN or WEAK, the clearest risk of RISK-ONLY; None for the others.

    The spread is that which the page's interval stands for, error x sqrt(n).
    """
    frozen = gates()
    if page.verdict in (Verdict.PROVEN, Verdict.WEAK):
        net = page.facts.effect.shifted(-page.cost_bps)
        spread = net.error(frozen.level) * math.sqrt(max(net.n, 1))
        return Promise("direction", net.value, spread) if net.value is not None and net.value > 0.0 and spread > 0.0 else None
    if page.verdict is not Verdict.RISK_ONLY:
        return None
    clear = [r for r in page.facts.risks if r.steady and r.effect.known and (r.effect.below_zero or r.effect.above_zero)]
    wanted = [r for r in clear if r.effect.below_zero == (r.target == "volume")]
    if not wanted:
        return None
    best = max(wanted, key=lambda r: abs(r.effect.value or 0.0) / r.effect.error(frozen.level))
    return Promise(best.target, abs(best.effect.value or 0.0), best.effect.error(frozen.level) * math.sqrt(best.effect.n))


def results(ready: Ready, name: str, promise: Promise, seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """What followed the events of a factor, and when each outcome was known.

    Definition: direction: the signed return over the primary horizon less the round trip, as a taker would have had it. A risk
    outcome: event minus its matched moments, signed so that a positive number keeps the promise; the moments are those of the
    whole window, so that an alarm is dated as this window shows it.
    """
    one = adapter(name)
    usable = [k for k, c in enumerate(ready.collected) if not c.claims[name].missing]
    if not usable:
        return np.zeros(0), np.zeros(0, np.int64)
    prepared = [ready.prepared[k] for k in usable]
    claims = [ready.collected[k].claims[name] for k in usable]
    events = [events_at(p.path, c.known_ts, c.sign) for p, c in zip(prepared, claims, strict=True)]
    horizon = primary_horizon(one, prepared[0].path.step)
    target = "return_bps" if promise.outcome == "direction" else promise.outcome
    settings = Settings(replications=200, placebo_draws=0, level=ready.gates.level)
    study = study_events(prepared, events, seed=seed_of(name, seed), targets=[target], horizons=[horizon], settings=settings)
    found = study.cells[0].differences
    values = found.raw - ready.gates.cost_bps if promise.outcome == "direction" else found.matched
    return (-values if promise.outcome == "volume" else values), found.known_ts + HORIZONS[horizon]


def follow(
    lake: Lake, folder: Path, until: int, *, seed: int = 1, progress: Progress | None = None
) -> tuple[list[Followed], VerdictFile]:
    """Every verdict of a folder against what came between the end of its window and `until` (ns).

    Returns: what was found of each factor, and the verdict file with the demotions entered (the same where there were none).

    Raises:
        UserError: if the folder holds no verdicts, `until` is not after their window, or the lake has no bars there.
        DataError: if a page is damaged.
    """
    held = read_verdict_file(folder)
    window = Window(held.venue, tuple(held.symbols), held.timeframe, parse_ts(held.end), until)
    if until <= window.start:
        raise UserError(f"The verdicts rest on data to {held.end}. Choose --until after it, and import what came since.")
    pages = {name: read_page(folder, name) for name in held.factors}
    promises = {name: p for name, page in pages.items() if (p := promise_of(page)) is not None}
    kept = dict(held.factors)
    found = []
    ready = _ready(lake, window, sorted(promises), seed, progress) if promises else None
    for name, verdict in held.factors.items():
        promise = promises.get(name)
        if promise is None or ready is None:
            words = "it promised nothing that could be broken"
            found.append(Followed(name, str(verdict.verdict), "", None, 0, None, "", words))
            continue
        values, known = results(ready, name, promise, seed)
        seen = watch(values, known, promised_bps=promise.mean, spread_bps=promise.spread)
        kept[name] = demote(verdict, seen)
        found.append(_told(name, str(verdict.verdict), promise, seen, values))
    return found, msgspec.structs.replace(held, factors=kept)


def _told(
    name: str, verdict: str, promise: Promise, seen: Watch, values: Sequence[float] | npt.NDArray[np.float64]
) -> Followed:
    mean = rounded(float(np.mean(values))) if len(values) else None
    day = "" if seen.demoted_at is None else format_ts(seen.demoted_at)[:10]
    words = f"demoted on {day}: {seen.reason}" if day else "no alarm" if len(values) else "nothing has happened since"
    return Followed(name, verdict, promise.outcome, rounded(promise.mean), seen.seen, mean, day, words)


def _ready(lake: Lake, window: Window, names: Sequence[str], seed: int, progress: Progress | None) -> Ready:
    adapters = [adapter(name) for name in names]
    collected = [collect(lake, window, symbol, adapters, progress) for symbol in window.symbols]
    return Ready(window, collected, [Prepared(c.path) for c in collected], gates(), seed)
