"""Stoikov's micro-price: where the middle is expected to go, given the imbalance and the spread."""

from __future__ import annotations

import numpy as np

from perpscope.core.table import Array

BUCKETS, SPREADS = 11, 3
"""Elevenths of bid quantity / both, so that equal quantities have a bucket of their own; spreads of 1, 2, and 3 or more
ticks."""

MOVES = (-2, -1, 1, 2)
"""Changes of the middle in half ticks that are told apart; larger ones count as the outermost."""


def adjustments(stay: Array, move: Array, after: Array, moves: Array) -> Array:
    """The expected future middle minus the middle, per state: the limit of G1 + B G1 + B^2 G1 + ...

    Inputs: `stay` [n, n] probability of going to a state with the middle unchanged; `move` [n, k] probability that the next
    change of the middle is `moves[k]`, reached from the state in one step; `after` [n, n] probability of a change of the
    middle together with the state after it. Rows of stay and move (or after) add up to one.
    Returns: [n], in the unit of `moves`. G1 = (1 - Q)^-1 R K, B = (1 - Q)^-1 T.
    Source: Stoikov, "The micro-price", Quantitative Finance 18 (2018), SSRN 2970694.

    Example:
        >>> stay, move = np.array([[.4, .2], [.2, .4]]), np.array([[.3, .1], [.1, .3]])
        >>> adjustments(stay, move, np.full((2, 2), .2), np.array([-.5, .5])).round(6).tolist()
        [-0.125, 0.125]
    """
    n = len(stay)
    inverse = np.linalg.inv(np.eye(n) - stay)
    first, carry = inverse @ move @ moves, inverse @ after
    total, term = first.copy(), first
    for _ in range(200):
        term = carry @ term
        total += term
        if np.abs(term).max() <= 1e-14 * max(1.0, float(np.abs(total).max())):
            break
    return total


def estimate(counts: Array) -> Array:
    """Adjustments in half ticks from counted transitions.

    Inputs: `counts` [states, 1 + len(MOVES), states], state before, 0 for an unchanged middle or 1 + the move, state after;
    states are bucket * spreads + spread, buckets of the imbalance in ascending order. The counts are made symmetric first
    (an upside-down market is as likely), so that the micro-price has no drift; a state that was never left stays put.
    Returns: [states]; NaN where a state was never seen.
    """
    states = counts.shape[0]
    return _estimate(counts + _upside_down(counts), states)


def _upside_down(counts: Array) -> Array:
    moved = np.concatenate([counts[:, :1], counts[:, :0:-1]], axis=1)
    flip = _mirror_states(counts.shape[0])
    return moved[flip][:, :, flip]


def _mirror_states(states: int) -> Array:
    buckets = states // SPREADS
    state = np.arange(states)
    return (buckets - 1 - state // SPREADS) * SPREADS + state % SPREADS


def _estimate(counts: Array, states: int) -> Array:
    seen = counts.sum(axis=(1, 2))
    rows = np.where(seen > 0, seen, 1.0)[:, None]
    stay, after = counts[:, 0] / rows, counts[:, 1:].sum(axis=1) / rows
    move = counts[:, 1:].sum(axis=2) / rows
    # a state from which the middle was never seen to move would make 1 - Q singular
    stay = stay * (1.0 - 1e-9)
    found = adjustments(stay, move, after, np.array(MOVES, np.float64))
    return np.where(seen > 0, found, np.nan)
