// The chart with everything around it: the picture comes in, scenes and panels go out.
import { getJson, Refused } from "../wire/http";
import { barAt, type Picture } from "../store/picture";
import { lookupTable, type HeatScale } from "../view/heat_scale";
import { palette as paletteOf } from "../view/palette";
import { heatOf, lastPrice, SceneMaker } from "../view/scene";
import type { Shapes } from "../view/shapes";
import { Chart, type Pointer } from "../draw/chart";
import { holesOf } from "../draw/gap_paint";
import { under } from "../draw/shape_paint";
import { cellTip, type Cell, type CellCard } from "../panel/cell_tip";
import { showBook } from "../panel/book_panel";
import { h } from "../panel/dom";
import { heatLegend } from "../panel/heat_legend";
import { showLevels } from "../panel/levels_panel";
import { notice } from "../panel/notice";
import { paneValues } from "../panel/pane_values";
import { replayBar } from "../panel/replay_bar";
import { showSetups } from "../panel/setups_panel";
import { sidePanel } from "../panel/side_panel";
import { showTape } from "../panel/tape_panel";
import type { Session } from "./session";

const CELL_PAUSE_MS = 110;

export interface ChartPage {
  element: HTMLElement;
  chart: Chart;
  draw(): void;
  pictureFile(): void;
  replay(what: "toggle" | "step"): void;
  /** Marks of a backtest's trades over the candles; the next picture is shown around `ms`. */
  extra(shapes: Shapes, ms: number): void;
}

export function chartPage(session: Session, wishes: { moved(): void; choose(): void }): ChartPage {
  const canvas = h("div", { class: "chart-canvas" });
  const values = paneValues();
  const tip = cellTip();
  const message = notice();
  const legend = heatLegend({
    range: (low, high, done) => setRange(low, high, done),
    map: (map) => session.change({ heatMap: map }),
  });
  const replay = replayBar((clock) => session.send(clock));
  const hide = h("button", { class: "hide-trades", hidden: true, title: "Take the backtest's marks off the chart", onclick: () => showTrades(null) }, "Hide backtest trades");
  const host = h("div", { class: "chart-host", role: "region", "aria-label": "Chart" }, canvas, values.element, hide, tip.element, message.element);
  const side = sidePanel((name) => session.change({ side: name }));
  const summary = h("div", { class: "sr-only", role: "region", "aria-label": "The picture in words" });
  const heading = h("h1", { class: "sr-only" }, "Chart");
  const element = h(
    "main",
    { class: "stage" },
    h("div", { class: "chart-column" }, heading, legend.element, replay.element, host, summary),
    side.element,
  );
  const chart = new Chart(canvas, paletteOf(session.settings.value.palette));
  const scenes = new SceneMaker();
  const on = (name: string) => session.layerOn(name);
  let pointer: Pointer | null = null;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let asking: AbortController | null = null;
  let card: { key: string; value: CellCard } | null = null;
  let said = "";
  let setupsTold: unknown[] = [];
  let trades: Shapes | null = null;
  let jumpTo = Number.NaN;
  let last: Picture | null = null;

  chart.onPointer((next) => {
    pointer = next;
    figures();
    point();
  });
  chart.onScroll(() => {
    wishes.moved();
    tip.hide();
  });
  new ResizeObserver(() => figures()).observe(host);
  session.clock.watch((state) => state && replay.show(state, session.settings.value.zone));
  session.error.watch(() => state());
  session.line.watch(() => state());

  function scale(picture: Picture): HeatScale | null {
    const grid = heatOf(picture, on);
    if (!grid) return null;
    const { heatLow, heatHigh, heatMap } = session.settings.value;
    const fullUsd = grid.card.full_usd;
    const low = Math.min(heatLow ?? 0, fullUsd);
    return { fullUsd, low, high: Math.min(Math.max(heatHigh ?? fullUsd, low), fullUsd), map: heatMap };
  }

  function setRange(low: number, high: number, done: boolean): void {
    const picture = session.picture.value;
    const now = picture && scale(picture);
    if (!picture || !now) return;
    const part = { heatLow: low > 0 ? low : null, heatHigh: high < now.fullUsd ? high : null };
    if (done) session.change(part);
    else session.settings.update(part);
    paintHeat(picture);
  }

  function paintHeat(picture: Picture): Uint32Array {
    const grid = heatOf(picture, on);
    const now = scale(picture);
    const colours = paletteOf(session.settings.value.palette);
    if (!grid || !now) {
      const why = picture.head.absent.liquidation_heatmap;
      legend.hide(why ? `No liquidation heat: ${why}` : on("liquidation_heatmap") ? "No liquidation heat in this window" : "Heat is off (H)");
      return new Uint32Array(256);
    }
    const table = lookupTable(now, colours.heat);
    const title = `${grid.card.title}, USD per cell`;
    legend.show(now, colours.heat, title, `fixed scale for the session${grid.card.estimated && picture.head.mix ? ` · leverage mix: ${picture.head.mix}` : ""}`);
    chart.recolour(table);
    return table;
  }

  function draw(): void {
    const picture = session.picture.value;
    const settings = session.settings.value;
    state();
    side.choose(settings.side);
    if (!picture) return legend.hide("");
    const colours = paletteOf(settings.palette);
    chart.show({
      ...withTrades(scenes.make(picture, on)),
      candles: picture.candles,
      forming: picture.forming,
      holes: holesOf(picture.candles, picture.chip.holes),
      heat: heatOf(picture, on),
      table: paintHeat(picture),
      tickSize: picture.head.tick_size,
      palette: colours,
      zone: settings.zone,
    });
    if (jumpTo >= (picture.candles.openMs[0] ?? Infinity) && jumpTo < picture.watermarkMs && picture !== last) {
      chart.jump(jumpTo);
      jumpTo = Number.NaN;
    }
    last = picture;
    figures();
    requestAnimationFrame(figures); // New panes have their heights only when the chart has laid itself out.
    beside(picture);
    const words = picture.summary.join(" ");
    heading.textContent = `${picture.head.symbol} on ${picture.head.venue}, ${picture.head.frame}`;
    if (words !== said) {
      said = words;
      summary.textContent = words;
    }
    wishes.moved();
  }

  function withTrades<T extends { shapes: Shapes }>(drawn: T): T {
    return trades ? { ...drawn, shapes: { ...drawn.shapes, marks: [...trades.marks, ...drawn.shapes.marks] } } : drawn;
  }

  function showTrades(shapes: Shapes | null): void {
    trades = shapes;
    hide.hidden = !shapes;
    if (!shapes) draw();
  }

  function beside(picture: Picture): void {
    const { side: name, palette: look, zone } = session.settings.value;
    const colours = paletteOf(look);
    side.choose(name);
    const body = side.body(name);
    if (name === "levels") showLevels(body, picture, lastPrice(picture), colours);
    const told = [name, look, zone, picture.signals, picture.score];
    const same = told.every((part, i) => part === setupsTold[i]);
    setupsTold = told;
    // Drawn anew only when something changed: a reader may be about to press a button in it.
    if (name === "setups" && !same) showSetups(body, picture, colours, zone, (ms) => chart.jump(ms));
    if (name === "tape") showTape(body, picture, colours, zone);
    if (name === "book") showBook(body, picture, colours, zone);
  }

  function figures(): void {
    const picture = session.picture.value;
    if (!picture) return;
    const settings = session.settings.value;
    values.show({
      panes: chart.panes(),
      bar: pointer?.bar ?? picture.candles.openMs.length - (picture.forming ? 0 : 1),
      candles: picture.candles,
      forming: picture.forming,
      palette: paletteOf(settings.palette),
      tick: picture.head.tick_size,
      base: picture.head.base,
      zone: settings.zone,
      colour: (series) => chart.lineColour(series),
    });
  }

  function point(): void {
    clearTimeout(waiting);
    asking?.abort();
    const picture = session.picture.value;
    if (!picture || !pointer || pointer.pane !== 0 || !Number.isFinite(pointer.price)) return tip.hide();
    const cell = cellAt(picture, pointer);
    const things = thingsAt(picture, pointer);
    const key = cell ? `${picture.seq} ${pointer.ms} ${cell.low}` : "";
    show(cell, things, card?.key === key ? card.value : null);
    if (!cell || card?.key === key || session.line.value.state !== "open") return;
    const { ms, price } = pointer;
    waiting = setTimeout(() => void ask(picture, key, ms, price, cell, things), CELL_PAUSE_MS);
  }

  async function ask(picture: Picture, key: string, ms: number, price: number, cell: Cell, things: string[]): Promise<void> {
    const { venue, symbol, frame } = session.settings.value;
    asking = new AbortController();
    try {
      const value = await getJson<CellCard>("/api/cell", { venue, symbol, frame, at_ms: ms, price, clock_ms: picture.watermarkMs }, asking.signal);
      card = { key, value };
      if (pointer?.ms === ms) show(cell, things, value);
    } catch (fault) {
      if (!(fault instanceof Refused) && !(fault instanceof DOMException)) throw fault;
    }
  }

  function show(cell: Cell | null, things: string[], value: CellCard | null): void {
    if (!pointer) return tip.hide();
    const { clientWidth: width, clientHeight: height } = host;
    tip.show({ x: pointer.x, y: pointer.y, width: width - 84, height }, cell, value, things, session.picture.value?.head.tick_size ?? 0.01);
  }

  function cellAt(picture: Picture, at: Pointer): Cell | null {
    const grid = heatOf(picture, on);
    if (!grid) return null;
    const bin = Math.floor(grid.bin(at.price));
    const byte = grid.byte(grid.column(at.ms), bin);
    if (!byte) return null;
    return { usd: grid.usd(byte), full: byte === 255, low: grid.price(bin), high: grid.price(bin + 1), estimated: grid.card.estimated, title: grid.card.title };
  }

  function thingsAt(picture: Picture, at: Pointer): string[] {
    const one = chart.place(at.ms, at.price);
    const reference = one ? Math.abs((chart.priceAt(one.y + 3) ?? at.price) - at.price) : 0;
    const barMs = picture.candles.openMs[barAt(picture.candles, at.ms)] ?? at.ms;
    const seen = under(withTrades(scenes.make(picture, on)).shapes, barMs, barMs, at.price, reference, picture.candles.frameMs);
    return [...new Set([...seen.marks.map((mark) => mark.title), ...seen.boxes.reverse().map((box) => box.title)])];
  }

  /** Loading, refused, disconnected, nothing recorded: say which, and what to do. */
  function state(): void {
    const fault = session.error.value;
    const { state: line } = session.line.value;
    if (line === "lost" || (line === "connecting" && session.picture.value)) {
      message.show("lost", "The server does not answer.", "What is drawn is what was last received. Trying again by itself.\nIf it was stopped: perpscope serve, or perpscope live.", { label: "Try now", do: () => session.retry() });
    } else if (fault && (!session.picture.value || fault.id === 1 || fault.code === "malformed")) {
      message.show("error", fault.sentence, fault.todo, fault.id === 1 ? { label: "Choose an instrument", do: wishes.choose } : undefined);
    } else if (!session.picture.value) {
      message.show("loading", line === "connecting" ? "Connecting…" : "Making the picture…");
    } else if (!Number.isFinite(lastPrice(session.picture.value))) {
      message.show("empty", "Nothing was recorded in this window.", "Choose a later moment, a longer time frame or another instrument.");
    } else message.hide();
  }

  return {
    element,
    chart,
    draw,
    extra(shapes, ms) {
      showTrades(shapes);
      jumpTo = ms;
    },
    pictureFile() {
      const { venue, symbol, frame } = session.settings.value;
      chart.picture().toBlob((blob) => {
        if (!blob) return;
        const url = URL.createObjectURL(blob);
        const link = h("a", { href: url, download: `perpscope-${venue}-${symbol}-${frame}.png` });
        link.click();
        setTimeout(() => URL.revokeObjectURL(url), 10_000);
      });
    },
    replay(what) {
      if (!session.clock.value) return;
      if (what === "step") session.send({ type: "clock", do: "step", value: 1 });
      else session.send({ type: "clock", do: replay.playing() ? "pause" : "play" });
    },
  };
}
