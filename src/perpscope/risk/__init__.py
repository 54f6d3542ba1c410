"""From a wish to an order within limits, or a reason: size, stop, leverage, the account's limits.

    gate = Gate((terms,), RiskLimits(risk_fraction=0.005))
    answer = gate.judge(Wish(PositionSide.LONG, entry, stop, target, decided_ts), account.view(state), open_risks)
    if isinstance(answer, Approved): account.accept(state, intents([answer.intent()]))
    else: answer.reason, answer.sentence

Definitions: docs/definitions/risk.md.
"""

from perpscope.risk.costs import Costs, funding_cost, risk_multiple, unit_gain, unit_loss
from perpscope.risk.gate import Gate
from perpscope.risk.leverage import LeverageChoice, choose_leverage, safety_margin
from perpscope.risk.limits import OpenRisk, combined_risk, drawdown_of, room_for_risk
from perpscope.risk.sizing import Bound, Size, kelly_exposure, least, quantity_at_risk, volatility_exposure
from perpscope.risk.stops import Cluster, PlacedStop, stop_outside_clusters, target_at_cluster
from perpscope.risk.wish import Approved, Reason, Refused, RiskLimits, Wish

__all__ = [
    "Approved",
    "Bound",
    "Cluster",
    "Costs",
    "Gate",
    "LeverageChoice",
    "OpenRisk",
    "PlacedStop",
    "Reason",
    "Refused",
    "RiskLimits",
    "Size",
    "Wish",
    "choose_leverage",
    "combined_risk",
    "drawdown_of",
    "funding_cost",
    "kelly_exposure",
    "least",
    "quantity_at_risk",
    "risk_multiple",
    "room_for_risk",
    "safety_margin",
    "stop_outside_clusters",
    "target_at_cluster",
    "unit_gain",
    "unit_loss",
    "volatility_exposure",
]
