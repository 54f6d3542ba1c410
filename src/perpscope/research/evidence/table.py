"""Every factor that has an evidence page, one line each: fold, event, sign, primary horizon, claim, prior.

A new factor is a new line. The plan that is registered before data is read is made from the line, so changing a claim
after the fact is refused by the ledger.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perpscope.core.errors import unknown_name
from perpscope.core.table import Table
from perpscope.research.evidence.adapters import Adapter, Floats, Reader, at_event, onset, signals, without_side
from perpscope.setups import factors as parts

_ICT = "order blocks gross -1.6% per leg, sweeps -16.9% (B/C); gaps hold 53% without a null (D); expected REJECTED or UNPROVEN"
_FLOW = "direction IC -0.033 (wrong sign), volatility IC +0.255 (C); expected RISK-ONLY"
_TAPE = "more than 3 M observations, no strategy survives fees (A-); expected REJECTED"
_SESSION = "hour 22 robust but below cost (B); volume and volatility peak 16-17 UTC (A); expected RISK-ONLY"
_FRAMES = "0.33 -> 0.80 daily with hourly (C), disputed; expected WEAK"
_INTEREST = "t -1.6 to -1.8, decaying (C); expected WEAK"
_FUNDING = "t below 1 for extremes (C); expected WEAK"
_MAP = "no rigorous test found; vendor lore (D); expected UNPROVEN or REJECTED"
_CASCADE = "n 15,992: -0.35 to -2.63 bps at 1-60 min against 18 bps cost (C); expected REJECTED as taker"
_SCORE = "usually a trade-count effect (C); expected UNPROVEN"
_TREND = "mixed A, the best supported directional family; a benchmark, not a claim"


def _column(name: str) -> Callable[[Table], Floats]:
    return lambda rows: rows[name]


def _line(
    name: str,
    title: str,
    family: str,
    fold: str,
    read: Reader,
    horizon: str,
    claim: str,
    prior: str,
    *,
    directional: bool = True,
) -> Adapter:
    return Adapter(name, title, family, fold, read, horizon, claim, prior, directional)


TABLE: tuple[Adapter, ...] = (
    # the lines of the confluence, and its sum
    _line("frames", "Higher time frames", "frames", "bias", onset(parts.frames, 0.5), "1d",
          "price goes on in the direction in which the higher time frames begin to agree", _FRAMES),
    _line("trend", "Moving averages", "trend", "average_stack", onset(parts.trend, 1.0), "1d",
          "price goes on in the direction in which the averages come to be stacked", _TREND),
    _line("flow", "Aggressor flow", "flow", "delta", onset(parts.flow, 0.5), "4h",
          "price follows the aggressor when delta reaches 5% of volume", _FLOW),
    _line("positioning", "Price and open interest", "interest", "positioning", onset(parts.positioning, 0.5), "4h",
          "price goes on where longs open or shorts cover, and falls where shorts open or longs unwind", _INTEREST),
    _line("funding", "Funding extreme", "funding", "funding_state", onset(parts.funding, 0.5), "3d",
          "price goes against the crowd when funding reaches the outer twentieth of 90 days", _FUNDING),
    _line("vwap", "VWAP of the day against the week", "value", "anchored_vwap", onset(parts.vwap, 1.0), "1d",
          "price goes on when the day trades one deviation away from the week's average price", _FRAMES),
    _line("value", "Value area", "value", "volume_profile", onset(parts.value, 1.0), "1d",
          "price goes on when volume is accepted outside yesterday's value", _FRAMES),
    _line("confluence", "Confluence", "confluence", "confluence", onset(_column("score"), 2.0), "1d",
          "price goes in the direction of a score of two or more", _SCORE),
    # structure
    _line("fair_value_gaps", "Fair value gaps, opened", "gaps", "fair_value_gaps", at_event(1, "direction"), "4h",
          "price goes on in the direction of a new fair value gap", _ICT),
    _line("fair_value_gap_touches", "Fair value gaps, touched", "gaps", "fair_value_gaps", at_event(2, "direction"), "4h",
          "price turns at the first touch of a fair value gap", _ICT),
    _line("inverse_fair_value_gaps", "Inverse gaps, touched", "gaps", "inverse_fair_value_gaps", at_event(2, "direction"), "4h",
          "price turns at the first touch of an inverted gap", _ICT),
    _line("order_blocks", "Order blocks, touched", "blocks", "order_blocks", at_event(2, "direction"), "4h",
          "price turns at the first touch of an order block", _ICT),
    _line("breaker_blocks", "Breaker blocks, touched", "blocks", "breaker_blocks", at_event(2, "direction"), "4h",
          "price turns at the first touch of a breaker block", _ICT),
    _line("breaks_of_structure", "Breaks of structure", "breaks", "breaks", at_event(2, "direction", column="kind"), "1d",
          "price goes on after a break of structure", _ICT),
    _line("changes_of_character", "Changes of character", "breaks", "breaks", at_event(3, "direction", column="kind"), "1d",
          "price goes on in the new direction after a change of character", _ICT),
    _line("sweeps", "Sweeps", "sweeps", "sweeps", at_event(None, "side", against=True), "4h",
          "price turns after a raid on a pool of stops", _ICT),
    _line("pool_breaks", "Pools broken", "sweeps", "pools", at_event(4, "side"), "4h",
          "price goes on when a pool of stops is broken and not returned to", _ICT),
    _line("displacements", "Displacements", "displacements", "displacements", at_event(None, "direction"), "4h",
          "price goes on after a displacement", _ICT),
    _line("swings", "Swings, confirmed", "swings", "swings", at_event(1, "side", against=True), "1d",
          "price goes on away from a swing when it is confirmed", _ICT),
    _line("dealing_range", "Dealing range", "dealing_range", "dealing_range",
          onset(lambda t: (t["zone"] == 2) * 1.0 - (t["zone"] == 1) * 1.0, 1.0), "1d",
          "price rises when it enters the discount of its dealing range, and falls in its premium", _ICT),
    _line("naked_poc", "Naked points of control, reached", "value", "naked_poc", without_side(2), "4h",
          "volatility changes when price reaches an untouched point of control", _ICT, directional=False),
    _line("smt_divergences", "SMT divergence", "smt", "smt_divergences", at_event(None, "direction"), "1d",
          "price goes in the direction of a divergence between two instruments", _ICT),
    # sessions
    _line("opening_range_breaks", "Opening ranges, broken", "sessions", "opening_ranges", at_event(3, "side"), "4h",
          "price goes on when it closes beyond an opening range", _SESSION),
    _line("opening_range_sweeps", "Opening ranges, swept", "sessions", "opening_ranges",
          at_event(2, "side", against=True), "4h",
          "price turns when it trades beyond an opening range and closes back", _SESSION),
    _line("power_of_three", "Power of three", "sessions", "power_of_three", at_event(2, "direction"), "4h",
          "price goes away from the swept side of the night's range", _SESSION),
    # derivatives
    _line("open_interest_jumps", "Open interest, jumps", "interest", "open_interest_delta",
          onset(_column("z"), 2.0, sign=0), "4h",
          "volatility changes when open interest moves by two sigmas", _INTEREST, directional=False),
    _line("liquidation_bursts", "Bursts of liquidations, faded", "cascades", "liquidation_volume",
          onset(lambda t: _burst(t, "long_notional", "short_notional"), 1.0), "4h",
          "price recovers after a burst of liquidations of one side", _CASCADE),
    _line("basis", "Basis, faded", "funding", "basis", onset(_column("z"), 2.0, sign=-1), "1d",
          "price falls when the basis is two sigmas high, and rises when it is low", _FUNDING),
    _line("ratios", "Long/short ratio, faded", "interest", "ratios", onset(_column("z"), 2.0, sign=-1), "1d",
          "price goes against the accounts when their ratio is extreme", _INTEREST),
    _line("flow_divergence_events", "Delta divergence", "flow", "delta_divergence", at_event(None, "side", against=True), "4h",
          "price turns at a swing that delta does not confirm", "permutation p 0.37 (C); expected REJECTED"),
    # the liquidation map
    _line("liquidation_magnet", "Liquidation map, heavier side", "liquidation_map", "liquidation_outlook",
          onset(_column("imbalance_1_sigma"), 0.5), "1d",
          "price goes to the side on which more liquidations lie within one daily sigma", _MAP),
    _line("liquidation_cluster_touches", "Liquidation clusters, touched", "liquidation_map", "liquidation_clusters",
          at_event(4, "side"), "4h", "price turns at the touch of a liquidation cluster", _MAP),
    _line("liquidation_cluster_sweeps", "Liquidation clusters, swept", "liquidation_map", "liquidation_clusters",
          at_event(5, "side"), "4h", "price turns after a liquidation cluster is swept", _MAP),
    # tape
    _line("absorption", "Absorption", "tape", "absorption", at_event(2, "aggressor_side", against=True), "1h",
          "price turns against the aggressor that was absorbed", _TAPE),
    _line("exhaustion", "Exhaustion", "tape", "exhaustion", at_event(2, "side", against=True), "1h",
          "price turns at an exhausted extreme", _TAPE),
    _line("stacked_imbalance", "Stacked imbalances, touched", "tape", "stacked_imbalance", at_event(2, "direction"), "1h",
          "price turns at the first touch of stacked imbalances", _TAPE),
    _line("trapped", "Trapped traders", "tape", "trapped", at_event(2, "side", against=True), "1h",
          "price goes on against trapped traders", _TAPE),
    _line("large_trades", "Large trades", "tape", "large_trades", at_event(None, "aggressor_side"), "1h",
          "price follows a large trade", _TAPE),
    _line("vpin", "VPIN", "tape", "vpin", onset(_column("vpin"), 0.5, sign=0), "4h",
          "volatility rises when VPIN is high", "IC -0.006 (C); expected REJECTED", directional=False),
    _line("kyle_lambda", "Kyle's lambda", "tape", "kyle_lambda", onset(_column("t"), 2.0, sign=0), "4h",
          "volatility rises when a unit of flow moves price more", _TAPE, directional=False),
    # setups: proposals by the one schema of signals
    _line("setup_zone_retest", "Setup: zone retest", "setup_zone_retest", "zone_retest", signals(), "4h",
          "the proposal earns in its direction", _ICT),
    _line("setup_session_open", "Setup: session open", "setup_session_open", "session_open", signals(), "4h",
          "the proposal earns in its direction", _SESSION),
    _line("setup_trend_pullback", "Setup: trend pullback", "setup_trend_pullback", "trend_pullback", signals(), "1d",
          "the proposal earns in its direction", _FRAMES),
    _line("setup_trend_ensemble", "Setup: daily trend ensemble", "setup_trend_ensemble", "trend_ensemble", signals(), "3d",
          "the proposal earns in its direction", _TREND),
    _line("setup_funding_carry", "Setup: funding carry", "setup_funding_carry", "funding_carry", signals(), "3d",
          "the proposal earns in its direction", "+5.6% a year, decaying (B/C); expected WEAK"),
    _line("setup_funding_extreme", "Setup: funding extreme", "setup_funding_extreme", "funding_extreme", signals(), "3d",
          "the proposal earns in its direction", _FUNDING),
    _line("setup_squeeze", "Setup: squeeze", "setup_squeeze", "squeeze", signals(), "1d",
          "the proposal earns in its direction", _INTEREST),
    _line("setup_cascade_ride", "Setup: cascade, with it", "setup_cascade", "cascade", signals(1), "4h",
          "the proposal earns in its direction", _CASCADE),
    _line("setup_cascade_fade", "Setup: cascade, against it", "setup_cascade", "cascade", signals(2), "4h",
          "the proposal earns in its direction", _CASCADE),
    _line("setup_cluster_sweep", "Setup: cluster sweep", "setup_cluster_sweep", "cluster_sweep", signals(), "4h",
          "the proposal earns in its direction", _MAP),
    _line("setup_cluster_breakout", "Setup: cluster breakout", "setup_cluster_breakout", "cluster_breakout", signals(), "4h",
          "the proposal earns in its direction", _MAP),
    _line("setup_flow_divergence", "Setup: flow divergence", "setup_flow_divergence", "flow_divergence",
          signals(), "4h",
          "the proposal earns in its direction", _FLOW),
    _line("setup_absorption_level", "Setup: absorption at a level", "setup_absorption_level", "absorption_level",
          signals(), "4h",
          "the proposal earns in its direction", _TAPE),
)  # fmt: skip
"""In the order of the results page."""


def adapter(name: str) -> Adapter:
    """The line of a factor.

    Raises:
        UserError: if there is none, with the nearest name.
    """
    for one in TABLE:
        if one.name == name:
            return one
    raise unknown_name("factor", name, [one.name for one in TABLE])


def _burst(rows: Table, longs: str, shorts: str) -> Floats:
    """+1 when liquidated longs burst (the fade is long), -1 when shorts do: total in the top twentieth, one side 80% of it."""
    total = rows[longs] + rows[shorts]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0.0, rows[longs] / total, np.nan)
    side = np.where(share >= 0.8, 1.0, np.where(share <= 0.2, -1.0, 0.0))
    return np.where(rows["percentile"] >= 0.95, side, np.where(np.isnan(rows["percentile"]), np.nan, 0.0))
