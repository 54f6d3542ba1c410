// The life of a thing (a gap, a block, a cluster) from its rows: where it began, what it became, whether it still lives.
import type { Rows } from "../store/rows";
import { capital, spoken, tone, type Tone } from "./words";

const ENDS = new Set([
  "filled", "broken", "expired", "swept", "dissolved", "stopped", "reached", "invalidated", "missed",
]);

export interface Episode {
  first: number;
  last: number;
  event: string;
  alive: boolean;
}

/** First and last row of each id, in the order in which they opened. */
export function episodes(rows: Rows): Episode[] {
  const found = new Map<number, Episode>();
  for (let row = 0; row < rows.length; row++) {
    const id = rows.number("id", row);
    const event = rows.word("event", row);
    const known = found.get(id);
    if (known) {
      known.last = row;
      known.event = event;
      known.alive = !ENDS.has(event);
    } else {
      found.set(id, { first: row, last: row, event, alive: !ENDS.has(event) });
    }
  }
  return [...found.values()];
}

const POINTING = ["direction", "position_side", "aggressor_side", "side", "state", "kind"];

export function toneOf(rows: Rows, row: number): Tone {
  for (const name of POINTING) {
    const found = tone(rows.word(name, row));
    if (found !== "neutral") return found;
  }
  return "neutral";
}

const SILENT = new Set(["event", "cause", "feed", "entry_kind", "phase", "day_definition"]);

/** What sets this row apart, from its enums: "high, equal". */
export function kindOf(rows: Rows, row: number): string {
  return rows.columns
    .filter((column) => column.choices && !SILENT.has(column.name))
    .map((column) => rows.word(column.name, row))
    .filter((word) => word && word !== "only" && word !== "all")
    .map(spoken)
    .join(", ");
}

export function titleOf(rows: Rows, row: number): string {
  const kind = kindOf(rows, row);
  return kind ? `${rows.card.title}: ${kind}` : capital(rows.card.title);
}
