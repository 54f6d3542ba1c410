"""What a taker pays beyond the price it saw."""

from __future__ import annotations

import math

from perpscope.account.layout import Memory
from perpscope.core.time import DAY
from perpscope.numeric.jit import njit

_DAY = float(DAY)


@njit
def impact_fraction(half_spread: float, k: float, sigma_day: float, share: float) -> float:
    """Half the spread plus k sigma_day sqrt(quantity / day volume), as a fraction of price.

    Source: the square-root law of impact (Toth et al. 2011, Phys. Rev. X 1, 021006).

    Example:
        >>> round(impact_fraction.python(0.0, 1.0, 0.03, 1e-4) * 1e4, 9)
        3.0
    """
    return half_spread + k * sigma_day * math.sqrt(share)


@njit
def slippage_fraction(m: Memory, k: int, quantity: float) -> float:
    """What a taker of this quantity pays, by the model of the terms (0 fixed, 1 impact, 2 from_book).

    Before anything was traded impact is not known: half a spread.
    """
    terms, spot = m.terms[k], m.spots[k]
    if terms.impact_model == 2:
        return terms.stress * (terms.slippage + 1e-4 * terms.impact * quantity**terms.exponent)
    if terms.impact_model == 1 and spot.volume > 0.0:
        sigma_day = math.sqrt(spot.squares / spot.weight * _DAY)
        share = quantity / (spot.volume / spot.weight * _DAY)
        return terms.stress * impact_fraction(terms.slippage, terms.impact, sigma_day, share)
    return terms.stress * terms.slippage


@njit
def measure_day(m: Memory, k: int, before: float, after: float, volume: float, span: int) -> None:
    """Take one more bar into the exponentially weighted day: squared log returns and volume per unit of time, with a
    memory of one day. Causal: called after a bar is done."""
    spot = m.spots[k]
    fade = math.exp(-span / _DAY)
    step = math.log(after / before)
    spot.squares = spot.squares * fade + step * step
    spot.weight = spot.weight * fade + span
    spot.volume = spot.volume * fade + (0.0 if math.isnan(volume) else volume)


@njit
def slipped(m: Memory, k: int, sign: float, price: float, quantity: float) -> float:
    """A price worsened for a taker of this side and quantity."""
    return price * (1.0 + sign * slippage_fraction(m, k, quantity))
