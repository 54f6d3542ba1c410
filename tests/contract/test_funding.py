"""Funding: signs and units by hand; the recorded stamps are in tests/answers/contract."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.contract import (
    funding_interval,
    funding_intervals,
    funding_payment,
    funding_rate_8h,
    funding_rate_annual,
    settlement_hours,
)
from perpscope.core.errors import UserError
from perpscope.core.time import HOUR, SECOND, parse_ts
from perpscope.core.units import ContractKind, PositionSide

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
MIDNIGHT = parse_ts("2024-01-01")


@given(
    st.sampled_from([ContractKind.LINEAR, ContractKind.INVERSE]),
    st.floats(1e-3, 1e6),
    st.floats(1e-6, 1e6),
    st.floats(-0.04, 0.04),
)
def test_what_the_long_pays_the_short_receives_exactly(kind, quantity, price, rate):
    long, short = (funding_payment(side, quantity, price, rate, kind=kind) for side in (LONG, SHORT))
    assert long + short == 0.0
    assert rate == 0.0 or (long < 0.0) == (rate > 0.0)


def test_an_inverse_contract_pays_in_coin():
    assert funding_payment(SHORT, 50_000.0, 25_000.0, 0.001, kind=ContractKind.INVERSE) == pytest.approx(0.002)


def test_an_absent_rate_pays_an_absent_amount():
    assert np.isnan(funding_payment(LONG, 1.0, 100.0, np.array([0.0001, np.nan]))).tolist() == [False, True]


def test_jitter_of_a_minute_is_forgiven_and_more_is_not():
    stamps = MIDNIGHT + np.array([0, 8 * HOUR + 60 * SECOND, 16 * HOUR - 60 * SECOND, 24 * HOUR + 61 * SECOND])
    assert ((settlement_hours(stamps) - MIDNIGHT) / HOUR).tolist() == [0.0, 8.0, 16.0, 24.0 + 61 / 3600]
    assert np.array_equal(funding_intervals(stamps), [np.nan, 8.0, 8.0, np.nan], equal_nan=True)


@given(st.lists(st.sampled_from([1, 2, 4, 8]), max_size=30), st.integers(0, 2**32 - 1))
def test_every_change_of_the_interval_is_read_from_jittered_stamps(hours, seed):
    exact = MIDNIGHT + np.concatenate(([0], np.cumsum(hours))).astype(np.int64) * HOUR
    jitter = np.random.default_rng(seed).integers(-59 * SECOND, 59 * SECOND, len(exact))
    assert funding_intervals(exact + jitter)[1:].tolist() == hours


def test_holes_are_absent_and_not_a_long_interval():
    assert np.array_equal(
        funding_intervals(np.array([0, 8, 24, 27, 31]) * HOUR), [np.nan, 8, np.nan, np.nan, 4], equal_nan=True
    )


def test_short_series_have_no_interval():
    assert funding_intervals(np.array([], dtype=np.int64)).tolist() == []
    assert np.isnan(funding_intervals(np.array([MIDNIGHT]))).tolist() == [True]
    assert np.isnan(funding_interval(np.array([MIDNIGHT])))


def test_the_usual_interval_is_the_most_frequent_one():
    assert funding_interval(np.array([0, 8, 12, 16, 20]) * HOUR) == 4.0
    assert funding_interval(np.array([0, 8, 12]) * HOUR) == 4.0


def test_unsorted_and_repeated_stamps_are_refused():
    for stamps in ([0, 16, 8], [0, 8, 8]):
        with pytest.raises(UserError, match="rise strictly"):
            funding_intervals(np.array(stamps) * HOUR)


def test_rates_of_different_intervals_compare_per_year_and_per_eight_hours():
    rates, hours = np.array([0.0001, 0.0000125, 0.00005]), np.array([8.0, 1.0, 4.0])
    assert funding_rate_annual(rates, hours) == pytest.approx([0.1095] * 3)
    assert funding_rate_8h(rates, hours) == pytest.approx([0.0001] * 3)
    assert np.isnan(funding_rate_annual(0.0001, np.nan))
    with pytest.raises(UserError, match="Funding interval must be a number above zero"):
        funding_rate_annual(0.0001, 0.0)
