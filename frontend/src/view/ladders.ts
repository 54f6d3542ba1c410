// Volume at a price: the profile of a period and the footprint of a bar, as rungs between two prices.
import { barAt, type Candles } from "../store/picture";
import type { Rows } from "../store/rows";

export interface Rung {
  low: number;
  high: number;
  buy: number;
  sell: number;
  inValueArea: boolean;
  pointOfControl: boolean;
}

export interface Ladder {
  fromMs: number;
  most: number;
  rungs: Rung[];
}

/** Rows that share a beginning are one ladder: a day's profile, a bar's footprint. The newest row of a rung counts. */
export function ladders(rows: Rows): Ladder[] {
  const made = new Map<number, Map<number, Rung>>();
  for (let row = 0; row < rows.length; row++) {
    const fromMs = rows.number("ref_ms", row);
    const low = rows.number("price_low", row);
    const buy = rows.number("buy_volume", row);
    const sell = rows.number("sell_volume", row);
    const whole = rows.number("volume", row);
    const known = made.get(fromMs) ?? new Map<number, Rung>();
    known.set(low, {
      low,
      high: rows.number("price_high", row),
      buy: Number.isFinite(buy) ? buy : whole,
      sell: Number.isFinite(sell) ? sell : 0,
      inValueArea: rows.flag("in_value_area", row),
      pointOfControl: rows.flag("point_of_control", row),
    });
    made.set(fromMs, known);
  }
  return [...made].map(([fromMs, byPrice]) => {
    const rungs = [...byPrice.values()].sort((a, b) => a.low - b.low);
    return { fromMs, rungs, most: Math.max(...rungs.map((rung) => rung.buy + rung.sell), 0) };
  });
}

/** Ladders by the bar they stand on. */
export function byBar(found: Ladder[], candles: Candles): Map<number, Ladder> {
  const placed = new Map<number, Ladder>();
  for (const ladder of found) {
    const bar = barAt(candles, ladder.fromMs);
    if (bar >= 0) placed.set(bar, ladder);
  }
  return placed;
}
