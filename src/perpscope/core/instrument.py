"""An instrument and its dated risk tiers: plain facts, no formulas (those live in `contract/`)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from perpscope.core.errors import DataError, UserError
from perpscope.core.time import format_ts
from perpscope.core.units import ContractKind


@dataclass(frozen=True)
class RiskTier:
    """One step of a venue's margin table.

    `floor` and `cap` bound the position's notional in margin currency, `maintenance_rate` is a fraction of it,
    `maintenance_amount` the cumulative deduction that keeps maintenance continuous, in margin currency.
    """

    floor: float
    cap: float
    maintenance_rate: float
    maintenance_amount: float
    max_leverage: float


@dataclass(frozen=True)
class TierTable:
    """The tiers of one symbol while they were valid: [valid_from, valid_to) in ns, None where open.

    Raises:
        DataError: if tiers are not contiguous, or the cumulative amounts do not obey
            `c[n] = c[n-1] + floor[n] * (m[n] - m[n-1])`, which keeps maintenance continuous.
    """

    venue: str
    symbol: str
    tiers: tuple[RiskTier, ...]
    valid_from: int | None
    valid_to: int | None
    source: str

    def __post_init__(self) -> None:
        if not self.tiers:
            raise DataError(f"The tier table of {self.venue} {self.symbol} from {self.source} is empty.")
        for low, high in zip(self.tiers, self.tiers[1:], strict=False):
            if low.cap != high.floor:
                raise DataError(f"Tiers of {self.symbol} from {self.source} leave a hole.", (low, high))
            due = low.maintenance_amount + high.floor * (high.maintenance_rate - low.maintenance_rate)
            if abs(due - high.maintenance_amount) > 1e-6 * max(1.0, abs(due)):
                raise DataError(f"Maintenance of {self.symbol} from {self.source} jumps at {high.floor}.", (low, high))

    def covers(self, ts: int) -> bool:
        return (self.valid_from is None or self.valid_from <= ts) and (self.valid_to is None or ts < self.valid_to)


@dataclass(frozen=True)
class Instrument:
    """A contract on a venue, in the venue's own spelling.

    `tick_size` in price, `lot_size` in base units, `contract_size` in base units per contract (linear) or USD
    per contract (inverse). `oi_sides` is 2 where the venue's open interest counts longs plus shorts.
    """

    venue: str
    symbol: str
    kind: ContractKind = ContractKind.LINEAR
    base: str = ""
    quote: str = ""
    tick_size: float = 0.1
    lot_size: float = 0.001
    contract_size: float = 1.0
    oi_sides: int = 1
    tier_tables: tuple[TierTable, ...] = field(default=(), repr=False)

    def tiers_at(self, ts: int) -> TierTable:
        """The tier table in force at `ts`, the latest where several cover it; never a guess from another date, symbol or venue.

        Raises:
            UserError: if no table covers the time.
        """
        covering = [table for table in self.tier_tables if table.covers(ts)]
        if covering:
            return max(covering, key=lambda table: -math.inf if table.valid_from is None else table.valid_from)
        raise UserError(
            f"No risk tiers of {self.venue} {self.symbol} are known for {format_ts(ts)}. "
            f"Import a table that covers this date with 'perpscope import risk-tiers'."
        )
