"""What an account is told once: its instruments' terms, its rules, and what a fill is assumed to cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from perpscope.account.layout import SCENARIOS
from perpscope.contract.margin import TierArrays
from perpscope.core.errors import UserError, unknown_name
from perpscope.core.instrument import Instrument
from perpscope.core.time import parse_span, parse_ts

MS = 1_000_000
SLIPPAGE_MODELS = ("fixed", "impact", "from_book")


class MarginMode(StrEnum):
    ISOLATED = "isolated"
    CROSS = "cross"


class PositionMode(StrEnum):
    ONE_WAY = "one_way"
    HEDGE = "hedge"


class PathRule(IntEnum):
    """Which way price takes inside a bar."""

    PESSIMISTIC = 1
    HIGH_FIRST = 2
    LOW_FIRST = 3


class LiquidationProfile(IntEnum):
    """The venue's procedure; see `account.liquidation`."""

    FORFEIT = 1
    BINANCE = 2
    BYBIT = 3
    OKX = 4
    HYPERLIQUID = 5


class QueueModel(IntEnum):
    """When a resting order fills at a price that only touches it: never, behind the queue, or behind a shrinking one."""

    THROUGH_ONLY = 1
    RISK_AVERSE = 2
    PROPORTIONAL = 3


class ScenarioKind(IntEnum):
    """What bad luck is declared; see `account.scenario`."""

    ADL = 1
    STOP_MAY_FAIL = 2
    GAP_THROUGH = 3


class BeyondDepth(StrEnum):
    """What becomes of a taker's quantity beyond the known book."""

    UNFILLED = "unfilled"
    STRESS = "stress"


@dataclass(frozen=True)
class Slippage:
    """What a taker pays beyond the price it saw, on bars and prints (a recorded book is walked instead).

    `fixed`: `bps`, None for 1 bp on BTC and ETH and 3 bps elsewhere. `impact`: half a spread of `bps` plus
    k sigma_day sqrt(quantity / day volume), both measured from the bars with a memory of one day. `from_book`: `bps` plus
    k bps x quantity ** exponent, fitted on recorded depth (`account.depth.fit_depth`; a backtest fits it by itself). `stress`
    multiplies each.

    Example:
        >>> Slippage().fraction_of(Instrument("binance", "SOLUSDT", base="SOL"))
        0.0003
    """

    model: str = "fixed"
    bps: float | None = None
    k: float = 1.0
    stress: float = 1.0
    exponent: float = 0.5

    def __post_init__(self) -> None:
        if self.model not in SLIPPAGE_MODELS:
            raise unknown_name("slippage model", self.model, SLIPPAGE_MODELS)
        parts = (0.0 if self.bps is None else self.bps, self.k, self.stress, self.exponent)
        if not all(part >= 0.0 for part in parts) or parts[0] >= 1e4:
            raise UserError("Slippage takes bps from 0 to below 10,000, and k, stress and exponent of zero or more.")

    def fraction_of(self, instrument: Instrument) -> float:
        """The fixed part as a fraction of price."""
        if self.bps is not None:
            return self.bps * 1e-4
        return 1e-4 if instrument.symbol.upper().startswith(("BTC", "XBT", "ETH")) else 3e-4


@dataclass(frozen=True)
class Scenario:
    """Bad luck that is declared, not measured: for stress runs only. Every time it strikes a line of the ledger says so.

    `adl`: a profitable position is closed at mark x (1 - side x `distance`), a counterparty's bankruptcy price, and its
    orders are cancelled; drawn once a minute. `stop_may_fail`: a stop that is reached does not work until `delay` later,
    when it is drawn again. `gap_through`: a stop that is reached fills `distance` of price beyond it.
    `start` and `end` are times such as "2025-10-10T21:00Z", empty for the whole run; `side` is "long", "short" or empty for
    either position. `probability` of each draw, `seed` of the draws.

    Example:
        >>> Scenario(ScenarioKind.STOP_MAY_FAIL, start="2025-10-10", end="2025-10-11", probability=0.5).sign
        0
    """

    kind: ScenarioKind
    start: str = ""
    end: str = ""
    probability: float = 1.0
    distance: float = 0.01
    delay: str = "1m"
    side: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:
            raise UserError(f"A scenario's probability lies between 0 and 1, not at {self.probability:g}.")
        if not 0.0 <= self.distance < 1.0:
            raise UserError(f"A scenario's distance is a fraction of price from 0 to below 1, not {self.distance:g}.")
        if self.side not in ("", "long", "short"):
            raise UserError(f"A scenario's side is long, short or empty, not '{self.side}'.")
        if self.start_ts >= self.end_ts:
            raise UserError(f"A scenario's start '{self.start}' must lie before its end '{self.end}'.")
        if not 0 <= self.seed < 2**31 or self.delay_ns < 0:
            raise UserError("A scenario's seed is a whole number from 0 to below 2**31, and its delay is no negative time.")

    @property
    def start_ts(self) -> int:
        return parse_ts(self.start) if self.start else -(2**62)

    @property
    def end_ts(self) -> int:
        return parse_ts(self.end) if self.end else 2**62

    @property
    def delay_ns(self) -> int:
        return parse_span(self.delay)

    @property
    def sign(self) -> int:
        return {"": 0, "long": 1, "short": -1}[self.side]


@dataclass(frozen=True)
class Terms:
    """An instrument as this account trades it.

    Fees are fractions of notional; the defaults are Binance USDT-M VIP 0. A negative maker fee (a rebate) must be
    declared with `rebate`. `tiers` replaces the instrument's own tables for all dates (an assumption the caller
    shows). Without it the tables in force by date are used, the first and the last also before and after their dates
    if `assume_tiers`, else such a time is refused.

    `participation`: the largest part of a bar's volume one order may take. `price_band`: how far from the last price
    a limit or trigger may lie, as a fraction.
    """

    instrument: Instrument
    margin: MarginMode = MarginMode.ISOLATED
    maker_fee: float = 0.0002
    taker_fee: float = 0.0005
    liquidation_fee: float = 0.012
    rebate: bool = False
    slippage: Slippage = field(default_factory=Slippage)
    participation: float = 0.1
    min_notional: float = 0.0
    price_band: float = math.inf
    tiers: TierArrays | None = None
    assume_tiers: bool = True

    def __post_init__(self) -> None:
        if self.maker_fee < 0.0 and not self.rebate:
            raise UserError("A negative maker fee is a rebate: say rebate=True if the venue pays it to this account.")
        if not (abs(self.maker_fee) < 0.1 and 0.0 <= self.taker_fee < 0.1 and 0.0 <= self.liquidation_fee < 1.0):
            raise UserError("Fees are fractions of notional: 0.0005 is 0.05%.")
        if not self.participation > 0.0 or not self.min_notional >= 0.0 or not self.price_band > 0.0:
            raise UserError("Participation and price band must be above zero, the minimum notional zero or more.")


@dataclass(frozen=True)
class Rules:
    """Settings of the whole account.

    Latencies are in ns: decision to venue, cancel to venue, and stop trigger to its market order. Bars know no such
    times (an intent fills at the first open not before its decision); prints and books do. `sample` is the spacing of
    equity rows in ns: 1 for every bar, 0 for none. `strict_funding`: a missing stamp is an error, not a warning.

    `positions`: one-way holds one net position, which an order in the other direction reduces, then flips; hedge holds a
    long and a short leg, and an order that names no leg opens that of its side, or reduces the other one.
    """

    deposit: float = 10_000.0
    positions: PositionMode = PositionMode.ONE_WAY
    path: PathRule = PathRule.PESSIMISTIC
    liquidation: LiquidationProfile = LiquidationProfile.FORFEIT
    funding_from_free: bool = False
    strict_funding: bool = False
    latency: int = 250 * MS
    cancel_latency: int = 250 * MS
    trigger_latency: int = 100 * MS
    queue: QueueModel = QueueModel.THROUGH_ONLY
    beyond_depth: BeyondDepth = BeyondDepth.STRESS
    beyond_bps: float = 25.0
    sample: int = 1
    scenarios: tuple[Scenario, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 < self.deposit <= 9e7:
            raise UserError(
                "A deposit lies above 0 and at most at 90,000,000 of the coin: beyond it cents are lost to rounding."
            )
        if min(self.latency, self.cancel_latency, self.trigger_latency, self.sample) < 0:
            raise UserError("Latencies and the spacing of equity rows are zero or more nanoseconds.")
        if len(self.scenarios) > SCENARIOS:
            raise UserError(f"An account plays at most {SCENARIOS} scenarios at once; run the others apart.")
