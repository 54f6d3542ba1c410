"""The verdict: what the facts allow to say, gate by gate, in the order of the document."""

from __future__ import annotations

import math

import msgspec

from perpscope.research.evidence.facts import Facts, Risk
from perpscope.research.evidence.gates import Gates
from perpscope.setups.base import Verdict
from perpscope.stats.power import power_of_mean, trades_needed


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One gate: passed, failed, or (None) not reached, and why in words."""

    number: int
    name: str
    passed: bool | None
    sentence: str


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A verdict, with its qualifier ("validation passed"), the sentence for a reader, and what it would still need.

    `direction`: the verdict on direction alone, which a RISK-ONLY factor still has.
    `needed`: events still missing for a powered answer; 0 where the answer is in, None where no number would help.
    """

    verdict: Verdict
    sentence: str
    gates: list[Gate]
    needed: int | None = 0
    qualifier: str = ""
    direction: Verdict = Verdict.UNPROVEN


def judge(facts: Facts, gates: Gates, discovered: frozenset[str] = frozenset()) -> Decision:
    """Apply the rules of EVIDENCE 1 and 9.

    Definition, first match wins:
    UNPROVEN - an input is missing, or fewer than `least_events` matched events, or a leak is suspected.
    WEAK (validation passed) - gates 1 to 9 hold; PROVEN needs the sealed period and forward paper as well.
    RISK-ONLY - a risk outcome passes: more volatility, range or liquidations, or less volume; interval clear of 0, at least
        `least_risk_effect`, among the discoveries after Benjamini-Hochberg, the same sign in every year and symbol. A factor
        that foretells calm is no reason to shrink, so that does not count.
    REJECTED - the interval lies below 0; or below the break-even cost with power of at least `least_power` there.
    WEAK - the interval lies above 0, and not above the cost (or a gate fails).
    UNPROVEN - anything else, with the number of events still needed.

    Disputed: the document calls an effect that is real and smaller than its cost both WEAK ("excludes 0 before cost, not
    after") and REJECTED ("powered and below break-even"). We say REJECTED when even the upper end does not pay for the cost.

    Args:
        discovered: risk outcomes and "direction" that survive Benjamini-Hochberg over the release.
    """
    listed = gate_list(facts, gates, discovered)
    if facts.missing:
        words = f"It cannot be measured here: the data has no {facts.missing.replace('_', ' ')}."
        return Decision(Verdict.UNPROVEN, words, listed, None)
    n = facts.effect.n if facts.directional else max((risk.effect.n for risk in facts.risks), default=0)
    needed = events_needed(facts, gates)
    if n < gates.least_events:
        needed = max(needed or 0, gates.least_events - n)
        words = f"{n} matched events are too few for a verdict; {needed} more are needed."
        return Decision(Verdict.UNPROVEN, words, listed, needed)
    if facts.suspects:
        return Decision(Verdict.UNPROVEN, f"A leak is suspected and must be cleared first: {facts.suspects[0]}.", listed, None)
    if facts.directional and all(gate.passed for gate in listed if gate.number <= 9):
        words = "It passed every test up to validation; only the sealed period and forward paper could prove it."
        return Decision(Verdict.WEAK, words, listed, None, "validation passed", Verdict.WEAK)
    about = _direction(facts, gates, listed, needed) if facts.directional else None
    if passing := [risk for risk in facts.risks if risk_passes(risk, gates, discovered)]:
        direction = Verdict.UNPROVEN if about is None else about.verdict
        return Decision(Verdict.RISK_ONLY, _risk_sentence(passing, about), listed, 0, "", direction)
    return about if about is not None else _without_direction(facts, gates, listed)


def events_needed(facts: Facts, gates: Gates) -> int | None:
    """Events still missing for `least_power` at the break-even effect; 0 when there are enough, None without a spread."""
    error = facts.effect.error(gates.level)
    if not error > 0.0 or facts.effect.n == 0:
        return None
    wanted = trades_needed(gates.cost_bps, error * math.sqrt(facts.effect.n), power=gates.least_power)
    return max(0, math.ceil(max(wanted, gates.least_events) - facts.effect.n))


def power_at(facts: Facts, gates: Gates, edge: float) -> float:
    """The chance that this study finds an effect of `edge` bps; NaN without an interval."""
    error = facts.effect.error(gates.level)
    return power_of_mean(edge, error, 1.0) if error > 0.0 else math.nan


def risk_passes(risk: Risk, gates: Gates, discovered: frozenset[str]) -> bool:
    """Whether a risk is foretold: clear of 0 on the dangerous side, large enough, steady, a discovery of the release."""
    clear = risk.effect.below_zero if risk.target == "volume" else risk.effect.above_zero
    large = risk.effect.value is not None and abs(risk.effect.value) >= gates.least_risk_effect
    return clear and large and risk.steady and risk.target in discovered and risk.effect.n >= gates.least_events


def _direction(facts: Facts, gates: Gates, listed: list[Gate], needed: int | None) -> Decision:
    effect, cost = facts.effect, gates.cost_bps
    power = power_at(facts, gates, cost)
    if effect.below_zero:
        words = f"Price went the other way: {effect} bps against matched moments."
        return Decision(Verdict.REJECTED, words, listed, direction=Verdict.REJECTED)
    if effect.high is not None and effect.high < cost and power >= gates.least_power:
        kind = "real but smaller than its cost" if effect.above_zero else "not told from nothing"
        words = f"The effect is {kind}: {effect} bps before a round trip of {cost:g} bps, at a power of {power:.0%}."
        return Decision(Verdict.REJECTED, words, listed, direction=Verdict.REJECTED)
    if effect.above_zero:
        failed = [gate.name for gate in listed if gate.passed is False and gate.number <= 9]
        what = f"it fails {', '.join(failed)}" if failed else "more is needed"
        words = f"The effect has the right sign, {effect} bps before a round trip of {cost:g} bps; {what}."
        return Decision(Verdict.WEAK, words, listed, direction=Verdict.WEAK)
    more = (
        "more events would not help" if needed is None else f"{needed} more events are needed" if needed else "it is not steady"
    )
    words = (
        f"Neither an edge nor its absence is shown: {effect} bps, a round trip costs {cost:g} bps, power {power:.0%}; {more}."
    )
    return Decision(Verdict.UNPROVEN, words, listed, needed)


def _without_direction(facts: Facts, gates: Gates, listed: list[Gate]) -> Decision:
    largest = max(facts.risks, key=lambda risk: abs(risk.effect.value or 0.0))
    measured = f"{largest.target} {largest.effect} (logarithm)"
    if all(_small(risk, gates) for risk in facts.risks if risk.effect.known):
        return Decision(Verdict.REJECTED, f"It foretells nothing of use: the largest effect is {measured}.", listed)
    return Decision(Verdict.UNPROVEN, f"It foretells nothing that is steady and survives all tests: {measured}.", listed)


def _small(risk: Risk, gates: Gates) -> bool:
    ends = (risk.effect.low or 0.0, risk.effect.high or 0.0)
    return max(map(abs, ends)) < gates.least_risk_effect


def _risk_sentence(passing: list[Risk], about: Decision | None) -> str:
    told = ", ".join(f"{risk.target} {100 * math.expm1(risk.effect.value or 0.0):+.0f}%" for risk in passing)
    words = f"It foretells {told} over matched moments"
    return f"{words}; it claims no direction." if about is None else f"{words}. Direction is {about.verdict}: {about.sentence}"


def gate_list(facts: Facts, gates: Gates, discovered: frozenset[str]) -> list[Gate]:
    """The gates of EVIDENCE 9 in their order; those that were not reached say why."""
    if facts.missing or not facts.directional:
        why = f"no {facts.missing}" if facts.missing else "the factor claims no direction"
        return [Gate(0, "direction", None, why)]
    suspect = facts.suspects[0] if facts.suspects else "no score above the suspect limits; the laws hold for every fold"
    plan = "plan and trials are in the ledger" if facts.registered else "no plan was registered"
    return [
        Gate(1, "leak checks", not facts.suspects, suspect),
        Gate(2, "registration", facts.registered, plan),
        _event_study(facts, gates),
        _after_cost(facts, gates),
        _paths(facts, gates),
        _inference(facts, gates),
        _baselines(facts, gates, discovered),
        _controls(facts, gates),
        Gate(9, "stability", _stable(facts, gates), _stability_words(facts)),
        Gate(10, "sealed period", None, "not opened"),
        Gate(11, "forward paper", None, "not run"),
    ]


def _event_study(facts: Facts, gates: Gates) -> Gate:
    effect = facts.effect
    clean = facts.balance is not None and facts.balance < gates.least_balance
    passed = effect.above_zero and effect.n >= gates.least_events and clean
    return Gate(3, "event study", passed, f"effect {effect} bps, n {effect.n}, largest imbalance {_short(facts.balance)}")


def _after_cost(facts: Facts, gates: Gates) -> Gate:
    net, wanted = facts.effect.shifted(-gates.cost_bps), gates.break_even_multiple * gates.cost_bps
    passed = net.above_zero and _least(facts.effect.value, wanted)
    words = f"net {net} bps; break-even cost {_short(facts.effect.value)} bps, {wanted:g} are wanted"
    return Gate(4, "after cost", passed, words)


def _paths(facts: Facts, gates: Gates) -> Gate:
    middle, low = facts.median_sharpe, facts.low_sharpe
    passed = middle is not None and middle > gates.least_median_sharpe and low is not None and low > gates.least_low_sharpe
    return Gate(5, "walk-forward and CPCV", passed, f"annual Sharpe of the paths: median {_short(middle)}, 5% {_short(low)}")


def _inference(facts: Facts, gates: Gates) -> Gate:
    long_enough = facts.needed_length is not None and facts.needed_length <= facts.length
    sharp = _least(facts.psr, gates.least_psr) and _least(facts.dsr, gates.least_dsr)
    words = (
        f"PSR {_short(facts.psr)}, DSR {_short(facts.dsr)} (N {facts.trials}), PBO {_short(facts.pbo)}, "
        f"MinTRL {_short(facts.needed_length)} of {facts.length} days"
    )
    return Gate(6, "inference", sharp and long_enough and facts.pbo is not None and facts.pbo < gates.most_pbo, words)


def _baselines(facts: Facts, gates: Gates, discovered: frozenset[str]) -> Gate:
    better = bool(facts.superior) and all(p is not None and p < gates.spa_p for p in facts.superior.values())
    kept = "direction" in discovered
    told = [f"{name} p {_short(p)}" for name, p in facts.superior.items()]
    told.append(f"Benjamini-Hochberg {gates.false_discovery:.0%} {'kept' if kept else 'not kept'}")
    return Gate(7, "better than baselines", better and kept, ", ".join(told))


def _controls(facts: Facts, gates: Gates) -> Gate:
    passed = None if facts.shuffled_p is None else facts.shuffled_p < 1.0 - gates.level
    return Gate(8, "negative controls", passed, f"shuffled signs do as well with p {_short(facts.shuffled_p)}")


def _stable(facts: Facts, gates: Gates) -> bool:
    parts = [*facts.years.values(), *facts.symbols.values(), *facts.halves.values()]
    counted = [part.value for part in parts if part.value is not None and part.n >= gates.least_of_a_year]
    rest = (facts.without_best_days, facts.without_best_trades)
    same = bool(counted) and all(value > 0.0 for value in counted)
    return same and all(value is not None and value > 0.0 for value in rest) and _least(facts.neighbours, gates.plateau)


def _stability_words(facts: Facts) -> str:
    years = ", ".join(f"{name} {_short(part.value)}" for name, part in facts.years.items())
    return (
        f"bps by year: {years or 'none'}; without the best days {_short(facts.without_best_days)}, trades "
        f"{_short(facts.without_best_trades)}; neighbouring horizons keep {_short(facts.neighbours)}"
    )


def _least(value: float | None, threshold: float) -> bool:
    return value is not None and value >= threshold


def _short(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
