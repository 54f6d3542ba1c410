// One key per layer: h alone for the heat, Shift and a letter for the others. A new layer gets a letter of its own name.

import type { LayerCard } from "../wire/messages";

const HEAT = "liquidation_heatmap";
/** Letters that readers expect; any other layer takes the first free letter of its name. */
const EXPECTED: Record<string, string> = {
  liquidation_clusters: "C",
  fair_value_gaps: "G",
  order_blocks: "O",
  session_ranges: "S",
  levels: "L",
  anchored_vwap: "V",
  volume_profile: "P",
  profile_bins: "B",
  footprint: "F",
  breaks: "K",
  swings: "W",
  average_stack: "A",
  cvd: "D",
  open_interest_delta: "I",
  funding_state: "U",
  liquidity_heatmap: "R",
};

/** Tables stand beside the chart, so they need none; what is shown unless asked otherwise comes before the rest. */
export function layerKeys(cards: readonly Pick<LayerCard, "name" | "shape" | "shown">[]): Map<string, string> {
  const drawn = cards.filter((card) => card.shape !== "table" && card.name !== "candles");
  const names = [...drawn.filter((card) => card.shown), ...drawn.filter((card) => !card.shown)].map((card) => card.name);
  const keys = new Map<string, string>();
  const taken = new Set<string>(["H"]);
  if (names.includes(HEAT)) keys.set(HEAT, "h");
  for (const name of names) {
    const letter = EXPECTED[name];
    if (!letter) continue;
    keys.set(name, letter);
    taken.add(letter);
  }
  for (const name of names) {
    if (keys.has(name)) continue;
    const letter = [...name.toUpperCase()].find((c) => c >= "A" && c <= "Z" && !taken.has(c));
    if (!letter) continue;
    keys.set(name, letter);
    taken.add(letter);
  }
  return keys;
}

export function keyText(key: string): string {
  return key === key.toUpperCase() ? `Shift+${key}` : key.toUpperCase();
}
