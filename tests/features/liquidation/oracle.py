"""A slow, independent liquidation filter: one dictionary of lots, plain Python, formulas written anew from the definition.

It shares no code with the package. It knows only the plain case: one open interest per bar, no gaps, linear contract.
"""

from __future__ import annotations

import math
from collections import defaultdict

LEVERAGES = (2, 3, 4, 5, 7, 10, 15, 20, 25, 40, 50, 75, 100)
CLASSES = ((0.5, 125.0), (0.35, 100.0), (0.15, 75.0))


def shift(sign: int, leverage: float, rate: float) -> float:
    """ln(P*/E) = ln((1 - s/L) / (1 - s m)) of an isolated linear position."""
    return math.log((1 - sign / leverage) / (1 - sign * rate))


def kernel(sign: int, k: int, rates: tuple[float, ...], per_octave: int, spread: float) -> dict[int, float]:
    """Weights by offset in bins; the triangle is summed over many small pieces instead of integrated."""
    weights: dict[int, float] = defaultdict(float)
    for (share, limit), rate in zip(CLASSES, rates, strict=True):
        places = [abs(shift(sign, min(lev, limit), rate)) * per_octave / math.log(2) for lev in LEVERAGES]
        here = places[k]
        closer = [p for p in places if p < here - 1e-12]
        farther = [p for p in places if p > here + 1e-12]
        near = (here - max(closer)) / 2 if closer else None
        far = (min(farther) - here) / 2 if farther else None
        near, far = near or far, far or near
        near, far = max(min(near, here / 2), 0.25), max(far, 0.25)
        whole = math.floor(here)
        weights[whole * -sign] += share * (1 - spread) * (whole + 1 - here)
        weights[(whole + 1) * -sign] += share * (1 - spread) * (here - whole)
        pieces = 4000
        for j in range(pieces):
            u = here - near + (near + far) * (j + 0.5) / pieces
            height = (1 - (here - u) / near) if u < here else (1 - (u - here) / far)
            weight = share * spread * height * 2 / pieces
            weights[math.floor(u + 0.5) * -sign] += weight
    return {d: w for d, w in weights.items() if w > 0}


def entry_weights(low: float, high: float, per_octave: int) -> dict[int, float]:
    """Uniform in log price over [low, high], by bin."""
    a, b = math.log2(low) * per_octave, math.log2(high) * per_octave
    if math.floor(a) == math.floor(b):
        return {math.floor(a): 1.0}
    return {i: (min(b, i + 1) - max(a, i)) / (b - a) for i in range(math.floor(a), math.floor(b) + 1)}


class SlowFilter:
    """Lots: (side, tier, bin, hour of opening) -> units if all opens were of that tier."""

    def __init__(self, rates: tuple[float, ...], per_octave: int, spread: float, phi: float, theta: float) -> None:
        self.per_octave, self.phi, self.theta = per_octave, phi, theta
        self.kernels = {
            (side, k): kernel(sign, k, rates, per_octave, spread)
            for side, sign in (("long", 1), ("short", -1))
            for k in range(len(LEVERAGES))
        }
        self.lots: dict[tuple[str, int, int, int], float] = defaultdict(float)
        self.interest: float | None = None

    def age(self, opened: int, now: int) -> str:
        return "young" if now - opened < 3 else "older"

    def since(self, side: str, b: int, now: int, mix: tuple[float, ...]) -> tuple[float, float]:
        """Mixed units in a bin that are young, and that are no longer young but of the last five blocks of six hours."""
        young = day = 0.0
        for (s, k, bin_, opened), units in self.lots.items():
            if s == side and bin_ == b:
                if now - opened < 3:
                    young += mix[k + 1] * units
                elif now // 6 - opened // 6 < 5:
                    day += mix[k + 1] * units
        return young, day

    def bar(self, hour: int, low: float, high: float, close: float, volume: float, buy: float, interest: float, forced: dict):
        """Advance by one bar. Returns what was swept: (side, age, bin, tier) -> units, with ages as of the bar before."""
        if self.interest is None:
            self.interest = interest
            return {}
        centre = {b: 2 ** ((b + 0.5) / self.per_octave) for b in {lot[2] for lot in self.lots}}
        swept: dict[tuple[str, str, int, int], float] = defaultdict(float)
        for (side, k, b, opened), units in list(self.lots.items()):
            if (side == "long" and centre[b] >= low) or (side == "short" and centre[b] <= high):
                swept[side, self.age(opened, hour - 1), b, k] += units
                del self.lots[side, k, b, opened]
        change = interest - self.interest
        least_long, least_short = max(0, change + forced["long"]), max(forced["short"], -change)
        real = max(self.phi * volume, least_long + least_short)
        share = buy / volume
        beta = self.theta * share + (1 - self.theta) * (1 - share)
        opened_long = min(max((real + change) * beta, least_long), real - least_short)
        opens = {"long": opened_long, "short": real + change - opened_long}
        for lot in self.lots:
            side = lot[0]
            closed = opens[side] - change - forced[side]
            self.lots[lot] *= 1 - min(max(closed / (self.interest - forced[side]), 0), 1)
        for side in ("long", "short"):
            for i, share_of_entry in entry_weights(low, high, self.per_octave).items():
                for k in range(len(LEVERAGES)):
                    for d, w in self.kernels[side, k].items():
                        price = 2 ** ((i + d + 0.5) / self.per_octave)
                        if (side == "long" and price < close) or (side == "short" and price > close):
                            self.lots[side, k, i + d, hour] += opens[side] * share_of_entry * w
        self.interest = interest
        return dict(swept)

    def units(self, side: str) -> list[float]:
        """Units on the map per tier."""
        return [sum(v for (s, kk, _, _), v in self.lots.items() if s == side and kk == k) for k in range(len(LEVERAGES))]

    def cells(self, side: str, mix: tuple[float, ...]) -> dict[int, float]:
        """Mixed units per bin."""
        out: dict[int, float] = defaultdict(float)
        for (s, k, b, _), v in self.lots.items():
            if s == side:
                out[b] += mix[k + 1] * v
        return dict(out)
