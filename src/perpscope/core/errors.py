"""The three kinds of error (ARCHITECTURE.md section 6).

The *world* (a disconnect, a sequence gap) is no error but an event: `Gap` in `core.events`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PerpscopeError(Exception):
    """Base of every error this package raises on purpose."""


class UserError(PerpscopeError):
    """Something the caller can mend: one sentence that says what to do. The command line exits with 2."""


class DataError(PerpscopeError):
    """Data that cannot be what it claims to be, refused at the door together with the evidence.

    `payload` is the offending piece, cut short, never a whole file.
    """

    def __init__(self, sentence: str, payload: object = None) -> None:
        self.payload = None if payload is None else repr(payload)[:300]
        super().__init__(sentence if self.payload is None else f"{sentence} Offending piece: {self.payload}")


class ProgrammerError(PerpscopeError):
    """A contract between parts of the code was broken (a wrong schema, rows out of order)."""


def unknown_name(what: str, given: str, known: Iterable[str]) -> UserError:
    """A `UserError` for a name that does not exist, with the nearest one that does.

    Example:
        >>> str(unknown_name("time frame", "1hr", ["1m", "1h", "1d"]))
        "There is no time frame '1hr'. Did you mean '1h'? Known: 1d, 1h, 1m."
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.4)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    shown = ", ".join(names[:40]) + (", ..." if len(names) > 40 else "")
    return UserError(f"There is no {what} '{given}'.{hint} Known: {shown or 'none'}.")
