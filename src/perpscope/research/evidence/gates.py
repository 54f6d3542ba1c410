"""The frozen thresholds: one committed file, hashed into every verdict."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

import msgspec


class Gates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every threshold of a verdict; see `gates.toml` for what each means."""

    level: float
    replications: int
    placebo_draws: int
    cost_bps: float
    break_even_multiple: float
    least_events: int
    least_balance: float
    least_power: float
    least_psr: float
    least_dsr: float
    most_pbo: float
    pbo_blocks: int
    cpcv_groups: int
    cpcv_test_groups: int
    least_median_sharpe: float
    least_low_sharpe: float
    spa_p: float
    false_discovery: float
    plateau: float
    best_days: int
    best_trades: float
    least_of_a_year: int
    least_risk_effect: float
    suspect_ic: float
    suspect_sharpe: float
    expires_days: int


@cache
def gates() -> Gates:
    """The committed thresholds.

    Example:
        >>> gates().least_events, gates().cost_bps
        (200, 12.0)
    """
    return msgspec.toml.decode(_raw(), type=Gates)


@cache
def gates_hash() -> str:
    """SHA-256 of the committed file."""
    return hashlib.sha256(_raw()).hexdigest()


def _raw() -> bytes:
    return resources.files("perpscope.research.evidence").joinpath("gates.toml").read_bytes()
