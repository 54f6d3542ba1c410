"""How each venue computes a liquidation price, by contract kind and date. An unknown venue is refused, never guessed.

Sources, checked against worked examples in tests/answers/contract:

- Binance: FAQ b3c689c1f50a44cabb3a84e663b81d93 (USDT-M) and ceccfcfb4e3a45e3b48b0b1bb1a8ae46 (COIN-M).
- Bybit: help centre "The New Margin Calculation" (updated 2025-09-18): maintenance follows the mark instead of the
  entry from 2025-09-02. The day is published, the hour is not; midnight UTC is our choice. The closing fee is
  reserved in both margins and cancels. Before: "Liquidation Price Calculation under Isolated Mode", 2024-09-10.
- OKX: "Tiered maintenance margin ratio rules" (2025-05-16): the taker fee is added to the maintenance rate, and the
  rate of one tier applies to the whole position (no cumulative amount).
- Hyperliquid: docs, "Liquidations" and "Margin tiers": half the initial margin at the tier's maximum leverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from perpscope.contract.inputs import Number, Sides, rate_fraction
from perpscope.contract.liquidation import Valuation, isolated_liquidation_price, liquidation_price
from perpscope.contract.margin import TierArrays, Tiers, tier_arrays
from perpscope.core.errors import UserError, unknown_name
from perpscope.core.time import parse_ts
from perpscope.core.units import ContractKind

BYBIT_MARK_VALUED_FROM = parse_ts("2025-09-02")
"""Since when Bybit values maintenance at the mark, ns UTC."""


@dataclass(frozen=True)
class VenueRule:
    """One venue's liquidation rule for one kind of contract while it was valid: [valid_from, valid_to), None if open.

    `adds_taker_fee`: the taker fee rate is added to the maintenance rate. `whole_position`: the tier's rate applies
    to the whole position, so there is no cumulative amount.
    """

    venue: str
    kind: ContractKind
    valuation: Valuation
    source: str
    valid_from: int | None = None
    valid_to: int | None = None
    adds_taker_fee: bool = False
    whole_position: bool = False

    def covers(self, ts: int) -> bool:
        return (self.valid_from is None or self.valid_from <= ts) and (self.valid_to is None or ts < self.valid_to)

    def tiers(self, tiers: Tiers, taker_fee: float | None = None) -> TierArrays:
        """The tiers as this venue applies them.

        Args:
            tiers: the venue's table for the symbol, or `flat_tier(m)` of the position's own tier.
            taker_fee: the account's taker fee as a fraction (0.0005 is 0.05%); needed where the venue adds it,
                ignored elsewhere.

        Raises:
            UserError: if the venue adds the fee and none is given, or if a progressive table is given to a venue
                that applies one rate to the whole position.
        """
        columns = tier_arrays(tiers)
        if self.whole_position and (len(columns.rate) > 1 or columns.amount[0] != 0.0):
            raise UserError(
                f"{self.venue} applies the rate of one tier to the whole position: "
                "pass flat_tier(rate) with the tier of the position's contract count."
            )
        if not self.adds_taker_fee:
            return columns
        if taker_fee is None:
            raise UserError(f"{self.venue} adds the taker fee to the maintenance rate: pass taker_fee, for example 0.0005.")
        added = columns.rate + float(rate_fraction("taker fee", taker_fee))
        return columns._replace(rate=np.ascontiguousarray(rate_fraction("maintenance rate plus taker fee", added)))

    def liquidation_price(
        self,
        side: Sides,
        quantity: Number,
        entry: Number,
        margin: Number,
        tiers: Tiers,
        *,
        taker_fee: float | None = None,
    ) -> Any:
        """`perpscope.contract.liquidation_price` under this rule: same arguments, same answer.

        Example:
            >>> from perpscope.contract.margin import flat_tier
            >>> from perpscope.core.units import PositionSide
            >>> rule = rule_for("hyperliquid", ContractKind.LINEAR, parse_ts("2024-11-01"))
            >>> round(rule.liquidation_price(PositionSide.LONG, 0.0015, 66_930.0, 20.043862, flat_tier(0.01)), 3)
            54108.51
        """
        applied = self.tiers(tiers, taker_fee)
        return liquidation_price(side, quantity, entry, margin, applied, kind=self.kind, valuation=self.valuation)

    def isolated_liquidation_price(
        self,
        side: Sides,
        quantity: Number,
        entry: Number,
        leverage: Number,
        tiers: Tiers,
        *,
        taker_fee: float | None = None,
    ) -> Any:
        """`perpscope.contract.isolated_liquidation_price` under this rule: same arguments, same answer.

        Example:
            >>> from perpscope.contract.margin import flat_tier
            >>> from perpscope.core.units import PositionSide
            >>> for day in ("2025-09-01", "2025-09-02"):
            ...     rule = rule_for("bybit", ContractKind.LINEAR, parse_ts(day))
            ...     print(round(rule.isolated_liquidation_price(PositionSide.LONG, 1.0, 10.0, 5.0, flat_tier(0.01)), 6))
            8.1
            8.080808
        """
        applied = self.tiers(tiers, taker_fee)
        return isolated_liquidation_price(side, quantity, entry, leverage, applied, kind=self.kind, valuation=self.valuation)


def _bybit(kind: ContractKind) -> tuple[VenueRule, VenueRule]:
    before = "Bybit help centre, Liquidation Price Calculation under Isolated Mode, 2024-09-10"
    after = "Bybit help centre, The New Margin Calculation, 2025-09-18"
    return (
        VenueRule("bybit", kind, Valuation.ENTRY, before, valid_to=BYBIT_MARK_VALUED_FROM),
        VenueRule("bybit", kind, Valuation.MARK, after, valid_from=BYBIT_MARK_VALUED_FROM),
    )


_OKX = "OKX, Tiered maintenance margin ratio rules, 2025-05-16 (read on a mirror)"

RULES: tuple[VenueRule, ...] = (
    VenueRule("binance", ContractKind.LINEAR, Valuation.MARK, "Binance FAQ b3c689c1f50a44cabb3a84e663b81d93"),
    VenueRule("binance", ContractKind.INVERSE, Valuation.MARK, "Binance FAQ ceccfcfb4e3a45e3b48b0b1bb1a8ae46"),
    *_bybit(ContractKind.LINEAR),
    *_bybit(ContractKind.INVERSE),
    VenueRule("okx", ContractKind.LINEAR, Valuation.MARK, _OKX, adds_taker_fee=True, whole_position=True),
    VenueRule("okx", ContractKind.INVERSE, Valuation.MARK, _OKX, adds_taker_fee=True, whole_position=True),
    VenueRule("hyperliquid", ContractKind.LINEAR, Valuation.MARK, "Hyperliquid docs, Liquidations; Margin tiers"),
)
"""Every rule we know, with its source and dates; the rules of one venue and kind tile all time."""


def rule_for(venue: str, kind: ContractKind, ts: int) -> VenueRule:
    """The liquidation rule of a venue in force at a time.

    Args:
        venue: "binance", "bybit", "okx" or "hyperliquid".
        kind: linear or inverse.
        ts: ns UTC.

    Raises:
        UserError: if the venue is unknown (with the nearest name) or does not list that kind. A rule is never borrowed
            from another venue.

    Example:
        >>> rule_for("bybit", ContractKind.LINEAR, parse_ts("2025-09-01")).valuation.name
        'ENTRY'
        >>> rule_for("binnance", ContractKind.LINEAR, parse_ts("2025-09-01"))
        Traceback (most recent call last):
        ...
        perpscope.core.errors.UserError: There is no venue 'binnance'. Did you mean 'binance'? Known: binance, ...
    """
    venues = {rule.venue for rule in RULES}
    if venue not in venues:
        raise unknown_name("venue", venue, venues)
    rules = [rule for rule in RULES if rule.venue == venue and rule.kind == kind]
    if not rules:
        kinds = ", ".join(sorted({rule.kind.name.lower() for rule in RULES if rule.venue == venue}))
        raise UserError(f"No liquidation rule is known for a {kind.name.lower()} contract on {venue}. Known there: {kinds}.")
    return next(rule for rule in rules if rule.covers(ts))
