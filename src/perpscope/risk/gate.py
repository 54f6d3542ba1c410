"""The gate: a wish becomes an approved entry with quantity, leverage, stop and target - or a reason why not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from perpscope.account import AccountView, Position, Terms
from perpscope.contract import kernels
from perpscope.contract.margin import TierArrays
from perpscope.core.units import round_to_step
from perpscope.risk.costs import Costs, funding_cost, risk_multiple, unit_gain, unit_loss
from perpscope.risk.leverage import LeverageChoice, choose_leverage, safety_margin
from perpscope.risk.limits import OpenRisk, drawdown_of, room_for_risk
from perpscope.risk.sizing import Bound, Size, kelly_exposure, least, quantity_at_risk, volatility_exposure
from perpscope.risk.stops import stop_outside_clusters, target_at_cluster
from perpscope.risk.tiers import TiersInForce
from perpscope.risk.wish import Approved, Reason, Refused, RiskLimits, Wish


@dataclass(frozen=True)
class Gate:
    """Judges wishes for one account.

    Definition: stop (moved outside clusters if that rule is on), quantity as the least of risk at the stop, fractional
    Kelly, volatility target, wanted exposure, exposure limit and tier cap, shrunk to what combined risk leaves, in
    whole lots; then the largest leverage whose liquidation lies beyond the stop; then margin, reward after costs and
    the funding veto. The first limit that is broken refuses.

    Example:
        >>> from perpscope.account import Account
        >>> from perpscope.core.instrument import Instrument
        >>> from perpscope.core.units import PositionSide
        >>> terms = Terms(Instrument("binance", "BTCUSDT"))
        >>> view = Account(terms).view(Account(terms).start())
        >>> answer = Gate((terms,)).judge(Wish(PositionSide.LONG, 60_000.0, 59_000.0, 63_000.0), view)
        >>> answer.quantity, answer.leverage, round(answer.risk, 2)
        (0.046, 20, 49.28)
        >>> Gate((terms,)).judge(Wish(PositionSide.LONG, 60_000.0, 61_000.0), view).sentence
        'The stop of a long lies below its entry, not at 61000.'
    """

    terms: Sequence[Terms]
    limits: RiskLimits = field(default_factory=RiskLimits)
    correlations: Mapping[tuple[int, int], float] | None = None
    _tiers: dict[int, TiersInForce] = field(default_factory=dict, init=False, repr=False, compare=False)

    def _tiers_of(self, instrument: int) -> TiersInForce:
        """Kept between wishes: laying out a table costs more than judging by it."""
        known = self._tiers.get(instrument)
        if known is None:
            known = self._tiers[instrument] = TiersInForce(self.terms[instrument])
        return known

    def judge(self, wish: Wish, view: AccountView, open_risks: Sequence[OpenRisk] = ()) -> Approved | Refused:
        """The answer to a wish, with the account as it is now and the risks that are open."""
        terms, limits = self.terms[wish.instrument], self.limits
        broken = _broken_wish(wish) or self._broken_account(wish, view)
        if broken is not None:
            return broken
        costs, s = costs_of(terms), wish.side.sign
        stop, moved = wish.stop, False
        if limits.clusters:
            placed = stop_outside_clusters(
                wish.side,
                wish.entry,
                wish.stop,
                wish.clusters,
                at=wish.decided_ts,
                tick=terms.instrument.tick_size,
                atr=wish.atr,
            )
            if math.isnan(placed.price):
                why = "The stop lies in a liquidation cluster, and beyond it is more than 1.5 times as far."
                return Refused(wish, Reason.STOP_IN_CLUSTER, why)
            stop, moved = placed.price, placed.moved
        stop = _away(stop, terms.instrument.tick_size, s)
        tiers = self._tiers_of(wish.instrument).at(wish.decided_ts)
        kind = terms.instrument.kind
        unit = float(kernels.notional.python(int(kind), 1.0, wish.entry))
        loss = unit_loss(wish.side, wish.entry, stop, costs) * unit / wish.entry
        candidates = self._candidates(wish, view, stop, unit, costs, tiers)
        money = min(value for value in candidates.values() if not math.isnan(value)) * loss
        part = room_for_risk(
            OpenRisk(wish.instrument, wish.side, money), open_risks, limits.combined_risk * view.equity, self.correlations
        )
        if part < 1.0:
            candidates = {**candidates, Bound.RISK: min(candidates[Bound.RISK], part * money / loss)}
        size = least(candidates, terms.instrument.lot_size)
        if not size.quantity > 0.0:
            return _too_small(wish, size, part, terms.instrument.lot_size)
        value = size.quantity * unit
        if value < terms.min_notional:
            why = f"The size is worth {value:,.2f}; the venue takes no order below {terms.min_notional:g}."
            return Refused(wish, Reason.MIN_NOTIONAL, why)
        beyond = safety_margin(wish.worst_mark_gap, limits.stress_slippage)
        choice = choose_leverage(
            wish.side, size.quantity, wish.entry, stop, tiers, margin=beyond, cap=limits.max_leverage, kind=kind
        )
        if choice.leverage < 1:
            if value > tiers.cap[-1]:
                return Refused(wish, Reason.TIER_CAP, f"A notional of {value:,.0f} lies beyond the venue's last risk tier.")
            return Refused(wish, Reason.STOP_BEYOND_LIQUIDATION, "Even at 1x the stop lies beyond the liquidation price.")
        room, need = view.available[wish.instrument], value / choice.leverage + value * costs.taker_fee
        if need > room * (1.0 + 1e-12):
            why = f"It needs {need:,.2f} of margin and fees at {choice.leverage}x; {room:,.2f} is free."
            return Refused(wish, Reason.MARGIN, why)
        return self._rewarded(wish, stop, moved, size, choice, loss, costs)

    def _broken_account(self, wish: Wish, view: AccountView) -> Refused | None:
        limits = self.limits
        if not view.equity > 0.0:
            return Refused(wish, Reason.NO_EQUITY, "The account has no equity: deposit before trading.")
        fallen = drawdown_of(view.equity, view.peak)
        if fallen >= limits.max_drawdown:
            why = f"Equity lies {fallen:.1%} below its peak; nothing is opened from {limits.max_drawdown:.0%} on."
            return Refused(wish, Reason.DRAWDOWN, why)
        new = not any(p.instrument == wish.instrument and p.side is wish.side for p in view.positions)
        if new and len(view.positions) >= limits.max_positions:
            why = f"{len(view.positions)} positions are open; {limits.max_positions} are allowed."
            return Refused(wish, Reason.TOO_MANY, why)
        return None

    def _candidates(
        self, wish: Wish, view: AccountView, stop: float, unit: float, costs: Costs, tiers: TierArrays
    ) -> dict[Bound, float]:
        """Quantities by each bound; a bound that does not apply is left out."""
        limits, equity = self.limits, view.equity
        held = sum(map(self._notional, view.positions))
        own = sum(self._notional(p) for p in view.positions if p.instrument == wish.instrument and p.side is wish.side)
        made = {
            Bound.RISK: quantity_at_risk(wish.side, wish.entry, stop, equity, limits.risk_fraction, costs) * wish.entry / unit,
            Bound.EXPOSURE: max(0.0, limits.max_exposure * equity - held) / unit,
            Bound.NOTIONAL: limits.max_notional / unit,
            Bound.TIER: max(0.0, float(tiers.cap[-1]) - own) / unit,
            Bound.MARGIN: max(0.0, view.available[wish.instrument]) * limits.max_leverage / unit,
        }
        if not math.isnan(wish.edge_low):
            made[Bound.KELLY] = kelly_exposure(wish.edge_low, wish.edge_sigma, limits.kelly_fraction) * equity / unit
        if not math.isnan(wish.forecast_vol):
            wanted = volatility_exposure(limits.target_vol, wish.forecast_vol, limits.max_exposure)
            made[Bound.VOLATILITY] = wanted * equity / unit
        if not math.isnan(wish.exposure):
            made[Bound.EXPOSURE] = min(made[Bound.EXPOSURE], wish.exposure * equity / unit)
        return made

    def _notional(self, position: Position) -> float:
        kind = int(self.terms[position.instrument].instrument.kind)
        return float(kernels.notional.python(kind, position.quantity, position.mark))

    def _rewarded(
        self, wish: Wish, stop: float, moved: bool, size: Size, choice: LeverageChoice, loss: float, costs: Costs
    ) -> Approved | Refused:
        """The last two doors: what it gains after costs, and what funding eats of it."""
        limits, target, reward = self.limits, wish.target, math.nan
        if limits.clusters:
            target = target_at_cluster(
                wish.side, wish.entry, stop, target, wish.clusters, at=wish.decided_ts, atr=wish.atr, costs=costs
            )
        if not math.isnan(target):
            target = round_to_step(target, self.terms[wish.instrument].instrument.tick_size)
            rate = wish.funding_rate if wish.funding_rate == wish.funding_rate else 0.0
            funding = funding_cost(wish.side, wish.entry, rate, wish.funding_intervals)
            if funding > 0.0 and funding > limits.funding_share * unit_gain(wish.side, wish.entry, target, costs):
                why = f"Expected funding of {funding:.4g} per unit eats more than {limits.funding_share:.0%} of the gain."
                return Refused(wish, Reason.FUNDING, why)
            reward = risk_multiple(wish.side, wish.entry, stop, target, costs, funding)
            if reward < limits.min_reward:
                why = f"After costs the target is worth {reward:.2f} R; {limits.min_reward:g} R is asked for."
                return Refused(wish, Reason.REWARD, why)
        return Approved(wish, size.quantity, choice.leverage, stop, target, size.quantity * loss, reward, size, choice, moved)


def costs_of(terms: Terms) -> Costs:
    """Fees and slippage of an instrument's terms, its stress included."""
    slip = terms.slippage.fraction_of(terms.instrument) * terms.slippage.stress
    return Costs(taker_fee=terms.taker_fee, maker_fee=terms.maker_fee, slippage=slip)


def _broken_wish(wish: Wish) -> Refused | None:
    s, name = wish.side.sign, wish.side.name.lower()
    if not (0.0 < wish.entry < math.inf and 0.0 < wish.stop < math.inf):
        return Refused(wish, Reason.BAD_PRICE, "Entry and stop must be prices above zero.")
    behind, ahead = ("below", "above") if s > 0 else ("above", "below")
    if s * (wish.entry - wish.stop) <= 0.0:
        return Refused(wish, Reason.STOP_SIDE, f"The stop of a {name} lies {behind} its entry, not at {wish.stop:g}.")
    if s * (wish.target - wish.entry) <= 0.0:
        return Refused(wish, Reason.TARGET_SIDE, f"The target of a {name} lies {ahead} its entry, not at {wish.target:g}.")
    return None


def _too_small(wish: Wish, size: Size, part: float, lot: float) -> Refused:
    if size.candidates.get(Bound.KELLY) == 0.0:
        return Refused(wish, Reason.NO_EDGE, "The lower bound of the measured edge is not above zero.")
    if part <= 1e-9:
        return Refused(wish, Reason.RISK_USED_UP, "The open positions use up the combined risk.")
    if size.candidates[Bound.EXPOSURE] <= 0.0:
        return Refused(wish, Reason.EXPOSURE_USED_UP, "The open positions use up the exposure limit.")
    return Refused(wish, Reason.LOT, f"The quantity allowed by {size.bound} is less than one lot of {lot:g}.")


def _away(stop: float, tick: float, s: int) -> float:
    """The stop on a tick, never nearer to the entry than it was."""
    if not tick > 0.0:
        return stop
    near = round_to_step(stop, tick)
    return round_to_step(near - s * tick, tick) if s * (near - stop) > 1e-9 * stop else near
