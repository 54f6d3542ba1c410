"""The evidence of a factor as one page: no script, no network, no file of its own; every text escaped."""

from __future__ import annotations

import base64
from html import escape

from perpscope.report import palette
from perpscope.research.evidence.facts import Number
from perpscope.research.evidence.judge import Gate
from perpscope.research.evidence.picture import COLOURS
from perpscope.research.evidence.record import Cellular, EvidencePage, Table
from perpscope.setups.base import Verdict

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
MEANING = {
    Verdict.PROVEN: "may add size, within the limits of leverage",
    Verdict.RISK_ONLY: "may shrink size, move stops, time execution, veto; never adds size",
    Verdict.WEAK: "may be shown and may veto; never adds size",
    Verdict.UNPROVEN: "may be shown; never adds size",
    Verdict.REJECTED: "is shown greyed, with the reason; never adds size",
}

_STYLE = f"""
:root {{ color-scheme: dark; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: {palette.GROUND}; color: {palette.TEXT};
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }}
main {{ max-width: 1280px; margin: 0 auto; padding: 20px 24px 48px; }}
h1 {{ font-size: 26px; margin: 0 0 4px; }}
h2 {{ font-size: 18px; margin: 32px 0 4px; border-bottom: 1px solid {palette.EDGE}; padding-bottom: 4px; }}
p {{ margin: 4px 0; max-width: 110ch; }}
a {{ color: {palette.LINE_INTEREST}; }}
.sub, small {{ color: {palette.MUTED}; }}
.verdict {{ margin: 16px 0; padding: 12px 16px; background: {palette.PANEL}; border: 1px solid {palette.EDGE};
  border-left-width: 6px; }}
.verdict b {{ font-size: 20px; }}
.wide {{ overflow-x: auto; }}
.wide:focus {{ outline: 2px solid {palette.LINE_INTEREST}; }}
table {{ border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; margin: 8px 0; }}
th, td {{ text-align: left; vertical-align: top; padding: 4px 16px 4px 0; border-bottom: 1px solid {palette.GRID}; }}
th {{ color: {palette.MUTED}; font-weight: 600; }}
td.n {{ white-space: nowrap; }}
img {{ display: block; width: 100%; height: auto; margin: 18px 0; border: 1px solid {palette.EDGE}; }}
code {{ font-size: 13px; }}
"""


def page_html(page: EvidencePage, picture: bytes) -> str:
    """The whole page as text, the picture inside it as a data URI."""
    more = f" ({escape(page.qualifier)})" if page.qualifier else ""
    bold = f"<b style='color:{COLOURS[page.verdict]}'>{escape(page.verdict)}{more}</b>"
    direction = f"; direction alone: {escape(page.direction)}" if page.facts.directional else "; claims no direction"
    image = base64.b64encode(picture).decode("ascii")
    alt = escape(f"{page.title}: {page.verdict}. The tables below say the same.", quote=True)
    body = [
        f"<p class='sub'><a href='index.html'>all factors</a></p><h1>{escape(page.title)}</h1>",
        f"<p class='sub'>{escape(page.name)}, read from {escape(page.fold)}; {escape(', '.join(page.symbols))} on "
        f"{escape(page.venue)}, bars of {escape(page.timeframe)}, {page.start} .. {page.end} UTC</p>",
        f"<div class='verdict' style='border-left-color:{COLOURS[page.verdict]}'>{bold}{direction}"
        f"<p>{escape(page.sentence)}</p>"
        f"<p class='sub'>It {MEANING[page.verdict]}. Dated {page.date}, expires {page.expires}.</p></div>",
        f"<p><b>Claim:</b> {escape(page.hypothesis)} ({escape(page.horizon)}).</p>",
        f"<p><b>Before us:</b> {escape(page.prior)}.</p>",
        f"<div class='wide' tabindex='0'><img alt='{alt}' src='data:image/png;base64,{image}'></div>",
        _gates(page.gates),
        *(_table(table) for table in sorted(page.tables, key=lambda t: (int(t.id.rstrip("b")), t.id))),
        "<section><h2>10: Assumptions and warnings</h2>"
        + "".join(f"<p>{escape(note)}</p>" for note in page.notes)
        + "</section>",
        _rests_on(page),
    ]
    return wrapped(f"{page.title}: {page.verdict}", "\n".join(body))


def wrapped(title: str, body: str) -> str:
    """A whole document around a body that is already escaped."""
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def cell(value: Cellular) -> str:
    """A value as text; absent is a dash."""
    if value is None:
        return "-"
    if isinstance(value, Number):
        return str(value) if value.known or not value.note else f"{value} ({value.note})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _gates(gates: list[Gate]) -> str:
    words = {True: "passed", False: "failed", None: "not reached"}
    colour = {True: palette.BUY, False: palette.SELL, None: palette.MUTED}
    rows = "".join(
        f"<tr><td>{g.number}</td><td>{escape(g.name)}</td><td style='color:{colour[g.passed]}'>{words[g.passed]}</td>"
        f"<td>{escape(g.sentence)}</td></tr>"
        for g in gates
    )
    head = "<tr><th scope='col'>gate</th><th scope='col'></th><th scope='col'></th><th scope='col'>why</th></tr>"
    return _section("Gates", _wide(f"<thead>{head}</thead><tbody>{rows}</tbody>"))


def _table(table: Table) -> str:
    heads = list(dict.fromkeys(heading for row in table.rows for heading in row.cells))
    notes = any(row.note for row in table.rows)
    head = "".join(f"<th scope='col'>{escape(h)}</th>" for h in ["", *heads, *([""] if notes else [])])
    lines = []
    for row in table.rows:
        cells = "".join(f"<td class='n'>{escape(cell(row.cells[h])) if h in row.cells else ''}</td>" for h in heads)
        note = f"<td><small>{escape(row.note)}</small></td>" if notes else ""
        lines.append(f"<tr><td class='n'>{escape(row.label)}</td>{cells}{note}</tr>")
    inside = _wide(f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>")
    return _section(f"{table.id}: {table.title}", f"<p class='sub'>{escape(table.question)}</p>{inside}")


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _wide(table: str) -> str:
    return f"<div class='wide' tabindex='0'><table>{table}</table></div>"


def _rests_on(page: EvidencePage) -> str:
    facts = {
        "command": page.command,
        "seed": str(page.seed),
        "data": page.data_hash,
        "thresholds": page.gates_hash,
        "plan": page.plan_hash,
        "ledger": page.ledger_hash,
        "version": page.code_version,
    }
    rows = "".join(f"<tr><td>{escape(k)}</td><td><code>{escape(v)}</code></td></tr>" for k, v in facts.items())
    return _section("What a second run must share", _wide(f"<tbody>{rows}</tbody>"))
