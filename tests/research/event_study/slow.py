"""The event study written again, slowly: plain Python, one moment at a time, from the definitions in the documentation.

It shares no code with the package. Lists of floats, loops, the statistics module.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass

NS_HOUR, NS_DAY = 3_600_000_000_000, 86_400_000_000_000


@dataclass
class Bar:
    close_ts: int
    high: float
    low: float
    close: float
    volume: float
    liquidated: float


def quantile(values: list[float], share: float) -> float:
    """Linear between the two order statistics around share (n - 1)."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class Slow:
    def __init__(self, bars: list[Bar], step: int, least_in_cell: int) -> None:
        self.bars, self.step, self.least_in_cell = bars, step, least_in_cell
        self.span = max(NS_DAY // step, 20)
        self.run = []
        for i in range(len(bars)):
            holed = i == 0 or bars[i].close_ts - bars[i - 1].close_ts != step
            self.run.append(1 if holed else self.run[-1] + 1)
        self.atr = self._atr()

    def _atr(self) -> list[float | None]:
        out: list[float | None] = []
        average, seen = None, []
        for i, bar in enumerate(self.bars):
            if self.run[i] == 1:
                average, seen = None, []
                out.append(None)
                continue
            before = self.bars[i - 1].close
            true = max(bar.high - bar.low, abs(bar.high - before), abs(bar.low - before))
            if average is None:
                seen.append(true)
                if len(seen) == 14:
                    average = sum(seen) / 14
            else:
                average = (average * 13 + true) / 14
            out.append(average)
        return out

    def move(self, i: int) -> float:
        return 1e4 * (self.bars[i].close / self.bars[i - 1].close - 1)

    def sigma(self, i: int) -> float | None:
        if self.run[i] <= self.span or self.bars[i].volume == 0:
            return None
        return math.sqrt(sum(self.move(j) ** 2 for j in range(i - self.span + 1, i + 1)) / self.span)

    def mean(self, i: int, name: str) -> float | None:
        if self.run[i] <= self.span or self.bars[i].volume == 0:
            return None
        return sum(getattr(self.bars[j], name) for j in range(i - self.span + 1, i + 1)) / self.span

    def features(self, i: int, k: int) -> list[float] | None:
        sigma, atr = self.sigma(i), self.atr[i]
        if sigma is None or sigma <= 0 or atr is None or self.run[i] < 20:
            return None
        last = self.bars[i - 19 : i + 1]
        bar = self.bars[i]
        before = math.nan if self.run[i] <= k else 1e4 * (bar.close / self.bars[i - k].close - 1) / (sigma * math.sqrt(k))
        return [
            before,
            (max(b.high for b in last) - bar.close) / atr,
            (bar.close - min(b.low for b in last)) / atr,
            (bar.high - bar.low) / atr,
            math.log(sigma),
            math.log(bar.volume / (self.mean(i, "volume") or math.nan)),
        ]

    def outcome(self, target: str, i: int, k: int) -> float | None:
        if i + k >= len(self.bars) or self.bars[i + k].close_ts - self.bars[i].close_ts != k * self.step:
            return None
        ahead = self.bars[i + 1 : i + k + 1]
        close = self.bars[i].close
        moved = 1e4 * (ahead[-1].close / close - 1)
        sigma = self.sigma(i)
        if target == "return_bps":
            return moved
        if target == "volume":
            base = self.mean(i, "volume")
            total = sum(b.volume for b in ahead)
            return None if base is None or total <= 0 else math.log(total / (k * base))
        if target == "liquidations":
            base = self.mean(i, "liquidated")
            total = sum(b.liquidated for b in ahead)
            return None if base is None or not base > 0 or math.isnan(total) else math.log(1 + total / (k * base))
        if sigma is None or sigma <= 0:
            return None
        if target == "return_sigma":
            return moved / (sigma * math.sqrt(k))
        if target == "volatility":
            squares = sum(self.move(j) ** 2 for j in range(i + 1, i + k + 1))
            return None if squares == 0 else math.log(math.sqrt(squares) / (sigma * math.sqrt(k)))
        spread = max(b.high for b in ahead) - min(b.low for b in ahead)
        return None if spread <= 0 else math.log(1e4 * spread / close / (sigma * math.sqrt(k)))

    def differences(
        self, events: dict[int, float], target: str, k: int, most: int, least: int
    ) -> tuple[list[tuple[int, float]], int]:
        """(bar, signed event minus mean of its controls) in order, and the clearance in bars."""
        n = len(self.bars)
        standing = {i: f for i in range(n) if (f := self.features(i, k)) is not None}
        features = {i: f for i, f in standing.items() if not math.isnan(f[0])}
        sigmas = {i: self.sigma(i) for i in standing}
        buckets = next(b for b in (10, 5, 3, 1) if b == 1 or len(standing) >= self.least_in_cell * 24 * 2 * 2 * b)
        edges = [quantile([float(s) for s in sigmas.values() if s], d / buckets) for d in range(1, buckets)]
        spread = []
        for f in range(6):
            column = [v[f] for v in (features if f == 0 else standing).values()]
            wide = quantile(column, 0.75) - quantile(column, 0.25)
            spread.append(wide if wide > 0 else 1.0)
        cell = {}
        for i, f in features.items():
            opened = self.bars[i].close_ts - self.step
            weekday = (opened // NS_DAY + 3) % 7  # day 0 was a Thursday; Monday is 0
            sigma = sigmas[i]
            assert sigma is not None
            cell[i] = (opened // NS_HOUR % 24, weekday in (5, 6), bisect.bisect_right(edges, sigma), f[0] >= 0)
        usable = [i for i in features if self.outcome("return_bps", i, k) is not None]
        kept: list[int] = []
        for i in sorted(events):
            if i in set(usable) and (not kept or i - kept[-1] >= k):
                kept.append(i)
        clearance = k
        while True:
            grid = [i for i in usable if not any(0 <= i - e <= clearance for e in events)]
            if clearance == 0 or len(grid) >= 0.25 * len(usable):
                break
            clearance //= 2
        out = []
        for i in kept:
            near = []
            for j in grid:
                if cell[j] == cell[i] and abs(j - i) >= k:
                    near.append((sum(((features[j][f] - features[i][f]) / spread[f]) ** 2 for f in range(6)), j))
            near.sort()
            found = [self.outcome(target, j, k) for _, j in near[:most]]
            values = [v for v in found if v is not None]
            mine = self.outcome(target, i, k)
            sign = events[i] if target.startswith("return") else 1.0
            if len(values) >= least and mine is not None and sign != 0:
                out.append((i, sign * (mine - sum(values) / len(values))))
        return out, clearance
