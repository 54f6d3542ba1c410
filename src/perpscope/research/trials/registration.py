"""A study's plan, written down and hashed before its data is read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from perpscope.core.errors import UserError
from perpscope.core.time import format_ts
from perpscope.research.trials.ledger import Ledger, RegistrationEntry
from perpscope.research.trials.trial import digest


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The plan of one study (EVIDENCE 3.1).

    Attributes:
        study: its name; a plan is looked up by it.
        hypothesis: one sentence that can turn out wrong.
        family: trials are counted together by it.
        sign: "+" if the effect is expected in the direction of the signal, "-" against it, "0" for no direction.
        horizon: over which the primary metric is measured, such as "1d".
        universe: symbols; venue: where they trade.
        metric: the primary one.
        minimum_effect: below it the finding is of no use, in the unit of the metric.
        cost_bps: of a round trip.
        variants_planned: how many trials the plan allows.
        stop_rule: when the study ends.
        rule: entry and exit, in words.
        window: first and last day; data: the streams that are read; censoring: what is not seen in them.
    """

    study: str
    hypothesis: str
    family: str
    sign: Literal["+", "-", "0"]
    horizon: str
    universe: list[str]
    venue: str
    metric: str
    minimum_effect: float
    cost_bps: float
    variants_planned: int
    stop_rule: str
    test: str = ""
    rule: str = ""
    window: list[str] = []
    data: list[str] = []
    censoring: str = "none"


def read_registration(path: Path) -> Registration:
    """Read a plan from a TOML file with one table `[study]`; its name is the file's, unless the file gives one.

    Raises:
        UserError: if the file is missing, is no TOML, lacks a field or has one that is not known.
    """
    if not path.is_file():
        raise UserError(f"There is no registration {path}. Write the plan of the study to that file before it is run.")
    try:
        plain = msgspec.toml.decode(path.read_bytes())
        fields = dict(plain["study"])
        fields.setdefault("study", path.stem)
        return msgspec.convert(fields, Registration)
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError) as mistake:
        raise UserError(
            f"The registration {path.name} cannot be read ({mistake}). It needs one table [study] with a plan."
        ) from None


def registration_hash(plan: Registration) -> str:
    """SHA-256 of what the plan says; comments and layout of its file do not matter."""
    return digest(dict(sorted(msgspec.structs.asdict(plan).items())))


def register(ledger: Ledger, plan: Registration, date: int) -> RegistrationEntry:
    """Enter a plan in the ledger before its data is read, or check that it is the one that was entered.

    Returns: the entry that counts: the first under this name.

    Raises:
        UserError: if the plan was changed since it was entered.
    """
    mine = RegistrationEntry(plan.study, registration_hash(plan), date)
    entered = ledger.enter_registration(mine)
    if entered.plan_hash != mine.plan_hash:
        raise UserError(
            f"The plan of study '{plan.study}' was changed after it was registered on {format_ts(entered.date)} "
            f"({entered.plan_hash[:12]}, now {mine.plan_hash[:12]}). Restore it, or register the new plan under a new name."
        )
    return entered
