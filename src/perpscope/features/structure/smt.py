"""SMT divergence: this instrument makes a new extreme at a swing, a companion that moves with it does not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Table, choice, price, row_schema, ts
from perpscope.core.time import NULL_TS
from perpscope.core.units import Direction
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.divergence import swing_divergence
from perpscope.market.structure import Extreme, at_least

SMT_DIVERGENCES = row_schema(
    "smt_divergences",
    choice("side", Extreme, "at swing highs or at swing lows", mirror="flip"),
    choice("direction", Direction, "where it leans: down at highs, up at lows", mirror="flip"),
    price("price", "this instrument's second swing"),
    price("previous_price", "its first swing, which the second went beyond"),
    price("other_price", "the companion's extreme within `near` bars of the second swing"),
    price("other_previous_price", "the companion's extreme within `near` bars of the first"),
    ts("previous_ts", "bar of the first swing; ref_ts is the bar of the second"),
)

# rows of the joint grid in the state: both instruments on the bars that both have
_REF, _KNOWN = range(2)
_HIGH, _LOW, _CLOSE, _OTHER_HIGH, _OTHER_LOW, _OTHER_CLOSE = range(6)
_SWING_REF, _SWING_KNOWN, _SWING_SIDE = range(3)


@dataclass(frozen=True)
class SmtParams:
    """near: bars on either side of a swing in which the companion's extreme is looked for. least_correlation: of the
    changes of both closes over the last correlation_bars bars (0 asks for none)."""

    near: int = 2
    least_correlation: float = 0.5
    correlation_bars: int = 500

    def __post_init__(self) -> None:
        at_least("smt_divergences.near", self.near, 0)
        at_least("smt_divergences.correlation_bars", self.correlation_bars, 0)


class SmtDivergences(Feature):
    """Divergence of two instruments at swings ("smart money technique").

    Definition: p1, p2 are consecutive confirmed swing highs of this instrument with high[p2] > high[p1]; the companion's
    highest high within `near` bars of p2 is below its highest within `near` bars of p1: bearish. At lows by mirror. No
    row unless the correlation of the changes of both closes over the last `correlation_bars` bars is at least
    `least_correlation`, or when p1 lies farther back than max(correlation_bars, 400) bars. Disputed: which pairs; an
    uncorrelated pair diverges all the time.
    Units: price in quote currency, each instrument its own. `ref_ts` = bar of p2, `known_ts` = the later of the swing's
    confirmation and the close of p2 + near. Only bars that both have count, and only complete ones; a hole in either
    restarts. The companion comes as the stream `other_bars` of the same time frame (`engine.companion`).
    Source: STRUCTURE ST12.

    Example:
        >>> SmtDivergences(SmtParams(correlation_bars=0)).inputs
        ('bars', 'swings', 'other_bars')
    """

    Params = SmtParams
    spec = FeatureSpec(
        name="smt_divergences",
        title="SMT divergence",
        inputs=("bars", "swings", "other_bars"),
        output=SMT_DIVERGENCES,
        source="STRUCTURE ST12",
        shape="marker",
        pane="price",
    )

    @property
    def lookback(self) -> int:
        return max(int(self.params.correlation_bars) + 1, 400)

    def start(self, instrument: Instrument) -> State:
        return {
            "times": np.empty((2, 0), np.int64),
            "prices": np.empty((6, 0)),
            "swings": np.empty((3, 0), np.int64),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        seen = state["times"][_KNOWN, -1] if state["times"].shape[1] else NULL_TS
        times, prices = _joined(batch["bars"], batch["other_bars"])
        times = np.concatenate([state["times"], times], axis=1)
        prices = np.concatenate([state["prices"], prices], axis=1)
        holes = np.flatnonzero(times[_REF, 1:] != times[_KNOWN, :-1])
        begins = 0 if not len(holes) else int(holes[-1]) + 1
        new = batch["swings"]
        new = new[new["event"] == 1]
        told = np.stack([new["ref_ts"], new["known_ts"], new["side"].astype(np.int64)])
        swings = np.concatenate([state["swings"], told], axis=1)
        edges = [0, *(holes + 1).tolist(), times.shape[1]]
        rows = [self._stretch(times[:, a:b], prices[:, a:b], swings, seen) for a, b in pairwise(edges) if b > a]
        keep = max(begins, times.shape[1] - self.lookback)
        state["times"], state["prices"] = times[:, keep:].copy(), prices[:, keep:].copy()
        first = times[_REF, keep] if keep < times.shape[1] else NULL_TS
        state["swings"] = swings[:, swings[_SWING_REF] >= first].copy()
        return Table.concat([SMT_DIVERGENCES.empty(), *rows]).sorted()

    def _stretch(self, times: Array, prices: Array, swings: Array, seen: int) -> Table:
        """The divergences of one stretch without holes that became known after `seen`."""
        parts = []
        for side, sign, extreme, other in ((Extreme.HIGH, 1.0, _HIGH, _OTHER_HIGH), (Extreme.LOW, -1.0, _LOW, _OTHER_LOW)):
            mine = swings[:, swings[_SWING_SIDE] == side]
            at = np.searchsorted(times[_REF], mine[_SWING_REF])
            told = np.searchsorted(times[_KNOWN], mine[_SWING_KNOWN])
            inside = (at < times.shape[1]) & (told < times.shape[1])
            inside[inside] = times[_REF][at[inside]] == mine[_SWING_REF][inside]
            a, b = sign * prices[extreme], sign * prices[other]
            known, first, second = swing_divergence(
                a, sign * prices[_CLOSE], b, sign * prices[_OTHER_CLOSE], at[inside], told[inside],
                self.params.near, self.params.least_correlation, self.params.correlation_bars,
            )  # fmt: skip
            fresh = (times[_KNOWN][known] > seen) & (first - self.params.near > known - self.lookback)
            known, first, second = known[fresh], first[fresh], second[fresh]
            near = self.params.near
            peak = [[sign * b[max(0, p - near) : p + near + 1].max() for p in which] for which in (first, second)]
            parts.append(
                Table.of(
                    SMT_DIVERGENCES,
                    ref_ts=times[_REF][second],
                    known_ts=times[_KNOWN][known],
                    side=np.full(len(known), side),
                    direction=np.full(len(known), Direction.DOWN if side is Extreme.HIGH else Direction.UP),
                    price=prices[extreme][second],
                    previous_price=prices[extreme][first],
                    other_price=peak[1],
                    other_previous_price=peak[0],
                    previous_ts=times[_REF][first],
                )
            )
        return Table.concat(parts).sorted()


def _joined(bars: Table, other: Table) -> tuple[Array, Array]:
    """The complete bars that both instruments have, of equal open and close: times (2, n) and prices (6, n)."""
    bars, other = bars[bars["complete"]], other[other["complete"]]
    _, mine, theirs = np.intersect1d(bars["ref_ts"], other["ref_ts"], assume_unique=True, return_indices=True)
    same = bars["known_ts"][mine] == other["known_ts"][theirs]
    mine, theirs = mine[same], theirs[same]
    times = np.stack([bars["ref_ts"][mine], bars["known_ts"][mine]])
    columns = [table[name][at] for table, at in ((bars, mine), (other, theirs)) for name in ("high", "low", "close")]
    return times, np.stack(columns)
