"""The mathematics of the perpetual contract, once: what a position is worth, needs, pays, and where it breaks.

Numbers in, numbers out: floats give a float, arrays broadcast to a float64 array; NaN is "absent" on the way in and
"there is no such price" on the way out. Only `read_tier_tables` touches a file.

    worth       notional  unrealized_pnl  equity  return_on_margin                                  (pnl)
    needs       initial_margin  maintenance_margin  margin_ratio  check_leverage  max_leverage_at
                maintenance_rate_at  maintenance_amount_at  flat_tier  tier_arrays  amount_step     (margin)
    breaks      liquidation_price  isolated_liquidation_price  bankruptcy_price  Valuation
                isolated_bankruptcy_price  liquidation_price_from_bankruptcy                        (liquidation)
                liquidation_shift  leverage_from_liquidation_price
                leverage_from_bankruptcy_price                                                      (leverage)
                cross_liquidation_price  hedge_liquidation_prices  Leg  LiquidationBand             (cross)
    pays        funding_payment  funding_intervals  funding_interval  settlement_hours
                funding_rate_annual  funding_rate_8h                                                (funding)
    whose rule  rule_for  VenueRule  RULES: by venue, kind and date; unknown venues are refused     (rules)
    whose tiers tiers_for  nearest_tiers  tables_of  read_tier_tables  seed_tables  tiers_from_rates  tiers_from_leverage
                venue_symbol                                                                        (tiers)

A fold that runs inside compiled code calls the scalar kernels themselves: `perpscope.contract.kernels`.
Definitions, sources and disputes: docs/definitions/liquidation_price.md and funding_payment.md.
"""

from perpscope.contract.cross import Leg, LiquidationBand, cross_liquidation_price, hedge_liquidation_prices
from perpscope.contract.funding import (
    funding_interval,
    funding_intervals,
    funding_payment,
    funding_rate_8h,
    funding_rate_annual,
    settlement_hours,
)
from perpscope.contract.leverage import (
    leverage_from_bankruptcy_price,
    leverage_from_liquidation_price,
    liquidation_shift,
)
from perpscope.contract.liquidation import (
    Valuation,
    bankruptcy_price,
    isolated_bankruptcy_price,
    isolated_liquidation_price,
    liquidation_price,
    liquidation_price_from_bankruptcy,
)
from perpscope.contract.margin import (
    TierArrays,
    Tiers,
    amount_step,
    check_leverage,
    flat_tier,
    initial_margin,
    maintenance_amount_at,
    maintenance_margin,
    maintenance_rate_at,
    margin_ratio,
    max_leverage_at,
    tier_arrays,
)
from perpscope.contract.pnl import equity, notional, return_on_margin, unrealized_pnl
from perpscope.contract.rules import BYBIT_MARK_VALUED_FROM, RULES, VenueRule, rule_for
from perpscope.contract.tiers import (
    nearest_tiers,
    read_tier_tables,
    seed_tables,
    tables_of,
    tiers_for,
    tiers_from_leverage,
    tiers_from_rates,
    venue_symbol,
)

__all__ = [
    "BYBIT_MARK_VALUED_FROM",
    "RULES",
    "Leg",
    "LiquidationBand",
    "TierArrays",
    "Tiers",
    "Valuation",
    "VenueRule",
    "amount_step",
    "bankruptcy_price",
    "check_leverage",
    "cross_liquidation_price",
    "equity",
    "flat_tier",
    "funding_interval",
    "funding_intervals",
    "funding_payment",
    "funding_rate_8h",
    "funding_rate_annual",
    "hedge_liquidation_prices",
    "initial_margin",
    "isolated_bankruptcy_price",
    "isolated_liquidation_price",
    "leverage_from_bankruptcy_price",
    "leverage_from_liquidation_price",
    "liquidation_price",
    "liquidation_price_from_bankruptcy",
    "liquidation_shift",
    "maintenance_amount_at",
    "maintenance_margin",
    "maintenance_rate_at",
    "margin_ratio",
    "max_leverage_at",
    "nearest_tiers",
    "notional",
    "read_tier_tables",
    "return_on_margin",
    "rule_for",
    "seed_tables",
    "settlement_hours",
    "tables_of",
    "tier_arrays",
    "tiers_for",
    "tiers_from_leverage",
    "tiers_from_rates",
    "unrealized_pnl",
    "venue_symbol",
]
