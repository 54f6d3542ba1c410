"""Divergence of price from flow or from open interest at two successive swings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perpscope.core.fold import State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array
from perpscope.core.time import NULL_TS
from perpscope.market.structure import Extreme, at_least
from perpscope.numeric.jit import njit
from perpscope.setups.base import Drafts, Setup, setup_spec
from perpscope.setups.draft import put, target_of, within
from perpscope.setups.signal import Evidence
from perpscope.setups.tape import Series, Tape

Z_FULL = 3.0
_EVIDENCE = (
    Evidence("flow", "Flow against the new extreme, in sigma"),
    Evidence("interest", "Fall of open interest between the swings"),
    Evidence("frames", "Higher time frames"),
)


class DivergenceKind(IntEnum):
    """FLOW: net aggression disagrees with the new extreme. INTEREST: open interest fell into it."""

    FLOW = 1
    INTEREST = 2


class FlowDivergence(Setup):
    """Long after a lower low on net buying, or on falling open interest; short by mirror.

    Definition: evidence FLOW - a regular bullish `delta_divergence` between two confirmed swing lows. INTEREST - a confirmed
    swing low lies below the one before it, at most `max_bars` bars apart, and open interest at the close of its bar is at least
    `least_fall` lower than at that of the first: positions were closed into the low. Entry - stop order one tick above the
    high of the confirming bar. Invalidation - a close below the second low. Stop - that low less `buffer_atr` ATR.
    Target - the highest high since the first swing when it pays `least_reward` times the risk, else `multiple` times the
    risk. Expiry - not entered after `wait_bars`, left `hold_bars` after the proposal. The other line is a part wherever known.
    Disputed: one public test of divergences found nothing (EVIDENCE 11). UNPROVEN. Degrades: every input but the bars and
    their swings is optional; with neither flow nor open interest it is silent.
    Units: prices in quote currency, parts -1..1. `ref_ts` = open of the confirming bar, `known_ts` its close.
    Source: own; ORDERFLOW OF12, STRUCTURE ST26.

    Example:
        >>> FlowDivergence.spec.inputs
        ('bars', 'swings', 'delta_divergence?', 'open_interest_delta?', 'bias?')
    """

    @dataclass(frozen=True)
    class Params:
        least_fall: float = 0.01
        full_fall: float = 0.05
        max_bars: int = 100
        buffer_atr: float = 0.25
        least_reward: float = 1.2
        multiple: float = 2.0
        wait_bars: int = 6
        hold_bars: int = 48

        def __post_init__(self) -> None:
            at_least("flow_divergence.max_bars", self.max_bars, 2)
            at_least("flow_divergence.wait_bars", self.wait_bars, 1)
            at_least("flow_divergence.hold_bars", self.hold_bars, self.wait_bars)
            at_least("flow_divergence.full_fall", self.full_fall, self.least_fall)

    evidence = _EVIDENCE
    Variant = DivergenceKind
    depth = 128
    series = (Series("interest", "open_interest_delta", "open_interest"), Series("frames", "bias", "score", "1h"))
    happenings = ("delta_divergence", "swings")
    spec = setup_spec(
        "flow_divergence",
        "Flow and open interest divergence",
        ("bars", "swings", "delta_divergence?", "open_interest_delta?", "bias?"),
        _EVIDENCE,
        "own; ORDERFLOW OF12",
        DivergenceKind,
    )

    def own(self, instrument: Instrument) -> State:
        return {"ref": np.array([NULL_TS]), "price": np.array([np.nan])}  # the last confirmed swing low

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, t = self.params, tape
        ints, floats = self.room(tape)
        bar, times, values = _lows(tape)
        n = _divergence_kernel(
            t.first, t.frame_ns, t.tick, t.ref_ts, t.known_ts, t.high, t.atr, t.age, t.series["interest"], t.series["frames"],
            bar, times, values, p.least_fall, p.full_fall, min(p.max_bars, self.depth - 16), p.buffer_atr, p.least_reward,
            p.multiple, p.wait_bars, p.hold_bars, state["ref"], state["price"], ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n])


def _lows(tape: Tape) -> tuple[Array, Array, Array]:
    """Divergences at lows and confirmed swing lows in bar order, divergences first: (bar,), (2, n) opens of the first swing
    (NULL_TS for a swing itself) and of the second, (2, n) price of the second and z (NaN for a swing itself)."""
    bars, times, values = [np.empty(0, np.int64)], [np.empty((2, 0), np.int64)], [np.empty((2, 0))]
    if len(tape.happenings.get("delta_divergence", ())):
        rows = tape.happenings["delta_divergence"]
        mine = (rows["side"] == Extreme.LOW) & ~rows["hidden"]
        bars.append(rows.bar[mine])
        times.append(np.stack([rows["first_ts"], rows["ref_ts"]])[:, mine])
        values.append(np.stack([rows["last_price"], np.abs(rows["z"])])[:, mine])
    if len(tape.happenings.get("swings", ())):
        rows = tape.happenings["swings"]
        mine = (rows["side"] == Extreme.LOW) & (rows["event"] == 1)
        ref = rows["ref_ts"][mine]
        bars.append(rows.bar[mine])
        times.append(np.stack([np.full(len(ref), NULL_TS), ref]))
        values.append(np.stack([rows["price"][mine], np.full(len(ref), np.nan)]))
    if len(bars) == 1:
        return bars[0], times[0], values[0]
    bar = np.concatenate(bars)
    order = np.argsort(bar, kind="stable")
    return bar[order], np.hstack(times)[:, order], np.hstack(values)[:, order]


@njit
def _bar_of(ref: int, ref_ts: Array, i: int, back: int) -> int:
    """The bar that opened at `ref`, at most `back` bars before i; -1 when it is not among them."""
    for j in range(i, max(-1, i - back - 1), -1):
        if ref_ts[j] == ref:
            return j
    return -1


@njit
def _divergence_kernel(
    first: int, frame: int, tick: float, ref_ts: Array, known: Array, high: Array, atr: Array, age: Array, interest: Array,
    frames: Array, bar: Array, times: Array, values: Array, least: float, full: float, most: int, buffer: float, reward: float,
    multiple: float, wait: int, hold: int, last_ref: Array, last_price: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    n, c = 0, 0
    parts = np.empty(3)
    for i in range(first, high.size):
        if age[i] == 1:
            last_ref[0], last_price[0] = -(2**63), np.nan
        while c < bar.size and bar[c] <= i:
            by_flow = times[0, c] != -(2**63)
            begun = times[0, c] if by_flow else last_ref[0]
            price = values[0, c]
            lower = by_flow or price < last_price[0]
            if not by_flow:
                last_ref[0], last_price[0] = times[1, c], price
            one = _bar_of(begun, ref_ts, i, min(most + 15, age[i] - 1))
            two = _bar_of(times[1, c], ref_ts, i, min(most + 15, age[i] - 1))
            c += 1
            if not lower or one < 0 or two <= one or two - one > most or not atr[i] > 0.0:
                continue
            fall = 1.0 - interest[two] / interest[one] if interest[one] > 0.0 else np.nan
            if not by_flow and not fall >= least:
                continue
            entry = high[i] + tick
            stop = price - buffer * atr[i]
            top = high[i]
            for j in range(one, i):
                top = max(top, high[j])
            parts[0] = within(values[1, c - 1] / Z_FULL)
            parts[1] = within(fall / full)
            parts[2] = within(frames[i])
            target = target_of(entry, stop, top, reward, multiple)
            at, kind = known[i], 1 if by_flow else 2
            if n < ints.shape[1]:
                n = put(n, ints, floats, i - first, kind, 3, at + wait * frame, at + hold * frame, entry, stop, target, price,
                        parts)  # fmt: skip
    return n
