// One meaning per colour. The heat's table comes from the published colour maps inferno and cividis, sampled.
import type { PaletteName } from "../store/settings";

export interface Palette {
  ground: string;
  panel: string;
  grid: string;
  edge: string;
  text: string;
  muted: string;
  candleUp: string;
  candleDown: string;
  buy: string;
  sell: string;
  neutral: string;
  gap: string;
  warning: string;
  lines: readonly string[];
  sessions: Record<string, string>;
  heat: readonly string[];
}

const INFERNO = [
  "#000004", "#0c0826", "#240c4f", "#420a68", "#5d126e", "#781c6d", "#932667", "#ae305c",
  "#c73e4c", "#dd513a", "#ed6925", "#f8850f", "#fca50a", "#fac62d", "#f2e661", "#fcffa4",
] as const;
const CIVIDIS = [
  "#00224e", "#00306f", "#233e6c", "#35466b", "#434e6c", "#51576d", "#5e6170", "#6b6a73",
  "#787377", "#868179", "#948e77", "#a49c73", "#b4ab6d", "#c5ba63", "#dbcd56", "#fee838",
] as const;

const DARK: Palette = {
  ground: "#0b0e14",
  panel: "#10141d",
  grid: "#1a2130",
  edge: "#39445a",
  text: "#dde3ee",
  muted: "#96a1b5",
  candleUp: "#f6f2e7",
  candleDown: "#86a9bf",
  buy: "#43c9ae",
  sell: "#f2728c",
  neutral: "#a9b4c8",
  gap: "#8d97aa",
  warning: "#ffb454",
  lines: ["#e3c567", "#7fb2ff", "#c9a6ff", "#ffd866", "#8fd3c8", "#f0a6c0", "#b8c46a", "#d9a87a"],
  sessions: { asia: "#b79cff", london: "#6cc7e8", new_york: "#e8b35f" },
  heat: INFERNO,
};

const COLOUR_BLIND: Palette = {
  ...DARK,
  buy: "#56b4e9",
  sell: "#e69f00",
  warning: "#f0e442",
  lines: ["#f0e442", "#56b4e9", "#cc79a7", "#e69f00", "#009e73", "#d9d9d9", "#0072b2", "#d55e00"],
  heat: CIVIDIS,
};

export function palette(name: PaletteName): Palette {
  return name === "colour-blind" ? COLOUR_BLIND : DARK;
}

export function rgb(colour: string): [number, number, number] {
  const value = Number.parseInt(colour.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

export function faded(colour: string, alpha: number): string {
  const [r, g, b] = rgb(colour);
  return `rgba(${r},${g},${b},${alpha})`;
}

/** The colour at `t` of 0..1 between the stops of a heat table. */
export function heatColour(stops: readonly string[], t: number): [number, number, number] {
  const at = Math.min(Math.max(t, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const a = rgb(stops[low] as string);
  const b = rgb(stops[low + 1] as string);
  const f = at - low;
  return [0, 1, 2].map((i) => Math.round((a[i] as number) + f * ((b[i] as number) - (a[i] as number)))) as [number, number, number];
}
