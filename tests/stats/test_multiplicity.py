"""Answers: oracle E9 (the fifteen p-values of Benjamini and Hochberg 1995), statsmodels.stats.multitest, simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from statsmodels.stats.multitest import multipletests

from perpscope.core.errors import UserError
from perpscope.stats.interval import binomial_band
from perpscope.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli, bonferroni, holm

E9 = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
METHODS = {"bonferroni": bonferroni, "holm": holm, "fdr_bh": benjamini_hochberg, "fdr_by": benjamini_yekutieli}


def test_the_counts_are_oracle_E9():
    assert bonferroni(E9, 0.05).count == 3
    assert holm(E9, 0.05).count == 3
    assert benjamini_hochberg(E9, 0.05).count == 4
    assert benjamini_hochberg(E9, 0.10).count == 9
    assert benjamini_yekutieli(E9, 0.05).count == 3


@pytest.mark.parametrize("name", ["bonferroni", "fdr_bh", "fdr_by"])
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_agree_with_statsmodels(name, p):
    found = METHODS[name](p, 0.05)
    rejected, adjusted, _, _ = multipletests(p, 0.05, method=name)
    np.testing.assert_allclose(found.adjusted, adjusted, rtol=1e-12, atol=1e-300)
    clear = np.abs(adjusted - 0.05) > 1e-12
    assert (found.rejected == rejected)[clear].all()


@pytest.mark.parametrize("seed", range(3))
def test_holms_adjusted_p_values_agree_with_statsmodels(seed):
    p = np.random.default_rng(seed).random(12) ** 3
    found = holm(p, 0.05)
    rejected, adjusted, _, _ = multipletests(p, 0.05, method="holm")
    np.testing.assert_allclose(found.adjusted, adjusted, rtol=1e-12)
    assert (found.rejected == rejected).all()


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_stops_at_the_first_p_value_that_fails_its_step(p):
    expected, open_ = set(), list(range(len(p)))
    while open_:
        least = min(open_, key=lambda k: p[k])
        if p[least] > 0.05 / len(open_):
            break
        expected.add(least)
        open_.remove(least)
    assert set(np.flatnonzero(holm(p, 0.05).rejected).tolist()) == expected


@pytest.mark.parametrize("name", METHODS)
@given(p=st.lists(st.floats(0, 1), min_size=2, max_size=12), seed=st.integers(0, 99))
def test_the_order_of_tests_does_not_matter(name, p, seed):
    order = np.random.default_rng(seed).permutation(len(p))
    np.testing.assert_array_equal(METHODS[name](np.array(p)[order]).adjusted, METHODS[name](p).adjusted[order])


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_never_weaker_than_bonferroni_nor_stronger_than_benjamini_hochberg(p):
    assert (holm(p).adjusted <= bonferroni(p).adjusted).all()
    assert (benjamini_hochberg(p).adjusted <= holm(p).adjusted + 1e-15).all()


def test_error_rates_hold_on_data_without_effects_and_with_some():
    rng = np.random.default_rng(1)
    any_false, false_share = 0, []
    for _ in range(1000):
        any_false += holm(rng.random(20), 0.05).count > 0
        effect = np.repeat([0.0, 3.0], [15, 5])
        found = benjamini_hochberg(special.ndtr(-(rng.standard_normal(20) + effect)), 0.10)
        false_share.append(found.rejected[:15].sum() / max(found.count, 1))
    low, high = binomial_band(1000, 0.05, 0.999)
    assert low <= any_false <= high
    # the expected share is rate x share of true nulls
    assert np.mean(false_share) == pytest.approx(0.075, abs=4 * np.std(false_share) / 1000**0.5)


def test_what_is_no_p_value_is_refused():
    with pytest.raises(UserError):
        holm([0.1, 1.2])
    with pytest.raises(UserError):
        benjamini_hochberg([0.1], rate=10)
    with pytest.raises(UserError):
        bonferroni([])
