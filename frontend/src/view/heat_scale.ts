// From bytes to colours. The scale is fixed for the session: it does not move with the window, so one colour means one
// number of dollars wherever the chart is dragged.
import type { ScaleMap } from "../store/settings";
import { heatColour } from "./palette";

export interface HeatScale {
  fullUsd: number;
  /** Cells below are not drawn, cells above have the last colour. */
  low: number;
  high: number;
  map: ScaleMap;
}

/** Where in the colour map the lowest drawn value stands: just apart from the ground. */
export const FAINTEST = 0.06;

/** The smallest value that a byte can tell from empty. */
export function smallest(fullUsd: number): number {
  return fullUsd / 255 ** 2;
}

/** Handle position 0..1 along the legend to dollars, and back. The log legend spans four decades. */
export function atPosition(position: number, fullUsd: number, map: ScaleMap): number {
  const p = Math.min(Math.max(position, 0), 1);
  return map === "sqrt" ? fullUsd * p * p : fullUsd * 10 ** (4 * (p - 1));
}

export function position(value: number, fullUsd: number, map: ScaleMap): number {
  if (!(value > 0)) return 0;
  const part = value / fullUsd;
  const p = map === "sqrt" ? Math.sqrt(part) : 1 + Math.log10(part) / 4;
  return Math.min(Math.max(p, 0), 1);
}

/** 256 colours as little-endian RGBA words; byte 0 and everything below `low` is transparent. */
export function lookupTable(scale: HeatScale, stops: readonly string[]): Uint32Array {
  const table = new Uint32Array(256);
  const from = position(scale.low, scale.fullUsd, scale.map);
  const to = Math.max(position(scale.high, scale.fullUsd, scale.map), from + 1e-6);
  for (let byte = 1; byte < 256; byte++) {
    const value = scale.fullUsd * (byte / 255) ** 2;
    if (value < scale.low) continue;
    const t = Math.min(Math.max((position(value, scale.fullUsd, scale.map) - from) / (to - from), 0), 1);
    const [r, g, b] = heatColour(stops, FAINTEST + (1 - FAINTEST) * t);
    const alpha = Math.round(255 * Math.min(0.55 + t, 0.94));
    table[byte] = ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  return table;
}
