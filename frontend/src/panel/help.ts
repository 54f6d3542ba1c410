// The keys, and whose work the chart stands on.
import type { LayerCard } from "../wire/messages";
import { keyText } from "../view/layer_keys";
import { dialog, fill, h } from "./dom";

const KEYS: readonly [string, string][] = [
  ["letters, /", "find an instrument"],
  ["digits", "change the time frame"],
  ["H", "heat on and off"],
  ["Shift and a letter", "a layer on and off (below)"],
  ["← →", "move through time"],
  ["+ −", "zoom"],
  ["Home, double click", "the newest bars at the usual zoom"],
  ["End", "go live"],
  ["Space", "replay: play or pause"],
  [".", "replay: one bar further"],
  ["?", "this help"],
  ["Esc", "close what is open"],
];

export interface Help {
  element: HTMLDialogElement;
  open(cards: LayerCard[], keys: Map<string, string>): void;
}

export function help(): Help {
  const body = h("div", { class: "help" });
  const element = dialog("Keys", "help-dialog", body);
  return {
    element,
    open(cards, keys) {
      const layers = cards.filter((card) => keys.has(card.name));
      fill(
        body,
        table("Everywhere", KEYS),
        table("Layers", layers.map((card) => [keyText(keys.get(card.name) ?? ""), card.title])),
        h(
          "p",
          { class: "muted" },
          "Wheel: zoom at the pointer. Drag: move. Drag the price axis: stretch. Everything about where leverage breaks is estimated from public data; what was observed says so.",
        ),
      );
      element.showModal();
    },
  };
}

function table(title: string, rows: readonly (readonly [string, string])[]): HTMLElement {
  return h(
    "section",
    {},
    h("h3", {}, title),
    h("dl", {}, ...rows.flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
  );
}
