"""What a synthetic market is made of: frozen settings with defaults that look like BTC, and one line on each.

Quantities are in base units, shares and rates are fractions, prices in quote. The defaults are calibrated against
recorded bars (docs/definitions/synthetic_market.md shows the comparison); they are a choice, never a finding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.time import HOUR, format_ts, parse_ts
from perpscope.core.units import ContractKind

_TIERS = (
    (0.0, 50_000.0, 0.004, 0.0, 125.0),
    (50_000.0, 600_000.0, 0.005, 50.0, 100.0),
    (600_000.0, 3_000_000.0, 0.0065, 950.0, 75.0),
    (3_000_000.0, 12_000_000.0, 0.01, 11_450.0, 50.0),
    (12_000_000.0, 70_000_000.0, 0.02, 131_450.0, 25.0),
    (70_000_000.0, 100_000_000.0, 0.025, 481_450.0, 20.0),
    (100_000_000.0, 230_000_000.0, 0.05, 2_981_450.0, 10.0),
    (230_000_000.0, 480_000_000.0, 0.10, 14_481_450.0, 5.0),
    (480_000_000.0, 600_000_000.0, 0.125, 26_481_450.0, 4.0),
    (600_000_000.0, 800_000_000.0, 0.15, 41_481_450.0, 3.0),
    (800_000_000.0, 1_200_000_000.0, 0.25, 121_481_450.0, 2.0),
    (1_200_000_000.0, 1_800_000_000.0, 0.50, 421_481_450.0, 1.0),
)


def synthetic_instrument() -> Instrument:
    """The contract that is traded: linear, tick 0.1, lot 0.001, with the risk tiers of a large BTC contract.

    The tiers are those Binance published for BTCUSDT in October 2024, so that the tier logic is exercised on real
    steps; venue and symbol say plainly that nothing here was ever traded.

    Example:
        >>> synthetic_instrument().symbol
        'SYNUSDT'
    """
    tiers = TierTable("synthetic", "SYNUSDT", tuple(RiskTier(*row) for row in _TIERS), None, None, "Binance BTCUSDT, 2024-10")
    return Instrument("synthetic", "SYNUSDT", ContractKind.LINEAR, "SYN", "USDT", 0.1, 0.001, 1.0, 1, (tiers,))


@dataclass(frozen=True)
class Outside:
    """The price outside this market (spot): stochastic volatility, jumps, the hours of the day."""

    volatility: float = 0.42  # per year of 365 days, before what this market adds itself
    fast_spread: float = 0.45  # log standard deviation of the fast volatility factor
    fast_hours: float = 3.0  # its half-life
    slow_spread: float = 0.35
    slow_hours: float = 96.0
    day_shape: float = 0.3  # amplitude of volatility over the hours of the day, highest at 15:00 UTC
    jumps_per_day: float = 2.0
    jump_size: float = 0.003  # mean absolute jump, spread over a minute or so
    activity_slope: float = 0.8  # log activity per log volatility
    activity_spread: float = 0.35  # log standard deviation of activity on its own
    activity_hours: float = 0.5


@dataclass(frozen=True)
class Makers:
    """Market makers and the depth they give."""

    count: int = 4
    nearest: float = 0.00003  # distance of the first rung, as a fraction of price
    spacing: float = 2.2  # each rung this many times farther
    top_quantity: float = 0.3  # resting at the first rung, base units
    depth_growth: float = 1.9  # each rung this many times larger
    home_quantity: float = 500.0  # each second maker is long that much here, the others short
    hedge_seconds: float = 300.0
    skew_per_unit: float = 0.00001  # log price per unhedged base unit and maker
    carry_per_unit: float = 0.0000004  # log price per base unit held


@dataclass(frozen=True)
class Flow:
    """Everyone but makers and leveraged traders, and how often anyone acts."""

    arrivals_per_second: float = 1.2
    share_retail: float = 0.26
    share_noise: float = 0.48
    share_momentum: float = 0.08
    share_reverter: float = 0.08  # the rest of the arrivals are holders
    count_noise: int = 1200
    count_momentum: int = 150
    count_reverter: int = 150
    count_holder: int = 400
    count_arbitrage: int = 8
    noise_quantity: float = 0.08  # mean order, base units
    noise_capacity: float = 4.0  # position at which a trader only goes home
    holder_quantity: float = 0.2
    holder_capacity: float = 40.0
    momentum_strength: float = 0.6
    trend_fast_minutes: float = 10.0
    trend_slow_minutes: float = 240.0
    trend_scale: float = 0.006
    quantity_spread: float = 1.4  # log standard deviation of every order's quantity
    passive_share: float = 0.35  # of orders that rest instead of crossing
    passive_distance: float = 0.0003  # mean distance behind the best price
    passive_seconds: float = 240.0
    arbitrage_edge: float = 0.0001
    arbitrage_quantity: float = 0.6


@dataclass(frozen=True)
class Retail:
    """The leveraged traders whose positions the heatmap is about. Every opening draws from these distributions."""

    leverages: tuple[float, ...] = (2, 3, 5, 10, 20, 25, 50, 75, 100, 125)
    weights: tuple[float, ...] = (0.18, 0.21, 0.25, 0.2, 0.08, 0.035, 0.025, 0.009, 0.008, 0.003)
    quantity: float = 0.08  # mean opening, base units
    bias: float = 0.04  # more longs than shorts
    trend: float = 0.15  # they buy what rose
    holding_hours: float = 36.0  # median at 10x
    holding_slope: float = 0.7  # higher leverage holds shorter: hours * (10 / leverage) ** slope
    holding_spread: float = 1.2
    stop_share: float = 0.35
    stop_nearest: float = 0.15  # share of the way to liquidation
    stop_farthest: float = 0.95
    target_share: float = 0.4
    target_mean: float = 0.8  # multiple of the way to liquidation, exponential
    spare_margin: float = 0.5  # wallet beside the initial margin, as a multiple of it
    initial_share: float = 0.4  # of the first open interest


@dataclass(frozen=True)
class VenueRules:
    """Fees, funding, mark, insurance."""

    maker_fee: float = 0.0002
    taker_fee: float = 0.0005
    interest_rate: float = 0.0001
    funding_clamp: float = 0.0005
    funding_cap: float = 0.0075
    funding_seconds: int = 28_800
    funding_from_margin: bool = False
    interest_seconds: int = 300  # open interest is published this often
    mark_seconds: float = 30.0  # span of the EMA of mid - index
    follow_seconds: float = 150.0  # time in which the outside price follows this market
    revert_hours: float = 6.0  # time in which the outside world forgets that it followed
    price_band: float = 0.05  # a market order goes no farther from the mark
    insurance_fund: float = 50_000_000.0
    unwind_quantity: float = 0.5  # the fund sheds this much a second


@dataclass(frozen=True)
class Config:
    """One synthetic market. Equal settings give bit-equal tables.

    Raises:
        UserError: for a length, price or mix that no market can have.
    """

    seed: int = 7
    days: float = 14.0
    start: int = parse_ts("2025-01-06")
    price: float = 60_000.0
    open_interest: float = 8_000.0
    outside: Outside = field(default_factory=Outside)
    makers: Makers = field(default_factory=Makers)
    flow: Flow = field(default_factory=Flow)
    retail: Retail = field(default_factory=Retail)
    venue: VenueRules = field(default_factory=VenueRules)

    def __post_init__(self) -> None:
        if not 0.0 < self.days <= 400.0:
            raise UserError(f"A synthetic market lasts more than 0 and at most 400 days, not {self.days}.")
        if self.start % (8 * HOUR):
            raise UserError(f"A synthetic market starts on a funding stamp (00:00, 08:00, 16:00), not {format_ts(self.start)}.")
        if not self.price > 0.0 or not self.open_interest > 0.0:
            raise UserError("A synthetic market needs a price and an open interest above zero.")
        mix = self.retail
        if len(mix.leverages) != len(mix.weights) or not mix.weights:
            raise UserError("Give one weight for each leverage of the mix.")
        if min(mix.leverages) < 1.0 or min(mix.weights) < 0.0 or not math.isfinite(sum(mix.weights)) or sum(mix.weights) <= 0.0:
            raise UserError("Leverages are at least 1 and weights not negative, with a sum above zero.")

    @property
    def seconds(self) -> int:
        return round(self.days * 86_400)
