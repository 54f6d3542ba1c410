"""What the same money would have done without the idea: holding, holding at a steady risk, entering at random.

A strategy that is long half of the time in a rising market earns half of the rise by doing nothing clever. These run
beside every backtest, on the same bars, funding and costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.orders import PositionLeg
from perpscope.core.table import Array, Table
from perpscope.core.time import DAY, Timeframe
from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Market:
    """What holding one unit of an instrument cost and earned: opens of bars and the funding paid in between.

    `open_ts`, `opens`: bars in order, the last bar's close appended as a last open. `paid[i]`: funding rates summed over
    (start, open_ts[i]], what a long has paid per unit of notional since the beginning.
    """

    open_ts: Integers
    opens: Floats
    paid: Floats
    frame_ns: int

    @classmethod
    def of(cls, bars: Table, funding: Table | None, frame: str) -> Market:
        """From bars and, where there is any, funding."""
        open_ts = np.append(bars["ref_ts"], bars["known_ts"][-1:])
        opens = np.append(bars["open"], bars["close"][-1:])
        paid = np.zeros(len(open_ts))
        if funding is not None and len(funding):
            rates = np.concatenate([[0.0], np.cumsum(funding["funding_rate"])])
            at = np.searchsorted(funding.clock, open_ts, side="right")
            paid = rates[at] - rates[at[0]]
        return cls(open_ts, opens, paid, Timeframe.parse(frame).ns)


def hold(market: Market, exposure: float, cost: float) -> Floats:
    """Daily returns of a constant exposure, rebalanced each UTC midnight, funding paid.

    Definition: r_d = exposure * (open_{d+1} / open_d - 1 - funding of the day) - cost * |turnover|; turnover is what
    brings the drifted exposure back, and the first entry. `cost` is the fraction of notional one fill costs.

    Example:
        >>> market = Market(np.arange(3) * DAY, np.array([100.0, 110.0, 110.0]), np.zeros(3), DAY)
        >>> hold(market, 1.0, 0.0).round(3).tolist()
        [0.1, 0.0]
    """
    moves, funding = _daily(market)
    return _held(np.full(len(moves), exposure), moves, funding, cost)


def hold_steady_risk(market: Market, mean_exposure: float, cost: float, days: int = 28, cap: float = 3.0) -> Floats:
    """Daily returns of a long whose exposure follows 1 / volatility, scaled to the same mean exposure.

    Definition: weight_d = 1 / sd of the last `days` daily returns known at d (none before that), cut at `cap` times the
    median so far; scaled with hindsight to `mean_exposure`, which only sets its size, so that Sharpe is untouched.
    """
    moves, funding = _daily(market)
    weight = np.zeros(len(moves))
    for d in range(days, len(moves)):
        sd = moves[d - days : d].std(ddof=1)
        if sd > 0.0:
            weight[d] = 1.0 / sd
            weight[d] = min(weight[d], cap * float(np.median(weight[days : d + 1])))
    scale = mean_exposure / weight.mean() if weight.any() else 0.0
    return _held(weight * scale, moves, funding, cost)


@dataclass(frozen=True)
class RandomEntries:
    """Mean net result per round trip in bps of notional: the strategy's own, and of trips that began at random.

    `p_value`: share of draws at least as good, one added to both (a strategy can never beat every possible draw).
    """

    mean_bps: float
    draws_bps: Floats
    p_value: float

    def percentile(self, share: float) -> float:
        return float(np.quantile(self.draws_bps, share)) if len(self.draws_bps) else float("nan")


def random_entries(market: Market, trips: Table, cost: float, draws: int, rng: np.random.Generator) -> RandomEntries:
    """The same count, sides and holding times, entered at random bars of the same history.

    Definition: each trip keeps its side and its length in bars; its entry bar is drawn evenly from all that leave room.
    Net = side * (exit open / entry open - 1 - funding in between) - 2 * cost. The strategy's own number is computed the
    same way, from the bars its trips began and ended in: both lack stops inside bars, so the comparison is of timing.
    Inputs: `trips` of one instrument (`core.orders.ROUND_TRIPS`), `cost` per fill as a fraction of notional.
    """
    side = np.where(trips["leg"] == PositionLeg.LONG, 1.0, -1.0)
    first = np.searchsorted(market.open_ts, trips["entry_ts"], side="right") - 1
    last = np.searchsorted(market.open_ts, trips["ref_ts"], side="left")
    first = np.clip(first, 0, len(market.opens) - 2)
    last = np.clip(np.maximum(last, first + 1), 1, len(market.opens) - 1)
    if not len(side):
        return RandomEntries(float("nan"), np.empty(0), float("nan"))
    own = _mean_net(market.opens, market.paid, side, first, last, cost)
    found = np.empty(draws)
    held = last - first
    for k in range(draws):
        begun = (rng.random(len(side)) * (len(market.opens) - held)).astype(np.int64)
        found[k] = _mean_net(market.opens, market.paid, side, begun, begun + held, cost)
    p = (1.0 + float((found >= own).sum())) / (draws + 1.0)
    return RandomEntries(1e4 * own, 1e4 * found, p)


def _daily(market: Market) -> tuple[Floats, Floats]:
    """Price moves and funding per UTC day, from the first open at or after each midnight."""
    first, last = int(market.open_ts[0]), int(market.open_ts[-1])
    midnights = np.arange(-(-first // DAY) * DAY, last + 1, DAY)
    at = np.searchsorted(market.open_ts, midnights, side="left")
    at = at[at < len(market.opens)]
    prices, paid = market.opens[at], market.paid[at]
    return prices[1:] / prices[:-1] - 1.0, np.diff(paid)


def _held(exposure: Floats, moves: Floats, funding: Floats, cost: float) -> Floats:
    gross = exposure * (moves - funding)
    drifted = np.concatenate([[0.0], exposure[:-1] * (1.0 + moves[:-1]) / (1.0 + gross[:-1])]) if len(moves) else exposure
    return gross - cost * np.abs(exposure - drifted)


@njit
def _mean_net(opens: Array, paid: Array, side: Array, first: Array, last: Array, cost: float) -> float:
    total = 0.0
    for i in range(side.size):
        a, b = first[i], last[i]
        total += side[i] * (opens[b] / opens[a] - 1.0 - (paid[b] - paid[a])) - 2.0 * cost
    return total / side.size
