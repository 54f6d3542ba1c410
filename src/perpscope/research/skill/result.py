"""What a skill report says: tables of measured numbers, each with n and interval, and verdicts in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from perpscope.research.calibration.artefact import Data
from perpscope.stats.interval import Estimate

SCHEMA = "perpscope.skill/1"


class Measured(msgspec.Struct, frozen=True):
    """A number with its interval; None where there is none, and then `note` says why."""

    value: float | None
    low: float | None
    high: float | None
    level: float
    n: int
    method: str
    note: str = ""

    @property
    def known(self) -> bool:
        return self.value is not None

    def __str__(self) -> str:
        if self.value is None:
            return f"none ({self.note})" if self.note else "none"
        if self.low is None or self.high is None:
            return f"{figure(self.value)} (no interval)"
        return f"{figure(self.value)} ({figure(self.low)} .. {figure(self.high)})"


class Row(msgspec.Struct, frozen=True):
    """One line of a table: its label and what was measured, by column name; a sentence in place of numbers where a thing is
    not measurable."""

    label: str
    cells: dict[str, Measured]
    note: str = ""


class Table(msgspec.Struct, frozen=True):
    """One question. `columns` are (name, heading); `id` is the test's number (T1 .. T8)."""

    id: str
    title: str
    question: str
    columns: list[tuple[str, str]]
    rows: list[Row]
    notes: list[str] = []


class Verdict(msgspec.Struct, frozen=True):
    """A sentence about one claim. `outcome`: "better", "worse", "no difference" or "not measurable". `p`, `p_holm`:
    two-sided, and adjusted for the whole family; None where nothing was tested."""

    claim: str
    outcome: str
    sentence: str
    p: float | None = None
    p_holm: float | None = None


class Curve(msgspec.Struct, frozen=True):
    """Points for a picture: x, y, and the ends of each y's interval; names say what they are and in which unit."""

    name: str
    x_label: str
    y_label: str
    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]


class SkillReport(msgspec.Struct, frozen=True):
    """The whole report; times are ns UTC. `rows`: judged rows (interval and side). `trials`: models that were fitted and
    compared. `protocol_sha256`: of the frozen choices it followed."""

    schema: str
    created_ts: int
    venue: str
    instrument: str
    interval: str
    fine_path: str
    train_from: int
    test_from: int
    test_to: int
    rows: int
    days: int
    trials: int
    protocol: str
    protocol_sha256: str
    code_version: str
    data: list[Data]
    notes: list[str]
    verdicts: list[Verdict]
    tables: list[Table]
    curves: list[Curve]


def measured(estimate: Estimate) -> Measured:
    """An estimate as it is written down."""
    ends = (_finite(estimate.low), _finite(estimate.high))
    return Measured(_finite(estimate.value), *ends, estimate.level, estimate.n, estimate.method, estimate.note)


def row(label: str, cells: Mapping[str, Estimate | Measured], note: str = "") -> Row:
    """A row from estimates by column name."""
    return Row(label, {name: e if isinstance(e, Measured) else measured(e) for name, e in cells.items()}, note)


def sentence_table(id_: str, title: str, question: str, sentence: str) -> Table:
    """A test that could not be made, and why."""
    return Table(id_, title, question, [], [], [sentence])


def columns(**headings: str) -> list[tuple[str, str]]:
    """Columns by name."""
    return list(headings.items())


def verdict(claim: str, estimate: Estimate, better: str, worse: str, neither: str) -> Verdict:
    """The sentence that an interval allows: above zero, below zero, or neither."""
    said = measured(estimate)
    if not estimate.has_interval:
        return Verdict(claim, "not measurable", f"{neither}: {said}")
    if estimate.low > 0.0:
        return Verdict(claim, "better", f"{better}: {said}, n {estimate.n}.")
    if estimate.high < 0.0:
        return Verdict(claim, "worse", f"{worse}: {said}, n {estimate.n}.")
    return Verdict(claim, "no difference", f"{neither}: {said}, n {estimate.n}.")


def figure(value: float) -> str:
    """Three significant figures, without an exponent where it can be helped.

    Example:
        >>> figure(0.024851), figure(-1.5), figure(302.4), figure(0.0), figure(0.0004354)
        ('.0249', '-1.50', '302', '0', '.0004')
    """
    if value == 0.0:
        return "0"
    size = abs(value)
    if size >= 100.0:
        return f"{value:,.0f}"
    if size >= 1.0:
        return f"{value:.{2 if size < 10.0 else 1}f}"
    text = f"{value:.{3 if size >= 0.1 else 4}f}"
    return text.replace("0.", ".", 1)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
