// Every layer that the server knows, by family, with its key; what has nothing to show says why.
import type { LayerCard } from "../wire/messages";
import { keyText } from "../view/layer_keys";
import { capital, spoken } from "../view/words";
import { dialog, fill, h } from "./dom";

export interface LayersMenu {
  element: HTMLDialogElement;
  open(cards: LayerCard[], on: (name: string) => boolean, keys: Map<string, string>, absent: Record<string, string>): void;
}

export function layersMenu(toggle: (name: string, on: boolean) => void): LayersMenu {
  const body = h("div", { class: "layers" });
  const element = dialog("Layers", "layers-dialog", body);
  return {
    element,
    open(cards, on, keys, absent) {
      const families = [...new Set(cards.map((card) => card.family))];
      fill(
        body,
        ...families.map((family) =>
          h(
            "fieldset",
            {},
            h("legend", {}, capital(spoken(family))),
            ...cards.filter((card) => card.family === family && card.name !== "candles").map((card) => row(card)),
          ),
        ),
      );
      element.showModal();

      function row(card: LayerCard): HTMLElement {
        const key = keys.get(card.name);
        const box = h("input", { type: "checkbox", checked: on(card.name), onchange: () => toggle(card.name, box.checked) });
        const why = absent[card.name];
        return h(
          "label",
          { class: why ? "absent" : "", title: why ?? "" },
          box,
          h("span", {}, card.title),
          card.estimated && !/estimated/.test(card.title) && h("span", { class: "tag" }, "estimated"),
          why && h("span", { class: "muted why" }, why),
          key && h("kbd", {}, keyText(key)),
        );
      }
    },
  };
}
