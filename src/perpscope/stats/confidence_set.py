"""The model confidence set: which of several models cannot be told apart from the best, through the package `arch`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.stats.blocks import optimal_block_length
from perpscope.stats.inputs import Booleans, Floats, check_level, panel


@dataclass(frozen=True, slots=True, eq=False)
class ConfidenceSet:
    """Attributes:
    included: whether each model stays in the set that holds the best model with the asked confidence.
    p_values: the confidence up to which it stays out is `1 - p`.
    """

    included: Booleans
    p_values: Floats


def model_confidence_set(
    losses: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.9,
    replications: int = 1_000,
    block_length: float | None = None,
) -> ConfidenceSet:
    """Hansen, Lunde and Nason's model confidence set with the range statistic, stationary bootstrap.

    Args:
        losses: float64 (rows = time, columns = models); lower is better (negative log scores, squared errors).
        block_length: None takes the longest `optimal_block_length` of the differences to the mean loss; `arch` wants whole
            observations, so it is rounded up.
    Raises:
        UserError: with fewer than two models, or when `arch` is not installed.
    Source: Hansen, Lunde and Nason 2011; implementation arch.bootstrap.MCS.

    Example:
        >>> rng = np.random.default_rng(2)
        >>> losses = rng.standard_normal((200, 3)) + [0.0, 0.0, 1.0]
        >>> model_confidence_set(losses, rng=rng, replications=200, block_length=1).included
        array([ True,  True, False])
    """
    check_level(confidence)
    x = panel(losses, "losses", at_least=3)
    if x.shape[1] < 2:
        raise UserError("A confidence set needs at least two models; give one column of losses per model.")
    try:
        from arch.bootstrap import MCS
    except ImportError:
        raise UserError("Model confidence sets need the package arch: install it with `pip install arch`.") from None
    apart = x - x.mean(axis=1, keepdims=True)
    block = max(optimal_block_length(column) for column in apart.T) if block_length is None else block_length
    test = MCS(x, size=1.0 - confidence, reps=replications, block_size=int(np.ceil(block)), bootstrap="stationary", seed=rng)
    test.compute()
    p_values = np.full(x.shape[1], np.nan)
    p_values[test.pvalues.index.to_numpy(dtype=np.int64)] = test.pvalues["Pvalue"].to_numpy(dtype=np.float64)
    included = np.zeros(x.shape[1], dtype=np.bool_)
    included[np.asarray(test.included, dtype=np.int64)] = True
    return ConfidenceSet(included, p_values)
