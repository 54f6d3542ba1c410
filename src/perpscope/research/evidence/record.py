"""What is written to disk: the measured factor, and the evidence page with its verdict, as one JSON schema."""

from __future__ import annotations

from typing import Literal

import msgspec

from perpscope.research.evidence.facts import Facts, Number
from perpscope.research.evidence.judge import Gate
from perpscope.setups.base import Verdict

Cellular = Number | float | int | str | None
VERSION = 1


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of a table: label, cells by heading, and a remark."""

    label: str
    cells: dict[str, Cellular]
    note: str = ""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the page; `id` is its number in EVIDENCE 12."""

    id: str
    title: str
    question: str
    rows: list[Line]


class Curve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers behind a line of a picture."""

    name: str
    x: list[str]
    y: list[float | None]


class Moments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sharpe ratio per day of the simplest strategy, with what its error depends on; `n` days."""

    sharpe: float | None
    n: float | None
    skewness: float | None
    kurtosis: float | None


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A factor as measured, before a verdict: facts, tables 1 to 7, curves, and the Sharpe ratio per day by horizon."""

    name: str
    facts: Facts
    moments: Moments | None
    tables: list[Table]
    curves: list[Curve]
    notes: list[str]
    sharpe_by_horizon: dict[str, float | None] = {}


class EvidencePage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything on the page of a factor; the page and the picture show nothing that is not here.

    Attributes:
        date: of the verdict; expires: from then on it counts as UNPROVEN. Both ISO dates.
        n, bps: matched events and their effect at `horizon`; cost_bps: of a round trip; trials: N of the family.
        seed, data_hash, gates_hash, plan_hash, ledger_hash, code_version, command: what a second run must share.
    """

    version: int = VERSION
    kind: Literal["evidence"] = "evidence"
    name: str
    title: str
    family: str
    fold: str
    hypothesis: str
    prior: str
    horizon: str
    verdict: Verdict
    direction: Verdict
    qualifier: str
    sentence: str
    needed: int | None
    n: int
    bps: Number
    cost_bps: float
    trials: int
    start: str
    end: str
    timeframe: str
    venue: str
    symbols: list[str]
    date: str
    expires: str
    seed: int
    data_hash: str
    gates_hash: str
    plan_hash: str
    ledger_hash: str
    code_version: str
    command: str
    facts: Facts
    gates: list[Gate]
    tables: list[Table]
    curves: list[Curve]
    notes: list[str]
