"""How much a market looks like a recorded one: the same figures from synthetic tables and from recorded bars.

Every function takes plain arrays, so that recorded bars and synthetic ones are measured by the same code.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perpscope.core.batch import Batch
from perpscope.core.events import GAP
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, YEAR
from perpscope.core.units import AggressorSide
from perpscope.market.bars import BarsFromTrades
from perpscope.synthetic.market import SyntheticMarket
from perpscope.synthetic.records import Group

Floats = NDArray[np.float64]
_BARS_A_DAY = 288


def realism(market: SyntheticMarket) -> dict[str, float]:
    """All figures of a synthetic market, by name.

    Definition: five-minute and hourly bars are made from the trades as anyone would; the names are those of the
    functions below, `aggressor_share_long` and `_short` are the share of opened legs whose trader crossed the spread,
    `leveraged_share` is what leveraged traders hold of all positions at the end.

    Example:
        >>> from perpscope.synthetic import Config, simulate
        >>> found = realism(simulate(Config(seed=2, days=1.0, open_interest=60.0)))
        >>> 0.0 < found["change_to_volume_median"] < 1.0
        True
    """
    bars = bars_of(market, "5m")
    hours = bars_of(market, "1h")
    interest = market.tables["open_interest"]["open_interest"]
    days = market.config.days
    totals = market.tables["liquidation_totals@5m"]
    forced = (totals["long_quantity"] + totals["short_quantity"])[: int(days * 24) * 12].reshape(-1, 12).sum(axis=1)
    found = price_statistics(bars["high"], bars["low"], bars["close"], bars["volume"])
    found |= interest_statistics(bars["volume"], interest)
    found |= liquidation_statistics(forced, float(interest.mean()))
    found |= mark_statistics(hours, market.tables["mark_bars@1m"])
    ledger = market.truth.ledger
    printed = ledger[ledger["aggressor"] > 0]
    for name, column, side in (("long", "buyer_opened", AggressorSide.BUY), ("short", "seller_opened", AggressorSide.SELL)):
        opened = printed[column]
        found[f"aggressor_share_{name}"] = float(opened[printed["aggressor"] == side].sum() / opened.sum())
    accounts = market.recording.accounts
    sizes = np.abs(accounts.quantity)
    found["leveraged_share"] = float(sizes[accounts.group == Group.RETAIL].sum() / sizes.sum())
    found["trades_per_second"] = len(market.tables["trade"]) / market.config.seconds
    return found


def bars_of(market: SyntheticMarket, frame: str) -> Table:
    """Bars of a synthetic market, made by `market.bars` from its trades."""
    fold = BarsFromTrades(frame=frame)
    end = market.truth.end_ts
    return fold.fold(fold.start(market.instrument), Batch(end, {"trade": market.tables["trade"], "gap": GAP.empty()}))


def price_statistics(high: Floats, low: Floats, close: Floats, volume: Floats) -> dict[str, float]:
    """Volatility, tails, clustering and daily range from consecutive five-minute bars.

    Returns:
        `volatility_annual` from five-minute closes; `daily_range_median` and `_p90`, ln(highest / lowest) of 288
        bars; `tail_5m` and `tail_1h`, the 99.9% (hourly: 99%) quantile of |return| over its median; `clustering_1h`
        and `_1d`, the correlation of |return| with itself an hour and a day later; `return_autocorrelation` of
        neighbouring bars; `volume_range_correlation` of ranks.
    """
    returns = np.diff(np.log(close))
    size = np.abs(returns)
    days = len(close) // _BARS_A_DAY
    tops = high[: days * _BARS_A_DAY].reshape(days, -1).max(axis=1)
    bottoms = low[: days * _BARS_A_DAY].reshape(days, -1).min(axis=1)
    ranges = np.log(tops / bottoms)
    hourly = np.abs(np.diff(np.log(close[11::12])))
    return {
        "volatility_annual": float(returns.std() * np.sqrt(YEAR / (5 * MINUTE))),
        "daily_range_median": float(np.median(ranges)),
        "daily_range_p90": float(np.quantile(ranges, 0.9)),
        "tail_5m": float(np.quantile(size, 0.999) / np.median(size)),
        "tail_1h": float(np.quantile(hourly, 0.99) / np.median(hourly)),
        "clustering_1h": _correlation(size[:-12], size[12:]),
        "clustering_1d": _correlation(size[:-_BARS_A_DAY], size[_BARS_A_DAY:]) if days > 1 else float("nan"),
        "return_autocorrelation": _correlation(returns[:-1], returns[1:]),
        "volume_range_correlation": _correlation(_ranks(volume), _ranks(np.log(high / low))),
    }


def interest_statistics(volume: Floats, open_interest: Floats) -> dict[str, float]:
    """How open interest moves against volume.

    Inputs: volume of bar t, and open interest at the opens of the bars t = 0, 1, ... (one more than whole bars, or
    as many).

    Returns:
        `change_to_volume_median`, `_p90` and `_max` of |change| / volume; `turnover_median`, volume / open interest.
    """
    change = np.abs(np.diff(open_interest))
    count = min(len(change), len(volume))
    traded = volume[:count]
    ratio = change[:count][traded > 0] / traded[traded > 0]
    return {
        "change_to_volume_median": float(np.median(ratio)),
        "change_to_volume_p90": float(np.quantile(ratio, 0.9)),
        "change_to_volume_max": float(ratio.max()),
        "turnover_median": float(np.median(traded / open_interest[:count])),
    }


def liquidation_statistics(hourly: Floats, open_interest: float) -> dict[str, float]:
    """How much is liquidated, and how bunched.

    Returns:
        `liquidated_per_day` as a fraction of open interest; `liquidation_top_hours`, the share of the total that
        falls into the busiest 1% of hours.
    """
    total = float(hourly.sum())
    top = max(1, round(0.01 * len(hourly)))
    return {
        "liquidated_per_day": total / (len(hourly) / 24.0) / open_interest,
        "liquidation_top_hours": float(np.sort(hourly)[-top:].sum() / total) if total > 0.0 else float("nan"),
    }


def mark_statistics(last: Table, mark: Table) -> dict[str, float]:
    """How far the lowest mark of an hour stays above the lowest trade, in basis points: median, 99% and worst.

    Inputs: hourly bars of trades and one-minute (or hourly) bars of the mark.
    """
    first = last["ref_ts"][0]
    hour = (mark["ref_ts"] - first) // HOUR
    inside = (hour >= 0) & (hour < len(last))
    lows = np.full(len(last), np.inf)
    np.minimum.at(lows, hour[inside], mark["low"][inside])
    gap = np.log(lows / last["low"])[np.isfinite(lows)] * 1e4
    return {
        "mark_gap_median_bps": float(np.median(gap)),
        "mark_gap_p99_bps": float(np.quantile(gap, 0.99)),
        "mark_gap_worst_bps": float(gap.max()),
    }


def _ranks(values: Floats) -> Floats:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)


def _correlation(a: Floats, b: Floats) -> float:
    return float(np.corrcoef(a, b)[0, 1])
