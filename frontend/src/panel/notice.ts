// What is wrong and what to do, in the middle of the page: loading, empty, refused, disconnected.
import { fill, h } from "./dom";

export interface Notice {
  element: HTMLElement;
  show(kind: "loading" | "empty" | "error" | "lost", sentence: string, todo?: string, act?: { label: string; do: () => void }): void;
  hide(): void;
}

export function notice(): Notice {
  const element = h("div", { class: "notice", role: "status", hidden: true });
  return {
    element,
    show(kind, sentence, todo = "", act) {
      element.dataset.kind = kind;
      fill(
        element,
        h("div", { class: "notice-box" }, h("strong", {}, sentence), todo && h("p", {}, todo), act && h("button", { class: "primary", onclick: act.do }, act.label)),
      );
      element.hidden = false;
    },
    hide() {
      element.hidden = true;
    },
  };
}
