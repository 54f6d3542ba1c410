"""All verdicts of a run as one table of text, for the documentation and the terminal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from perpscope.research.evidence.facts import Number
from perpscope.research.evidence.record import EvidencePage
from perpscope.research.evidence.verdicts import VerdictFile
from perpscope.setups.base import Verdict


def counts(pages: Sequence[EvidencePage]) -> str:
    """How many of each verdict, in words.

    Example:
        >>> counts([])
        'PROVEN 0, RISK-ONLY 0, WEAK 0, UNPROVEN 0, REJECTED 0'
    """
    found = Counter(page.verdict for page in pages)
    return ", ".join(f"{verdict} {found[verdict]}" for verdict in Verdict)


def summary(pages: Sequence[EvidencePage], verdicts: VerdictFile) -> str:
    """The table as markdown; the same run gives the same bytes."""
    lines = [
        f"## {', '.join(verdicts.symbols)}, bars of {verdicts.timeframe}",
        "",
        f"{verdicts.venue}, {verdicts.start} .. {verdicts.end} UTC, verdicts of {verdicts.date}, seed {verdicts.seed}. "
        f"{counts(pages)}.",
        "",
        "```sh",
        verdicts.command,
        "```",
        "",
        f"Data `{verdicts.data_hash[:16]}`, thresholds `{verdicts.gates_hash[:16]}`, ledger `{verdicts.ledger_hash[:16]}`, "
        f"version {verdicts.code_version}.",
        "",
        "| factor | verdict | direction | horizon | effect, bps | n | net, bps | volatility | range | DSR | trials | needed |",
        "|---|---|---|---|---|---:|---|---|---|---:|---:|---:|",
    ]
    for page in pages:
        risks = {risk.target: risk.effect for risk in page.facts.risks}
        told = [_percent(risks[t]) if t in risks else "-" for t in ("volatility", "range")]
        net = page.bps.shifted(-page.cost_bps)
        cells = [
            page.title,
            f"**{page.verdict}**" + (f" ({page.qualifier})" if page.qualifier else ""),
            str(page.direction) if page.facts.directional else "no claim",
            page.horizon,
            str(page.bps),
            str(page.n),
            str(net),
            *told,
            "-" if page.facts.dsr is None else f"{page.facts.dsr:.3f}",
            str(page.trials),
            "-" if page.needed is None else str(page.needed),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    missing = [f"{page.title} (no {page.facts.missing})" for page in pages if page.facts.missing]
    if missing:
        lines += ["", "Not measured, because the data lacks an input: " + ", ".join(missing) + "."]
    return "\n".join(lines) + "\n"


def _percent(number: Number) -> str:
    if number.value is None:
        return "-"
    value, low, high = (None if x is None else 100.0 * math.expm1(x) for x in (number.value, number.low, number.high))
    return f"{value:+.0f}%" if low is None or high is None else f"{value:+.0f}% [{low:+.0f}, {high:+.0f}]"
