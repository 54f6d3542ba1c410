"""A skill report in words, for a terminal."""

from __future__ import annotations

from textwrap import wrap

from perpscope.core.time import format_ts
from perpscope.research.skill.result import Row, SkillReport, Table

WIDTH = 150
MARKS = {"better": "+", "worse": "-", "no difference": "0", "not measurable": "?"}


def told(report: SkillReport) -> list[str]:
    """Verdicts first, then every table, then what the numbers rest on."""
    lines = [
        f"Skill of the liquidation map, {report.venue} {report.instrument}, {report.interval} intervals",
        f"learned from {format_ts(report.train_from)}, judged {format_ts(report.test_from)} .. {format_ts(report.test_to)}: "
        f"{report.rows} intervals and sides on {report.days} days; {report.trials} models tried; protocol {report.protocol} "
        f"{report.protocol_sha256[:10]}",
        "",
    ]
    for one in report.verdicts:
        lines += [f"{'  ' if i else MARKS[one.outcome] + ' '}{line}" for i, line in enumerate(wrap(one.sentence, WIDTH - 2))]
    for table in report.tables:
        lines += ["", *table_lines(table)]
    return [*lines, "", *(line for note in report.notes for line in wrap(f"Note: {note}", WIDTH, subsequent_indent="  "))]


def table_lines(table: Table) -> list[str]:
    """Title, question, aligned columns, notes."""
    lines = [f"{table.id}  {table.title}", *wrap(table.question, WIDTH - 4, initial_indent="    ", subsequent_indent="    ")]
    if table.rows:
        label = max(len(row.label) for row in table.rows)
        widths = [max(len(head), *(len(_cell(row, name)) for row in table.rows)) for name, head in table.columns]
        heads = "  ".join(head.ljust(width) for (_, head), width in zip(table.columns, widths))
        lines.append(f"    {'':{label}}  {heads}".rstrip())
        for row in table.rows:
            cells = "  ".join(_cell(row, name).ljust(width) for (name, _), width in zip(table.columns, widths))
            lines.append(f"    {row.label:{label}}  {cells}  {row.note}".rstrip())
    return lines + [
        line for note in table.notes for line in wrap(note, WIDTH - 4, initial_indent="    ", subsequent_indent="    ")
    ]


def _cell(row: Row, name: str) -> str:
    return str(row.cells[name]) if name in row.cells else ""
