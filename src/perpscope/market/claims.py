"""The life of a claim: something is said to have happened, and the market soon confirms it or proves it wrong."""

from __future__ import annotations

from enum import IntEnum


class ClaimEvent(IntEnum):
    """Only CONFIRMED is evidence: an opened claim may still fail. EXPIRED: time ran out, or a hole hid the outcome."""

    OPENED = 1
    CONFIRMED = 2
    BROKEN = 3
    EXPIRED = 4
