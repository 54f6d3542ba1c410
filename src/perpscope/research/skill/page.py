"""The skill report as one page: no script, no network, no font or file of its own; every text escaped."""

from __future__ import annotations

import base64
from html import escape

from perpscope.core.time import format_ts
from perpscope.report import palette
from perpscope.research.skill.result import Measured, SkillReport, Table

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = f"""
:root {{ color-scheme: dark; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: {palette.GROUND}; color: {palette.TEXT};
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }}
main {{ max-width: 1280px; margin: 0 auto; padding: 20px 24px 48px; }}
h1 {{ font-size: 26px; margin: 0 0 4px; }}
h2 {{ font-size: 18px; margin: 32px 0 4px; border-bottom: 1px solid {palette.EDGE}; padding-bottom: 4px; }}
p {{ margin: 4px 0; max-width: 110ch; }}
.sub {{ color: {palette.MUTED}; }}
.verdicts {{ margin: 16px 0; padding: 12px 16px; background: {palette.PANEL}; border: 1px solid {palette.EDGE};
  list-style: none; }}
.verdicts li {{ margin: 6px 0; padding-left: 12px; border-left: 4px solid {palette.MUTED}; }}
.verdicts li.better {{ border-color: {palette.BUY}; }}
.verdicts li.worse {{ border-color: {palette.SELL}; }}
.wide {{ overflow-x: auto; }}
.wide:focus {{ outline: 2px solid {palette.LINE_INTEREST}; }}
table {{ border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; margin: 8px 0; }}
th, td {{ text-align: left; vertical-align: top; padding: 4px 16px 4px 0; border-bottom: 1px solid {palette.GRID}; }}
th {{ color: {palette.MUTED}; font-weight: 600; }}
td.n {{ white-space: nowrap; }}
small {{ color: {palette.MUTED}; }}
img {{ display: block; width: 100%; height: auto; margin: 18px 0; border: 1px solid {palette.EDGE}; }}
"""


def page(report: SkillReport, picture: bytes) -> str:
    """The whole page as text, the picture inside it as a data URI."""
    title = f"Skill of the liquidation map: {report.instrument}, {report.venue}"
    window = f"{format_ts(report.test_from)} .. {format_ts(report.test_to)}"
    alt = f"{title}, judged {window}. The tables below say the same."
    rests = (
        f"Learned from {format_ts(report.train_from)}, judged {window}: {report.rows} intervals of {report.interval} and sides "
        f"on {report.days} days; {report.trials} models tried; protocol {report.protocol} ({report.protocol_sha256[:16]}); "
        f"perpscope {report.code_version}. Brackets: 95% day-block bootstrap."
    )
    verdicts = "".join(_verdict(v.outcome, v.sentence) for v in report.verdicts)
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p class='sub'>{escape(rests)}</p>",
        f"<ul class='verdicts' aria-label='Verdicts'>{verdicts}</ul>",
        f"<div class='wide' tabindex='0'><img alt='{escape(alt, quote=True)}' "
        f"src='data:image/png;base64,{base64.b64encode(picture).decode('ascii')}'></div>",
        *(_table(table) for table in report.tables),
        "<h2>What it rests on</h2>",
        *(f"<p>{escape(note)}</p>" for note in report.notes),
        "<div class='wide' tabindex='0'><table><thead><tr><th scope='col'>stream</th><th scope='col'>rows</th>"
        "<th scope='col'>first</th><th scope='col'>last</th><th scope='col'>sha256</th></tr></thead><tbody>"
        + "".join(
            f"<tr><td>{escape(d.path)}</td><td class='n'>{d.rows}</td><td class='n'>{escape(d.first)}</td>"
            f"<td class='n'>{escape(d.last)}</td><td class='n'>{d.sha256[:16]}</td></tr>"
            for d in report.data
        )
        + "</tbody></table></div>",
    ]
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n" + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )  # fmt: skip


def _verdict(outcome: str, sentence: str) -> str:
    return f"<li class='{escape(outcome.replace(' ', '-'), quote=True)}'>{escape(sentence)}</li>"


def _table(table: Table) -> str:
    parts = [f"<section><h2>{escape(table.id)}: {escape(table.title)}</h2><p class='sub'>{escape(table.question)}</p>"]
    if table.rows:
        notes = any(row.note for row in table.rows)
        heads = ["", *(heading for _, heading in table.columns), *([""] if notes else [])]
        head = "".join(f"<th scope='col'>{escape(h)}</th>" for h in heads)
        lines = []
        for row in table.rows:
            cells = "".join(f"<td class='n'>{_cell(row.cells.get(name))}</td>" for name, _ in table.columns)
            note = f"<td><small>{escape(row.note)}</small></td>" if notes else ""
            lines.append(f"<tr><td>{escape(row.label)}</td>{cells}{note}</tr>")
        body = "".join(lines)
        parts.append(f"<div class='wide' tabindex='0'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")
    parts += [f"<p class='sub'>{escape(note)}</p>" for note in table.notes]
    return "".join(parts) + "</section>"


def _cell(value: Measured | None) -> str:
    if value is None:
        return ""
    return f"{escape(str(value))} <small>n {value.n}</small>"
