"""What a rule found, and the alert that comes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Fact = float | int | str


class Finding(NamedTuple):
    """One thing that a rule saw. `key` names it so that the same thing has the same name whenever it is seen; `subject` is what
    the cooldown counts by; `ts` is when it could first be known, ns; `facts` are the numbers behind the sentence."""

    key: str
    subject: str
    ts: int
    sentence: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True)
class Alert:
    """A finding with its address: which rule, which instrument, which sinks. `id` depends on nothing else."""

    id: str
    rule: str
    kind: str
    venue: str
    symbol: str
    ts: int
    sentence: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    sinks: tuple[str, ...] = ()


def alert_id(rule: str, venue: str, symbol: str, key: str) -> str:
    """128 bits in hex: the same finding has the same id in every run, so that it is delivered once.

    Example:
        >>> alert_id("near", "binance", "BTCUSDT", "7") == alert_id("near", "binance", "BTCUSDT", "7")
        True
    """
    return hashlib.sha256("\x1f".join((rule, venue, symbol, key)).encode()).hexdigest()[:32]
