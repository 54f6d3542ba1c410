"""The outlook. Answers: the map's own cells summed in plain numpy with scipy's erfc; a hand-made volatility."""

from __future__ import annotations

import numpy as np
import pytest

from features.liquidation.worlds import instrument, random_tables, run
from perpscope.core.errors import UserError
from perpscope.core.time import DAY, HOUR, YEAR
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.map import map_at
from perpscope.features.liquidation.outlook import HORIZONS, LiquidationOutlook, OutlookParams


@pytest.fixture(scope="module")
def rows():
    tables = random_tables(5, 200, volatility=0.01)
    return tables, run(instrument(), tables, "liquidation_outlook", "liquidation_heatmap", "position_flows")


def test_sums_and_expectations_are_those_of_the_map_at_that_time(rows):
    _, out = rows
    outlook, flows = out["liquidation_outlook"], out["position_flows"]
    for i in (60, 120, 199):
        now = map_at(out["liquidation_heatmap"], int(outlook["known_ts"][i]), float(flows["close"][i]))
        sigma = float(outlook["sigma_annual"][i])
        daily = sigma * np.sqrt(DAY / YEAR)
        for k in (1, 2):
            long, short = now.within(k * daily)
            assert outlook[f"within_{k}_sigma_long"][i] == pytest.approx(long)
            assert outlook[f"within_{k}_sigma_short"][i] == pytest.approx(short)
            assert outlook[f"imbalance_{k}_sigma"][i] == pytest.approx(now.imbalance(k * daily))
        for name, horizon in HORIZONS.items():
            for side in PositionSide:
                cells, distance = now.side(side), now.distance(side)
                near = distance < 0.2495
                held, far = float(cells["notional"].sum()), float(cells["notional"][~near].sum())
                got = outlook[f"expected_{name}_{side.name.lower()}"][i]
                # cells beyond the reach are left out: what they could add bounds the difference
                assert 0.0 <= now.expected_notional(side, sigma, horizon) - got + 1e-6 * held <= far + 2e-6 * held
        assert outlook["heaviest_long"][i] == pytest.approx(now.heaviest(PositionSide.LONG))


def test_the_volatility_is_an_exponential_mean_over_time_and_absent_while_it_warms_up(rows):
    tables, out = rows
    sigma, close = out["liquidation_outlook"]["sigma_annual"], tables["bars"]["close"]
    returns = np.diff(np.log(close))
    weights = 0.5 ** (np.arange(len(returns))[::-1] / 24.0)
    by_hand = np.sqrt((weights * returns**2).sum() / weights.sum() * YEAR / HOUR)
    assert sigma[-1] == pytest.approx(by_hand)
    assert np.isnan(sigma[:24]).all()
    assert np.isfinite(sigma[24:]).all()


def test_expectations_rise_with_the_horizon_and_stay_below_what_is_held(rows):
    outlook = rows[1]["liquidation_outlook"][30:]
    for side in ("long", "short"):
        by_horizon = np.stack([outlook[f"expected_{name}_{side}"] for name in HORIZONS])
        assert (np.diff(by_horizon, axis=0) >= -1e-6).all()


def test_wrong_parameters_are_refused_with_a_sentence():
    with pytest.raises(UserError, match="half_life_hours"):
        LiquidationOutlook(OutlookParams(half_life_hours=0.0))
