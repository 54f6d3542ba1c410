"""The daily record of the simplest strategy of a factor, and what inference makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, parse_ts
from perpscope.research.event_study import Events
from perpscope.research.evidence import baselines
from perpscope.research.evidence.collect import Collected, Window
from perpscope.research.evidence.facts import Facts, Number, rounded
from perpscope.research.evidence.gates import Gates
from perpscope.research.evidence.positions import by_day, funding_by_bar, hold_events
from perpscope.research.evidence.record import Curve, Line, Table
from perpscope.stats.bootstrap import bootstrap_mean
from perpscope.stats.deflation import SharpeMoments, minimum_track_record, probabilistic_sharpe, sharpe_moments
from perpscope.stats.interval import Estimate, absent
from perpscope.stats.measurement import measure
from perpscope.stats.overfitting import probability_of_overfitting
from perpscope.stats.splits import combinatorial
from perpscope.stats.superiority import draw_differences, superior_predictive_ability

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

YEAR = 365.0
TURNOVER_COST = 7e-4
CRASHES = ("2020-03-12", "2022-11-08", "2024-08-05", "2025-10-10", "2026-02-05")
LEVERAGE_CAP = 3.0
KELLY_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class Inference:
    """What the daily record proves. NaN where it cannot be said."""

    sharpe: Estimate
    gross_sharpe: float
    psr: float
    pbo: float
    needed_length: float
    path_quantiles: tuple[float, float, float]
    superior: dict[str, float]
    moments: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Strategy:
    """Days of the window and what each gave, mean over the instruments.

    Attributes:
        days: int64 (d,), UTC day numbers; net: float64 (d,), decimal, after cost and funding; gross: before cost.
        baselines: daily returns of what needs no factor, at the same mean absolute exposure.
        results: net results of the trades, bps; entered_ts: int64, when.
    """

    days: Integers
    net: Floats
    gross: Floats
    exposure: float
    baselines: dict[str, Floats]
    results: Floats
    entered_ts: Integers
    cost_bps: float
    entries: Floats

    @property
    def trades(self) -> int:
        """Round trips of all instruments."""
        return len(self.results)

    def daily_sharpe(self) -> float:
        """Sharpe ratio per day; NaN without any variance."""
        spread = self.net.std(ddof=1)
        return float(self.net.mean() / spread) if spread > 0.0 else math.nan

    def mean_result(self, extra_bps: float) -> float:
        """Mean net result of a trade with a round trip dearer by `extra_bps`."""
        return float(self.results.mean() - extra_bps) if self.trades else math.nan

    def sharpe_at(self, extra_bps: float) -> float:
        """Annual Sharpe ratio likewise; the cost is booked on the day of entry."""
        net = self.net - self.entries * extra_bps * 1e-4
        spread = net.std(ddof=1)
        return float(net.mean() / spread * math.sqrt(YEAR)) if spread > 0.0 else math.nan

    def without_best_days(self, count: int) -> float:
        """Mean net result of a trade without those entered on the `count` best days, bps."""
        if not self.trades:
            return math.nan
        day = self.entered_ts // DAY
        distinct, where = np.unique(day, return_inverse=True)
        best = np.argsort(np.bincount(where, weights=self.results), kind="stable")[::-1][:count]
        rest = self.results[~np.isin(where, best)]
        return float(rest.mean()) if len(rest) and len(distinct) > count else math.nan

    def without_best_trades(self, share: float) -> float:
        """Mean net result without the best `share` of the trades (at least one), bps."""
        drop = max(1, math.ceil(share * self.trades))
        return float(np.sort(self.results)[:-drop].mean()) if self.trades > drop else math.nan

    def infer(self, variants: Mapping[str, Floats], horizon_ns: int, gates: Gates, rng: np.random.Generator) -> Inference:
        """Sharpe ratio, PSR, MinTRL, PBO and CPCV over the horizons, SPA against every baseline."""
        moments = _moments(self.net)
        sharpe = absent("no trade, or no variance", level=gates.level, n=len(self.net), method="none")
        psr = needed = math.nan
        if moments is not None:
            sharpe = measure(["sharpe_ratio"], self.net, rng=rng, replications=gates.replications)["sharpe_ratio"]
            if moments.variance > 0.0:
                psr, needed = probabilistic_sharpe(moments), minimum_track_record(moments)
        gross = _moments(self.gross)
        columns = np.column_stack([v for v in variants.values() if v.std() > 0.0] or [np.zeros(len(self.net))])
        return Inference(
            sharpe,
            math.nan if gross is None else gross.sharpe * math.sqrt(YEAR),
            psr,
            _overfitting(columns, gates),
            needed,
            _paths(columns, self.days, horizon_ns, gates),
            {name: _superior(self.net - other, rng, gates) for name, other in self.baselines.items()},
            (math.nan,) * 4 if moments is None else (moments.sharpe, float(moments.n), moments.skewness, moments.kurtosis),
        )

    def inference_table(self, facts: Facts, found: Inference) -> Table:
        """Table 5; DSR joins it with the verdict, because it needs the trials of all."""
        low, middle, high = found.path_quantiles
        told = f"{len(self.net)} days, mean exposure {self.exposure:.2f}"
        lines = [
            Line(
                "annual Sharpe, net",
                {"value": Number.of(found.sharpe)},
                told,
            ),
            Line("PSR(0)", {"value": rounded(found.psr)}),
            Line(
                "MinTRL, days",
                {"value": rounded(found.needed_length)},
                "no length will do" if math.isnan(found.needed_length) else "",
            ),
            Line("PBO of choosing the horizon", {"value": rounded(found.pbo)}),
            Line("CPCV, annual Sharpe 5%", {"value": rounded(low)}, "the horizon is chosen on the training part of each split"),
            Line("CPCV, annual Sharpe median", {"value": rounded(middle)}),
            Line("CPCV, annual Sharpe 95%", {"value": rounded(high)}),
            *(Line(f"SPA against {name}, p", {"value": rounded(p)}) for name, p in found.superior.items()),
        ]
        return Table(
            "5", "Inference", "The daily record of the simplest strategy, against luck and against doing nothing clever.", lines
        )

    def leverage_table(self, gates: Gates, rng: np.random.Generator) -> Table:
        """Table 7: how much leverage the lower bound allows, and the crashes inside the window."""
        lines = []
        traded = self.net[self.net != 0.0]
        if len(traded) >= 30:
            mean = bootstrap_mean(self.net, rng=rng, replications=gates.replications, level=0.90)
            variance = float(self.net.var(ddof=1))
            kelly = mean.low / variance
            allowed = allowed_leverage(mean.low, variance)
            lines += [
                Line("Kelly at the lower 90% bound", {"value": rounded(kelly)}, "times equity"),
                Line("leverage allowed", {"value": rounded(allowed)}, "a quarter of it, at most 3, 0 at or below 0"),
            ]
        for day in CRASHES:
            at = np.flatnonzero(self.days == parse_ts(day) // DAY)
            if len(at):
                lines.append(Line(f"net on {day}", {"value": rounded(1e4 * float(self.net[at[0]]))}, "bps of equity"))
        return Table("7", "Leverage", "What size the evidence allows. Leverage multiplies cost as well as edge.", lines)

    def curves(self) -> list[Curve]:
        """Running sums of net returns, weekly, beside the baselines."""
        weekly = np.arange(len(self.days) - 1, -1, -7)[::-1]
        label = [str(np.datetime64(int(d), "D")) for d in self.days[weekly]]
        named = {"net": self.net, "gross": self.gross, **self.baselines}
        return [Curve(f"equity {n}", label, [rounded(float(x)) for x in np.cumsum(v)[weekly]]) for n, v in named.items()]


def allowed_leverage(mean_low: float, variance: float) -> float:
    """Leverage that the evidence allows: a quarter of Kelly at the lower bound, at most 3, 0 when the bound is not above 0.

    Example:
        >>> allowed_leverage(0.001, 0.0001), allowed_leverage(-0.001, 0.0001), allowed_leverage(0.01, 0.0001)
        (2.5, 0.0, 3.0)
    """
    if not mean_low > 0.0 or not variance > 0.0:
        return 0.0
    return min(KELLY_SHARE * mean_low / variance, LEVERAGE_CAP)


def follow(collected: Sequence[Collected], events: Sequence[Events], bars: int, cost_bps: float, window: Window) -> Strategy:
    """Hold the events of every instrument, equal weights, and lay the baselines beside them."""
    days = np.arange(window.start // DAY, window.end // DAY)
    net, gross, exposures, results, entered = np.zeros(len(days)), np.zeros(len(days)), [], [], []
    entries = np.zeros(len(days))
    share = 1.0 / len(collected)
    holding, trend = np.zeros(len(days)), np.zeros(len(days))
    trended = True
    for one, these in zip(collected, events):
        held = hold_events(one.path, these, bars, cost_bps, one.funding)
        net += share * by_day(one.path.known_ts, held.net, days)
        free = hold_events(one.path, these, bars, 0.0, one.funding)
        gross += share * by_day(one.path.known_ts, free.net, days)
        exposures.append(float(np.abs(held.position).mean()))
        results.append(held.results)
        entered.append(held.entered_ts)
        place = np.searchsorted(days, held.entered_ts // DAY)
        entries += share * np.bincount(place[place < len(days)], minlength=len(days))
        moved = np.zeros(len(one.path))
        moved[1:] = one.path.close[1:] / one.path.close[:-1] - 1.0
        moved[1:][np.diff(one.path.known_ts) != one.path.step] = 0.0
        holding += share * by_day(one.path.known_ts, moved - funding_by_bar(one.path, one.funding), days)
        try:
            daily = baselines.daily(one.bars, one.funding)
            path = baselines.followed(daily, baselines.time_series_momentum(daily), TURNOVER_COST)
            place = np.searchsorted(days, daily.day)
            inside = (place < len(days)) & (daily.day >= days[0])
            trend[place[inside]] += share * path[inside]
        except UserError:  # a hole of days in the bars: no daily trend on this instrument
            trended = False
    exposure = float(np.mean(exposures))
    beside = {"cash": np.zeros(len(days)), "holding": exposure * holding}
    steady = holding.std(ddof=1) * math.sqrt(YEAR)
    if steady > 0.0:
        beside["steady-risk holding"] = exposure * _scaled(holding)
    if trended:
        beside["price-only trend"] = exposure * trend
    order = np.argsort(np.concatenate(entered), kind="stable")
    return Strategy(
        days, net, gross, exposure, beside, np.concatenate(results)[order], np.concatenate(entered)[order], cost_bps, entries
    )


def _scaled(returns: Floats, days: int = 28, target: float = 0.25, cap: float = 2.0) -> Floats:
    """Yesterday's trailing volatility decides today's exposure; nothing until there is one."""
    out = np.zeros(len(returns))
    for d in range(days, len(returns)):
        spread = returns[d - days : d].std(ddof=1) * math.sqrt(YEAR)
        out[d] = returns[d] * min(target / spread, cap) if spread > 0.0 else 0.0
    return out


def _moments(returns: Floats) -> SharpeMoments | None:
    return sharpe_moments(returns) if len(returns) >= 3 and returns.std() > 1e-12 else None


def _overfitting(columns: Floats, gates: Gates) -> float:
    if columns.shape[1] < 2:
        return math.nan
    try:
        return probability_of_overfitting(columns, gates.pbo_blocks).probability
    except UserError:  # a horizon with constant returns in one half: the few trades it has prove nothing
        return math.nan


def _paths(columns: Floats, days: Integers, horizon_ns: int, gates: Gates) -> tuple[float, float, float]:
    """5%, 50%, 95% of the annual Sharpe ratio over CPCV paths; the best horizon in training is judged."""
    ends = days + max(1, math.ceil(horizon_ns / DAY))
    split = combinatorial(days, ends, gates.cpcv_groups, gates.cpcv_test_groups)
    judged = []
    for one in split.splits:
        inside = columns[one.train]
        spread = inside.std(axis=0, ddof=1)
        score = np.divide(inside.mean(axis=0), spread, out=np.zeros(len(spread)), where=spread > 0.0)
        judged.append(columns[one.test, int(np.argmax(score))])
    paths = split.join(judged)
    spread = paths.std(axis=1, ddof=1)
    sharpe = np.divide(paths.mean(axis=1), spread, out=np.full(len(paths), np.nan), where=spread > 0.0) * math.sqrt(YEAR)
    if np.isnan(sharpe).any():
        return (math.nan, math.nan, math.nan)
    low, middle, high = np.quantile(sharpe, [0.05, 0.5, 0.95]).tolist()
    return (low, middle, high)


def _superior(difference: Floats, rng: np.random.Generator, gates: Gates) -> float:
    if difference.std() <= 1e-15:
        return math.nan
    draws = draw_differences(difference[:, None], rng=rng, replications=gates.replications)
    return superior_predictive_ability(draws).p_consistent
