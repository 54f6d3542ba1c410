"""One trial: what was run, with which parameters, on which data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from perpscope.core.errors import UserError

Value = str | int | float | bool | None


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One variant that was evaluated, whether or not its result was liked.

    Definition: two trials are the same when `what`, `parameters` and `data_hash` agree; the date, purpose, author, run and
    result do not make a new one, so that running a command again counts nothing twice.

    Attributes:
        family: the research question whose trials are counted together, such as "fair_value_gaps".
        what: the thing that was run, such as "event_study fair_value_gaps" or "sweep confluence".
        parameters: every setting that was chosen, plain values by name (symbol, horizon and time frame included).
        data_hash: of the data that was read, see `data_hash`.
        date: ns UTC, passed in by the caller; the ledger reads no clock.
        purpose: one of "evidence", "sweep", "calibrate", "backtest", or a word of your own.
        metric: what was measured, such as "sharpe_ratio per day" or "effect_bps".
        result: the measured number; None while it is not known, or where there was none.
        run, author: free words that say where the row came from.

    Example:
        >>> one = Trial("gaps", "event_study gaps", {"horizon": "1h"}, "ab12", 0, "evidence", "effect_bps")
        >>> again = Trial("gaps", "event_study gaps", {"horizon": "1h"}, "ab12", 5, "sweep", "effect_bps", 1.5)
        >>> one.key == again.key, len(one.key)
        (True, 64)
    """

    family: str
    what: str
    parameters: dict[str, Value]
    data_hash: str
    date: int
    purpose: str
    metric: str
    result: float | None = None
    run: str = ""
    author: str = ""

    @property
    def key(self) -> str:
        """SHA-256 of what was run, the parameters by name, and the data: the identity of the trial."""
        return digest([self.what, dict(sorted(self.parameters.items())), self.data_hash])

    def check(self) -> None:
        """Refuse a trial that could not be counted.

        Raises:
            UserError: if family, what or data_hash is empty, or the result is not finite.
        """
        for name in ("family", "what", "data_hash", "purpose", "metric"):
            if not getattr(self, name):
                raise UserError(f"A trial needs a {name}; an empty one could not be counted.")
        if self.result is not None and not abs(self.result) < float("inf"):
            raise UserError(f"The result of a trial is a finite number, or None where there is none, not {self.result}.")


def digest(content: object) -> str:
    """SHA-256 of plain data in canonical JSON (names in the order given: sort them first)."""
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def data_hash(checksums: Iterable[str]) -> str:
    """One hash for a set of files, from their own checksums; the order in which they are named does not matter.

    Example:
        >>> data_hash(["b", "a"]) == data_hash(["a", "b"])
        True
    """
    return digest(sorted(checksums))
