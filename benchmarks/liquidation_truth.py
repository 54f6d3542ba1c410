"""Does the calibrated liquidation map tell the truth? Asked in markets whose every position is known.

Run: python benchmarks/liquidation_truth.py [--seeds 1,2,3,4,5,6] [--days 60] [--learn 40] [--world W1]

Each seed is a synthetic market (`docs/definitions/synthetic_market.md`). The mix is learned as a user would, from published
streams of the first `--learn` days, and frozen; everything below is measured on the days after, against the books of the
market itself. Twice: from an honest prior (the true shares of opens with Dirichlet noise worth 50 events) and from the shipped
prior, which knows nothing of this market. It is a test of the method, never evidence about real markets.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perpscope.core.batch import Batch
from perpscope.core.events import LiquidationFeed
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR
from perpscope.core.units import PositionSide
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.features.liquidation.bands import forced_bands, units_of
from perpscope.features.liquidation.clusters import LiquidationClusters
from perpscope.features.liquidation.entries import UNIT_COLUMNS, ExposureEntry
from perpscope.features.liquidation.exposure import ExposureParams, LiquidationExposure
from perpscope.features.liquidation.flows import FlowParams, PositionFlows
from perpscope.features.liquidation.mix import LEVERAGES, PRIOR, TIERS
from perpscope.features.liquidation.tracking import ClusterEvent
from perpscope.research.calibration.artefact import Artefact, filter_settings
from perpscope.research.calibration.calibrate import calibrate, ladder_mix
from perpscope.research.calibration.cells import Cells
from perpscope.research.calibration.located import located_cells
from perpscope.research.calibration.mlem import MixOptions, fit_mix
from perpscope.research.calibration.replay import FilterSettings, sweep
from perpscope.research.calibration.scores import score_cells
from perpscope.research.calibration.study import Study
from perpscope.stats.clusters import cluster_mean, cluster_ratio
from perpscope.stats.interval import Estimate
from perpscope.synthetic import SyntheticMarket, simulate, world

Floats = npt.NDArray[np.float64]

GRID = (("flow_fraction", (0.35, 0.5, 0.7, 1.0)), ("bin_bps", (5.0, 10.0)), ("spread", (0.0, 0.5)), ("strength", (50.0, 200.0)))
ZONES = ((0.0025, 0.005), (0.005, 0.01), (0.01, 0.02), (0.02, 0.05), (0.05, 0.1))
WARMUP_DAYS = 12
LEVEL = (0.05, 0.95)
GROUPS = {"7-15x": (7, 10, 15), "20-25x": (20, 25), "40-50x": (40, 50), "75-100x": (75, 100)}
ENDED = (ClusterEvent.SWEPT, ClusterEvent.DISSOLVED, ClusterEvent.EXPIRED)


@dataclass(frozen=True)
class Made:
    """A market, what a study sees of it, and its true shares of opens (never, 2x, ..., 100x)."""

    market: SyntheticMarket
    study: Study
    shares: Floats

    def until(self, end: int) -> Study:
        """What was known of it at a time."""
        s = self.study
        tables = {name: table[table.clock <= end] for name, table in s.tables.items()}
        return replace(
            s, end=end, tables=tables, totals=s.totals[s.totals.clock <= end], events=s.events[s.events.clock <= end]
        )


def make(name: str, seed: int, days: float) -> Made:
    """Run a world; bars come from its trades, reports are its complete totals per five minutes."""
    market = simulate(world(name, seed=seed, days=days))
    given = {"trade": market.tables["trade"], "gap": market.tables["gap"]}
    graph = Graph(market.instrument, ["bars"], {"trade"}, "5m")
    bars = collect(graph, [Batch(market.truth.end_ts, given)])["bars@5m"]
    begin, end = market.truth.start_ts, int(bars["known_ts"][-1])
    start = begin + WARMUP_DAYS * DAY
    tables = {"bars@5m": bars, **{n: market.tables[n] for n in ("open_interest", "mark_bars@1m")}}
    totals, events = market.tables["liquidation_totals@5m"], market.tables["liquidation"]
    study = Study(
        market.instrument, tables, "5m", "5m", begin, start, end, totals[totals["ref_ts"] >= start],
        events[events["exchange_ts"] >= start], "5m",
    )  # fmt: skip
    return Made(market, study, _true_shares(market, start))


def _true_shares(market: SyntheticMarket, start: int) -> Floats:
    ledger, positions = market.truth.ledger, market.truth.positions
    ledger = ledger[ledger["ts"] >= start]
    leverage = np.nan_to_num(positions["leverage"])
    sums = np.zeros(TIERS + 1)
    for who in ("buyer", "seller"):
        tier = np.searchsorted(LEVERAGES, leverage[ledger[who]]) + 1
        tier = np.where(leverage[ledger[who]] > 1.5, np.minimum(tier, TIERS), 0)
        sums += np.bincount(tier, ledger[f"{who}_opened"], TIERS + 1)
    return sums / sums.sum()


def learn(made: Made, end: int, honest: bool, seed: int) -> Artefact:
    """The mix by the product's own calibration, from what was known at `end`."""
    prior = np.asarray(PRIOR)
    if honest:
        prior = np.random.default_rng(seed).dirichlet(50.0 * made.shares + 0.05)
    return calibrate(made.until(end), created_ts=end, prior=tuple(prior.tolist()), grid=GRID, seed=seed)


@dataclass(frozen=True)
class Verdict:
    """What one seed says; `covered` by kind of place: how many bands held the truth, of how many."""

    ratio: Estimate
    ladder_ratio: Estimate
    gains: dict[str, Estimate]
    places: dict[str, Estimate]
    tiers: dict[str, tuple[float, float]]
    covered: dict[str, tuple[int, int]]
    level: dict[str, float]


def judge(made: Made, artefact: Artefact, mid: int, seed: int) -> Verdict:
    """Everything about a frozen artefact on the days after `mid`."""
    rng = np.random.default_rng(seed)
    p = artefact.params
    settings = FilterSettings(
        float(p["flow_fraction"] or 1.0), float(p["taker_weight"] or 0.5), float(p["bin_bps"] or 10.0),
        float(p["spread"] or 0.0), float(p["hazard_tilt"] or 0.0),
    )  # fmt: skip
    swept = sweep(made.study, settings)
    test = swept.cells().between(mid, made.study.end)
    weights = _weights(artefact)
    day = test.day[test.window_of]
    told = np.einsum("ck,ck->c", test.exposure, weights[test.side]) + artefact.w_0 * test.background
    ladder = test.exposure @ np.asarray(ladder_mix())[1:]
    places = located_cells(swept, LiquidationFeed.COMPLETE).cells.between(mid, made.study.end)
    covered, level = _coverage(made, artefact, mid)
    return Verdict(
        cluster_ratio(told, test.realised, day, rng=rng),
        cluster_ratio(ladder, test.realised, day, rng=rng),
        _score_gains(swept.cells().between(made.study.start, mid), test, artefact, rng),
        _place_gains(places, artefact, made.shares, rng),
        _by_tier(made, artefact, swept.cells().between(made.study.start, mid)),
        covered,
        level,
    )


def _weights(artefact: Artefact) -> Floats:
    """w = kappa x pi: (2, tiers)."""
    kappa = np.array([artefact.kap["long"], artefact.kap["short"]])
    return kappa[:, None] * np.asarray(artefact.pi)[1:]


def _score_gains(train: Cells, test: Cells, artefact: Artefact, rng: np.random.Generator) -> dict[str, Estimate]:
    """Nats per report (five minutes, side) by which the frozen mix predicts better than others, each at its best level.

    The others are fixed mixes whose kappa and background were fitted on the same days; "swept length" has the background
    alone. Negative binomial scores with the dispersion of the days before.
    """
    day = test.day[test.window_of]
    options = MixOptions(strength=1e9, dispersion=artefact.fit.dispersion)
    ours = fit_mix(train, artefact.pi0, MixOptions(strength=float(artefact.params["strength"] or 50.0)))
    mine = score_cells(ours, train, test)
    others = {
        "swept length alone": (1.0, *[0.0] * TIERS),
        "shipped prior": PRIOR,
        "fixed ladder": ladder_mix(),
        "all tiers alike": (0.5, *[0.5 / TIERS] * TIERS),
    }
    return {
        name: cluster_mean(mine - score_cells(fit_mix(train, mix, options), train, test), day, rng=rng)
        for name, mix in others.items()
    }


def _place_gains(cells: Cells, artefact: Artefact, shares: Floats, rng: np.random.Generator) -> dict[str, Estimate]:
    """Nats per liquidated unit that the mix knows about *where* in the swept path, beyond its length; and the true mix."""

    def score(weights: Floats, background: float) -> Floats:
        rate = np.einsum("ck,ck->c", cells.exposure, weights[cells.side]) + background * cells.background + 1e-12
        return cells.realised * np.log(rate / cells.per_window(rate)[cells.window_of])

    day = cells.day[cells.window_of]
    flat = score(np.zeros((2, TIERS)), 1.0)
    mixes = {"learned mix": _weights(artefact), "true mix": np.tile(shares[1:], (2, 1))}
    return {
        name: cluster_ratio(score(weights, artefact.w_0) - flat, cells.realised, day, rng=rng)
        for name, weights in mixes.items()
    }


def _by_tier(made: Made, artefact: Artefact, cells: Cells) -> dict[str, tuple[float, float]]:
    """Liquidated quantity by leverage while learning: what the mix expects of the reports, and what it was."""
    weights = _weights(artefact)
    rate = cells.exposure * weights[cells.side]
    whole = rate.sum(axis=1) + artefact.w_0 * cells.background
    share = np.divide(rate, whole[:, None], out=np.zeros_like(rate), where=whole[:, None] > 0.0)
    expected = share.T @ cells.realised
    rows = made.market.truth.liquidations
    inside = (rows["ts"] >= made.study.start) & (rows["ts"] < int(cells.window_ts[-1]))
    leverage, quantity = rows["leverage"][inside], rows["quantity"][inside]
    ladder = np.asarray(LEVERAGES)
    return {
        name: (float(expected[np.isin(ladder, members)].sum()), float(quantity[np.isin(leverage, members)].sum()))
        for name, members in GROUPS.items()
    }


def _coverage(made: Made, artefact: Artefact, mid: int) -> tuple[dict[str, tuple[int, int]], dict[str, float]]:
    """90% bands of the frozen map against the levels that stand in the market, every twelve hours: by distance, by cluster."""
    plain = filter_settings(artefact, 0, replay=True)
    exposure = ExposureParams(**plain["liquidation_exposure"], refresh_hours=12)
    folds = [PositionFlows(FlowParams(**plain["position_flows"]), "5m"), LiquidationExposure(exposure, "5m")]
    given = dict(made.study.batch().tables)
    graph = Graph(made.study.instrument, [*folds, LiquidationClusters(frame="5m")], set(given), "5m")
    rows = collect(graph, [Batch(made.study.end, given)])
    cells, clusters = rows["liquidation_exposure@5m"], rows["liquidation_clusters@5m"]
    cells = cells[cells["entry"] == ExposureEntry.CELL]
    bars = made.study.tables["bars@5m"]
    kept: dict[str, list[tuple[Floats, int, float]]] = {}
    for at in range(mid + 12 * HOUR, made.study.end, 12 * HOUR):
        mark = float(bars["close"][np.searchsorted(bars.clock, at, side="right") - 1])
        held, levels = _standing(cells, at), made.market.truth.levels_at(at)
        for side in PositionSide:
            places = [
                (f"{a:.2%} to {b:.0%}" if b >= 0.01 else f"{a:.2%} to {b:.1%}", *_zone(mark, side, a, b)) for a, b in ZONES
            ]
            live = _live(clusters, at, side)
            places += [("clusters", float(r["price_low"][0]), float(r["price_high"][0])) for r in live]
            for name, low, high in places:
                units = _inside(held, side, low, high)
                mine = (levels["side"] == side) & (levels["liquidation_price"] >= low) & (levels["liquidation_price"] <= high)
                kept.setdefault(name, []).append((units, int(side) - 1, float(levels["quantity"][mine].sum())))
    covered, level = {}, {}
    draws = np.asarray(artefact.bootstrap)[:, None, 1:] * np.asarray(artefact.bootstrap_kap)[:, :, None]
    for name, found in kept.items():
        units, side, true = np.array([u for u, _, _ in found]), [s for _, s, _ in found], np.array([t for _, _, t in found])
        low, high = forced_bands(units, draws[:, side], artefact.event_quantity, artefact.fit.dispersion, LEVEL).T
        covered[name] = (int(((low - 1e-9 <= true) & (true <= high)).sum()), len(true))
        level[name] = float(np.einsum("ck,ck->c", units, _weights(artefact)[side]).sum() / max(true.sum(), 1e-9))
    return covered, level


def _standing(cells: Table, at: int) -> Table:
    known = cells[: int(np.searchsorted(cells.clock, at, side="right"))]
    full = np.flatnonzero(known["full"])
    known = known[int(np.searchsorted(known.clock, known.clock[full[-1]])) :] if len(full) else known
    _, last = np.unique((known["bin"] * 4 + known["side"])[::-1], return_index=True)
    return known[len(known) - 1 - last]


def _zone(mark: float, side: PositionSide, near: float, far: float) -> tuple[float, float]:
    return (
        (mark * np.exp(-far), mark * np.exp(-near)) if side is PositionSide.LONG else (mark * np.exp(near), mark * np.exp(far))
    )


def _live(clusters: Table, at: int, side: PositionSide) -> list[Table]:
    known = clusters[(clusters.clock <= at) & (clusters["side"] == side)]
    _, last = np.unique(known["id"][::-1], return_index=True)
    newest = known[np.sort(len(known) - 1 - last)]
    newest = newest[~np.isin(newest["event"], ENDED)]
    return [newest[i : i + 1] for i in range(len(newest))]


def _inside(held: Table, side: PositionSide, low: float, high: float) -> Floats:
    centre = np.sqrt(held["price_low"] * held["price_high"])
    mine = held[(held["side"] == side) & (centre >= low) & (centre <= high)]
    return units_of(mine).sum(axis=0) if len(mine) else np.zeros(len(UNIT_COLUMNS))


def _told(e: Estimate) -> str:
    return f"{e.value:6.3f} ({e.low:6.3f} .. {e.high:6.3f})"


def show(seed: int, prior: str, artefact: Artefact, v: Verdict) -> None:
    p = artefact.params
    print(f"seed {seed}, {prior} prior: phi {p['flow_fraction']}, bins {p['bin_bps']}, spread {p['spread']}")
    print(f"  predicted / realised {_told(v.ratio)}; fixed ladder {_told(v.ladder_ratio)}")
    for what, gain in v.gains.items():
        print(f"  nats per report over {what}: {_told(gain)}")
    for what, gain in v.places.items():
        print(f"  nats per unit about the place, {what}: {_told(gain)}")
    tiers = ", ".join(f"{name} {told:.0f}/{true:.0f}" for name, (told, true) in v.tiers.items())
    print(f"  liquidated by tier, expected / true: {tiers}")
    bands = ", ".join(f"{name} {held}/{tried} (level {v.level[name]:.2f})" for name, (held, tried) in v.covered.items())
    print(f"  bands: {bands}", flush=True)


def summary(prior: str, verdicts: list[Verdict]) -> None:
    print(f"\n{prior} prior, {len(verdicts)} seeds: smallest, median, largest")
    for what, ratios in (("learned", [v.ratio for v in verdicts]), ("fixed ladder", [v.ladder_ratio for v in verdicts])):
        print(f"  predicted / realised, {what}: {_three([e.value for e in ratios])}")
    for what in verdicts[0].gains:
        clear = sum(v.gains[what].low > 0.0 for v in verdicts)
        print(f"  nats per report over {what}: {_three([v.gains[what].value for v in verdicts])}; interval above 0 in {clear}")
    for what in verdicts[0].places:
        print(f"  nats per unit about the place, {what}: {_three([v.places[what].value for v in verdicts])}")
    for tier in GROUPS:
        print(f"  tier {tier}, expected / true: {_three([v.tiers[tier][0] / max(v.tiers[tier][1], 1e-9) for v in verdicts])}")
    for place in verdicts[0].covered:
        print(f"  90% bands, {place}: {_rate([v.covered[place] for v in verdicts])}")
    print(f"  90% bands, all distances: {_rate([v.covered[p] for v in verdicts for p in v.covered if p != 'clusters'])}")


def _three(values: list[float]) -> str:
    return f"{min(values):.3f} {np.median(values):.3f} {max(values):.3f}"


def _rate(found: list[tuple[int, int]]) -> str:
    held, tried = (sum(part) for part in zip(*found))
    return f"{held / tried:.1%} of {tried}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="1,2,3,4,5,6")
    parser.add_argument("--days", type=float, default=60.0)
    parser.add_argument("--learn", type=float, default=40.0)
    parser.add_argument("--world", default="W1")
    given = parser.parse_args()
    print(
        f"{given.world}, {given.days:g} days, {given.learn:g} to learn; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    kept: dict[str, list[Verdict]] = {"honest": [], "shipped": []}
    for seed in map(int, given.seeds.split(",")):
        made = make(given.world, seed, given.days)
        mid = made.market.truth.start_ts + int(given.learn * DAY)
        for name, verdicts in kept.items():
            artefact = learn(made, mid, name == "honest", seed)
            verdicts.append(judge(made, artefact, mid, seed))
            show(seed, name, artefact, verdicts[-1])
    for name, verdicts in kept.items():
        summary(name, verdicts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
