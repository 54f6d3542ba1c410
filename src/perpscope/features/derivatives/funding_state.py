"""What longs pay shorts: the realised rate per 8 hours and per year, and how rare it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.contract.funding import funding_intervals, funding_rate_8h, funding_rate_annual, settlement_hours
from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, row_schema, ts
from perpscope.core.time import DAY, HOUR, NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.numeric.jit import njit

FUNDING_STATE = row_schema(
    "funding_state",
    Column("funding_rate", "fraction", "paid by longs to shorts for the interval", mirror="negate"),
    ts("funding_interval", "ns the payment covers; NULL_TS where neither stamps nor source tell"),
    Column("funding_rate_8h", "fraction", "the rate per 8 hours", mirror="negate"),
    Column("funding_rate_annual", "fraction", "simple, 365 days", mirror="negate"),
    Column("funding_rate_annual_compounded", "fraction", "reinvested at every payment, 365 days"),
    Column("percentile", "fraction", "mid-rank of the 8-hour rate among those of the 90 days before"),
    Column("history", "count", "rates it is ranked among"),
)


class FundingState(Feature):
    """Realised funding, made comparable over changing intervals, with its rank in the last 90 days.

    Definition: the rate paid at t_i covers (t_(i-1), t_i]; the interval is read from the stamps themselves, rounded
    to the hour (they carry milliseconds), because venues change it by symbol and day. A distance that is no funding
    interval (`contract.funding.INTERVALS`) means a lost payment: then the source's own interval is taken, else none,
    and the row has no 8-hour or annual rate. A settlement told twice counts once. `funding_rate_8h = rate * 8 /
    hours`; `funding_rate_annual = rate * 24 / hours * 365` (simple). `percentile = (less + equal / 2) / n` among the
    8-hour rates of the 90 days before, itself left out, from `n_min` of them on: a z-score is degenerate, since
    more than a third of all rates equal the interest component exactly.
    Units: fractions, never percent. One row per payment, known when it is paid; `ref_ts` where its interval began.
    Source: own; venue documentation as in STRUCTURE ST28.

    Example:
        >>> from perpscope.core.events import FUNDING
        >>> paid = Table.of(FUNDING, exchange_ts=[0, 8 * HOUR + 47_000_000], receive_ts=[NULL_TS] * 2,
        ...                 funding_rate=[1e-4, 1e-4], funding_interval=[NULL_TS] * 2)
        >>> fold = FundingState()
        >>> rows = fold.fold(fold.start(Instrument("demo", "X")), Batch(9 * HOUR, {"funding": paid}))
        >>> rows["funding_rate_annual"].round(4).tolist()
        [nan, 0.1095]
    """

    @dataclass(frozen=True)
    class Params:
        days: int = 90
        n_min: int = 30

    spec = FeatureSpec(
        name="funding_state",
        title="Funding",
        inputs=("funding",),
        output=FUNDING_STATE,
        source="own",
        shape="line",
        pane="funding",
        framed=False,
    )
    exempt: ClassVar = {
        "mirror": "a rank turns into 1 - rank and compounding is not odd; tests/features/derivatives holds it to the mirror",
        "gap": "a lost payment leaves the rank of later rates among 90 days meaningful; only the interval becomes unknown",
    }

    def start(self, instrument: Instrument) -> State:
        slots = self.params.days * 24 + 24
        return {"ints": np.array([NULL_TS, 0, 0], np.int64), "stamps": np.zeros(slots, np.int64), "rates": np.zeros(slots)}

    def fold(self, state: State, batch: Batch) -> Table:
        paid = batch["funding"]
        stamps = settlement_hours(paid["exchange_ts"])
        fresh = stamps > np.concatenate([state["ints"][:1], stamps[:-1]])  # a settlement told twice is one payment
        paid, stamps = paid[fresh], stamps[fresh]
        if not len(paid):
            return FUNDING_STATE.empty()
        before = state["ints"][:1]
        hours = funding_intervals(stamps if before[0] == NULL_TS else np.concatenate([before, stamps]))[-len(stamps) :]
        told = paid["funding_interval"]
        hours = np.where(np.isnan(hours) & (told > 0), told / HOUR, hours)
        rate, rate_8h = paid["funding_rate"], funding_rate_8h(paid["funding_rate"], hours)
        out = np.empty((2, len(paid)))
        _rank_kernel(
            stamps, rate_8h, self.params.days * DAY, self.params.n_min, state["ints"], state["stamps"], state["rates"], out
        )
        interval = np.where(np.isnan(hours), NULL_TS, np.nan_to_num(hours) * HOUR).astype(np.int64)
        return Table.of(
            FUNDING_STATE,
            ref_ts=paid["exchange_ts"] - np.maximum(interval, 0),
            known_ts=paid["exchange_ts"],
            funding_rate=rate,
            funding_interval=interval,
            funding_rate_8h=rate_8h,
            funding_rate_annual=funding_rate_annual(rate, hours),
            funding_rate_annual_compounded=np.expm1(np.log1p(rate) * (24.0 / hours * 365.0)),
            percentile=out[0],
            history=out[1],
        )


@njit
def _rank_kernel(ts: Array, rate: Array, span: int, n_min: int, ints: Array, stamps: Array, rates: Array, out: Array) -> None:
    """ints: [stamp of the last payment, oldest slot, rates held]; stamps and rates are rings."""
    for i in range(ts.size):
        ints[0] = ts[i]
        while ints[2] > 0 and stamps[ints[1]] < ts[i] - span:
            ints[1] = (ints[1] + 1) % stamps.size
            ints[2] -= 1
        less, equal = 0, 0
        for k in range(ints[2]):
            held = rates[(ints[1] + k) % stamps.size]
            less += held < rate[i]
            equal += held == rate[i]
        out[0, i], out[1, i] = np.nan, ints[2]
        if rate[i] == rate[i]:
            if ints[2] >= n_min:
                out[0, i] = (less + 0.5 * equal) / ints[2]
            at = (ints[1] + ints[2]) % stamps.size
            stamps[at], rates[at] = ts[i], rate[i]
            ints[2] += 1
