// Numbers per bar: which columns of a layer become lines or columns, and on which bar each row stands.
import { barAt, type Candles } from "../store/picture";
import type { Rows } from "../store/rows";
import { spoken } from "./words";

export interface Series {
  layer: string;
  column: string;
  title: string;
  unit: string;
  pane: string;
  kind: "line" | "columns";
  estimated: boolean;
  /** One value per bar of the grid, NaN where there is none. */
  values: Float64Array;
  /** The line does not go on from this bar to the next value: bars are missing between, or a new sum began. */
  breaks: Set<number>;
}

/** Where the general rule would choose poorly: the columns a reader wants of a well-known layer. */
const CHOSEN: Record<string, { columns?: string[]; lines?: string[] }> = {
  delta: { columns: ["delta"] },
  cvd: { lines: ["close"] },
  open_interest_delta: { lines: ["open_interest"] },
  funding_state: { lines: ["funding_rate_8h"] },
  premium: { lines: ["premium", "funding_rate_predicted"] },
  basis: { lines: ["basis_fraction"] },
  liquidation_volume: { columns: ["long_notional", "short_notional"] },
  confluence: { columns: ["score"] },
  frame_state: { lines: ["rsi"] },
};

const NO_NUMBERS = new Set(["ns", "id", "enum", "flag"]);
const MOST = 6;

export function seriesOf(rows: Rows, candles: Candles): Series[] {
  const { shape, episodes, pane, name } = rows.card;
  if (episodes || (shape !== "line" && shape !== "histogram") || !rows.length) return [];
  if (rows.has("end_ms") || rows.has("valid_to_ms")) return [];
  const chosen = CHOSEN[name];
  if (chosen) {
    return [
      ...(chosen.columns ?? []).flatMap((column) => series(rows, candles, column, "columns")),
      ...(chosen.lines ?? []).flatMap((column) => series(rows, candles, column, "line")),
    ];
  }
  const names = pane === "price" ? nearThePrice(rows, candles) : headline(rows);
  return names.flatMap((column) => series(rows, candles, column, shape === "histogram" ? "columns" : "line"));
}

/** The column called like the layer, or its close or score, or its first number that is no price. */
function headline(rows: Rows): string[] {
  const numbers = rows.columns.filter((column) => !NO_NUMBERS.has(column.unit));
  const preferred = [rows.card.name, "close", "score"].find((name) => numbers.some((column) => column.name === name));
  const first = preferred ?? (numbers.find((column) => column.unit !== "price") ?? numbers[0])?.name;
  return first ? [first] : [];
}

/** Prices that lie where the candles are; a distance, such as a standard deviation, has the unit of a price too. */
function nearThePrice(rows: Rows, candles: Candles): string[] {
  const last = rows.length - 1;
  let close = Number.NaN;
  for (let bar = candles.rows.length - 1; bar >= 0 && !Number.isFinite(close); bar--) close = candles.rows.number("close", bar);
  return rows.columns
    .filter((column) => column.unit === "price")
    .filter((column) => {
      for (let row = last; row >= 0; row--) {
        const value = rows.number(column.name, row);
        if (Number.isFinite(value)) return value > close / 3 && value < close * 3;
      }
      return false;
    })
    .map((column) => column.name)
    .slice(0, MOST);
}

function series(rows: Rows, candles: Candles, column: string, kind: Series["kind"]): Series[] {
  const unit = rows.column(column)?.unit;
  if (!unit) return [];
  const parting = rows.columns.find((c) => c.choices && c.name.endsWith("kind"));
  const groups = parting ? [...new Set(Array.from({ length: rows.length }, (_, row) => rows.word(parting.name, row)))] : [""];
  const all = groups.map((group) => ({
    layer: rows.card.key,
    column,
    title: title(rows, column, group),
    unit,
    pane: rows.card.pane,
    kind,
    estimated: rows.card.estimated || rows.flag("estimated", rows.length - 1),
    ...onBars(rows, candles, column, parting?.name ?? "", group),
  }));
  return all.filter((made) => made.values.some(Number.isFinite)); // An empty pane would only look like a broken one.
}

function title(rows: Rows, column: string, group: string): string {
  const words = rows.card.name === "cvd" ? "CVD" : spoken(column);
  return group ? `${words}, ${spoken(group)}` : words;
}

function onBars(rows: Rows, candles: Candles, column: string, parting: string, group: string): Pick<Series, "values" | "breaks"> {
  const bars = candles.openMs.length;
  const values = new Float64Array(bars).fill(Number.NaN);
  const breaks = new Set<number>();
  const times = rows.array("ref_ms");
  let segment = Number.NaN;
  let before = -1;
  for (let row = 0; row < rows.length; row++) {
    if (group && rows.word(parting, row) !== group) continue;
    const bar = barAt(candles, times?.[row] ?? Number.NaN);
    if (bar < 0) continue;
    const value = rows.number(column, row);
    if (!Number.isFinite(value)) continue;
    const now = rows.number("segment", row);
    if (before >= 0 && Number.isFinite(now) && Number.isFinite(segment) && now !== segment) breaks.add(before);
    if (before >= 0 && bar > before + 1 && missing(candles, before + 1, bar)) breaks.add(before);
    segment = now;
    values[bar] = value;
    before = bar;
  }
  return { values, breaks };
}

function missing(candles: Candles, from: number, to: number): boolean {
  const close = candles.rows.array("close");
  for (let bar = from; bar < to; bar++) if (!Number.isFinite(close?.[bar] ?? Number.NaN)) return true;
  return false;
}
