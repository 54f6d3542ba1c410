"""What is written to disk: the measured factor, and the evidence page with its verdict, as one JSON schema."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from perpscope.core.errors import DataError, UserError
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


def read_page(folder: Path, name: str) -> EvidencePage:
    """The page of a factor from the folder that it was written to.

    Raises:
        UserError: if there is none.
        DataError: if it is damaged, or of another version.
    """
    path = folder / f"{name}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=EvidencePage)
    except OSError:
        raise UserError(f"{path} is missing beside the verdicts. Make it again with perpscope evidence {name}.") from None
    except (msgspec.DecodeError, msgspec.ValidationError) as mistake:
        raise DataError(f"{path} cannot be read as a page of evidence ({mistake}). Make it again.") from None
