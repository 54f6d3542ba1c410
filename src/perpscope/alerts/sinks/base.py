"""What every sink can do, and how an attempt can end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, NamedTuple, Protocol

from perpscope.alerts.alert import Alert
from perpscope.core.errors import ProgrammerError


class Ending(IntEnum):
    """DELIVERED: taken. RETRY: certainly not taken, and may be tried again. FAILED: certainly not taken, and never will be.
    UNKNOWN: it may have been taken; it is not sent again, because an alert is told at most once."""

    DELIVERED = 1
    RETRY = 2
    FAILED = 3
    UNKNOWN = 4


class Outcome(NamedTuple):
    """`note` is made of our own words and numbers only: an address or an answer never gets into it."""

    ending: Ending
    note: str = ""


class Sink(Protocol):
    """One place. `problem` says why it cannot work here ("" if it can)."""

    def problem(self) -> str: ...

    async def send(self, alert: Alert) -> Outcome:
        """One attempt, within a few seconds. It never raises for what the other side does."""
        ...


@dataclass(frozen=True)
class SinkConfig:
    """Base of the parameters of a sink, a frozen dataclass each."""

    kind: ClassVar[str] = ""

    def build(self, loopback: bool = False) -> Sink:
        """The sink. `loopback` allows plain http to this machine and nothing else, for tests.

        Raises:
            UserError: if an address is not allowed.
        """
        raise ProgrammerError(f"A sink of kind {self.kind} does not say how it is built.")


def line_of(alert: Alert) -> str:
    """An alert in one line; not yet made plain."""
    return f"{alert.venue}:{alert.symbol} {alert.sentence}"
