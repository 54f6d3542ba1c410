// Type letters to find an instrument, digits to change the time frame.
import type { InstrumentCard } from "../wire/messages";
import { moment } from "../view/time";
import { dialog, fill, h } from "./dom";

export interface Search {
  element: HTMLDialogElement;
  open(instruments: InstrumentCard[], typed: string): void;
}

export function search(choose: (instrument: InstrumentCard) => void): Search {
  let all: InstrumentCard[] = [];
  let found: InstrumentCard[] = [];
  let at = 0;
  const input = h("input", { class: "search-box", "aria-label": "Symbol or venue", placeholder: "Symbol or venue", role: "combobox", "aria-expanded": "true", "aria-controls": "found", autocomplete: "off" });
  const list = h("ul", { class: "found", id: "found", role: "listbox", "aria-label": "Instruments" });
  const element = dialog("Instrument", "search", input, list);

  function show(): void {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = all.filter((card) => words.every((word) => `${card.symbol} ${card.venue} ${card.base}`.toLowerCase().includes(word)));
    at = Math.min(at, Math.max(found.length - 1, 0));
    const rows = found.map((card, i) =>
      h(
        "li",
        { role: "option", id: `found-${i}`, "aria-selected": String(i === at), onclick: () => pick(card) },
        h("b", {}, card.symbol),
        h("span", {}, card.venue),
        h("span", { class: "muted" }, `${card.frames.join(" ")} · ${moment(card.first_ms, "UTC").slice(0, 10)} to ${moment(card.last_ms, "UTC").slice(0, 10)}`),
      ),
    );
    fill(list, ...rows);
    list.setAttribute("aria-label", found.length ? "Instruments" : "No instrument matches");
    if (!found.length) list.append(h("li", { class: "muted", role: "option", "aria-selected": "false" }, `Nothing recorded matches “${input.value}”. Record it with 'perpscope record' or import it with 'perpscope import'.`));
    input.setAttribute("aria-activedescendant", found.length ? `found-${at}` : "");
  }

  function pick(card: InstrumentCard): void {
    element.close();
    choose(card);
  }

  input.addEventListener("input", () => {
    at = 0;
    show();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = (at + (event.key === "ArrowDown" ? 1 : -1) + found.length) % Math.max(found.length, 1);
      show();
      event.preventDefault();
    }
    const card = found[at];
    if (event.key === "Enter" && card) pick(card);
  });

  return {
    element,
    open(instruments, typed) {
      all = instruments;
      at = 0;
      input.value = typed;
      show();
      element.showModal();
      input.focus();
      input.setSelectionRange(typed.length, typed.length);
    },
  };
}

export interface FrameBox {
  element: HTMLDialogElement;
  open(frames: string[], typed: string): void;
}

export function frameBox(choose: (frame: string) => void): FrameBox {
  let all: string[] = [];
  const input = h("input", { class: "search-box", "aria-label": "Time frame", autocomplete: "off" });
  const hint = h("p", { class: "muted", role: "status" });
  const element = dialog("Time frame", "frame-box", input, hint);

  /** "4" and "4h" mean 4h, "15" means 15m: the first of the recorded frames that begins so. */
  const meant = (): string | undefined => {
    const text = input.value.trim().toLowerCase();
    return all.find((frame) => frame === text) ?? all.find((frame) => frame.replace(/[a-z]+$/, "") === text) ?? all.find((frame) => text && frame.startsWith(text));
  };
  const tell = () => {
    const frame = meant();
    hint.textContent = frame ? `Enter: ${frame}` : `Not recorded. There is ${all.join(", ")}.`;
  };
  input.addEventListener("input", tell);
  input.addEventListener("keydown", (event) => {
    const frame = meant();
    if (event.key === "Enter" && frame) {
      element.close();
      choose(frame);
    }
  });
  return {
    element,
    open(frames, typed) {
      all = frames;
      input.value = typed;
      tell();
      element.showModal();
      input.focus();
      input.setSelectionRange(typed.length, typed.length);
    },
  };
}
