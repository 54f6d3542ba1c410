"""Random numbers are drawn outside and handed in; kernels only move a cursor, so a seed decides everything."""

from __future__ import annotations

import math

from perpscope.numeric.jit import njit
from perpscope.synthetic.records import World


@njit
def uniform(w: World) -> float:
    """The next number in [0, 1)."""
    m = w.market
    value = w.uniforms[m.uniform]
    m.uniform += 1
    return value


@njit
def normal(w: World) -> float:
    """The next standard normal number."""
    m = w.market
    value = w.normals[m.normal]
    m.normal += 1
    return value


@njit
def waiting_time(w: World, mean: float) -> float:
    """An exponential waiting time."""
    return -math.log(1.0 - uniform(w)) * mean


@njit
def lots_drawn(w: World, mean: float, spread: float) -> int:
    """A log-normal quantity of the given mean and log standard deviation, at least one lot."""
    return max(1, round(mean * math.exp(spread * normal(w) - 0.5 * spread * spread)))
