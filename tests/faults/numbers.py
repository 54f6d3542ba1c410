"""The numbers of the fault matrix: each test says one, the end of the run shows them as a table.

    from faults.numbers import record
    record("F15", "acknowledged rows lost, 200 kills", 0, "0", met=lost == 0)

`make faults` writes the table into docs/reliability.md, between its markers; a row with the same id and words is replaced,
the others stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- numbers of make faults: begin -->", "<!-- numbers of make faults: end -->"
_HEAD = ["| id | what was measured | number | goal | |", "|---|---|---|---|---|"]


@dataclass(frozen=True)
class Number:
    """One measured number: the fault's id in the matrix, what it counts, its goal, and whether it met it."""

    id: str
    what: str
    value: str
    goal: str
    met: bool

    def row(self) -> str:
        return f"| {self.id} | {self.what} | {self.value} | {self.goal} | {'met' if self.met else 'MISSED'} |"


told: list[Number] = []


def record(id: str, what: str, value: object, goal: str, met: bool) -> None:
    """Say a number; it is shown at the end of the run. `value` may be text such as '17 ms'."""
    told.append(Number(id, what, f"{value:.3g}" if isinstance(value, float) else str(value), goal, met))


def table(numbers: list[Number]) -> list[str]:
    """Rows of a Markdown table, by id."""
    return [*_HEAD, *(n.row() for n in sorted(numbers, key=_order))]


def write(page: Path, numbers: list[Number], line: str) -> None:
    """Put the numbers between the page's markers, under `line` (date, version, command)."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    known = {(n.id, n.what): n for n in map(_parse, re.findall(r"^\| [A-Z]\d.*$", old, re.MULTILINE))}
    known |= {(n.id, n.what): n for n in numbers}
    body = "\n".join(["", line, "", *table(list(known.values())), ""])
    page.write_text(f"{before}{BEGIN}{body}{END}{after}", encoding="utf-8")


def _parse(row: str) -> Number:
    ident, what, value, goal, met = (cell.strip() for cell in row.strip("|").split("|"))
    return Number(ident, what, value, goal, met == "met")


def _order(number: Number) -> tuple[str, int, str]:
    found = re.fullmatch(r"([A-Z])(\d+)(.*)", number.id)
    return (found[1], int(found[2]), number.what) if found else (number.id, 0, number.what)
