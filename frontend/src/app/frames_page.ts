// The same instrument in four time frames under one crosshair, each scrolled on its own, with the bias of all of them.
import type { Frame } from "../wire/frame";
import { afterDelta, fromSnapshot, type Picture } from "../store/picture";
import { lookupTable } from "../view/heat_scale";
import { percent, price, signed } from "../view/numbers";
import { palette as paletteOf } from "../view/palette";
import { heatOf, lastPrice, SceneMaker } from "../view/scene";
import { Chart } from "../draw/chart";
import { holesOf } from "../draw/gap_paint";
import { fill, h } from "../panel/dom";
import { mtf } from "../panel/levels_panel";
import type { Session } from "./session";

const FIRST_ID = 20;
/** The most wanted first; shown from the longest to the shortest. */
const WANTED = ["1d", "4h", "1h", "15m", "5m", "2h", "30m", "1m"];
const LONGEST_FIRST = ["1d", "4h", "2h", "1h", "30m", "15m", "5m", "1m"];
const MOST = 4;
const LAYERS = ["candles", "liquidation_heatmap", "levels", "average_stack"];

interface Cell {
  id: number;
  frame: string;
  chart: Chart;
  scenes: SceneMaker;
  picture: Picture | null;
  title: HTMLElement;
}

export interface FramesPage {
  element: HTMLElement;
  show(): void;
  leave(): void;
}

export function framesPage(session: Session): FramesPage {
  const bias = h("div", { class: "frames-bias" });
  const grid = h("div", { class: "grid-charts" });
  const element = h("main", { class: "frames-page", "aria-label": "Time frames" }, h("h1", { class: "sr-only" }, "Time frames"), grid, h("section", { class: "frames-below", "aria-label": "Bias per time frame" }, bias));
  let cells: Cell[] = [];
  let key = "";

  function show(): void {
    const { venue, symbol, palette, zone } = session.settings.value;
    const card = session.instrument;
    if (!card) return;
    const next = `${venue} ${symbol} ${palette} ${zone}`;
    if (next === key) return;
    leave();
    key = next;
    const frames = WANTED.filter((frame) => card.frames.includes(frame)).slice(0, MOST);
    frames.sort((a, b) => LONGEST_FIRST.indexOf(a) - LONGEST_FIRST.indexOf(b));
    fill(grid);
    cells = frames.map((frame, i) => make(frame, FIRST_ID + i));
    for (const cell of cells) {
      session.subscribe({ type: "subscribe", id: cell.id, venue, symbol, frame: cell.frame, bars: 500, at: session.settings.value.at, layers: LAYERS }, (got) => receive(cell, got));
    }
  }

  function make(frame: string, id: number): Cell {
    const title = h("span", { class: "muted" }, "reading…");
    const canvas = h("div", { class: "chart-canvas" });
    const host = h("section", { class: "grid-cell", "aria-label": `Time frame ${frame}` }, h("header", {}, h("b", {}, frame), title), h("div", { class: "chart-host" }, canvas));
    grid.append(host);
    const chart = new Chart(canvas, paletteOf(session.settings.value.palette));
    const cell: Cell = { id, frame, chart, scenes: new SceneMaker(), picture: null, title };
    chart.onPointer((pointer, byHand) => {
      if (!byHand) return;
      for (const other of cells) if (other !== cell) other.chart.point(pointer && { ms: pointer.ms, price: pointer.price });
    });
    return cell;
  }

  function receive(cell: Cell, frame: Frame): void {
    cell.picture = frame.head.type === "snapshot" ? fromSnapshot(frame) : cell.picture && afterDelta(cell.picture, frame);
    if (!cell.picture) return;
    const { picture } = cell;
    requestAnimationFrame(() => {
      draw(cell, picture);
      session.drawn(cell.id, picture.seq);
    });
  }

  function draw(cell: Cell, picture: Picture): void {
    const { palette: look, zone, heatLow, heatHigh, heatMap } = session.settings.value;
    const colours = paletteOf(look);
    const heat = heatOf(picture, () => true);
    const drawn = cell.scenes.make(picture, () => true);
    const fullUsd = heat?.card.full_usd ?? 1;
    cell.chart.show({
      ...drawn,
      series: drawn.series.filter((series) => series.pane === "price"),
      candles: picture.candles,
      forming: picture.forming,
      holes: holesOf(picture.candles, picture.chip.holes),
      heat,
      table: lookupTable({ fullUsd, low: heatLow ?? 0, high: Math.min(heatHigh ?? fullUsd, fullUsd), map: heatMap }, colours.heat),
      tickSize: picture.head.tick_size,
      palette: colours,
      zone,
    });
    const last = lastPrice(picture);
    const first = picture.candles.rows.number("close", Math.max(picture.candles.openMs.length - 25, 0));
    cell.title.textContent = `${price(last, picture.head.tick_size)}   ${signed(last / first - 1, (x) => percent(x, 2))} in 24 bars${heat ? " · heat estimated" : ""}`;
    const main = session.picture.value ?? picture;
    fill(bias, h("h2", {}, "Bias per time frame"), mtf(main, colours));
  }

  function leave(): void {
    for (const cell of cells) {
      session.unsubscribe(cell.id);
      cell.chart.remove();
    }
    cells = [];
    key = "";
  }

  return { element, show, leave };
}
