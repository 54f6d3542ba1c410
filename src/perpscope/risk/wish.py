"""What risk is asked, what it is willing to lose, and its two answers: approved, or refused with a reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from perpscope.core.errors import UserError
from perpscope.core.orders import OrderIntent, OrderKind, OrderSide, TimeInForce
from perpscope.core.time import NULL_TS
from perpscope.core.units import PositionSide
from perpscope.risk.leverage import LeverageChoice
from perpscope.risk.sizing import Size
from perpscope.risk.stops import Cluster

NAN = math.nan


class Reason(StrEnum):
    """Why the gate refuses."""

    BAD_PRICE = "bad_price"
    STOP_SIDE = "stop_side"
    TARGET_SIDE = "target_side"
    NO_EQUITY = "no_equity"
    DRAWDOWN = "drawdown"
    TOO_MANY = "too_many_positions"
    STOP_IN_CLUSTER = "stop_in_cluster"
    STOP_BEYOND_LIQUIDATION = "stop_beyond_liquidation"
    TIER_CAP = "leverage_tier_cap"
    RISK_USED_UP = "risk_used_up"
    EXPOSURE_USED_UP = "exposure_used_up"
    NO_EDGE = "no_edge"
    LOT = "lot"
    MIN_NOTIONAL = "min_notional"
    MARGIN = "margin"
    REWARD = "reward_after_costs"
    FUNDING = "funding_veto"


@dataclass(frozen=True)
class RiskLimits:
    """How much this desk is willing to lose, and on what terms. All fractions are of equity.

    `risk_fraction` at the stop of one trade; `combined_risk` of all open risks that fall together; `max_exposure` gross
    notional over equity; `max_drawdown` from the peak, beyond which nothing is opened; `max_leverage` the user's cap;
    `min_reward` the least R after costs; `funding_share` the largest part of the gain at the target that expected
    funding may eat. `kelly_fraction` and `target_vol` bind only where the wish brings an edge or a forecast. `clusters`
    switches the stop and target rules on (hypotheses, see `risk.stops`).
    """

    risk_fraction: float = 0.005
    combined_risk: float = 0.02
    max_exposure: float = 3.0
    max_notional: float = math.inf
    max_positions: int = 8
    max_drawdown: float = 0.25
    max_leverage: float = 20.0
    min_reward: float = 0.0
    funding_share: float = 0.5
    kelly_fraction: float = 0.25
    target_vol: float = 0.3
    stress_slippage: float = 0.0
    clusters: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.risk_fraction <= self.combined_risk <= 1.0:
            raise UserError("Risk fractions lie between 0 and 1, and the combined one is not below that of one trade.")
        if not 0.0 < self.max_drawdown <= 1.0 or not self.max_leverage >= 1.0 or not self.max_exposure > 0.0:
            raise UserError("Limits: drawdown above 0 and up to 1, leverage 1 or more, exposure above 0.")


@dataclass(frozen=True)
class Wish:
    """What a signal asks of risk, with what was known when it did.

    `entry` is the price the entry is expected at. NaN is "not known" everywhere: no target, no ATR, no edge. `exposure`
    is the notional over equity that a slow leg wants; it is one more bound. `edge_low` and `edge_sigma`: lower bound
    and deviation of the net return per trade. `funding_rate` per interval, `funding_intervals` while it is held.
    """

    side: PositionSide
    entry: float
    stop: float
    target: float = NAN
    decided_ts: int = 0
    instrument: int = 0
    kind: OrderKind = OrderKind.MARKET
    exposure: float = NAN
    atr: float = NAN
    edge_low: float = NAN
    edge_sigma: float = NAN
    forecast_vol: float = NAN
    worst_mark_gap: float = NAN
    funding_rate: float = NAN
    funding_intervals: float = 0.0
    clusters: Sequence[Cluster] = ()
    bracket_id: int = -1
    good_till_ts: int = NULL_TS
    exit_ts: int = NULL_TS
    trail_fraction: float = NAN


@dataclass(frozen=True)
class Approved:
    """An entry within all limits. `risk` is the money lost at the stop after costs, `reward` the R at the target."""

    wish: Wish
    quantity: float
    leverage: float
    stop: float
    target: float
    risk: float
    reward: float
    size: Size
    choice: LeverageChoice
    stop_moved: bool

    def intent(self, intent_id: int = -1) -> OrderIntent:
        """The order for the account, with stop, target and time exit attached."""
        wish = self.wish
        return OrderIntent(
            decided_ts=wish.decided_ts,
            side=OrderSide.BUY if wish.side is PositionSide.LONG else OrderSide.SELL,
            quantity=self.quantity,
            leverage=self.leverage,
            kind=wish.kind,
            price=wish.entry if wish.kind is OrderKind.LIMIT else NAN,
            trigger=wish.entry if wish.kind is OrderKind.STOP_MARKET else NAN,
            time_in_force=TimeInForce.GTC if wish.good_till_ts == NULL_TS else TimeInForce.GTD,
            good_till_ts=wish.good_till_ts,
            bracket_id=wish.bracket_id,
            stop=self.stop,
            target=self.target,
            exit_ts=wish.exit_ts,
            trail_fraction=wish.trail_fraction,
            instrument=wish.instrument,
            intent_id=intent_id,
        )


@dataclass(frozen=True)
class Refused:
    """Nothing is traded; `sentence` says why and what would have to change."""

    wish: Wish
    reason: Reason
    sentence: str
