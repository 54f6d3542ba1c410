// What is under the pointer: the cell of the heat with its estimate, band, age, side and leverage; zones and marks by name.
import { ABSENT, age, exactUsd, percent, price, usd } from "../view/numbers";
import { capital, spoken } from "../view/words";
import { fill, h, place } from "./dom";

/** What `/api/cell` says about a cell. */
export interface CellCard {
  price_low: number;
  price_high: number;
  sides: CellSide[];
  observed?: boolean;
  note?: string;
}

export interface CellSide {
  side: string;
  usd: number;
  usd_low?: number | null;
  usd_high?: number | null;
  age_ms?: number | null;
  leverage?: Record<string, number> | null;
}

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

function heading(cell: Cell): HTMLElement {
  return h("h4", {}, cell.title.replace(/ \(estimated\)/, ""), " ", h("span", { class: "tag" }, cell.estimated ? "estimated" : "observed"));
}

function body(cell: Cell, card: CellCard | null, tick: number): HTMLElement {
  const rows: [string, string][] = [["price", `${price(cell.low, tick)} – ${price(cell.high, tick)}`]];
  if (!card) rows.push(["value", `${cell.full ? "≥" : "≈"} ${usd(cell.usd)}`]);
  for (const side of card?.sides ?? []) {
    rows.push([`${side.side}s`, `≈ ${exactUsd(side.usd)}`]);
    if (Number.isFinite(side.usd_low ?? Number.NaN)) rows.push(["band", `${usd(side.usd_low ?? 0)} – ${usd(side.usd_high ?? 0)}`]);
    if (Number.isFinite(side.age_ms ?? Number.NaN)) rows.push(["age", age(side.age_ms ?? 0)]);
    const mix = Object.entries(side.leverage ?? {}).filter(([, share]) => share >= 0.02);
    if (mix.length) rows.push(["leverage", mix.map(([name, share]) => `${name} ${percent(share, 0)}`).join(", ")]);
  }
  if (card && !card.sides.length) rows.push(["value", ABSENT]);
  return h(
    "dl",
    {},
    ...rows.flatMap(([name, text]) => [h("dt", {}, capital(spoken(name))), h("dd", {}, text)]),
  );
}
