// The bar at the top: what is shown, in which mode, and how fresh it is.
import type { Page } from "../store/settings";
import type { InstrumentCard } from "../wire/messages";
import { inWords, type Feed } from "../view/feed";
import { age } from "../view/numbers";
import { moment } from "../view/time";
import { capital } from "../view/words";
import { dialog, fill, h } from "./dom";

export interface TopBar {
  element: HTMLElement;
  instrument(venue: string, symbol: string, frame: string, frames: string[]): void;
  mode(mode: string): void;
  feed(state: Feed): void;
  page(page: Page): void;
  live(at: boolean): void;
  unread(count: number): void;
}

export interface TopWishes {
  search(): void;
  frame(frame: string): void;
  layers(): void;
  goLive(): void;
  replay(): void;
  page(page: Page): void;
  picture(): void;
  help(): void;
  zone(zone: string): void;
  palette(): void;
}

const PAGES: readonly [Page, string][] = [
  ["chart", "Chart"],
  ["frames", "Frames"],
  ["backtests", "Backtests"],
  ["evidence", "Evidence"],
  ["alerts", "Alerts"],
];
const MODES: Record<string, string> = { live: "LIVE", history: "HISTORY", replay: "REPLAY", offline: "OFFLINE" };
export const ZONES = ["UTC", "America/New_York", "Europe/London", "Europe/Berlin", "Asia/Tokyo", "Asia/Hong_Kong", "Asia/Singapore", "Australia/Sydney"];

export function topBar(wishes: TopWishes, zone: string): TopBar {
  const instrument = h("button", { class: "instrument", onclick: wishes.search, title: "Find an instrument (type letters)" }, "…");
  const frames = h("div", { class: "group frames", role: "group", "aria-label": "Time frame" });
  const mode = h("span", { class: "mode" });
  const feedChip = h("button", { class: "feed", "aria-haspopup": "dialog" });
  const details = h("div", { class: "feed-details" });
  const feedDialog = dialog("Data", "feed-dialog", details);
  feedChip.addEventListener("click", () => feedDialog.showModal());
  const live = h("button", { class: "go-live chart-only", onclick: wishes.goLive, title: "To the newest bar (End)" }, "Go live");
  const replay = h("button", { class: "chart-only", onclick: wishes.replay, title: "Replay: history bar by bar, as it was known then" }, "Replay");
  const tabs = PAGES.map(([page, title]) => h("button", { class: "tab", onclick: () => wishes.page(page), "data-page": page }, title));
  const zones = h(
    "select",
    { "aria-label": "Time zone", onchange: () => wishes.zone(zones.value) },
    ...[...new Set([...ZONES, zone])].map((name) => h("option", { value: name, selected: name === zone }, name.replace("_", " "))),
  );
  const nav = h("nav", { class: "tabs", "aria-label": "Pages" }, ...tabs);
  const element = h(
    "header",
    { class: "top" },
    h("span", { class: "brand" }, "perpscope"),
    nav,
    instrument,
    frames,
    mode,
    feedChip,
    live,
    replay,
    h("span", { class: "spacer" }),
    h("button", { class: "chart-only", onclick: wishes.layers, title: "Layers" }, "Layers"),
    h("button", { onclick: wishes.palette, title: "Colours for colour-blind readers, on and off", "aria-label": "Colours for colour-blind readers" }, "◐"),
    h("button", { class: "chart-only", onclick: wishes.picture, title: "Save the chart as a PNG picture" }, "PNG"),
    zones,
    h("button", { onclick: wishes.help, title: "Keys (?)", "aria-label": "Keys" }, "?"),
    feedDialog,
  );
  return {
    element,
    instrument(venue, symbol, frame, all) {
      fill(instrument, h("b", {}, symbol || "Choose an instrument"), venue && h("span", {}, venue));
      fill(
        frames,
        ...all.map((name) => h("button", { "aria-pressed": String(name === frame), onclick: () => wishes.frame(name) }, name)),
      );
    },
    mode(name) {
      mode.textContent = MODES[name] ?? name.toUpperCase();
      mode.dataset.mode = name;
      replay.hidden = name !== "history";
      nav.hidden = name === "offline"; // A page in one file holds one picture and nothing else.
    },
    feed(state) {
      const { text, level } = inWords(state);
      feedChip.dataset.level = level;
      feedChip.textContent = text;
      feedChip.title = "Age of the data, holes, channels that lag. Click for all of it.";
      fill(details, ...everything(state));
    },
    page(page) {
      for (const tab of tabs) tab.setAttribute("aria-current", tab.dataset.page === page ? "page" : "false");
      element.dataset.page = page;
    },
    live(at) {
      live.disabled = at;
    },
    unread(count) {
      const tab = tabs.find((each) => each.dataset.page === "alerts");
      if (tab) tab.textContent = count ? `Alerts (${count})` : "Alerts";
    },
  };
}

function everything({ chip, status, watermarkMs, zone }: Feed): HTMLElement[] {
  const made: HTMLElement[] = [h("p", {}, `Shown is what was known at ${moment(watermarkMs, zone)}.`)];
  if (status?.feeds.length) {
    made.push(
      list("Channels", status.feeds.map((feed) => `${feed.venue} ${feed.channel}: ${feed.state}, ${feed.age_ms === null ? "not heard yet" : `last message ${age(feed.age_ms)} ago`}`)),
    );
  }
  if (chip) {
    made.push(list("Stale", chip.stale.map(capital)));
    made.push(list("Holes", chip.holes.slice(-40).map((hole) => `${hole.what}: ${moment(hole.start_ms, zone)} to ${moment(hole.end_ms, zone)} (${hole.cause})`)));
    made.push(list("Sources", Object.entries(chip.sources).map(([what, from]) => `${what}: ${from.join(", ")}`)));
  }
  if (status?.verdicts) made.push(h("p", {}, `Verdicts of the evidence: ${status.verdicts}.`));
  return made;
}

function list(title: string, items: InstrumentCard["frames"]): HTMLElement {
  return h("section", {}, h("h3", {}, title), items.length ? h("ul", {}, ...items.map((item) => h("li", {}, item))) : h("p", { class: "muted" }, "none"));
}
