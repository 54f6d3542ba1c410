// The column beside the chart: levels and bias, setups, tape, book. One tab at a time keeps it legible at 1280 pixels.
import type { Settings } from "../store/settings";
import { h } from "./dom";

type Side = Settings["side"];

export interface SidePanel {
  element: HTMLElement;
  body(side: Side): HTMLElement;
  choose(side: Side): void;
}

const TABS: readonly [Side, string][] = [
  ["levels", "Levels"],
  ["setups", "Setups"],
  ["tape", "Tape"],
  ["book", "Book"],
];

export function sidePanel(chosen: (side: Side) => void): SidePanel {
  const bodies = new Map<Side, HTMLElement>();
  const tabs = new Map<Side, HTMLElement>();
  for (const [side, title] of TABS) {
    const body = h("div", { class: "side-body", role: "tabpanel", id: `side-${side}`, "aria-labelledby": `tab-${side}`, tabindex: 0 });
    bodies.set(side, body);
    tabs.set(side, h("button", { role: "tab", id: `tab-${side}`, "aria-controls": `side-${side}`, onclick: () => chosen(side) }, title));
  }
  const bar = h("div", { class: "side-tabs", role: "tablist", "aria-label": "Beside the chart" }, ...tabs.values());
  bar.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const order = TABS.map(([side]) => side);
    const now = order.findIndex((side) => tabs.get(side) === document.activeElement);
    const next = order[(now + (event.key === "ArrowRight" ? 1 : order.length - 1)) % order.length] as Side;
    chosen(next);
    tabs.get(next)?.focus();
    event.stopPropagation();
  });
  return {
    element: h("aside", { class: "side", "aria-label": "Levels, setups, tape and book" }, bar, ...bodies.values()),
    body: (side) => bodies.get(side) as HTMLElement,
    choose(side) {
      for (const [name, body] of bodies) {
        body.hidden = name !== side;
        tabs.get(name)?.setAttribute("aria-selected", String(name === side));
        tabs.get(name)?.setAttribute("tabindex", name === side ? "0" : "-1");
      }
    },
  };
}
