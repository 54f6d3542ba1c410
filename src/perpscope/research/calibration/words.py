"""A calibration in words, for a terminal."""

from __future__ import annotations

from perpscope.core.time import format_ts
from perpscope.research.calibration.artefact import Artefact, Number


def told(artefact: Artefact) -> list[str]:
    """What was learned, line by line: window, mix with intervals and status, curve of the other parameters, skill, notes."""
    a = artefact
    lines = [
        f"Leverage mix of {a.venue} {a.instrument}, learned {format_ts(a.train_from)} .. {format_ts(a.train_to)}, "
        f"{a.path} bars; feed {a.feed_model}, {a.level} level, {a.trials} trials",
        f"one effective event is {a.event_quantity:.4g} base units ({a.event_quantity_source})",
        "",
        f"kappa, the share of what price reaches that the feed reports: longs {a.kap['long']:.3g}, shorts {a.kap['short']:.3g}",
        f"{'tier':>6}  {'prior':>8}  {'share':>8}  {'x kappa':>9}  {'90% interval':>21}  {'events':>8}  status",
    ]
    for tier, before, share in zip(a.tiers, a.pi0, a.pi):
        interval = f"{_percent(tier.low)} .. {_percent(tier.high)}"
        shares = f"{_percent(before):>8}  {_percent(share):>8}  {_percent(tier.weight):>9}  {interval:>21}"
        lines.append(f"{tier.tier:>6}  {shares}  {tier.effective_events:>8.4g}  {tier.status}")
    lines += ["", "out of sample, nats per report against the value before:"]
    for trial in a.profile:
        value = "none" if trial.value is None else f"{trial.value:g}"
        span = "" if trial.low is None else f" ({trial.low:+.4f} .. {trial.high:+.4f}, 95%, n {trial.n})"
        lines.append(f"  {trial.parameter:>18} {value:>5}  {trial.gain:+.4f}{span}{'  <- chosen' if trial.chosen else ''}")
    if a.test_from is not None and a.test_to is not None:
        lines += ["", f"on weeks that no choice has seen, {format_ts(a.test_from)} .. {format_ts(a.test_to)}:"]
        lines += [f"  {_number(n)}" for n in a.skill]
    background = a.fit.background_share
    if background is not None:
        lines.append(f"  unexplained by the map: {100 * background:.0f}% of what is expected")
    return [*lines, "", *(f"Note: {note}" for note in a.notes)]


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _number(n: Number) -> str:
    if n.value is None:
        return f"{n.name}: none ({n.note})"
    span = "" if n.low is None else f" ({n.low:.4g} .. {n.high:.4g}, {100 * n.level:g}%, n {n.n})"
    return f"{n.name}: {n.value:.4g}{span}"
