// What is under the pointer: the cell of the heat with its estimate, band, age, side and leverage; zones and marks by name.
import { ABSENT, exactUsd, percent, price, short, usd } from "../view/numbers";
import { capital, spoken } from "../view/words";
import { fill, h, place } from "./dom";

/** What `/api/cell` says about a cell: exact numbers per side, and what rested in the book there. */
export interface CellCard {
  at_ms: number;
  estimated: boolean;
  mix: string;
  skill: string;
  sides: CellSide[];
  book: { side: string; quantity_most: number | null }[];
}

interface CellSide {
  side: string;
  usd: number | null;
  usd_p10: number | null;
  usd_p90: number | null;
  since_ms: number;
  young_fraction: number | null;
  day_fraction: number | null;
  older_fraction: number | null;
  leverage: Record<string, number | null>;
}

const SHARE_WORTH_NAMING = 0.03;

export interface Cell {
  /** What the bytes of the picture say, at once. */
  usd: number;
  full: boolean;
  low: number;
  high: number;
  estimated: boolean;
  title: string;
}

export interface CellTip {
  element: HTMLElement;
  show(at: { x: number; y: number; width: number; height: number }, cell: Cell | null, card: CellCard | null, things: string[], tick: number): void;
  hide(): void;
}

export function cellTip(): CellTip {
  const element = h("div", { class: "cell-tip", role: "tooltip", hidden: true });
  return {
    element,
    show(at, cell, card, things, tick) {
      if (!cell && !things.length) {
        element.hidden = true;
        return;
      }
      fill(element, cell && heading(cell), cell && body(cell, card, tick), cell && things.length > 0 && h("hr"), ...things.slice(0, 5).map((text) => h("div", {}, text)));
      element.hidden = false;
      const right = at.x + 18 + 268 > at.width;
      place(element, {
        left: `${right ? at.x - 18 - 268 : at.x + 18}px`,
        top: `${Math.max(Math.min(at.y + 14, at.height - element.offsetHeight - 8), 26)}px`,
      });
    },
    hide() {
      element.hidden = true;
    },
  };
}

function ages({ young_fraction: young, day_fraction: day, older_fraction: older }: CellSide): string {
  const parts = [
    [young, "< 3 h"],
    [day, "3–24 h"],
    [older, "older"],
  ] as const;
  const known = parts.filter(([share]) => (share ?? 0) >= SHARE_WORTH_NAMING).map(([share, word]) => `${percent(share ?? 0, 0)} ${word}`);
  return known.length ? known.join(", ") : "not known";
}

function heading(cell: Cell): HTMLElement {
  return h("h4", {}, cell.title.replace(/ \(estimated\)/, ""), " ", h("span", { class: "tag" }, cell.estimated ? "estimated" : "observed"));
}

function body(cell: Cell, card: CellCard | null, tick: number): HTMLElement {
  const rows: [string, string][] = [["price", `${price(cell.low, tick)} – ${price(cell.high, tick)}`]];
  if (!card) rows.push(["value", `${cell.full ? "≥" : "≈"} ${usd(cell.usd)}`]);
  for (const side of card?.sides ?? []) {
    rows.push([`${side.side}s`, `≈ ${exactUsd(side.usd ?? Number.NaN)}`]);
    const band = side.usd_p10 !== null && side.usd_p90 !== null;
    rows.push(["band p10–p90", band ? `${usd(side.usd_p10 ?? 0)} – ${usd(side.usd_p90 ?? 0)}` : "not calibrated"]);
    rows.push(["age", ages(side)]);
    const mix = Object.entries(side.leverage)
      .filter(([, share]) => (share ?? 0) >= SHARE_WORTH_NAMING)
      .sort(([, a], [, b]) => (b ?? 0) - (a ?? 0))
      .slice(0, 4);
    if (mix.length) rows.push(["leverage", mix.map(([name, share]) => `${name} ${percent(share ?? 0, 0)}`).join(", ")]);
  }
  for (const resting of card?.book ?? []) rows.push([`${resting.side} resting`, short(resting.quantity_most ?? Number.NaN)]);
  if (card?.sides.length) rows.push(["map's skill", spoken(card.skill)]);
  if (card && !card.sides.length && !card.book.length) rows.push(["value", ABSENT]);
  return h(
    "dl",
    {},
    ...rows.flatMap(([name, text]) => [h("dt", {}, capital(spoken(name))), h("dd", {}, text)]),
  );
}
