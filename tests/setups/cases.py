"""The answers, by hand. ATR = 2 in every tape (flat bars of height 2), tick 0.5; R is the distance from entry to stop."""

from __future__ import annotations

import numpy as np

from perpscope.core.events import LIQUIDATION_TOTALS
from perpscope.core.table import Table
from perpscope.core.time import HOUR, NULL_TS
from perpscope.features.derivatives.funding_state import FUNDING_STATE
from perpscope.features.derivatives.liquidation_volume import LIQUIDATION_VOLUME
from perpscope.features.derivatives.open_interest_delta import OPEN_INTEREST_DELTA
from perpscope.features.flow.delta import DELTA
from perpscope.features.flow.delta_divergence import DELTA_DIVERGENCE
from perpscope.features.liquidation.clusters import CLUSTERS
from perpscope.features.profile.volume_profile import VOLUME_PROFILE
from perpscope.features.session.opening_range import OPENING_RANGES
from perpscope.features.session.power_of_three import POWER_OF_THREE
from perpscope.features.structure.average_stack import AVERAGE_STACK
from perpscope.features.structure.fair_value_gap import FAIR_VALUE_GAPS
from perpscope.features.structure.order_block import ORDER_BLOCKS
from perpscope.features.structure.swings import SWINGS
from perpscope.mtf.bias import BIAS
from perpscope.setups.absorption_level import AbsorptionLevel
from perpscope.setups.cascade import Cascade
from perpscope.setups.cluster_breakout import ClusterBreakout
from perpscope.setups.cluster_sweep import ClusterSweep
from perpscope.setups.flow_divergence import FlowDivergence
from perpscope.setups.funding_carry import FundingCarry
from perpscope.setups.funding_extreme import FundingExtreme
from perpscope.setups.session_open import SessionOpen
from perpscope.setups.squeeze import Squeeze
from perpscope.setups.trend_ensemble import TrendEnsemble
from perpscope.setups.trend_pullback import TrendPullback
from perpscope.setups.zone_retest import ZoneRetest
from setups.tapes import FLAT, START, Case, Inputs, at_close

NAN = float("nan")
LONG, SHORT = 1, 2
MARKET, LIMIT, STOP = 1, 2, 3
WARM = [FLAT] * 20
LONGER = [FLAT] * 30


def clusters(rows: list[tuple[int, int, int, int, float, float, float]]) -> Table:
    """(bar, id, event, side, low, high, fraction)."""
    bar, one, event, side, low, high, fraction = (list(c) for c in zip(*rows, strict=True))
    return at_close(
        CLUSTERS, bar, id=one, event=event, side=side, price_low=low, price_high=high, price_peak=low, side_fraction=fraction
    )


def known_interest(bars: int) -> Table:
    """Open interest known at every close, as the map needs it."""
    return at_close(OPEN_INTEREST_DELTA, range(bars), open_interest=1000.0)


def swept(fraction: float) -> Inputs:
    """Longs at 94-96, touched in bar 20; shorts at 108-110."""
    opened = [(19, 7, 1, LONG, 94.0, 96.0, fraction), (19, 8, 1, SHORT, 108.0, 110.0, 0.1)]
    rows = clusters([*opened, (20, 7, 4, LONG, 94.0, 96.0, fraction)])
    return {"liquidation_clusters": rows, "open_interest_delta": known_interest(21)}


def above(low: float) -> Inputs:
    """Shorts in a zone of 2 from `low` up."""
    rows = clusters([(19, 8, 1, SHORT, low, low + 2.0, 0.1)])
    return {"liquidation_clusters": rows, "open_interest_delta": known_interest(20)}


# close 97 > 96 after a low of 93: stop 93 - 0.25 x 2, R 4.5; 108 - 0.05 x 2 pays 10.9 > 1.2 R. Rejection 2 x 4 / 6.5 - 1.
CLUSTER_SWEEP = Case(
    "cluster_sweep",
    ClusterSweep(frame="1h"),
    [*WARM, (99.0, 99.5, 93.0, 97.0)],
    lambda bars: swept(0.1),
    {"entry_kind": MARKET, "entry": 97.0, "stop": 92.5, "target": 107.9, "invalidation": 93.0, "part_swept": 0.5,
     "part_rejection": 3 / 13, "part_forced": NAN, "part_flow": NAN, "score": 0.5 + 3 / 13, "known": 2, "wait": 1, "hold": 48},
    lambda bars: swept(0.05),
    [(97.0, 97.5, 92.8, 92.9)],
    [(97.0, 98.0, 96.0, 97.0)] * 48,
)  # fmt: skip

# the high of 20 bars is 101, the close 1 below it; entry one tick above, stop 1.5 ATR below; 106 - 0.1 pays 4.4 > 1.2 x 3
CLUSTER_BREAKOUT = Case(
    "cluster_breakout",
    ClusterBreakout(frame="1h"),
    WARM,
    lambda bars: above(106.0),
    {"entry_kind": STOP, "entry": 101.5, "stop": 98.5, "target": 105.9, "invalidation": 99.0, "part_cluster": 0.5,
     "part_nearness": 0.5, "part_frames": NAN, "part_flow": NAN, "score": 1.0, "known": 2, "wait": 12, "hold": 96},
    lambda bars: above(120.0),
    [(100.0, 100.5, 98.4, 98.8)],
    [FLAT] * 12,
)  # fmt: skip


def forced(bars: Table, told: dict[int, tuple[float, float, float]]) -> Inputs:
    """Forced closes (longs, shorts, rank) in some bars, none in the others; totals are offered, and say nothing more here."""
    values = np.array([told.get(i, (0.0, 0.0, 0.1)) for i in range(len(bars))]).T
    rows = at_close(
        LIQUIDATION_VOLUME, range(len(bars)), long_quantity=values[0], short_quantity=values[1], percentile=values[2]
    )
    return {"liquidation_volume": rows, "liquidation_totals": LIQUIDATION_TOTALS.empty()}


# shorts are 30 of 40, rank 0.97; bar 4.5 high, body 3.5, place 2 x 4 / 4.5 - 1 = 0.78. Middle 101.75, R 2.25
CASCADE_RIDE = Case(
    "cascade continuation",
    Cascade(frame="1h"),
    [*WARM, (100.0, 104.0, 99.5, 103.5)],
    lambda bars: forced(bars, {20: (10.0, 30.0, 0.97)}),
    {"variant": 1, "entry_kind": MARKET, "entry": 103.5, "stop": 101.25, "target": 106.875, "invalidation": 101.75,
     "part_forced": 0.7, "part_push": 0.875, "part_fading": NAN, "part_fuel": NAN, "part_flow": NAN, "score": 1.575, "known": 2,
     "wait": 1, "hold": 12},
    lambda bars: forced(bars, {20: (10.0, 30.0, 0.90)}),
    [(103.0, 103.2, 101.4, 101.6)],
    [(103.5, 104.5, 102.5, 103.5)] * 12,
)  # fmt: skip

# ATR before bar 22: ((2 x 13 + 15.5) / 14 x 13 + 1.5) / 14 = 2.859694; low 85, half way back to 100.5 is 92.75
_ATR_22 = ((2 * 13 + 15.5) / 14 * 13 + 1.5) / 14
CASCADE_FADE = Case(
    "cascade exhaustion",
    Cascade(frame="1h"),
    [*WARM, (100.0, 100.5, 85.0, 86.0), (86.0, 87.0, 85.5, 86.5), (86.5, 88.0, 86.0, 87.5)],
    lambda bars: forced(bars, {20: (40.0, 5.0, 0.98), 21: (15.0, 0.0, 0.8), 22: (10.0, 0.0, 0.7)}),
    {"variant": 2, "entry_kind": MARKET, "entry": 87.5, "stop": 85 - 0.25 * _ATR_22, "target": 92.75, "invalidation": 85.0,
     "part_forced": 0.8, "part_push": 1 / (2 * _ATR_22), "part_fading": 0.75, "part_fuel": NAN, "known": 3, "wait": 1,
     "hold": 48},
    lambda bars: forced(bars, {20: (40.0, 5.0, 0.98), 21: (15.0, 0.0, 0.8), 22: (25.0, 0.0, 0.7)}),
    [(87.0, 87.2, 84.5, 84.9)],
    [(87.5, 88.5, 86.5, 87.5)] * 48,
)  # fmt: skip


def pressed(bars: Table, fraction: float) -> Inputs:
    """Yesterday's value 99-105 around 102, and delta in bar 20."""
    every = range(len(bars))
    levels = at_close(VOLUME_PROFILE, every, previous_val=99.0, previous_poc=102.0, previous_vah=105.0)
    delta = at_close(DELTA, every, delta_fraction=[fraction if i == 20 else 0.0 for i in every], segment=1)
    return {"volume_profile": levels, "delta": delta}


# low 98.8 is 0.2 from 99 (reach 0.6); entry half way to 100.5, stop 1 below the low, R 1.85; 102 pays 2.35 > 1.2 R
ABSORPTION_LEVEL = Case(
    "absorption_level",
    AbsorptionLevel(frame="1h"),
    [*WARM, (99.5, 101.0, 98.8, 100.5)],
    lambda bars: pressed(bars, -0.15),
    {"entry_kind": LIMIT, "entry": 99.65, "stop": 97.8, "target": 102.0, "invalidation": 98.8, "part_level": 2 / 3,
     "part_pressed": 0.75, "part_rejection": 6 / 11, "part_absorbed": NAN, "known": 3, "wait": 6, "hold": 48},
    lambda bars: pressed(bars, -0.05),
    [(100.4, 100.6, 98.2, 98.5)],
    [(100.5, 101.5, 99.7, 100.5)] * 6,
)  # fmt: skip


def diverged(bars: Table, hidden: bool) -> Inputs:
    """Lower low at 98.9 on net buying of 1.5 sigma; open interest 1000 at the first low, 980 at the second."""
    interest = [1000.0 if i < 12 else 980.0 for i in range(len(bars))]
    return {
        "delta_divergence": at_close(
            DELTA_DIVERGENCE, [19], ref=[16], side=2, hidden=hidden, first_ts=START + 8 * HOUR, first_price=99.0,
            last_price=98.9, delta_sum=5.0, z=1.5, bars=8.0,
        ),
        "open_interest_delta": at_close(OPEN_INTEREST_DELTA, range(len(bars)), open_interest=interest),
        "swings": SWINGS.empty(),
    }  # fmt: skip


# one tick above 101; stop 98.9 - 0.5, R 3.1; the highest high pays nothing, so 2 R
DIVERGENCE_FLOW = Case(
    "flow_divergence by flow",
    FlowDivergence(frame="1h"),
    WARM,
    lambda bars: diverged(bars, False),
    {"variant": 1, "entry_kind": STOP, "entry": 101.5, "stop": 98.4, "target": 107.7, "invalidation": 98.9, "part_flow": 0.5,
     "part_interest": 0.4, "part_frames": NAN, "score": 0.9, "known": 2, "wait": 6, "hold": 48},
    lambda bars: diverged(bars, True),
    [(100.0, 100.5, 98.5, 98.7)],
    [FLAT] * 6,
)  # fmt: skip


def lower_low(bars: Table, second: float) -> Inputs:
    """Swing lows 99 at bar 5 and 98.8 at bar 12; open interest 1000 at the first, `second` at the second."""
    interest = [1000.0 if i < 9 else second for i in range(len(bars))]
    lows = at_close(SWINGS, [10, 19], ref=[5, 12], id=[1, 2], event=1, side=2, price=[99.0, 98.8], strength=1, left=5, right=5)
    return {"swings": lows, "open_interest_delta": at_close(OPEN_INTEREST_DELTA, range(len(bars)), open_interest=interest)}


DIVERGENCE_INTEREST = Case(
    "flow_divergence by interest",
    FlowDivergence(frame="1h"),
    WARM,
    lambda bars: lower_low(bars, 980.0),
    {"variant": 2, "entry_kind": STOP, "entry": 101.5, "stop": 98.3, "target": 107.9, "invalidation": 98.8, "part_flow": NAN,
     "part_interest": 0.4, "known": 1, "wait": 6, "hold": 48},
    lambda bars: lower_low(bars, 995.0),
    [(100.0, 100.5, 98.5, 98.7)],
    [FLAT] * 6,
)  # fmt: skip


def raided(top: float) -> Inputs:
    """The low of an Asian range 99-top was raided down to 97.5."""
    row = at_close(POWER_OF_THREE, 20, id=1, event=2, direction=1, high=top, low=99.0, judas_price=97.5)
    return {"power_of_three": row, "opening_ranges": OPENING_RANGES.empty()}


# stop 97.5 - 0.5, R 2.5; the top of the range pays 4.5
RAID = Case(
    "session_open raid",
    SessionOpen(frame="1h"),
    [*WARM, (98.5, 100.0, 97.5, 99.5)],
    lambda bars: raided(104.0),
    {"variant": 1, "entry_kind": MARKET, "entry": 99.5, "stop": 97.0, "target": 104.0, "invalidation": 97.5, "part_raid": 0.75,
     "part_frames": NAN, "part_flow": NAN, "score": 0.75, "known": 1, "wait": 1, "hold": 12},
    lambda bars: raided(101.0),
    [(99.5, 99.8, 97.2, 97.4)],
    [(99.5, 100.5, 98.5, 99.5)] * 12,
)  # fmt: skip


def broken(bottom: float) -> Inputs:
    """London's opening range bottom-101 is broken upward in bar 20; the session ends with bar 28."""
    row = at_close(
        OPENING_RANGES, 20, id=1, event=3, session=5, minutes=60, high=101.0, low=bottom, side=1, end_ts=START + 29 * HOUR
    )
    return {"opening_ranges": row, "power_of_three": POWER_OF_THREE.empty()}


# middle 100, stop 100 - 0.2, R 1.4; one height above 101 pays 1.8. A range of 0.5 is lower than half an ATR
BREAK = Case(
    "session_open break",
    SessionOpen(frame="1h"),
    [*WARM, (100.0, 101.6, 99.5, 101.2)],
    lambda bars: broken(99.0),
    {"variant": 2, "entry_kind": MARKET, "entry": 101.2, "stop": 99.8, "target": 103.0, "invalidation": 100.0, "part_raid": 0.1,
     "known": 1, "wait": 1, "hold": 8},
    lambda bars: broken(100.5),
    [(101.0, 101.2, 99.85, 99.9)],
    [(101.2, 102.0, 100.4, 101.2)] * 8,
)  # fmt: skip


def leaning(bars: Table, agreement: float) -> Inputs:
    """The frames lean long by 0.6; the averages stand at 99.8 (21) and 99 (50)."""
    return {
        "bias": at_close(BIAS, [20], score=0.6, agreement=agreement, weight_known=1.0, side=1),
        "average_stack": at_close(AVERAGE_STACK, range(len(bars)), ema_21=99.8, ema_50=99.0, slope_50=0.5, order=1),
    }


# one tick above 100.6; the low of three bars is 99: stop 98.5, R 2.6, and 101 pays nothing, so 2 R. Turn 2 x 1.1 / 1.5 - 1
TREND_PULLBACK = Case(
    "trend_pullback",
    TrendPullback(frame="1h"),
    [*WARM, (99.2, 100.6, 99.1, 100.2)],
    lambda bars: leaning(bars, 5 / 6),
    {"entry_kind": STOP, "entry": 101.1, "stop": 98.5, "target": 106.3, "invalidation": 99.0, "part_frames": 0.6,
     "part_slope": 0.5, "part_turn": 7 / 15, "part_flow": NAN, "known": 3, "wait": 3, "hold": 96},
    lambda bars: leaning(bars, 0.5),
    [(100.0, 100.5, 98.6, 98.8)],
    [FLAT] * 3,
)  # fmt: skip


def touched(bottom: float) -> Inputs:
    """A bullish gap bottom-99, touched in bar 20."""
    row = at_close(FAIR_VALUE_GAPS, 20, id=3, event=2, direction=1, bottom=bottom, top=99.0, size_atr=0.5)
    return {"fair_value_gaps": row, "order_blocks": ORDER_BLOCKS.empty()}


# stop 98 - 0.5, R 2.7; 101 pays 0.8, so 2 R. A gap of 0.5 is lower than 0.3 ATR
ZONE_RETEST = Case(
    "zone_retest",
    ZoneRetest(frame="1h"),
    [*WARM, (99.2, 100.4, 98.6, 100.2)],
    lambda bars: touched(98.0),
    {"variant": 1, "entry_kind": MARKET, "entry": 100.2, "stop": 97.5, "target": 105.6, "invalidation": 98.0, "part_zone": 0.5,
     "part_rejection": 7 / 9, "part_flow": NAN, "part_frames": NAN, "known": 2, "wait": 1, "hold": 48},
    lambda bars: touched(98.5),
    [(100.0, 100.1, 97.6, 97.9)],
    [FLAT] * 48,
)  # fmt: skip


def crowded(bars: Table, last: float, percentile: float = 0.02, rate: float = -0.0001) -> Inputs:
    """Funding known at the close of bar 29; open interest 1000, `last` from bar 30 on."""
    interest = [1000.0 if i < 30 else last for i in range(len(bars))]
    return {
        "funding_state": at_close(FUNDING_STATE, [29], funding_rate=rate, percentile=percentile, history=90.0),
        "open_interest_delta": at_close(OPEN_INTEREST_DELTA, range(len(bars)), open_interest=interest),
    }


# first close above three highs of 101; the low of 24 bars is 99: stop 98, R 3.5. Growth 2 % of 5 %
FUNDING_EXTREME = Case(
    "funding_extreme",
    FundingExtreme(frame="1h"),
    [*LONGER, (100.0, 102.0, 99.5, 101.5)],
    lambda bars: crowded(bars, 1020.0),
    {"entry_kind": MARKET, "entry": 101.5, "stop": 98.0, "target": 108.5, "invalidation": 99.0, "part_funding": 0.8,
     "part_interest": 0.4, "part_turn": 0.25, "score": 1.45, "known": 3, "wait": 1, "hold": 24},
    lambda bars: crowded(bars, 980.0),
    [(101.0, 101.2, 98.5, 98.9)],
    [(101.5, 102.5, 100.5, 101.5)] * 24,
)  # fmt: skip

# the range 99-101 is 1 ATR high (limit 5): entry one tick above, stop 100 - 0.5, R 2; 1.5 heights pay 3
SQUEEZE = Case(
    "squeeze",
    Squeeze(frame="1h"),
    [*LONGER, FLAT],
    lambda bars: crowded(bars, 1020.0, 0.1),
    {"entry_kind": STOP, "entry": 101.5, "stop": 99.5, "target": 104.5, "invalidation": 100.0, "part_interest": 0.4,
     "part_flat": 0.8, "part_funding": 5 / 6, "known": 3, "wait": 12, "hold": 48},
    lambda bars: crowded(bars, 1020.0, 0.1, 0.0001),
    [(100.0, 100.5, 99.2, 99.8)],
    [FLAT] * 12,
)  # fmt: skip

# channels of 5, 10, 20, 30 days break at 103 > 101; ATR (2 x 19 + 4) / 20 = 2.1. Five returns 0 0 0 0 0.03: deviation
# sqrt(0.00072 / 4), x sqrt(365) = 0.256320 a year
TREND_ENSEMBLE = Case(
    "trend_ensemble",
    TrendEnsemble(TrendEnsemble.Params(volatility_days=5), frame="1d"),
    [*LONGER, (100.0, 104.0, 100.0, 103.0)],
    lambda bars: {"bars@1d": bars},
    {"entry_kind": MARKET, "entry": 103.0, "stop": 96.7, "target": NAN, "invalidation": 96.7, "part_channels": 1.0,
     "part_averages": NAN, "exposure": 0.25 / (np.sqrt(0.00018) * np.sqrt(365)), "exit_ts": NULL_TS, "known": 1, "wait": 1},
    lambda bars: {"bars@1d": bars},
    [(103.0, 103.0, 97.0, 98.0)],
    None,
    frame="1d",
    relative=("exposure",),
    silent_bars=[*LONGER, (100.0, 101.0, 99.5, 100.5)],
)  # fmt: skip


def paid(bars: Table, rate: float) -> Inputs:
    """Payments each eight hours from day 26 on, `rate` until day 30 and 0.09 % from shorts' view to longs after it."""
    stamps = np.arange(START + 26 * 24 * HOUR + 8 * HOUR, int(bars.clock[-1]) + 1, 8 * HOUR)
    rates = np.where(stamps <= START + 30 * 24 * HOUR, rate, 0.0009)
    rows = Table.filled(
        FUNDING_STATE, ref_ts=stamps - 8 * HOUR, known_ts=stamps, funding_rate=rates, history=np.full(len(stamps), 90.0)
    )
    return {"bars@1d": bars, "funding_state": rows}


# after four days twelve payments of 0.02 %: 0.0006 a day, 0.219 a year. After one more day the sum is 0.0024 - 0.0027 < 0
FUNDING_CARRY = Case(
    "funding_carry",
    FundingCarry(frame="1d"),
    LONGER,
    lambda bars: paid(bars, -0.0002),
    {"entry_kind": MARKET, "entry": 100.0, "stop": 90.0, "target": NAN, "invalidation": 90.0, "part_carry": 0.73,
     "part_steady": 1.0, "score": 1.73, "exposure": 0.73, "exit_ts": NULL_TS, "known": 2, "wait": 1},
    lambda bars: paid(bars, -0.00002),
    [FLAT],
    None,
    frame="1d",
)  # fmt: skip

CASES = (
    CLUSTER_SWEEP, CLUSTER_BREAKOUT, CASCADE_RIDE, CASCADE_FADE, ABSORPTION_LEVEL, DIVERGENCE_FLOW, DIVERGENCE_INTEREST, RAID,
    BREAK, TREND_PULLBACK, ZONE_RETEST, FUNDING_EXTREME, SQUEEZE, TREND_ENSEMBLE, FUNDING_CARRY,
)  # fmt: skip
