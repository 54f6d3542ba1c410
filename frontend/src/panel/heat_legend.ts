// The legend of the heat is its filter: two handles on the colour ramp say from how many dollars a cell is drawn and from
// how many it has the last colour. The numbers are exact and can be typed.
import type { ScaleMap } from "../store/settings";
import { atPosition, FAINTEST, position, smallest, type HeatScale } from "../view/heat_scale";
import { exactUsd, usd } from "../view/numbers";
import { heatColour } from "../view/palette";
import { h, place } from "./dom";

export interface HeatLegend {
  element: HTMLElement;
  show(scale: HeatScale, stops: readonly string[], title: string, note: string): void;
  hide(why: string): void;
}

interface Wishes {
  range(low: number, high: number, done: boolean): void;
  map(map: ScaleMap): void;
}

const STEP = 0.01;

export function heatLegend(wishes: Wishes): HeatLegend {
  let scale: HeatScale = { fullUsd: 1, low: 0, high: 1, map: "sqrt" };
  const canvas = h("canvas", { width: 256, height: 1, class: "ramp", "aria-hidden": "true" });
  const low = handle("Lowest value drawn");
  const high = handle("Value from which the last colour is used");
  const lowText = h("input", { class: "exact", "aria-label": "Lowest value drawn, USD", inputmode: "numeric" });
  const highText = h("input", { class: "exact", "aria-label": "Value of the last colour, USD", inputmode: "numeric" });
  const track = h("div", { class: "track" }, canvas, low, high);
  const title = h("span", { class: "legend-title" });
  const note = h("span", { class: "legend-note" });
  const sqrt = h("button", { onclick: () => wishes.map("sqrt"), title: "Square-root scale" }, "√");
  const log = h("button", { onclick: () => wishes.map("log"), title: "Logarithmic scale" }, "log");
  const reset = h("button", { title: "The whole scale again", onclick: () => wishes.range(0, scale.fullUsd, true) }, "reset");
  const body = h(
    "div",
    { class: "legend-body" },
    h("label", { class: "from" }, "from ", lowText),
    track,
    h("label", { class: "to" }, "to ", highText),
    h("span", { class: "group" }, sqrt, log, reset),
    note,
  );
  const element = h("section", { class: "heat-legend", "aria-label": "Legend and range of the heat" }, title, body);

  function move(which: HTMLElement, at: number, done: boolean): void {
    const value = atPosition(at, scale.fullUsd, scale.map);
    if (which === low) wishes.range(at <= 0 ? 0 : Math.min(value, scale.high), scale.high, done);
    else wishes.range(scale.low, Math.max(value, scale.low, smallest(scale.fullUsd)), done);
  }

  for (const which of [low, high]) {
    which.addEventListener("pointerdown", (event) => {
      which.setPointerCapture(event.pointerId);
      which.focus();
      event.preventDefault();
    });
    which.addEventListener("pointermove", (event) => {
      if (which.hasPointerCapture(event.pointerId)) move(which, at(event), false);
    });
    which.addEventListener("pointerup", (event) => move(which, at(event), true));
    which.addEventListener("keydown", (event) => {
      const now = Number(which.dataset.at ?? 0);
      const step = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP, PageDown: -0.1, PageUp: 0.1 }[event.key];
      const to = event.key === "Home" ? 0 : event.key === "End" ? 1 : step === undefined ? null : now + step;
      if (to === null) return;
      move(which, Math.min(Math.max(to, 0), 1), true);
      event.preventDefault();
      event.stopPropagation();
    });
  }

  function at(event: PointerEvent): number {
    const box = track.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  }

  function typed(input: HTMLInputElement, tell: (value: number) => void): void {
    input.addEventListener("change", () => {
      const value = Number(input.value.replace(/[^0-9.]/g, ""));
      if (Number.isFinite(value)) tell(value);
      else texts();
    });
  }
  typed(lowText, (value) => wishes.range(Math.min(value, scale.high), scale.high, true));
  typed(highText, (value) => wishes.range(scale.low, Math.min(Math.max(value, scale.low + 1), scale.fullUsd), true));

  function texts(): void {
    lowText.value = exactUsd(scale.low);
    highText.value = exactUsd(scale.high);
    for (const [which, value] of [
      [low, scale.low],
      [high, scale.high],
    ] as const) {
      const p = position(value, scale.fullUsd, scale.map);
      which.dataset.at = String(p);
      place(which, { left: `${100 * p}%` });
      which.setAttribute("aria-valuenow", String(Math.round(value)));
      which.setAttribute("aria-valuemin", "0");
      which.setAttribute("aria-valuemax", String(Math.round(scale.fullUsd)));
      which.setAttribute("aria-valuetext", exactUsd(value));
    }
    sqrt.setAttribute("aria-pressed", String(scale.map === "sqrt"));
    log.setAttribute("aria-pressed", String(scale.map === "log"));
  }

  function ramp(stops: readonly string[]): void {
    const context = canvas.getContext("2d");
    if (!context) return;
    const from = position(scale.low, scale.fullUsd, scale.map);
    const to = Math.max(position(scale.high, scale.fullUsd, scale.map), from + 1e-6);
    for (let x = 0; x < 256; x++) {
      const t = (x / 255 - from) / (to - from);
      const [r, g, b] = heatColour(stops, FAINTEST + (1 - FAINTEST) * Math.min(Math.max(t, 0), 1));
      context.fillStyle = t < 0 ? "#10141d" : `rgb(${r},${g},${b})`;
      context.fillRect(x, 0, 1, 1);
    }
  }

  return {
    element,
    show(next, stops, name, why) {
      scale = next;
      title.textContent = name;
      note.textContent = why;
      note.title = `The scale ends at ${usd(scale.fullUsd)} and stays there for the session: a colour means the same wherever the chart is dragged.`;
      body.hidden = false;
      texts();
      ramp(stops);
    },
    hide(why) {
      title.textContent = why;
      body.hidden = true;
    },
  };
}

function handle(label: string): HTMLElement {
  return h("div", { class: "handle", role: "slider", tabindex: 0, "aria-label": label, "aria-orientation": "horizontal" });
}
