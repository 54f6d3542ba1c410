"""Probability of backtest overfitting (PBO) by combinatorially symmetric cross-validation (CSCV).

The rows are cut into S blocks; every half of the blocks is once the sample in which the best strategy is chosen, and the
other half says what it was worth. Sharpe ratios of halves come from sums per block, so the rows are read once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.numeric.jit import njit
from perpscope.stats.inputs import Floats, Integers, panel

_MOST_COMBINATIONS = 3_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Overfitting:
    """What choosing the best strategy in sample was worth out of sample, over all combinations in lexicographic order.

    Attributes:
        probability: PBO, the share of combinations with `logits <= 0`. It is exact for these rows and blocks (all
            combinations are counted), so it carries no interval; the combinations are not independent draws.
        logits: `ln(w / (1-w))`, `w = rank / (J+1)`.
        ranks: out-of-sample rank of the chosen strategy, 1 = worst, J = best; ties share the middle rank.
        chosen: column number of the best in sample (of equals, the one that does worst out of sample).
        in_sample, out_of_sample: its performance per period in both halves.
        blocks: S.
        rows_left_out: oldest rows not used, so that the blocks are equally long.
    """

    probability: float
    logits: Floats
    ranks: Floats
    chosen: Integers
    in_sample: Floats
    out_of_sample: Floats
    blocks: int
    rows_left_out: int

    @property
    def probability_of_loss(self) -> float:
        """The share of combinations in which the chosen strategy loses out of sample."""
        return float(np.mean(self.out_of_sample < 0.0))

    @property
    def degradation(self) -> float:
        """The slope of out-of-sample on in-sample performance; NaN if the latter is constant. Below 0: regression to less."""
        deviation = self.in_sample - self.in_sample.mean()
        scale = float(deviation @ deviation)
        return float(deviation @ self.out_of_sample) / scale if scale > 0.0 else math.nan


def probability_of_overfitting(
    returns: npt.ArrayLike, blocks: int = 16, performance: Literal["sharpe", "mean"] = "sharpe"
) -> Overfitting:
    """PBO of choosing the best of J strategies on their return series.

    Definition: for each of the C(S, S/2) halves of S equal blocks: n* = the best in sample; its out-of-sample rank among J;
    PBO = share with `logit(rank / (J+1)) <= 0`. A strategy flat at zero throughout a half performs 0 there.
    Disputed: Sharpe ratio (ours, ddof = 1) or mean; with rows that do not divide by S we leave out the oldest.

    Args:
        returns: float64 (rows = time, columns = strategies); returns per period of all strategies tried.
        blocks: S, even; gates want at least 16.
    Raises:
        UserError: if S is odd, below 2 or leaves blocks of less than two rows; with less than two strategies; if a strategy
            has constant returns other than 0 in a half (its Sharpe ratio would be infinite).
    Source: Bailey, Borwein, Lopez de Prado and Zhu 2017.

    Example:
        >>> t, j = np.arange(240)[:, None], np.arange(10)[None, :]
        >>> returns = ((((7 * j + 3) * (t + 1) ** 2 + 11 * j * t) % 101) - 50) / 1000
        >>> found = probability_of_overfitting(returns, blocks=8)
        >>> len(found.logits), round(found.probability, 10)
        (70, 0.0428571429)
    """
    x = panel(returns, "returns")
    strategies = x.shape[1]
    if strategies < 2:
        raise UserError("With one strategy nothing is chosen; give a column for every variant that was tried.")
    if blocks < 2 or blocks % 2:
        raise UserError(f"The number of blocks must be even and at least 2, not {blocks}.")
    length = len(x) // blocks
    if length < 2:
        raise UserError(f"{len(x)} rows make no {blocks} blocks of two rows or more. Rows are time, columns strategies.")
    combinations = math.comb(blocks, blocks // 2)
    if combinations > _MOST_COMBINATIONS:
        raise UserError(f"{blocks} blocks make {combinations:,} combinations; use at most 24 blocks.")
    left_out = len(x) - length * blocks
    cut = x[left_out:].reshape(blocks, length, strategies)
    sums = cut.sum(axis=1)
    squares = np.einsum("brj,brj->bj", cut, cut)
    ranks, chosen = np.empty(combinations), np.empty(combinations, dtype=np.int64)
    inside, outside = np.empty(combinations), np.empty(combinations)
    bad = choose_and_rank(sums, squares, length, performance == "sharpe", ranks, chosen, inside, outside)
    if bad >= 0:
        raise UserError(f"Strategy {bad} has constant returns in one half, so no Sharpe ratio; leave it out or use the mean.")
    logits = np.log(ranks / (strategies + 1 - ranks))
    return Overfitting(float(np.mean(logits <= 0.0)), logits, ranks, chosen, inside, outside, blocks, left_out)


@njit
def choose_and_rank(
    sums: Floats,
    squares: Floats,
    length: int,
    by_sharpe: bool,
    ranks: Floats,
    chosen: Integers,
    inside: Floats,
    outside: Floats,
) -> int:
    """Fill the four outputs, one entry per combination; returns a column without a Sharpe ratio, or -1."""
    blocks, strategies = sums.shape
    half = blocks // 2
    n = half * length
    combination = np.arange(half)
    is_in = np.zeros(blocks, dtype=np.bool_)
    totals = np.empty((4, strategies))
    scores = np.empty((2, strategies))
    for c in range(len(ranks)):
        is_in[:] = False
        for k in range(half):
            is_in[combination[k]] = True
        totals[:] = 0.0
        for b in range(blocks):
            side = 0 if is_in[b] else 2
            for j in range(strategies):
                totals[side, j] += sums[b, j]
                totals[side + 1, j] += squares[b, j]
        for side in range(2):
            for j in range(strategies):
                mean = totals[2 * side, j] / n
                if not by_sharpe:
                    scores[side, j] = mean
                    continue
                square = totals[2 * side + 1, j]
                if square == 0.0:
                    scores[side, j] = 0.0
                    continue
                variance = (square - n * mean * mean) / (n - 1)
                if variance <= 1e-12 * square / n:
                    return j
                scores[side, j] = mean / np.sqrt(variance)
        best = scores[0, 0]
        for j in range(1, strategies):
            best = max(best, scores[0, j])
        pick = -1
        for j in range(strategies):
            if scores[0, j] == best and (pick < 0 or scores[1, j] < scores[1, pick]):
                pick = j
        worse, equal = 0, 0
        for j in range(strategies):
            worse += scores[1, j] < scores[1, pick]
            equal += scores[1, j] == scores[1, pick]
        ranks[c] = worse + (equal + 1) / 2.0
        chosen[c] = pick
        inside[c] = best
        outside[c] = scores[1, pick]
        # the next combination in lexicographic order
        k = half - 1
        while k >= 0 and combination[k] == blocks - half + k:
            k -= 1
        if k < 0:
            break
        combination[k] += 1
        for later in range(k + 1, half):
            combination[later] = combination[later - 1] + 1
    return -1
