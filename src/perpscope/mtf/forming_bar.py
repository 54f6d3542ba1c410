"""The bar of a longer frame that is still being made, under names of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.fold import Fold, FoldSpec, State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, price, quantity, row_schema
from perpscope.core.time import NULL_TS, Timeframe
from perpscope.numeric.jit import njit

FORMING_BAR = row_schema(
    "forming_bar",
    price("forming_open", "first price of the longer bar"),
    price("forming_high", "highest so far", mirror="swap:forming_low"),
    price("forming_low", "lowest so far", mirror="swap:forming_high"),
    price("forming_close", "last so far"),
    quantity("forming_volume", "base units so far"),
    quantity("forming_delta", "aggressive buys - sells so far; NaN where the source does not say", mirror="negate"),
    Column("elapsed_fraction", "fraction", "of the longer bar that has passed: scale thresholds by it"),
)


class FormingBar(Fold):
    """A longer bar made of the base bars closed so far.

    Definition: at the close of a base bar inside a bar of the frame `of`: first open, extreme high and low, last close, sums
    since the longer bar opened, and the share of it that has passed. At the longer bar's own close there is no row: that
    bar is then in `bars@<of>`, and the next one has not begun. Never a fall-back for a closed bar: other name, other columns.
    Only while every base bar since the open is there; after a hole the next longer bar is waited for.
    Units: price, base units, fraction. `ref_ts` = open of the longer bar, `known_ts` = close of the base bar.
    Source: STRUCTURE ST15.

    Example:
        >>> FormingBar(FormingBar.Params(of="1h"), frame="15m").of.name
        '1h'
    """

    @dataclass(frozen=True)
    class Params:
        of: str = "4h"

    spec = FoldSpec(
        name="forming_bar",
        title="Forming bar of a longer frame",
        inputs=("bars",),
        output=FORMING_BAR,
        source="STRUCTURE ST15",
        shape="line",
        pane="price",
    )

    def __init__(self, params: Params | None = None, frame: str | None = None) -> None:
        super().__init__(params, frame)
        self.of = Timeframe.parse(self.params.of)
        base = Timeframe.parse(frame) if frame else None
        if base is not None and (self.of.ns <= base.ns or self.of.ns % base.ns):
            raise UserError(
                f"A {self.of.name} bar is not a whole number of {base.name} bars, so none of it can be forming in them."
            )

    def start(self, instrument: Instrument) -> State:
        return {"ints": np.array([NULL_TS, NULL_TS], np.int64), "acc": np.full(6, np.nan)}

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        n = len(bars)
        out, ref, rows = np.empty((6, n)), np.empty(n, np.int64), np.empty(n, np.int64)
        offset = self.of.floor(0)
        made = _forming_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["open"], bars["high"], bars["low"], bars["close"],
            bars["volume"], bars["buy_volume"] - bars["sell_volume"], self.of.ns, offset, state["ints"], state["acc"],
            out, ref, rows,
        )  # fmt: skip
        if not made:
            return FORMING_BAR.empty()
        known, begun = bars["known_ts"][rows[:made]], ref[:made]
        names = ("open", "high", "low", "close", "volume", "delta")
        return Table.of(
            FORMING_BAR,
            ref_ts=begun,
            known_ts=known,
            elapsed_fraction=(known - begun) / self.of.ns,
            **{f"forming_{name}": out[k, :made] for k, name in enumerate(names)},
        )


@njit
def _forming_kernel(
    ref: Array, known: Array, complete: Array, open_: Array, high: Array, low: Array, close: Array, volume: Array, delta: Array,
    length: int, offset: int, ints: Array, acc: Array, out: Array, begun: Array, rows: Array,
) -> int:  # fmt: skip
    """ints: [open of the longer bar (NULL_TS: none is whole), open of the base bar that should come next]."""
    n = 0
    for i in range(ref.size):
        parent = (ref[i] - offset) // length * length + offset
        if ref[i] == parent and complete[i]:
            ints[0] = parent
            acc[0], acc[1], acc[2], acc[4], acc[5] = open_[i], high[i], low[i], 0.0, 0.0
        elif ints[0] != parent or ref[i] != ints[1] or not complete[i]:
            ints[0] = NULL_TS
        ints[1] = known[i]
        if ints[0] == NULL_TS:
            continue
        acc[1], acc[2], acc[3] = max(acc[1], high[i]), min(acc[2], low[i]), close[i]
        acc[4] += volume[i]
        acc[5] += delta[i]
        if known[i] >= parent + length:
            ints[0] = NULL_TS
            continue
        for c in range(6):
            out[c, n] = acc[c]
        begun[n], rows[n] = parent, i
        n += 1
    return n
