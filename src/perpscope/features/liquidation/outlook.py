"""What the map holds within reach, and how much of it price is expected to touch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, price, row_schema
from perpscope.core.time import DAY, HOUR, YEAR
from perpscope.core.units import ContractKind
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.features.liquidation.cells import NEVER, NOTIONAL, YOUNG, contents, empty_cells, grid_of, make_room
from perpscope.features.liquidation.entries import ExposureEntry
from perpscope.numeric.jit import njit

HORIZONS = {"1h": HOUR, "4h": 4 * HOUR, "24h": DAY, "7d": 7 * DAY}
"""The horizons of the expected forced closes."""

_HORIZON_NS = np.array(list(HORIZONS.values()), np.int64)

_STEPS = 1024
_ERFC = np.array([math.erfc(step / _STEPS) for step in range(6 * _STEPS + 2)])
"""erfc by steps of 1/1024: with straight lines between it is exact to 2e-7 and costs a tenth."""


def _both(name: str, help: str) -> tuple[Column, Column]:
    return (
        Column(f"{name}_long", "notional", f"{help}: longs, below", mirror=f"swap:{name}_short"),
        Column(f"{name}_short", "notional", f"{help}: shorts, above", mirror=f"swap:{name}_long"),
    )


OUTLOOK = row_schema(
    "liquidation_outlook",
    Column("sigma_annual", "fraction", "realised volatility of the mark, per square root of a year; NaN while it warms up"),
    *_both("within_1_sigma", "held within one daily sigma of the mark, quote coin"),
    *_both("within_2_sigma", "held within two daily sigmas"),
    Column("imbalance_1_sigma", "ratio", "(shorts - longs) / (shorts + longs) within one daily sigma, -1..1", mirror="negate"),
    Column("imbalance_2_sigma", "ratio", "the same within two daily sigmas", mirror="negate"),
    *(column for name in HORIZONS for column in _both(f"expected_{name}", f"expected to be touched within {name}, quote coin")),
    *_both("young_1_sigma", "held within one daily sigma and opened less than 3 hours ago"),
    price("heaviest_long", "centre of the bin below that holds most (max pain of longs)", mirror="swap:heaviest_short"),
    price("heaviest_short", "centre of the bin above that holds most", mirror="swap:heaviest_long"),
)


@dataclass(frozen=True)
class OutlookParams:
    """`half_life_hours`: of the weights of past returns in the volatility. `reach`: how far from the mark, in log price, the
    map is read."""

    half_life_hours: float = 24.0
    reach: float = 0.25


class LiquidationOutlook(Feature):
    """Forced closes within reach: totals by sigma, imbalance, and the sum that price is expected to touch by a horizon.

    Definition: sigma is the exponentially weighted mean of r^2 / elapsed time over the closes of the mark. Expected
    notional of a side = sum over bins of notional x P(touch), P = erfc(|ln(bin / mark)| / (sigma sqrt(2 h))): a mean
    over driftless paths, not a forecast of direction, and without the cascade that follows a touch. Imbalance is
    (U - D) / (U + D) of shorts above and longs below; NaN where neither side holds anything. Bins that the mark already
    passed are left out.
    Units: quote coin; sigma a fraction per square root of a year of 365 days. One row per bar, known with
    `liquidation_exposure`. NaN until returns of one half-life are known.
    Source: own; reflection principle; docs/definitions/liquidation_heatmap.md.

    Example:
        >>> LiquidationOutlook(OutlookParams(reach=0.1), frame="1h").params.reach
        0.1
    """

    spec = FeatureSpec(
        name="liquidation_outlook",
        title="Liquidations within reach (estimated)",
        inputs=("position_flows", "liquidation_exposure"),
        output=OUTLOOK,
        source="own",
        shape="line",
        pane="liquidations",
    )
    Params = OutlookParams
    exempt: ClassVar[dict[str, str]] = {
        "gap": "positions live through a hole in our data; a hole of more than a day restarts the books",
        "mirror": "the books lie on a logarithmic grid, see liquidation_exposure",
    }

    def __init__(self, params: OutlookParams | None = None, frame: str | None = None) -> None:
        super().__init__(params, frame)
        if not (self.params.half_life_hours > 0.0 and 0.0 < self.params.reach <= 2.0):
            raise UserError("liquidation_outlook: half_life_hours is above 0, reach above 0 and at most 2.")

    def start(self, instrument: Instrument) -> State:
        return {"kind": int(instrument.kind), "volatility": np.array([np.nan, 0.0, 0.0, 0.0]), "last_ts": 0, **empty_cells()}

    def fold(self, state: State, batch: Batch) -> Table:
        flows, rows = batch["position_flows"], batch["liquidation_exposure"]
        if not len(flows):
            return OUTLOOK.empty()
        params: OutlookParams = self.params
        n, grid = len(flows), grid_of(state, rows)
        out = np.full((n, len(OUTLOOK.columns) - 2), np.nan)
        out[:, 0] = _volatility(state, flows, params.half_life_hours * HOUR)
        if grid is not None:
            marks = np.log2(flows["close"]) * grid.per_octave
            reach = round(params.reach / grid.height)
            at = np.flatnonzero(rows["entry"] == ExposureEntry.CELL)
            bins = rows["bin"][at]
            make_room(state, bins, np.floor(marks).astype(np.int64), reach)
            bounds = np.searchsorted(rows["ref_ts"][at], np.append(flows["ref_ts"], NEVER))
            held = contents(rows, at, ContractKind(state["kind"]))
            _outlook_kernel(
                marks - state["origin"], bounds, rows["side"][at], bins - state["origin"], held, state["cells"], reach,
                grid.height, _HORIZON_NS / YEAR, DAY / YEAR, _ERFC, out,
            )  # fmt: skip
            for i in (-2, -1):
                out[:, i] = grid.centre(out[:, i] + state["origin"])
        names = [c.name for c in OUTLOOK.columns[2:]]
        return Table.of(
            OUTLOOK,
            ref_ts=flows["ref_ts"],
            known_ts=flows["known_ts"],
            **{name: out[:, i] for i, name in enumerate(names)},
        )


def _volatility(state: State, flows: Table, half_life: float) -> Array:
    """Annual sigma at each bar. State: last close, weighted sum of r^2 per ns, sum of weights, time covered."""
    out = np.empty(len(flows))
    ends = flows["ref_ts"]
    state["last_ts"] = _volatility_kernel(ends, flows["close"], half_life, state["volatility"], state["last_ts"], out)
    return out * math.sqrt(YEAR)


@njit
def _volatility_kernel(ts: Array, close: Array, half_life: float, memory: Array, last_ts: int, out: Array) -> int:
    for i in range(ts.size):
        if memory[0] == memory[0]:
            elapsed = float(ts[i] - last_ts)
            move = math.log(close[i] / memory[0])
            fade = 0.5 ** (elapsed / half_life)
            # a return weighs as much as the time it covers
            memory[1] = memory[1] * fade + (1.0 - fade) * move * move / elapsed
            memory[2] = memory[2] * fade + (1.0 - fade)
            memory[3] += elapsed
        memory[0], last_ts = close[i], ts[i]
        out[i] = math.sqrt(memory[1] / memory[2]) if memory[3] >= half_life and memory[1] > 0.0 else np.nan
    return last_ts


@njit
def _outlook_kernel(
    marks: Array, bounds: Array, side: Array, bins: Array, held: Array, cells: Array, reach: int, height: float,
    horizons: Array, day: float, table: Array, out: Array,
) -> None:  # fmt: skip
    """`out` columns: sigma (given), within 1 and 2 sigma, imbalances, expected per horizon, young, heaviest bins."""
    first_expected, first_young, first_heaviest = 7, 7 + 2 * horizons.size, 9 + 2 * horizons.size
    for t in range(marks.size):
        for r in range(bounds[t], bounds[t + 1]):
            cells[side[r] - 1, :, bins[r]] = held[:, r]
        sigma = out[t, 0]
        daily = sigma * math.sqrt(day) / height
        for s in range(2):
            step = -1 if s == 0 else 1
            begin = math.ceil(marks[t] - 0.5) - 1 if s == 0 else math.floor(marks[t] - 0.5) + 1
            room = min(reach, begin + 1 if s == 0 else cells.shape[2] - begin)
            row = cells[s, NOTIONAL]
            offset = abs(begin + 0.5 - marks[t])  # bins from the mark to the first centre; the next ones are whole bins on
            heaviest, most = np.nan, 0.0
            for j in range(room):
                if row[begin + step * j] > most:
                    heaviest, most = float(begin + step * j), row[begin + step * j]
            out[t, first_heaviest + s] = heaviest
            if sigma != sigma:
                continue
            one, two, young = 0.0, 0.0, 0.0
            for j in range(min(room, int(max(0.0, 2.0 * daily - offset + 1.0)))):
                i = begin + step * j
                two += row[i]
                if offset + j <= daily:
                    one += row[i]
                    young += cells[s, YOUNG, i]
            out[t, 1 + s], out[t, 3 + s], out[t, first_young + s] = one, two, young
            for h in range(horizons.size):
                scale = height / (sigma * math.sqrt(2.0 * horizons[h])) * _STEPS
                total = 0.0
                for j in range(min(room, int(max(0.0, 6 * _STEPS / scale - offset)))):
                    x = (offset + j) * scale
                    k = int(x)
                    total += row[begin + step * j] * (table[k] + (x - k) * (table[k + 1] - table[k]))
                out[t, first_expected + 2 * h + s] = total
        for k in range(2):
            longs, shorts = out[t, 1 + 2 * k], out[t, 2 + 2 * k]
            out[t, 5 + k] = (shorts - longs) / (shorts + longs) if shorts + longs > 0.0 else np.nan
