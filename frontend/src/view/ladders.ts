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

/** The same ladder with rungs at least `height` of price high, on absolute multiples so that they do not shift. */
export function coarser(ladder: Ladder, height: number): Ladder {
  const first = ladder.rungs[0];
  if (!first || !(first.high - first.low < height)) return ladder;
  const step = (first.high - first.low) * Math.ceil(height / (first.high - first.low));
  const made = new Map<number, Rung>();
  for (const rung of ladder.rungs) {
    const at = Math.floor(rung.low / step + 1e-6);
    const known = made.get(at);
    if (!known) {
      made.set(at, { ...rung, low: at * step, high: (at + 1) * step });
      continue;
    }
    known.buy += rung.buy;
    known.sell += rung.sell;
    known.inValueArea ||= rung.inValueArea;
    known.pointOfControl ||= rung.pointOfControl;
  }
  const rungs = [...made.values()];
  return { fromMs: ladder.fromMs, rungs, most: Math.max(...rungs.map((rung) => rung.buy + rung.sell), 0) };
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
