"""All verdicts of a run as one table of text, for the documentation and the terminal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from perpscope.research.evidence.facts import Number
from perpscope.research.evidence.page import cell
from perpscope.research.evidence.record import EvidencePage, Table
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


def summary(pages: Sequence[EvidencePage], verdicts: VerdictFile, baselines: Table | None = None) -> str:
    """The results as markdown; the same run gives the same bytes."""
    lines = [
        f"# Evidence: every verdict on bars of {verdicts.timeframe}",
        "",
        f"{', '.join(verdicts.symbols)} on {verdicts.venue}, {verdicts.start} .. {verdicts.end} UTC; verdicts of "
        f"{verdicts.date}, seed {verdicts.seed}. **{counts(pages)}.** This page is the file `evidence.md` of",
        "",
        "```sh",
        verdicts.command,
        "```",
        "",
        f"Data `{verdicts.data_hash[:16]}`, thresholds `{verdicts.gates_hash[:16]}`, ledger `{verdicts.ledger_hash[:16]}`, "
        f"version {verdicts.code_version}. The same command on the same data gives the same bytes.",
        "",
        "## What follows for trading",
        "",
        *_follows(pages),
        "",
        "## All verdicts",
        "",
        "Effect: matched event study at the primary horizon, bps in the direction of the claim, before costs; net: after a "
        f"round trip of {pages[0].cost_bps:g} bps. Brackets: 95%, day blocks. Volatility and range: against matched moments. "
        "DSR: deflated by all trials of the family. Needed: matched events still missing for a powered answer.",
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
        lines += ["", "Not measured, because the data lacks an input: " + "; ".join(missing) + "."]
    if baselines is not None:
        lines += ["", "## Baselines", "", baselines.question, "", *_grid(baselines)]
    lines += ["", "## What it rests on", "", *(f"- {note}" for note in pages[0].notes)]
    return "\n".join(lines) + "\n"


def _follows(pages: Sequence[EvidencePage]) -> list[str]:
    """What each verdict allows, with the names it applies to."""
    meaning = {
        Verdict.PROVEN: "may add size, within the limits of leverage",
        Verdict.RISK_ONLY: "may shrink size, move stops and veto",
        Verdict.WEAK: "may be shown and may veto",
        Verdict.REJECTED: "shown greyed, with the reason: no trade rests on it",
        Verdict.UNPROVEN: "may be shown; nothing is known yet",
    }
    out = []
    for verdict, words in meaning.items():
        named = [page.title for page in pages if page.verdict is verdict]
        out.append(f"- **{verdict}** ({words}): {'; '.join(named) or 'none'}.")
    return out


def _grid(table: Table) -> list[str]:
    heads = list(dict.fromkeys(heading for row in table.rows for heading in row.cells))
    lines = ["| baseline | " + " | ".join(heads) + " | published |", "|---|" + "---|" * (len(heads) + 1)]
    for row in table.rows:
        cells = [cell(row.cells[h]) if h in row.cells else "-" for h in heads]
        lines.append("| " + " | ".join([row.label, *cells, row.note]) + " |")
    return lines


def _percent(number: Number) -> str:
    if number.value is None:
        return "-"
    value, low, high = (None if x is None else 100.0 * math.expm1(x) for x in (number.value, number.low, number.high))
    return f"{value:+.0f}%" if low is None or high is None else f"{value:+.0f}% [{low:+.0f}, {high:+.0f}]"
