// What is drawn over the candles, whatever feature it came from: boxes, segments and marks, in time and price.
import type { Rows } from "../store/rows";
import { episodes, kindOf, titleOf, toneOf } from "./episodes";
import { capital, initials, spoken, type Tone } from "./words";

export interface Box {
  layer: string;
  row: number;
  /** What it is about begins at `fromMs`; nobody could know it before `knownMs`. `toMs` NaN: it lives. */
  fromMs: number;
  knownMs: number;
  toMs: number;
  low: number;
  high: number;
  tone: Tone;
  label: string;
  title: string;
  estimated: boolean;
  session: string;
}

export interface Segment {
  layer: string;
  row: number;
  fromMs: number;
  toMs: number;
  price: number;
  tone: Tone;
  label: string;
  title: string;
}

export interface Mark {
  layer: string;
  row: number;
  ms: number;
  price: number;
  /** Below the bar, above it, or on its own price. */
  place: "below" | "above" | "at";
  tone: Tone;
  label: string;
  /** Its label is wanted even where candles stand close together. */
  named?: true;
  title: string;
}

export interface Shapes {
  boxes: Box[];
  segments: Segment[];
  marks: Mark[];
}

const NONE: Shapes = { boxes: [], segments: [], marks: [] };
const BOUNDS: readonly [string, string][] = [
  ["remaining_bottom", "remaining_top"],
  ["bottom", "top"],
  ["price_low", "price_high"],
  ["low", "high"],
];
const END = ["end_ms", "valid_to_ms"] as const;
const MARK_PRICE = ["price", "level", "last_price", "vwap", "entry", "swing_price", "price_high"];

export function shapesOf(rows: Rows): Shapes {
  const { shape, episodes: living, pane } = rows.card;
  if (pane !== "price" || !rows.length) return NONE;
  if (shape === "zone") return { ...NONE, boxes: living ? livingBoxes(rows) : [] };
  if (shape === "marker") return { ...NONE, marks: living ? livingMarks(rows) : marks(rows) };
  if (shape === "line" && living) return { ...NONE, segments: livingSegments(rows) };
  if (shape === "line" && END.some((name) => rows.has(name))) return spans(rows);
  return NONE;
}

function bounds(rows: Rows): [string, string] | null {
  return BOUNDS.find(([low, high]) => rows.has(low) && rows.has(high)) ?? null;
}

function livingBoxes(rows: Rows): Box[] {
  const names = bounds(rows);
  if (!names) return [];
  return episodes(rows).flatMap(({ first, last, alive, event }) => {
    let low = rows.number(names[0], last);
    let high = rows.number(names[1], last);
    if (!(high > low)) {
      // What remains of it is nothing: show what it was.
      const whole = BOUNDS.slice(1).find(([a, b]) => rows.has(a) && rows.has(b)) ?? names;
      low = rows.number(whole[0], first);
      high = rows.number(whole[1], first);
    }
    if (!(high >= low)) return [];
    return {
      layer: rows.card.key,
      row: last,
      fromMs: rows.number("ref_ms", first),
      knownMs: rows.number("known_ms", first),
      toMs: alive ? Number.NaN : rows.number("known_ms", last),
      low,
      high,
      tone: toneOf(rows, last),
      label: "",
      title: `${titleOf(rows, last)} (${spoken(event)})`,
      estimated: rows.card.estimated,
      session: rows.word("session", first),
    };
  });
}

function livingSegments(rows: Rows): Segment[] {
  return episodes(rows).map(({ first, last, alive, event }) => ({
    layer: rows.card.key,
    row: last,
    fromMs: rows.number("ref_ms", first),
    toMs: alive ? Number.NaN : rows.number("known_ms", last),
    price: rows.number("price", last),
    tone: toneOf(rows, last),
    label: alive ? rows.card.title.replace(/s$/, "") : "",
    title: `${titleOf(rows, last)} (${spoken(event)})`,
  }));
}

function livingMarks(rows: Rows): Mark[] {
  return episodes(rows).map(({ first, last, event }) => {
    const mark = markAt(rows, first);
    return { ...mark, row: last, title: `${mark.title} (${spoken(event)})` };
  });
}

function marks(rows: Rows): Mark[] {
  return Array.from({ length: rows.length }, (_, row) => markAt(rows, row));
}

function markAt(rows: Rows, row: number): Mark {
  const toned = toneOf(rows, row);
  const name = MARK_PRICE.find((candidate) => rows.has(candidate));
  const swing = rows.word("side", row);
  return {
    layer: rows.card.key,
    row,
    ms: rows.number("ref_ms", row),
    price: name ? rows.number(name, row) : Number.NaN,
    place: swing === "high" ? "above" : swing === "low" ? "below" : toned === "sell" ? "above" : "below",
    tone: toned,
    label: rows.has("kind") ? initials(rows.word("kind", row)) : "",
    title: titleOf(rows, row),
  };
}

/** Rows with a beginning and an end in time: session ranges become boxes, opens and levels segments. */
function spans(rows: Rows): Shapes {
  const end = END.find((name) => rows.has(name)) as string;
  const start = rows.has("valid_from_ms") ? "valid_from_ms" : "ref_ms";
  const enums = rows.columns.filter((column) => column.choices && column.name !== "phase");
  const newest = new Map<string, number>();
  for (let row = 0; row < rows.length; row++) {
    const what = enums.map((column) => rows.word(column.name, row)).join(" ");
    newest.set(`${rows.number(start, row)} ${what}`, row); // A developing row is replaced by the next one.
  }
  const made: Shapes = { boxes: [], segments: [], marks: [] };
  const prices = rows.columns.filter((column) => column.unit === "price").map((column) => column.name);
  for (const row of newest.values()) {
    const fromMs = rows.number(start, row);
    const toMs = rows.number(end, row);
    const title = titleOf(rows, row);
    if (rows.has("high") && rows.has("low")) {
      made.boxes.push({
        layer: rows.card.key,
        row,
        fromMs,
        knownMs: fromMs,
        toMs,
        low: rows.number("low", row),
        high: rows.number("high", row),
        tone: "neutral",
        label: sessionLabel(rows, row),
        title,
        estimated: rows.card.estimated,
        session: rows.word("session", row),
      });
      continue;
    }
    for (const name of prices) {
      const price = rows.number(name, row);
      if (!Number.isFinite(price)) continue;
      const label = prices.length > 1 ? `${sessionLabel(rows, row)} ${shortName(name)}`.trim() : levelLabel(rows, row);
      made.segments.push({ layer: rows.card.key, row, fromMs, toMs, price, tone: "neutral", label, title });
    }
  }
  return made;
}

function shortName(name: string): string {
  return name.length <= 4 ? name.toUpperCase() : spoken(name);
}

function sessionLabel(rows: Rows, row: number): string {
  return capital(spoken(rows.word("session", row)));
}

/** "Previous day high", "New York open", "Week open". */
function levelLabel(rows: Rows, row: number): string {
  const period = rows.word("period", row);
  if (period) return `Previous ${spoken(period)} ${spoken(rows.word("kind", row))}`;
  const name = rows.word("name", row);
  if (name === "session") return `${sessionLabel(rows, row)} open`;
  return name ? `${capital(spoken(name))} open` : capital(kindOf(rows, row));
}
