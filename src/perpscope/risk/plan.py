"""A trade on paper: what `perpscope size` tells a human before the order is sent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perpscope.account import AccountView, Terms
from perpscope.contract import kernels
from perpscope.core.time import HOUR
from perpscope.core.units import PositionSide
from perpscope.risk.costs import funding_cost, unit_gain
from perpscope.risk.gate import Gate, costs_of
from perpscope.risk.limits import OpenRisk
from perpscope.risk.stops import Cluster
from perpscope.risk.wish import Approved, Refused, RiskLimits, Wish


@dataclass(frozen=True)
class Plan:
    """An approved trade in numbers. Money in the settlement coin; fractions are of the entry price; NaN is not known.

    `stop_to_liquidation` is how far liquidation lies beyond the stop. `cluster_below` and `cluster_above` are the near
    edges of the nearest estimated clusters on either side of the entry, as fractions of it.
    """

    approved: Approved
    notional: float
    margin: float
    fees: float
    slippage: float
    funding: float
    gain: float
    stop_to_liquidation: float
    cluster_below: float
    cluster_above: float
    stop_in_cluster: bool


def empty_view(equity: float, instruments: int = 1) -> AccountView:
    """An account that holds nothing but its equity."""
    return AccountView(equity, equity, (equity,) * instruments, (), 0, equity)


def plan_trade(
    wish: Wish, terms: Terms, equity: float, limits: RiskLimits | None = None, open_risks: Sequence[OpenRisk] = ()
) -> Plan | Refused:
    """Size a trade by hand: quantity, leverage, liquidation price, costs, distances - or the reason why not.

    Definition: the gate's answer, with fees of entry and stop, slippage of both, funding at one rate over the wish's
    intervals, and the gain at the target after costs.

    Example:
        >>> from perpscope.core.instrument import Instrument
        >>> wish = Wish(PositionSide.LONG, 60_000.0, 59_000.0, 63_000.0, funding_rate=0.0001, funding_intervals=3.0)
        >>> plan = plan_trade(wish, Terms(Instrument("binance", "BTCUSDT")), 10_000.0)
        >>> plan.approved.quantity, round(plan.margin, 2), round(plan.funding, 3), round(plan.gain, 2)
        (0.046, 138.0, 0.828, 134.94)
    """
    answer = Gate((terms,), limits or RiskLimits()).judge(wish, empty_view(equity), open_risks)
    if isinstance(answer, Refused):
        return answer
    costs, quantity, s = costs_of(terms), answer.quantity, wish.side.sign
    kind = terms.instrument.kind
    unit = float(kernels.notional.python(int(kind), 1.0, wish.entry))
    per_price = unit / wish.entry
    rate = wish.funding_rate if wish.funding_rate == wish.funding_rate else 0.0
    funding = funding_cost(wish.side, wish.entry, rate, wish.funding_intervals) * per_price * quantity
    gain = unit_gain(wish.side, wish.entry, answer.target, costs) * per_price * quantity - funding
    seen = [c for c in wish.clusters if c.known_ts <= wish.decided_ts]
    below = max((c.high for c in seen if c.high < wish.entry), default=math.nan)
    above = min((c.low for c in seen if c.low > wish.entry), default=math.nan)
    return Plan(
        approved=answer,
        notional=quantity * unit,
        margin=quantity * unit / answer.leverage,
        fees=quantity * per_price * costs.taker_fee * (wish.entry + answer.stop),
        slippage=quantity * per_price * costs.slippage * (wish.entry + answer.stop),
        funding=funding,
        gain=gain,
        stop_to_liquidation=s * (answer.stop - answer.choice.liquidation_price) / wish.entry,
        cluster_below=1.0 - below / wish.entry,
        cluster_above=above / wish.entry - 1.0,
        stop_in_cluster=any(c.low <= answer.stop <= c.high for c in seen),
    )


def told(plan: Plan, terms: Terms, coin: str) -> list[str]:
    """The plan as sentences, one a line."""
    a, wish = plan.approved, plan.approved.wish
    side, base = wish.side.name.lower(), terms.instrument.symbol
    price = f"{a.choice.liquidation_price:,.1f}" if a.choice.liquidation_price == a.choice.liquidation_price else "none"
    lines = [
        f"{side} {a.quantity:g} {base} at {wish.entry:,.6g}, worth {plan.notional:,.2f} {coin}; limited by the {a.size.bound}",
        f"leverage {a.leverage:g}x (margin {plan.margin:,.2f} {coin}), liquidation price {price}, "
        f"{plan.stop_to_liquidation:.2%} of the entry beyond the stop {a.stop:,.6g}",
        f"at the stop you lose {a.risk:,.2f} {coin}, of it fees {plan.fees:,.2f} and slippage {plan.slippage:,.2f}; "
        "a gap beyond the stop is not in it",
        f"funding over {wish.funding_intervals:g} intervals at {wish.funding_rate:.4%}: "
        f"{'pays' if plan.funding >= 0 else 'receives'} {abs(plan.funding):,.2f} {coin} if the rate stays",
    ]
    if a.reward == a.reward:
        lines.append(f"at the target {a.target:,.6g} you gain {plan.gain:,.2f} {coin}: {a.reward:.2f} R after costs")
    if wish.clusters:
        lines.append(_clusters_told(plan))
    return lines


def _clusters_told(plan: Plan) -> str:
    parts = [
        f"{fraction:.2%} {where}"
        for fraction, where in ((plan.cluster_below, "below"), (plan.cluster_above, "above"))
        if fraction == fraction
    ]
    told = f"nearest estimated liquidation clusters: {', '.join(parts) or 'none on either side'}"
    if plan.stop_in_cluster:
        told += "; the stop lies inside one"
    elif plan.approved.stop_moved:
        told += "; the stop was moved beyond one"
    return told


def intervals(holding_ns: int, interval_ns: int = 8 * HOUR) -> float:
    """Funding intervals that a holding time spans on average; 8 h is an assumption, venues change it.

    Example:
        >>> intervals(24 * HOUR)
        3.0
    """
    return holding_ns / interval_ns


def live_clusters(rows: Sequence[dict[str, object]], over: frozenset[str], at: int) -> tuple[Cluster, ...]:
    """The clusters alive at a moment, from rows of `liquidation_clusters` in order (as `Table.rows` yields them).

    Example:
        >>> row = {"id": 1, "event": "opened", "side": "long", "price_low": 1.0, "price_high": 2.0, "notional": 5.0}
        >>> row["known_ts"] = 3
        >>> len(live_clusters([row], frozenset({"swept"}), 3)), len(live_clusters([row], frozenset({"swept"}), 2))
        (1, 0)
    """
    alive: dict[object, Cluster] = {}
    for row in rows:
        known = int(str(row["known_ts"]))
        if known > at:
            break
        if row["event"] in over:
            alive.pop(row["id"], None)
            continue
        side = PositionSide.LONG if row["side"] == "long" else PositionSide.SHORT
        low, high, worth = (float(str(row[name])) for name in ("price_low", "price_high", "notional"))
        alive[row["id"]] = Cluster(low, high, worth, known, side)
    return tuple(alive.values())
