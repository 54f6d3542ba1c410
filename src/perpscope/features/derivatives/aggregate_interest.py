"""Open interest and funding over several venues, and which of them the figures stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, quantity, row_schema
from perpscope.core.time import HOUR, NULL_TS, Timeframe, parse_span
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.cross_venue import weighted_funding
from perpscope.numeric.jit import njit

VENUES = 16
"""Most venues at a time, this instrument's own (number 0) included."""

FUNDED_FOR = 9 * HOUR
"""A payment speaks for the longest usual interval and an hour; one older is not current."""

AGGREGATE_INTEREST = row_schema(
    "aggregate_interest",
    quantity("open_interest", "of all venues with a current snapshot, base units, one side; NaN when there is none"),
    Column("open_interest_notional", "notional", "the same at this bar's close, one price for all venues"),
    quantity("delta", "change since the bar before; NaN unless every venue seen gave a new snapshot in both bars"),
    Column("venues", "count", "venues in the sum", "int64"),
    Column("missing", "count", "venues seen before whose snapshot is stale, left out of the sum", "int64"),
    Column("funding_rate_8h", "fraction", "per 8 hours, weighted by open interest; NaN where none has both", mirror="negate"),
    Column("venues_funded", "count", "venues that the rate stands on", "int64"),
)


class AggregateInterest(Feature):
    """Aggregate open interest, and funding weighted by it.

    Definition: open interest is the sum over venues of the last snapshot with exchange_ts <= close, venues whose snapshot
    is older than `max_age` (or one bar, if longer) left out and counted as `missing`. `delta` is given only where the
    same venues, all that were seen, each had a new snapshot in this bar and in the one before: levels add, changes add
    only on a common grid. Funding = sum(OI F) / sum(OI) over venues with a current snapshot and a payment of the last 9
    hours, F per 8 hours. Disputed: one price for all venues (ours) or each venue's mark; the ratio is the same to a few bps.
    Units: base coin, quote coin, fractions. One row per bar once a snapshot was seen, known at the close. Other venues come
    as `venue_interest` and `venue_funding` in the same base coin (`engine.companion` refuses another). A hole in the bars
    forgets everything.
    Source: STRUCTURE ST26, ST31.

    Example:
        >>> rate, _ = weighted_funding(np.array([1e-4, 2e-5 * 8]), np.array([3e9, 1e9]), np.array([0, 0]))
        >>> float(rate.round(9))
        0.000115
    """

    @dataclass(frozen=True)
    class Params:
        max_age: str = "15m"

    spec = FeatureSpec(
        name="aggregate_interest",
        title="Open interest and funding over venues",
        inputs=("bars", "venue_interest", "open_interest?", "venue_funding?", "funding_state?"),
        output=AGGREGATE_INTEREST,
        source="STRUCTURE ST26, ST31",
        shape="line",
        pane="open_interest",
    )
    exempt: ClassVar = {
        "mirror": "a notional is price times quantity, and p -> C - p is not; tests hold the other columns to the mirror"
    }

    @property
    def max_age(self) -> int:
        return max(parse_span(self.params.max_age), Timeframe.parse(self.frame or "1h").ns)

    def start(self, instrument: Instrument) -> State:
        return {
            "expected": np.array([NULL_TS]),
            "stamps": np.full((3, VENUES), NULL_TS),  # of the snapshot, of that at the last bar, of the last payment
            "held": np.full((2, VENUES), np.nan),  # open interest, rate per 8 hours
            "before": np.array([np.nan, 0.0]),  # the sum at the last bar, and whether every venue was new in it
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        times, venues, kinds, values = _told(batch)
        n = len(bars)
        interest, rates, ages = np.full((n, VENUES), np.nan), np.full((n, VENUES), np.nan), np.zeros((n, VENUES), np.int64)
        delta, seen = np.full(n, np.nan), np.zeros(n, np.int64)
        _venue_kernel(
            times, venues, kinds, values, bars["ref_ts"], bars["known_ts"], self.max_age, FUNDED_FOR,
            state["expected"], state["stamps"], state["held"], state["before"], interest, rates, ages, delta, seen,
        )  # fmt: skip
        rows = np.flatnonzero(seen > 0)
        if not len(rows):
            return AGGREGATE_INTEREST.empty()
        interest, rates, ages = interest[rows], rates[rows], ages[rows]
        fresh = np.isfinite(interest)
        total = np.where(fresh.any(axis=1), np.where(fresh, interest, 0.0).sum(axis=1), np.nan)
        close = bars["close"][rows]
        rate, funded = weighted_funding(rates, interest * close[:, None], ages, self.max_age)
        return Table.of(
            AGGREGATE_INTEREST,
            ref_ts=bars["ref_ts"][rows],
            known_ts=bars["known_ts"][rows],
            open_interest=total,
            open_interest_notional=total * close,
            delta=delta[rows],
            venues=fresh.sum(axis=1),
            missing=seen[rows] - fresh.sum(axis=1),
            funding_rate_8h=rate,
            venues_funded=funded.sum(axis=1),
        )


def _told(batch: Batch) -> tuple[Array, Array, Array, Array]:
    """Time, venue, kind (0 open interest, 1 funding) and value of everything told, in order of time."""
    parts = []
    for name, kind, value in (
        ("open_interest", 0, "open_interest"),
        ("venue_interest", 0, "open_interest"),
        ("funding_state", 1, "funding_rate_8h"),
        ("venue_funding", 1, "funding_rate_8h"),
    ):
        if name in batch:
            table = batch[name]
            own = name in ("open_interest", "funding_state")
            venue = np.zeros(len(table), np.int64) if own else table["venue"]
            parts.append((table.clock, venue, np.full(len(table), kind), table[value]))
    times, venues, kinds, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    if len(venues) and not (venues.min() >= 0 and venues.max() < VENUES):
        raise UserError(f"At most {VENUES - 1} companion venues can be added up, numbered from 1. Name fewer.")
    order = np.lexsort((kinds, venues, times))
    return times[order], venues[order], kinds[order], values[order]


@njit
def _venue_kernel(
    times: Array, venues: Array, kinds: Array, values: Array, ref: Array, known: Array, max_age: int, funded_for: int,
    expected: Array, stamps: Array, held: Array, before: Array, interest: Array, rates: Array, ages: Array, delta: Array,
    seen: Array,
) -> None:  # fmt: skip
    i = 0
    for b in range(ref.size + 1):
        last = b == ref.size
        while i < times.size and (last or times[i] <= known[b]):
            v = venues[i]
            if kinds[i] == 0:
                # an absent or impossible value says nothing; the one before grows stale
                if values[i] > 0.0:
                    held[0, v], stamps[0, v] = values[i], times[i]
            else:
                held[1, v], stamps[2, v] = values[i], times[i]
            i += 1
        if last:
            return
        if expected[0] != ref[b]:
            before[0], before[1] = np.nan, 0.0
            for v in range(stamps.shape[1]):
                stamps[1, v] = -(2**63)
                if stamps[0, v] < ref[b]:
                    stamps[0, v], held[0, v] = -(2**63), np.nan
                if stamps[2, v] < ref[b]:
                    stamps[2, v], held[1, v] = -(2**63), np.nan
        expected[0] = known[b]
        total, whole = 0.0, 1.0
        for v in range(stamps.shape[1]):
            if stamps[0, v] == -(2**63):
                continue
            seen[b] += 1
            if stamps[0, v] == stamps[1, v]:
                whole = 0.0
            stamps[1, v] = stamps[0, v]
            ages[b, v] = known[b] - stamps[0, v]
            if ages[b, v] <= max_age:
                interest[b, v] = held[0, v]
                total += held[0, v]
            if stamps[2, v] != -(2**63) and known[b] - stamps[2, v] <= funded_for:
                rates[b, v] = held[1, v]
        if seen[b] > 0 and whole == 1.0 and before[1] == seen[b]:
            delta[b] = total - before[0]
        before[0], before[1] = total, seen[b] * whole
