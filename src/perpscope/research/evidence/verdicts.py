"""Verdict files: one JSON per run, versioned, and the reader that confluence, sizing and reports call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, format_ts, parse_ts
from perpscope.research.evidence.facts import Number
from perpscope.research.evidence.record import VERSION
from perpscope.setups.base import Verdict

FILE = "verdicts.json"


class FactorVerdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a factor may do, and on what that rests.

    `direction`: the verdict on direction alone, which a RISK-ONLY factor still has. `leverage`: what the lower bound allows
    (0 for everything that is not PROVEN). `demoted`: the date from which the monitor took it back, and why; "" if it did not.
    """

    name: str
    verdict: Verdict
    direction: Verdict
    qualifier: str
    sentence: str
    horizon: str
    n: int
    bps: Number
    cost_bps: float
    trials: int
    date: str
    expires: str
    needed: int | None
    leverage: float
    demoted: str = ""

    def at(self, moment: int) -> Verdict:
        """The verdict at a moment, ns: UNPROVEN once it has expired, and from its demotion on.

        Example:
            >>> none = Number(None, None, None, 0)
            >>> words = ("", "a sentence", "4h", 9)
            >>> rest = (none, 12.0, 1, "2026-03-01", "2026-08-28", 0, 0.0)
            >>> one = FactorVerdict("flow", Verdict.WEAK, Verdict.WEAK, *words, *rest)
            >>> str(one.at(parse_ts("2026-04-01"))), str(one.at(parse_ts("2026-09-01")))
            ('WEAK', 'UNPROVEN')
        """
        if moment >= parse_ts(self.expires) or (self.demoted and moment >= parse_ts(self.demoted[:10])):
            return Verdict.UNPROVEN
        return self.verdict

    @property
    def may_add_size(self) -> bool:
        """Nothing that is not PROVEN may."""
        return self.verdict is Verdict.PROVEN and not self.demoted

    @property
    def may_shrink_size(self) -> bool:
        """PROVEN and RISK-ONLY may."""
        return self.verdict in (Verdict.PROVEN, Verdict.RISK_ONLY) and not self.demoted

    @property
    def may_veto(self) -> bool:
        """What may shrink, and WEAK."""
        return self.may_shrink_size or self.verdict is Verdict.WEAK


class VerdictFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All verdicts of one run, and what a second run must share to give the same."""

    version: int = VERSION
    venue: str
    symbols: list[str]
    timeframe: str
    start: str
    end: str
    date: str
    seed: int
    data_hash: str
    gates_hash: str
    ledger_hash: str
    code_version: str
    command: str
    factors: dict[str, FactorVerdict]


def write_verdicts(folder: Path, verdicts: VerdictFile) -> Path:
    """Write the file; an older one with other content is kept beside it under its date and a number."""
    path = folder / FILE
    text = msgspec.json.format(msgspec.json.encode(verdicts), indent=1) + b"\n"
    if path.exists() and path.read_bytes() != text:
        older = _decode(path)
        number = 1
        while (kept := folder / f"verdicts-{older.date}-{number}.json").exists():
            number += 1
        path.rename(kept)
    path.write_bytes(text)
    return path


def read_verdict_file(folder: Path) -> VerdictFile:
    """The newest verdicts of a folder.

    Raises:
        UserError: if there are none, or the file is damaged or of another version.
    """
    path = folder / FILE
    if not path.is_file():
        raise UserError(
            f"There are no verdicts in {folder}. Make them first: perpscope evidence all --lake DIR --out {folder}."
        )
    return _decode(path)


def read_verdicts(folder: Path | None, at: int | None = None) -> Mapping[str, FactorVerdict]:
    """The verdict of every factor by name, for whoever weighs, sizes or prints.

    Args:
        folder: that `perpscope evidence` wrote to; None gives an empty mapping: everything is UNPROVEN.
        at: a moment, ns; verdicts made after it are not known yet and are left out, expired ones are UNPROVEN.
    Raises:
        UserError: as `read_verdict_file`.
    """
    if folder is None:
        return {}
    found = read_verdict_file(folder).factors
    if at is None:
        return found
    known = {name: one for name, one in found.items() if parse_ts(one.date) <= at}
    return {name: msgspec.structs.replace(one, verdict=one.at(at)) for name, one in known.items()}


def expiry(date: str, days: int) -> str:
    """The ISO date `days` after another."""
    return format_ts(parse_ts(date) + days * DAY)[:10]


def _decode(path: Path) -> VerdictFile:
    try:
        return msgspec.json.decode(path.read_bytes(), type=VerdictFile)
    except (msgspec.DecodeError, msgspec.ValidationError) as mistake:
        raise UserError(f"{path} cannot be read as verdicts ({mistake}). Make it again with perpscope evidence all.") from None
