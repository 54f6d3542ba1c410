import "./page.css";
import type { Page } from "../store/settings";
import { tripShapes } from "../view/backtest";
import { palette } from "../view/palette";
import { layerKeys } from "../view/layer_keys";
import { zoneName } from "../view/time";
import { beep } from "../panel/beep";
import { h } from "../panel/dom";
import { help } from "../panel/help";
import { layersMenu } from "../panel/layers_menu";
import { frameBox, search } from "../panel/search";
import { topBar } from "../panel/top_bar";
import { alertsPage } from "./alerts_page";
import { backtestsPage } from "./backtests_page";
import { chartPage } from "./chart_page";
import { evidencePage } from "./evidence_page";
import { framesPage } from "./frames_page";
import { listen } from "./keys";
import { Session } from "./session";

/** Bars before the end at which a replay begins. */
const REPLAY_BACK = 60;

const session = new Session(window);
const keys = () => layerKeys(session.catalogue);

const found = search((card) =>
  session.change({
    page: "chart",
    venue: card.venue,
    symbol: card.symbol,
    frame: card.frames.includes(session.settings.value.frame) ? session.settings.value.frame : (card.frames[0] ?? ""),
    at: null,
  }),
);
const frames = frameBox((frame) => session.change({ frame }));
const layers = layersMenu((name, on) => toggle(name, on));
const keyHelp = help();

const top = topBar(
  {
    search: () => openSearch(""),
    frame: (frame) => session.change({ frame }),
    layers: () => openLayers(),
    goLive: () => {
      if (session.settings.value.at !== null) session.change({ at: null });
      page.chart.goLive();
    },
    replay: () => {
      // From what is in view; from a while before the end where that is the newest.
      const span = page.chart.visibleSpan();
      const picture = session.picture.value;
      if (!span || !picture) return;
      const latest = picture.watermarkMs - REPLAY_BACK * picture.candles.frameMs;
      session.send({ type: "clock", do: "jump", value: Math.min(span.toMs, latest) });
    },
    page: (name) => session.change({ page: name, detail: "" }),
    picture: () => page.pictureFile(),
    help: () => keyHelp.open(session.catalogue, keys()),
    zone: (zone) => session.change({ zone }),
    palette: () => session.change({ palette: session.settings.value.palette === "dark" ? "colour-blind" : "dark" }),
  },
  session.settings.value.zone,
);
const page = chartPage(session, { moved: () => top.live(page.chart.atLive() && session.settings.value.at === null), choose: () => openSearch("") });
const backtests = backtestsPage(session, (trip, told, all) => {
  page.extra(tripShapes(all, trip.symbol), trip.entryMs);
  const { venue, timeframe } = told.result.config.data;
  const after = trip.exitMs + 60 * (session.picture.value?.candles.frameMs ?? 3_600_000);
  const card = session.welcome.value?.instruments.find((each) => each.venue === venue && each.symbol === trip.symbol);
  session.change({ page: "chart", venue, symbol: trip.symbol, frame: timeframe, at: card && after >= card.last_ms ? null : after, detail: "" });
});
const evidence = evidencePage(session);
const alerts = alertsPage(session);
const grid = framesPage(session);
const stage = h("div", { class: "pages" }, page.element, grid.element, backtests.element, evidence.element, alerts.element);
const zone = h("span", {});
const foot = h(
  "footer",
  { class: "foot" },
  zone,
  h("span", { class: "grow" }, "Liquidation levels, clusters and heat are estimated from public data. Nothing here is advice."),
  h("span", {}, "TradingView Lightweight Charts™ Copyright © 2025 TradingView, Inc. ", h("a", { href: "https://www.tradingview.com/", rel: "noreferrer", target: "_blank" }, "tradingview.com")),
);
const shell = h("div", { class: "shell" }, top.element, stage, foot, found.element, frames.element, layers.element, keyHelp.element);
document.getElementById("page")?.replaceChildren(shell);

let due = false;
function drawSoon(): void {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    draw();
  });
}

function draw(): void {
  const settings = session.settings.value;
  const picture = session.picture.value;
  top.page(settings.page);
  top.instrument(settings.venue, settings.symbol, settings.frame, session.instrument?.frames ?? (settings.frame ? [settings.frame] : []));
  zone.textContent = `Times in ${zoneName(settings.zone, picture?.watermarkMs ?? 0)}`;
  feed();
  turn(settings.page);
  colours();
  if (picture) {
    document.title = `${picture.head.symbol} ${picture.head.frame} · perpscope`;
    session.drawn(picture.head.id, picture.seq);
  }
}

/** Show one page; the others keep what they hold but draw nothing. */
function turn(name: Page): void {
  const shown: Record<Page, HTMLElement> = { chart: page.element, frames: grid.element, backtests: backtests.element, evidence: evidence.element, alerts: alerts.element };
  for (const [each, element] of Object.entries(shown)) element.hidden = each !== name;
  if (name !== "frames") grid.leave();
  if (name === "chart") page.draw();
  else if (name === "frames") grid.show();
  else if (name !== before) void { backtests, evidence, alerts }[name].show();
  else if (name !== "alerts") void { backtests, evidence }[name].show();
  before = name;
}
let before: Page | "" = "";

function feed(): void {
  const { state } = session.line.value;
  const picture = session.picture.value;
  top.feed({ line: state, chip: picture?.chip ?? null, status: session.status.value, watermarkMs: picture?.watermarkMs ?? Number.NaN, zone: session.settings.value.zone });
}

function colours(): void {
  const chosen = palette(session.settings.value.palette);
  for (const name of ["buy", "sell", "warning"] as const) document.documentElement.style.setProperty(`--${name}`, chosen[name]);
}

function toggle(name: string, on: boolean): void {
  session.change({ layers: { ...session.settings.value.layers, [name]: on } });
}

function openSearch(typed: string): void {
  found.open(session.welcome.value?.instruments ?? [], typed);
}

function openLayers(): void {
  layers.open(session.catalogue, (name) => session.layerOn(name), keys(), session.picture.value?.head.absent ?? {});
}

listen(document, {
  frame: (typed) => frames.open(session.instrument?.frames ?? [], typed),
  search: openSearch,
  layer(key) {
    const name = [...keys()].find(([, letter]) => letter === key || (key === "H" && letter === "h"))?.[0];
    if (name) toggle(name, !session.layerOn(name));
  },
  help: () => keyHelp.open(session.catalogue, keys()),
  pan: (bars) => page.chart.pan(bars),
  zoom: (factor) => page.chart.zoom(factor),
  reset: () => page.chart.reset(),
  goLive: () => page.chart.goLive(),
  replay: (what) => page.replay(what),
});

session.welcome.watch((welcome) => top.mode(session.line.value.state === "offline" ? "offline" : (welcome?.mode ?? "")));
session.picture.watch(drawSoon);
session.settings.watch(drawSoon);
session.welcome.watch(drawSoon);
session.line.watch(feed);
session.status.watch(feed);
session.alerts.watch((alerts) => {
  top.unread(alerts.length);
  if (alerts.length && session.settings.value.sound) beep();
});
// For the console and for tests: what is shown, and where on the screen it stands.
Object.assign(window, { perpscope: { session, chart: page.chart } });
session.start();
