// The values at the pointer, in every pane, each in its line's colour.
import type { Candles } from "../store/picture";
import type { Candle } from "../wire/messages";
import { byUnit, percent, price, short, signed } from "../view/numbers";
import type { Palette } from "../view/palette";
import type { Series } from "../view/series";
import { moment } from "../view/time";
import { capital, spoken } from "../view/words";
import { fill, h, place } from "./dom";

export interface PaneInfo {
  name: string;
  top: number;
  height: number;
  series: Series[];
}

export interface PaneValues {
  element: HTMLElement;
  show(given: Given): void;
}

interface Given {
  panes: PaneInfo[];
  bar: number;
  candles: Candles;
  forming: Candle | null;
  palette: Palette;
  tick: number;
  base: string;
  zone: string;
  colour(series: Series): string;
}

const TITLES: Record<string, string> = {
  volume: "Volume",
  delta: "Delta and CVD",
  open_interest: "Open interest",
  funding: "Funding",
  liquidations: "Liquidations",
  sigma: "Sigma",
  bias: "Bias",
};

export function paneValues(): PaneValues {
  const element = h("div", { class: "pane-values", "aria-hidden": "true" });
  const boxes: HTMLElement[] = [];
  return {
    element,
    show(given) {
      while (boxes.length < given.panes.length) {
        const box = h("div", { class: "pane-value" });
        boxes.push(box);
        element.append(box);
      }
      boxes.forEach((box, i) => {
        const pane = given.panes[i];
        box.hidden = !pane;
        if (!pane) return;
        place(box, { top: `${pane.top + 4}px` });
        box.dataset.pane = pane.name;
        fill(box, ...(pane.name === "price" ? candleValues(given) : [h("b", {}, TITLES[pane.name] ?? spoken(pane.name))]), ...pane.series.map((s) => value(s, given)));
      });
    },
  };
}

function value(series: Series, given: Given): HTMLElement {
  const number = held(series, given.bar);
  const colour = series.kind === "columns" && series.pane !== "volume" ? (number < 0 || series.column.startsWith("short_") ? given.palette.sell : given.palette.buy) : series.kind === "columns" ? given.palette.neutral : given.colour(series);
  const text = h("span", { class: "figure" }, byUnit(number, series.unit, given.tick, given.base));
  place(text, { color: colour });
  const title = `${capital(series.title)}${series.estimated ? " (estimated)" : ""}`;
  return h("span", { class: "value" }, `${title} `, text);
}

/** The value on the bar; of a line, which holds between its points (funding is told every few hours), the newest before. */
function held(series: Series, bar: number): number {
  let at = Math.min(Math.max(bar, 0), series.values.length - 1);
  if (series.kind === "line") {
    while (at > 0 && !Number.isFinite(series.values[at] ?? Number.NaN) && !series.breaks.has(at - 1)) at--;
  }
  return series.values[at] ?? Number.NaN;
}

function candleValues({ candles, forming, bar, palette, tick, base, zone }: Given): HTMLElement[] {
  const last = candles.openMs.length - 1;
  const isForming = forming !== null && bar > last;
  const at = Math.min(Math.max(bar, 0), last);
  const read = (name: "open" | "high" | "low" | "close" | "volume") => (isForming ? forming[name] : candles.rows.number(name, at));
  const open = read("open");
  const change = read("close") / open - 1;
  const tinted = h("span", { class: "figure" }, signed(change, (x) => percent(x, 2)));
  place(tinted, { color: change < 0 ? palette.sell : palette.buy });
  const ms = isForming ? forming.ref_ms : (candles.openMs[at] ?? Number.NaN);
  const part = (label: string, number: number) => h("span", { class: "value" }, `${label} `, h("span", { class: "figure" }, price(number, tick)));
  if (!Number.isFinite(open)) return [h("span", { class: "value" }, `${moment(ms, zone)} — no data`)];
  return [
    h("span", { class: "value" }, moment(ms, zone), isForming ? " (forming)" : ""),
    part("O", open),
    part("H", read("high")),
    part("L", read("low")),
    part("C", read("close")),
    h("span", { class: "value" }, tinted),
    h("span", { class: "value" }, "V ", h("span", { class: "figure" }, `${short(read("volume"))} ${base}`)),
  ];
}
