"""Where leverage breaks: the estimated map at the instant, its clusters, and what it rests on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.core.time import SECOND
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.exposure import UNIT_COLUMNS
from perpscope.features.liquidation.flags import Flag, flag_names
from perpscope.features.liquidation.map import newest_cells
from perpscope.features.liquidation.mix import LEVERAGES, PRIOR, checked_mix
from perpscope.features.liquidation.worth import worth
from perpscope.report.document import Cluster, Expected, Leverage, Mix, Price, Reach, Scale, Sweeps, TierShare
from perpscope.report.episodes import Life, lives
from perpscope.report.heat import ahead, scale_usd
from perpscope.report.results import Results, exact, inside, last_row, number, when

Floats = npt.NDArray[np.float64]

CLUSTER_ENDINGS = frozenset({"swept", "dissolved", "expired"})
_TIERS_SHOWN = 3
_REACH = (0.01, 0.02, 0.05, 0.10, 0.20)
BAND = 0.20
"""Side totals stop here: beyond, cells are stated only every few hours."""

_SIGMAS = (1.0, 2.0)
NOT_MEASURED = "not measured"
BANDS = "bootstrap of the mix over days, and the scatter of reports around it"


def read_leverage(results: Results, price: Price) -> Leverage | str:
    """Totals, reach and clusters of the newest map. Dollars are conditional: if price goes there, about this breaks."""
    rows, ledger = results.table("liquidation_heatmap"), last_row(results.table("liquidation_ledger"))
    if rows is None or ledger is None:
        return results.why("liquidation_heatmap", "it begins with the first open interest")
    mark = price.mark if price.mark is not None else price.last
    everything = ahead(newest_cells(rows, results.at), mark)
    held = _within(everything, mark, BAND)
    outlook = last_row(results.table("liquidation_outlook")) or {}
    interest = float(ledger["open_interest"])
    flags = int(ledger["flags"])
    return Leverage(
        skill=NOT_MEASURED,
        mark=exact(mark),
        mark_source=price.mark_source,
        longs_usd=exact(_sum(held, PositionSide.LONG)),
        shorts_usd=exact(_sum(held, PositionSide.SHORT)),
        supported_fraction=number(_supported(held)),
        coverage_longs=number(ledger["placed_long"] / interest),
        coverage_shorts=number(ledger["placed_short"] / interest),
        unplaced_longs=number(ledger["unplaced_long"] / interest),
        unplaced_shorts=number(ledger["unplaced_short"] / interest),
        warm=not flags & Flag.WARM,
        flags=flag_names(flags),
        mix=_mix(results),
        scale=Scale(mapping="sqrt", low_usd=0.0, high_usd=scale_usd(interest * mark)),
        bin_bps=number(1e4 * math.log(float(held["price_high"][0] / held["price_low"][0]))) if len(held) else None,
        reach=_reach(held, mark, price.daily_sigma_fraction),
        expected=_expected(outlook),
        imbalance_1_sigma=number(outlook.get("imbalance_1_sigma")),
        imbalance_2_sigma=number(outlook.get("imbalance_2_sigma")),
        above=_clusters(results, everything, mark, price.daily_sigma_fraction, PositionSide.SHORT),
        below=_clusters(results, everything, mark, price.daily_sigma_fraction, PositionSide.LONG),
        sweeps=_sweeps(results),
    )


def _within(held: Table, mark: float, share: float) -> Table:
    """The cells whose centre lies at most a share of the mark away."""
    centre = np.sqrt(held["price_low"] * held["price_high"])
    return held[np.abs(centre / mark - 1.0) <= share]


def _sum(held: Table, side: PositionSide) -> float:
    return float(held["notional"][held["side"] == side].sum())


def _supported(held: Table) -> float | None:
    """The share of the map's dollars opened within about a day."""
    total = float(held["notional"].sum())
    young = np.nan_to_num(held["young_fraction"] + held["day_fraction"])
    return float((held["notional"] * young).sum()) / total if total > 0 else None


def _reach(held: Table, mark: float, sigma: float | None) -> list[Reach]:
    spans = [(f"{share:.0%}", share) for share in _REACH]
    if sigma is not None:
        spans += [(f"{k:.0f} sigma", math.expm1(k * sigma)) for k in _SIGMAS]
    found = []
    for name, share in spans:
        near = _within(held, mark, share)
        found.append(
            Reach(
                within=name,
                longs_usd=exact(_sum(near, PositionSide.LONG)),
                shorts_usd=exact(_sum(near, PositionSide.SHORT)),
            )
        )
    return found


def _expected(outlook: dict[str, Any]) -> list[Expected]:
    """The expected forced closes by horizon, as the outlook gives them: touching without drift, each cell by its chance."""
    found = []
    for name in outlook:
        horizon = name.removeprefix("expected_").removesuffix("_long")
        if name != f"expected_{horizon}_long":
            continue
        longs, shorts = outlook[name], outlook[f"expected_{horizon}_short"]
        if longs is not None and shorts is not None:
            found.append(Expected(horizon=horizon, longs_usd=exact(longs), shorts_usd=exact(shorts)))
    return found


def _mix(results: Results) -> Mix:
    """Which shares of leverage the map was read with."""
    params = results.params.get(f"liquidation_exposure@{results.frame.name}")
    mix = results.mix
    if not mix.settings and params is not None and tuple(params.mix) != PRIOR:
        return Mix(name="given by hand", dated=None, learned=False)
    bands = "not known" if mix.bands is None else BANDS
    return Mix(name=mix.name, dated=when(mix.dated_ts), learned=mix.learned, level=mix.level, bands=bands)


def _sweeps(results: Results) -> Sweeps | None:
    """What the map held where price went, against the reports of the same bars, side by side.

    Only bars of the window that come with a report count, on both sides of the comparison; reported units are valued at
    the bar's close. None where no bar has a report.
    """
    swept, ledger = results.table("liquidation_sweeps"), results.table("liquidation_ledger")
    if swept is None or ledger is None:
        return None
    told = inside(ledger, results.window)
    told = told[told["flags"] & int(Flag.NO_LIQ | Flag.LIQ_HIGH) == 0]
    if not len(told):
        return None
    bars, kind = results.bars, results.instrument.kind
    close = bars["close"][np.searchsorted(bars["ref_ts"], told["ref_ts"])]
    expected = swept[np.isin(swept["ref_ts"], told["ref_ts"])]
    longs, shorts = (worth(told[f"liquidated_{name}"], close, kind)[1].sum() for name in ("long", "short"))
    return Sweeps(
        bars=len(told),
        longs_expected_usd=exact(_sum(expected, PositionSide.LONG)),
        shorts_expected_usd=exact(_sum(expected, PositionSide.SHORT)),
        longs_reported_usd=exact(float(longs)),
        shorts_reported_usd=exact(float(shorts)),
    )


def _clusters(results: Results, held: Table, mark: float, sigma: float | None, side: PositionSide) -> list[Cluster]:
    """The live clusters of a side, nearest first; edges and identity are the feature's, dollars and ages the map's now."""
    rows = results.table("liquidation_clusters")
    if rows is None:
        return []
    found = [
        _cluster(life, held[held["side"] == side], _pi(results), results, mark, sigma)
        for life in lives(rows[rows["side"] == side], CLUSTER_ENDINGS, results.at)
    ]
    return sorted(found, key=lambda c: (abs(c.distance_fraction), c.id))


def _cluster(life: Life, held: Table, shares: Floats, results: Results, mark: float, sigma: float | None) -> Cluster:
    row = life.last
    low, high = float(row["price_low"]), float(row["price_high"])
    near = 1.0 if low <= mark <= high else (high if high < mark else low) / mark
    middle = np.sqrt(held["price_low"] * held["price_high"])
    mine = held[(middle >= low) & (middle <= high)]
    young = _supported(mine)
    units = np.array([row[name] or 0.0 for name in UNIT_COLUMNS])
    weighed = units * shares
    total = float(weighed.sum())
    largest = [k for k in np.argsort(-weighed, kind="stable")[:_TIERS_SHOWN].tolist() if total > 0 and weighed[k] > 0]
    usd, (p10, p90) = float(mine["notional"].sum()), (None, None)
    if results.mix.bands is not None:
        side, kind = PositionSide[row["side"].upper()], results.instrument.kind
        weights = shares * _kappa(results, side)
        ends = results.mix.bands.dollars(units, weights, usd, math.sqrt(low * high), side, kind)
        p10, p90 = (number(float(end)) for end in ends)
    return Cluster(
        id=life.id,
        side=row["side"],
        state=row["event"],
        low=exact(low),
        high=exact(high),
        peak=exact(row["price_peak"]),
        usd=exact(usd),
        usd_p10=p10,
        usd_p90=p90,
        distance_fraction=exact(near - 1.0),
        distance_sigma=number(abs(math.log(near)) / sigma) if sigma else None,
        first_seen=when(row["first_ts"]),
        age_s=(results.at - int(row["first_ts"])) // SECOND,
        young_fraction=number(young),
        supported=young is not None and young >= 0.5,
        tiers=[TierShare(leverage=f"{LEVERAGES[k]:g}x", share=exact(weighed[k] / total)) for k in largest],
    )


def _pi(results: Results) -> Floats:
    """The shares of leverage that the map was read with, at `LEVERAGES`."""
    params = results.params.get(f"liquidation_exposure@{results.frame.name}")
    return checked_mix(PRIOR if params is None else params.mix)


def _kappa(results: Results, side: PositionSide) -> float:
    """The share of what price reaches that the map expects to be closed by force."""
    params = results.params.get(f"liquidation_exposure@{results.frame.name}")
    return 1.0 if params is None else float(getattr(params, f"liquidated_fraction_{side.name.lower()}"))
