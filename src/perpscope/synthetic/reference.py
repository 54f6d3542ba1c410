"""The price outside the synthetic market, and how busy each second is: drawn before the market opens.

Log volatility is the sum of two Ornstein-Uhlenbeck processes (hours and days), a shape over the hours of the day and
the echo of jumps; activity follows volatility. Within this package that is the only price that does not come from
orders; the market moves around it, and it follows the market (`VenueRules.follow_seconds`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perpscope.core.time import DAY, HOUR
from perpscope.numeric.jit import njit
from perpscope.synthetic.config import Config

Floats = NDArray[np.float64]
_MINUTE = 60
_YEAR_SECONDS = 365 * 86_400
_JUMP_SECONDS = 45


class Reference(NamedTuple):
    """Per second: log change of the outside price, volatility and activity relative to their means, mood (-1 .. 1)."""

    moves: Floats
    stress: Floats
    activity: Floats
    mood: Floats


def reference_path(config: Config, rng: np.random.Generator) -> Reference:
    """The outside world of one market.

    Returns:
        `Reference`, arrays of `config.seconds` float64; moves are natural-log changes, stress and activity are
        multiples of 1.
    """
    out = config.outside
    minutes = config.seconds // _MINUTE + 2
    fast = ornstein_uhlenbeck(rng.standard_normal(minutes), out.fast_hours * 60.0) * out.fast_spread
    slow = ornstein_uhlenbeck(rng.standard_normal(minutes), out.slow_hours * 60.0) * out.slow_spread
    hour = ((config.start % DAY) / HOUR + np.arange(minutes) / 60.0) % 24.0
    shape = out.day_shape * np.cos((hour - 15.0) / 24.0 * 2.0 * np.pi)
    jumped = rng.random(minutes) < out.jumps_per_day / 1440.0
    sizes = rng.exponential(out.jump_size, minutes) * np.where(rng.random(minutes) < 0.5, -1.0, 1.0) * jumped
    echo = fading(np.abs(sizes) / out.jump_size, 60.0)
    spread = out.fast_spread**2 + out.slow_spread**2 + 0.5 * out.day_shape**2
    log_stress = fast + slow + shape - spread + 0.25 * echo
    own = ornstein_uhlenbeck(rng.standard_normal(minutes), out.activity_hours * 60.0) * out.activity_spread
    log_activity = out.activity_slope * (fast + slow + shape) + own + 0.3 * echo
    log_activity -= 0.5 * (out.activity_slope**2 * spread + out.activity_spread**2)
    mood = np.tanh(ornstein_uhlenbeck(rng.standard_normal(minutes), out.mood_hours * 60.0))
    stress = by_second(np.exp(log_stress), config.seconds)
    activity = by_second(np.exp(np.clip(log_activity, -4.0, 3.0)), config.seconds)
    noise = rng.standard_normal(config.seconds)
    planned = np.zeros(config.seconds)
    for minute in np.flatnonzero(jumped):
        stretch = planned[minute * _MINUTE : minute * _MINUTE + _JUMP_SECONDS]
        stretch += sizes[minute] / _JUMP_SECONDS
    for episode in out.episodes:
        first, length = round(episode.day * 86_400), max(1, round(episode.minutes * 60.0))
        planned[first : first + length] += episode.log_move / length
        # afterwards the unrest fades within hours
        after = np.maximum(np.arange(config.seconds) - first - length, 0.0)
        unrest = 1.0 + (episode.stress - 1.0) * np.exp(-after / (2.0 * 3600.0)) * (np.arange(config.seconds) >= first)
        stress, activity = stress * unrest, activity * unrest
    stress, activity = np.clip(stress, 0.3, 8.0), np.clip(activity, 0.02, 30.0)
    moves = noise * stress * (out.volatility / np.sqrt(_YEAR_SECONDS)) + planned
    return Reference(moves, stress, activity, by_second(mood, config.seconds))


def ornstein_uhlenbeck(noise: Floats, half_life: float) -> Floats:
    """A stationary autoregression of unit variance with the given half-life in steps."""
    out = np.empty(len(noise))
    _autoregress(noise, 0.5 ** (1.0 / half_life), out)
    return out


def fading(kicks: Floats, half_life: float) -> Floats:
    """The sum of past kicks, each fading with the given half-life in steps."""
    out = np.empty(len(kicks))
    _accumulate(kicks, 0.5 ** (1.0 / half_life), out)
    return out


def by_second(by_minute: Floats, seconds: int) -> Floats:
    """Values at full minutes, joined by straight lines."""
    return np.interp(np.arange(seconds) / _MINUTE, np.arange(len(by_minute)), by_minute)


@njit
def _autoregress(noise: Floats, keep: float, out: Floats) -> None:
    scale = np.sqrt(1.0 - keep * keep)
    value = 0.0
    for i in range(noise.size):
        value = noise[i] if i == 0 else keep * value + scale * noise[i]
        out[i] = value


@njit
def _accumulate(kicks: Floats, keep: float, out: Floats) -> None:
    value = 0.0
    for i in range(kicks.size):
        value = keep * value + kicks[i]
        out[i] = value
