"""The premium so far in the funding interval, and the rate it is heading for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.contract.funding import INTERVALS, settlement_hours
from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, row_schema, ts
from perpscope.core.time import HOUR, MINUTE, NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.premium import premium_rule
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

PREMIUM = row_schema(
    "premium",
    Column("premium", "fraction", "(mark - index) / index now; NaN while unknown or stale"),
    Column("premium_average", "fraction", "the interval's average if the premium now held to its end"),
    Column("funding_rate_predicted", "fraction", "what that average would settle, for the whole interval"),
    Column("elapsed_fraction", "fraction", "of the interval that has passed"),
    ts("settles_ts", "when the interval ends"),
    ts("funding_interval", "its length, ns"),
)


class Premium(Feature):
    """Where the next funding payment stands, from the mark and index prices seen since the last one.

    Definition: P = (mark - index) / index at every minute of the interval (the last stamp at or before it, none older than
    `stale_minutes`); the average gives all minutes the venue's weights (linear or equal) and lets the minutes to come
    hold the P of now; predicted = average + clamp(interest - average, +-0.0005), then the venue's scaling, by rules that are
    dated per venue (`market.premium`). The interval begins at the last funding payment and is as long as the source
    says, else as long as the last one was; without payments it is `hours` on the UTC grid. Estimated: venues use impact
    prices of the book, for which the mark stands in here; the venue's own prediction is better where it is published. A
    minute without a price is left out of the average.
    Units: fractions per interval, ns. One row per bar, known at its close.
    Source: STRUCTURE ST29 and the venues' pages named in `market.premium`.

    Example:
        >>> Premium().params.hours
        8
    """

    @dataclass(frozen=True)
    class Params:
        hours: int = 8
        stale_minutes: int = 20

        def __post_init__(self) -> None:
            at_least("premium.hours", self.hours, 1)
            at_least("premium.stale_minutes", self.stale_minutes, 1)

    spec = FeatureSpec(
        name="premium",
        title="Premium and predicted funding",
        inputs=("bars", "mark_price", "funding?"),
        output=PREMIUM,
        source="STRUCTURE ST29",
        shape="line",
        pane="funding",
    )
    exempt: ClassVar = {
        "mirror": "a fraction of the index is not odd under p -> C - p, and interest is paid by longs; answers by hand instead",
        "gap": "an interval that holds a hole is averaged over the minutes that were seen",
    }

    def start(self, instrument: Instrument) -> State:
        return {
            "venue": instrument.venue,
            "ints": np.array([NULL_TS, self.params.hours, 0, NULL_TS, NULL_TS], np.int64),
            "sums": np.array([0.0, 0.0, 0.0, 0.0, np.nan]),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, marks, p = batch["bars"], batch["mark_price"], self.params
        paid, told = np.empty(0, np.int64), np.empty(0, np.int64)
        if "funding" in batch:
            paid, told = batch["funding"]["exchange_ts"], batch["funding"]["funding_interval"]
        out, ints = np.empty((5, len(bars))), np.empty((2, len(bars)), np.int64)
        _premium_kernel(
            marks["exchange_ts"], (marks["mark_price"] - marks["index_price"]) / marks["index_price"], paid,
            settlement_hours(paid), told, bars["known_ts"], np.array(INTERVALS).astype(np.int64), p.hours,
            p.stale_minutes * MINUTE, state["ints"], state["sums"], out, ints,
        )  # fmt: skip
        if not len(bars):
            return PREMIUM.empty()
        hours = ints[1] / HOUR
        average, predicted = np.full(len(bars), np.nan), np.full(len(bars), np.nan)
        rules = [premium_rule(state["venue"], int(t)) for t in bars["known_ts"]]
        for rule in set(rules):
            mine = np.array([r == rule for r in rules])
            average[mine] = out[1 if rule.linear else 2, mine]
            predicted[mine] = rule.rate(average[mine], hours[mine])
        return Table.of(
            PREMIUM,
            ref_ts=bars["ref_ts"],
            known_ts=bars["known_ts"],
            premium=out[0],
            premium_average=average,
            funding_rate_predicted=predicted,
            elapsed_fraction=out[3],
            settles_ts=ints[0],
            funding_interval=ints[1],
        )


@njit
def _minutes(until: int, stale: int, ints: Array, sums: Array) -> None:
    """Count the minutes of the interval that end at or before `until` with the premium held now."""
    if ints[0] == NULL_TS:
        return
    while ints[0] + (ints[2] + 1) * MINUTE <= until and ints[2] < ints[1] * 60:
        ints[2] += 1
        end = ints[0] + ints[2] * MINUTE
        if sums[4] == sums[4] and end - ints[3] <= stale:
            sums[0] += ints[2] * sums[4]
            sums[1] += ints[2]
            sums[2] += sums[4]
            sums[3] += 1.0


@njit
def _begin(start: int, hours: int, ints: Array, sums: Array) -> None:
    ints[0], ints[1], ints[2] = start, hours, 0
    sums[0] = sums[1] = sums[2] = sums[3] = 0.0


@njit
def _premium_kernel(
    ts: Array, premium: Array, paid: Array, settled: Array, told: Array, known: Array, allowed: Array, hours: int, stale: int,
    ints: Array, sums: Array, out: Array, rows: Array,
) -> None:  # fmt: skip
    """ints: [interval's start, its hours, minutes counted, stamp of the premium, last settlement];
    sums: [linear sum, linear weights, plain sum, plain weights, premium now]."""
    i, f = 0, 0
    for b in range(known.size + 1):
        until = known[b] if b < known.size else 2**62
        while True:
            mark_at = ts[i] if i < ts.size else 2**62
            paid_at = paid[f] if f < paid.size else 2**62
            if min(mark_at, paid_at) > until or min(mark_at, paid_at) == 2**62:
                break
            if paid_at < mark_at:
                _minutes(paid_at, stale, ints, sums)
                length = told[f] // HOUR if told[f] > 0 else 0
                for choice in allowed:
                    if length == 0 and settled[f] - ints[4] == choice * HOUR:
                        length = choice
                length = length if length > 0 else ints[1]
                # the clock may have begun this interval already, before the payment was told
                if settled[f] != ints[0]:
                    _begin(settled[f], length, ints, sums)
                ints[1], ints[4] = length, settled[f]
                f += 1
            else:
                _minutes(mark_at - 1, stale, ints, sums)
                sums[4], ints[3] = premium[i], mark_at
                i += 1
        if b == known.size:
            return
        if ints[0] == NULL_TS:
            _begin(until // (hours * HOUR) * (hours * HOUR), hours, ints, sums)
            ints[2] = (until - ints[0]) // MINUTE  # what came before the data is not seen
        _minutes(until, stale, ints, sums)
        while until >= ints[0] + ints[1] * HOUR:
            _begin(ints[0] + ints[1] * HOUR, ints[1], ints, sums)
            _minutes(until, stale, ints, sums)
        now = sums[4] if until - ints[3] <= stale else np.nan
        total = ints[1] * 60
        late = (total * (total + 1) - ints[2] * (ints[2] + 1)) / 2.0
        out[0, b] = now
        out[1, b] = (sums[0] + now * late) / (sums[1] + late)
        out[2, b] = (sums[2] + now * (total - ints[2])) / (sums[3] + total - ints[2])
        out[3, b] = (until - ints[0]) / (ints[1] * HOUR)
        rows[0, b], rows[1, b] = ints[0] + ints[1] * HOUR, ints[1] * HOUR
