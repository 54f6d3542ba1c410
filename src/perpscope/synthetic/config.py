"""What a synthetic market is made of: frozen settings with defaults that look like BTC, and a line on each.

Quantities are in base units, shares and rates are fractions, prices in quote. The defaults are calibrated against
recorded bars (docs/definitions/synthetic_market.md shows the comparison); they are a choice, never a finding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.time import HOUR, format_ts, parse_ts
from perpscope.core.units import ContractKind

INTEREST_UNITS = ("base", "usd", "usd_as_base")

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
class Episode:
    """A planted move of the outside price: at a day after the start, over some minutes, with thinner books."""

    day: float
    log_move: float
    minutes: float = 30.0
    stress: float = 3.0  # volatility, and distance of quotes, relative to normal


@dataclass(frozen=True)
class Outside:
    """The price outside this market (spot): stochastic volatility, jumps, the hours of the day, planted episodes."""

    volatility: float = 0.48  # per year of 365 days, before what this market adds itself
    fast_spread: float = 0.34  # log standard deviation of the fast volatility factor
    fast_hours: float = 3.0  # its half-life
    slow_spread: float = 0.35
    slow_hours: float = 96.0
    day_shape: float = 0.35  # amplitude of volatility over the hours of the day, highest at 15:00 UTC
    jumps_per_day: float = 3.0
    jump_size: float = 0.0032  # mean absolute jump, spread over the better part of a minute
    activity_slope: float = 1.25  # log activity per log volatility
    activity_spread: float = 0.2  # log standard deviation of activity on its own
    activity_hours: float = 0.5
    mood_hours: float = 30.0  # half-life of what retail leans to
    episodes: tuple[Episode, ...] = ()


@dataclass(frozen=True)
class Makers:
    """Market makers and the depth they give: eight resting orders on each side."""

    count: int = 4
    nearest: float = 0.00003  # distance of the first rung, as a fraction of price
    spacing: float = 2.2  # each rung this many times farther
    top_quantity: float = 0.15  # resting at the first rung, base units
    depth_growth: float = 1.8  # each rung this many times larger
    home_quantity: float = 500.0  # every second maker is long that much here (hedged elsewhere), the others short
    hedge_seconds: float = 300.0  # in which inventory is hedged elsewhere
    skew_per_unit: float = 0.00012  # log price per unhedged base unit and maker
    carry_per_unit: float = 0.0000055  # log price per base unit away from home
    basis: float = -0.00055  # where the perpetual trades against the index when nobody leans on it


@dataclass(frozen=True)
class Flow:
    """Everyone but makers and leveraged traders, and how often anyone acts. Shares are of arrivals."""

    arrivals_per_second: float = 0.95
    share_retail: float = 0.23
    share_noise: float = 0.51
    share_momentum: float = 0.08
    share_reverter: float = 0.08
    share_collector: float = 0.02
    share_holder: float = 0.08
    count_noise: int = 1200
    count_momentum: int = 150
    count_reverter: int = 150
    count_collector: int = 40
    count_holder: int = 400
    count_arbitrage: int = 8
    noise_quantity: float = 0.1  # mean order, base units
    noise_capacity: float = 4.0  # distance from home at which a trader only goes back
    holder_quantity: float = 0.2
    holder_capacity: float = 40.0
    collector_capacity: float = 12.0  # position of one collector at a large premium
    collector_scale: float = 0.0004  # the premium that is large
    momentum_strength: float = 0.6
    trend_fast_minutes: float = 10.0
    trend_slow_minutes: float = 240.0
    trend_scale: float = 0.006
    quantity_spread: float = 1.55  # log standard deviation of an order's quantity
    passive_share: float = 0.35  # of orders that rest instead of crossing
    passive_distance: float = 0.0003  # mean distance behind the best price
    passive_seconds: float = 240.0
    arbitrage_edge: float = 0.0001
    arbitrage_quantity: float = 0.6


@dataclass(frozen=True)
class Retail:
    """The leveraged traders whose positions the heatmap is about. Every opening draws from these distributions."""

    leverages: tuple[float, ...] = (2, 3, 5, 10, 20, 25, 50, 75, 100, 125)
    weights: tuple[float, ...] = (0.18, 0.22, 0.27, 0.185, 0.06, 0.025, 0.025, 0.014, 0.015, 0.006)
    later_weights: tuple[float, ...] = ()  # the mix from `mix_change_day` on; empty: no change
    mix_change_day: float = math.inf
    quantity: float = 0.12  # mean opening, base units
    quantity_spread: float = 1.55
    bias: float = 0.04  # more longs than shorts
    mood: float = 0.4  # how much the common mood moves the share of longs
    trend: float = 0.15  # they buy what rose
    holding_hours: float = 36.0  # typical at 10x: the median, or the mean if memoryless
    holding_slope: float = 0.7  # higher leverage holds shorter: hours * (10 / leverage) ** slope
    holding_spread: float = 1.2  # log standard deviation
    memoryless: bool = False  # exponential holding times instead of log-normal ones
    scalp_share: float = 0.15
    scalp_hours: float = 0.5
    stop_share: float = 0.35
    stop_nearest: float = 0.15  # share of the way to liquidation
    stop_farthest: float = 0.95
    target_share: float = 0.4
    target_mean: float = 0.8  # multiple of the way to liquidation, exponential
    spare_margin: float = 0.5  # wallet beside the initial margin, as a multiple of it
    cross_share: float = 0.3  # of traders whose whole wallet stands behind the position
    cross_depth: float = 4.0  # median wallet of these, as a multiple of the initial margin
    cross_spread: float = 0.8
    top_up_share: float = 0.1  # of traders who add margin when the mark comes close
    top_up_count: int = 2
    top_up_at: float = 0.8  # share of the way to liquidation
    top_up_size: float = 0.5  # multiple of the initial margin
    initial_share: float = 0.4  # of the first open interest


@dataclass(frozen=True)
class VenueRules:
    """Fees, funding, mark, liquidation, insurance; and what moves the outside price besides itself."""

    maker_fee: float = 0.0002
    taker_fee: float = 0.0005
    interest_rate: float = 0.0001
    funding_clamp: float = 0.0005
    funding_cap: float = 0.0075
    funding_seconds: int = 28_800
    funding_from_margin: bool = False  # isolated positions pay funding from their margin
    interest_seconds: int = 300  # open interest is published this often
    mark_seconds: float = 30.0  # span of the EMA of mid - index
    follow_seconds: float = 400.0  # time in which the outside price follows this market
    revert_hours: float = 6.0  # time in which the outside world forgets that it followed
    price_band: float = 0.05  # a market order goes no farther from the mark
    partial_liquidation: bool = False  # large positions are cut down tier by tier
    insurance_fund: float = 50_000_000.0
    unwind_quantity: float = 0.5  # the fund sheds this much a second
    magnet: float = 0.0  # planted pull: logit of touching +reach before -reach per unit of imbalance
    magnet_reach: float = 0.01
    random_liquidations: float = 0.0  # null world: open interest struck per unit of log path, whoever holds it


@dataclass(frozen=True)
class Publication:
    """What the venue shows of it, and how badly. Faults are declared nowhere but here, except gaps."""

    one_per_second: bool = False  # liquidations: only the latest of each second
    interest_unit: str = "base"  # "usd": only a value is published; "usd_as_base": the value poses as a quantity
    interest_sides: int = 1  # 2: longs plus shorts pose as one side
    interest_lag_seconds: int = 0  # the figure is this much older than its stamp
    gaps_per_day: float = 0.0  # outages of all streams, declared as gaps
    gap_minutes: float = 7.0
    duplicate_share: float = 0.0  # of trades and liquidations that are sent twice
    depth_levels: int = 0  # levels a side of a book recording; 0 records none
    depth_from_hours: float = 0.0
    depth_hours: float = 1.0


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
    publication: Publication = field(default_factory=Publication)

    def __post_init__(self) -> None:
        if not 0.0 < self.days <= 400.0:
            raise UserError(f"A synthetic market lasts more than 0 and at most 400 days, not {self.days}.")
        if self.start % (8 * HOUR):
            raise UserError(f"A synthetic market starts on a funding stamp (00:00, 08:00, 16:00), not {format_ts(self.start)}.")
        if not self.price > 0.0 or not self.open_interest > 0.0:
            raise UserError("A synthetic market needs a price and an open interest above zero.")
        mix, flow = self.retail, self.flow
        for weights in (mix.weights, mix.later_weights or mix.weights):
            if len(mix.leverages) != len(weights) or not 0 < len(weights) <= 16:
                raise UserError("Give one weight for each leverage of the mix, and between 1 and 16 leverages.")
            if min(weights) < 0.0 or not 0.0 < sum(weights) < math.inf:
                raise UserError("The weights of a leverage mix are not negative and their sum is above zero.")
        if min(mix.leverages) < 1.0:
            raise UserError("A leverage is at least 1.")
        shares = (flow.share_retail, flow.share_noise, flow.share_momentum, flow.share_reverter)
        if min(shares) < 0.0 or abs(sum(shares) + flow.share_collector + flow.share_holder - 1.0) > 1e-9:
            raise UserError("The shares of the arrivals are not negative and sum to 1.")
        if not 1 <= self.makers.count <= 6:
            raise UserError("Between 1 and 6 market makers are possible.")
        if self.publication.interest_sides not in (1, 2):
            raise UserError("Open interest counts 1 or 2 sides.")
        if self.publication.interest_unit not in INTEREST_UNITS:
            raise unknown_name("unit of open interest", self.publication.interest_unit, INTEREST_UNITS)

    @property
    def seconds(self) -> int:
        return round(self.days * 86_400)
