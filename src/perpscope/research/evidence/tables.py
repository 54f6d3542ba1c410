"""The tables and curves of a measured factor, numbered as in EVIDENCE 12."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perpscope.core.time import HOUR, format_ts
from perpscope.research.event_study import Cell, EventStudy, Prepared
from perpscope.research.evidence.adapters import Adapter
from perpscope.research.evidence.collect import Collected, Window
from perpscope.research.evidence.facts import Facts, Number, rounded
from perpscope.research.evidence.gates import Gates
from perpscope.research.evidence.record import Cellular, Curve, Line, Table
from perpscope.research.evidence.strategy import Strategy
from perpscope.stats.interval import Estimate

RISK_TARGETS = ("volatility", "range", "volume", "liquidations")


@dataclass(frozen=True, eq=False)
class Ready:
    """Everything that the factors of a run share: instruments, prepared paths, window, thresholds, seed."""

    window: Window
    collected: Sequence[Collected]
    prepared: Sequence[Prepared]
    gates: Gates
    seed: int


def data_table(one: Adapter, ready: Ready) -> Table:
    lines = []
    for c in ready.collected:
        claim = c.claims[one.name]
        first = format_ts(int(claim.known_ts[0])) if len(claim.known_ts) else "-"
        last = format_ts(int(claim.known_ts[-1])) if len(claim.known_ts) else "-"
        cells: dict[str, Cellular] = {
            "bars": len(c.path),
            "first bar": format_ts(int(c.path.known_ts[0])),
            "last bar": format_ts(int(c.path.known_ts[-1])),
            "holes": c.holes,
            "events": len(claim.known_ts),
            "long": int((claim.sign > 0).sum()),
            "short": int((claim.sign < 0).sum()),
            "first event": first,
            "last event": last,
            "data": c.data_hash[:16],
        }
        lines.append(Line(c.path.symbol, cells, f"not measured: no {claim.missing}" if claim.missing else ""))
    question = "What it was measured on. An input that exists for part of the time gives events for that part only."
    return Table("1", "Data", question, lines)


def direction_table(study: EventStudy, one: Adapter) -> Table:
    lines = []
    for c in study.cells:
        if c.target != "return_bps":
            continue
        sigma = study.cell("return_sigma", c.horizon)
        cells: dict[str, Cellular] = {
            "mean, bps": Number.of(c.raw),
            "effect, bps": Number.of(c.effect),
            "effect, sigma": None if sigma is None else Number.of(sigma.effect),
            "random moments, bps": None if math.isnan(c.band[0]) else f"{c.band[0]:.3g} .. {c.band[1]:.3g}",
            "matched": c.effect.n,
            "thinned": c.kept,
            "given": c.given,
            "no event before controls, bars": c.clearance_bars,
            "imbalance": rounded(max(c.balance)),
        }
        lines.append(Line(c.horizon, cells, "primary" if c.horizon == one.horizon else ""))
    question = "What price did after an event, in its direction, against matched moments. Brackets: 95%, blocks of days."
    return Table("2", "Direction, by horizon", question, lines)


def risk_table(study: EventStudy) -> Table:
    names = list(dict.fromkeys(c.horizon for c in study.cells))
    lines = []
    for name in names:
        found = {t: study.cell(t, name) for t in RISK_TARGETS}
        known = {t: c for t, c in found.items() if c is not None and c.effect.n > 0}
        lines.append(Line(name, {t: Number.of(known[t].effect) if t in known else None for t in RISK_TARGETS}))
    question = "Logarithm of the outcome against matched moments: 0.10 is about 10% more."
    return Table("2b", "Volatility, range, volume, liquidations, by horizon", question, lines)


def cost_table(facts: Facts, main: Strategy, gates: Gates) -> Table:
    lines = []
    for factor in (0.0, 0.5, 1.0, 2.0, 3.0):
        cost = factor * gates.cost_bps
        cells: dict[str, Cellular] = {
            "cost, bps": cost,
            "matched effect, net": facts.effect.shifted(-cost),
            "net result of a trade, bps": rounded(main.mean_result(cost - gates.cost_bps)),
            "annual Sharpe": rounded(main.sharpe_at(cost - gates.cost_bps)),
        }
        lines.append(Line(f"x{factor:g}", cells))
    question = (
        f"{main.trades} trades: the side of each event for one horizon, funding paid. The break-even cost is the effect itself."
    )
    return Table("3", "Cost", question, lines)


def parts_table(parts: dict[str, dict[str, Number]]) -> Table:
    lines = [
        Line(f"{scheme}: {name}", {"effect, bps": number, "matched": number.n})
        for scheme, found in parts.items()
        if scheme != "quarter"
        for name, number in found.items()
    ]
    question = "The matched effect in parts that were fixed before. Many parts are shown: one that looks good is no finding."
    return Table("4", "By year, half, symbol and regime", question, lines)


def controls_table(facts: Facts, cell: Cell, shifts: dict[int, Estimate]) -> Table:
    flipped = None if facts.effect.value is None else -facts.effect.value
    lines = [
        Line("as claimed", {"effect, bps": facts.effect}),
        Line("sign flipped", {"effect, bps": flipped}, "the mirror image"),
        Line("signs shuffled", {"p": facts.shuffled_p}, "share of 1,000 shuffles of the signs in time that do as well"),
        *(
            Line(f"moved by {d:+d} d", {"effect, bps": Number.of(e)}, "the same events at another time")
            for d, e in shifts.items()
        ),
        Line(
            "random moments",
            {"effect, bps": None if math.isnan(cell.band[0]) else f"{cell.band[0]:.3g} .. {cell.band[1]:.3g}"},
            "95% of random sets with the same number and signs",
        ),
    ]
    return Table("6", "Negative controls", "What must show nothing, and whether it does.", lines)


def effect_curves(study: EventStudy, target: str) -> list[Curve]:
    rows = [c for c in study.cells if c.target == target and c.effect.has_interval]
    label = [c.horizon for c in rows]
    return [
        Curve("effect", label, [rounded(c.effect.value) for c in rows]),
        Curve("effect low", label, [rounded(c.effect.low) for c in rows]),
        Curve("effect high", label, [rounded(c.effect.high) for c in rows]),
        Curve("band low", label, [rounded(c.band[0]) for c in rows]),
        Curve("band high", label, [rounded(c.band[1]) for c in rows]),
    ]


def decay(parts: dict[str, dict[str, Number]]) -> Curve:
    return Curve("quarters", list(parts["quarter"]), [n.value for n in parts["quarter"].values()])


def notes(ready: Ready) -> list[str]:
    w = ready.window
    return [
        f"Window {format_ts(w.start)} .. {format_ts(w.end)}, bars of {w.frame}, {', '.join(w.symbols)} on {w.venue}.",
        "Survivors only: no perpetual that was delisted is in the data.",
        "No crash at tick level, and no liquidation history finer than 1 h over months.",
        "Entries at the close at which an event was known, exits one horizon later, as taker at an assumed cost.",
        "Decided on bars: what happens inside a bar is not seen. Research to the end of 2024, validation from 2025.",
        "The crash of 2025-10-10 is inside the window."
        if _holds(ready, "2025-10-10")
        else "The crash of 2025-10-10 is not in it.",
    ]


def _holds(ready: Ready, day: str) -> bool:
    ts = int(np.datetime64(day, "ns").astype(np.int64))
    return all(bool(np.any(abs(c.path.known_ts - ts) < HOUR)) for c in ready.collected)
