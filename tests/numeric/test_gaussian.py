"""Answers: scipy.special.erfc, an independent implementation."""

from __future__ import annotations

import numpy as np
from scipy import special

from perpscope.numeric.gaussian import erfc


def test_erfc_is_scipys_on_every_scale_and_shape() -> None:
    values = np.concatenate([np.linspace(-6.0, 26.0, 4001), [np.nan, np.inf, -np.inf, 1e-300]]).reshape(5, -1)
    np.testing.assert_allclose(erfc(values), special.erfc(values), rtol=1e-13, atol=0.0)


def test_a_number_gives_a_number() -> None:
    assert erfc(0.0).shape == ()
