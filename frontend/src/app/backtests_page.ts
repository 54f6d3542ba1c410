// Backtests: equity, drawdown, costs and every round trip; liquidations are marked, and a trade can be seen on its bars.
import { getJson, Refused } from "../wire/http";
import { drawdown, liquidationPoints, trips, type BacktestPage, type Estimate, type Trip } from "../view/backtest";
import { percent, price, signed, usd } from "../view/numbers";
import { palette as paletteOf } from "../view/palette";
import { moment, zoneName } from "../view/time";
import { capital, spoken } from "../view/words";
import { plot } from "../draw/plot";
import { fill, h } from "../panel/dom";
import { refusal } from "./refusal";
import type { Session } from "./session";

const LISTED = 400;
const MOST_NAMED = 12;

export interface BacktestsPage {
  element: HTMLElement;
  show(): Promise<void>;
}

export function backtestsPage(session: Session, toChart: (trip: Trip, page: BacktestPage, all: Trip[]) => void): BacktestsPage {
  const element = h("main", { class: "paper", tabindex: -1, "aria-label": "Backtests" });
  let shown = "";

  async function show(): Promise<void> {
    const { detail, palette, zone } = session.settings.value;
    const key = `${detail} ${palette} ${zone}`;
    if (key === shown) return;
    shown = key;
    fill(element, h("h1", {}, "Backtests"), h("p", { class: "muted" }, "Reading…"));
    try {
      const names = await getJson<string[]>("/api/backtests");
      const name = names.includes(detail) ? detail : (names[0] ?? "");
      const page = await getJson<BacktestPage>(`/api/backtests/${encodeURIComponent(name)}`);
      if (key === shown) draw(names, name, page);
    } catch (fault) {
      shown = "";
      if (!(fault instanceof Refused)) throw fault;
      fill(element, h("h1", {}, "Backtests"), refusal(fault));
    }
  }

  function draw(names: string[], name: string, page: BacktestPage): void {
    const { palette: look, zone } = session.settings.value;
    const colours = paletteOf(look);
    const { performance, config, span, warnings } = page.result;
    const all = trips(page);
    const times = page.equity?.ref_ts ?? [];
    const forced = liquidationPoints(all, page.equity?.known_ts ?? []);
    const marked = forced.length ? `; ${forced.length} ${forced.length === 1 ? "liquidation" : "liquidations"} marked` : "";
    const equity = h("div", { class: "plot", role: "img", "aria-label": `Equity from ${usd(performance.initial)} to ${usd(performance.final)}${marked}` });
    const down = h("div", { class: "plot low", role: "img", "aria-label": "Drawdown" });
    fill(
      element,
      h("h1", {}, `Backtest: ${config.name || name}`),
      names.length > 1 && h("p", { class: "group" }, ...names.map((other) => h("button", { "aria-pressed": String(other === name), onclick: () => session.change({ detail: other }) }, other))),
      h("p", { class: "muted" }, `${config.data.venue} ${page.result.instruments.join(", ")}, ${config.data.timeframe}, ${span.start} to ${span.end}`),
      h("ul", { class: "warnings" }, ...warnings.map((text) => h("li", { class: "warning" }, text))),
      h(
        "div",
        { class: "figures" },
        figure("equity", `${usd(performance.initial)} → ${usd(performance.final)}`),
        figure("growth", percent(performance.growth)),
        figure("a year", estimate(performance.returns.annual_growth, (x) => percent(x))),
        figure("round trips", String(performance.round_trips)),
        figure("expectancy, R", estimate(performance.trades.expectancy, (x) => x.toFixed(2))),
        figure("hit rate", estimate(performance.trades.hit_rate, (x) => percent(x, 0))),
        figure("liquidations", String(performance.liquidations)),
        figure("costs", usd(Object.values(performance.costs).reduce((a, b) => a + b, 0))),
      ),
      h("h2", {}, `Equity, USD${marked}`),
      equity,
      h("h2", {}, "Drawdown"),
      down,
      h("h2", {}, "Costs"),
      h(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": "Costs" },
        h(
          "table",
          {},
          h("thead", {}, h("tr", {}, ...["what", "USD"].map((text) => h("th", { scope: "col" }, text)))),
          h(
            "tbody",
            {},
            ...Object.entries(performance.costs).map(([what, value]) => row(capital(spoken(what)), usd(value))),
            ...Object.entries(page.result.cost_grid).map(([factor, value]) => row(`Net result at ${factor.slice(1)} × the costs`, usd(value))),
          ),
        ),
      ),
      h("h2", {}, `Round trips (${zoneName(zone, all[0]?.entryMs ?? 0)}), ${Math.min(all.length, LISTED)} of ${all.length}, the newest first`),
      tripTable(all, page),
    );
    if (page.equity) {
      // Names only while they can be told apart; the table below has all of them.
      const marks = forced.map(({ point, trip }) => ({ ms: times[point] as number, text: forced.length <= MOST_NAMED ? `LIQUIDATED ${trip.number}` : "", colour: colours.sell }));
      plot(equity, times, [{ title: "", colour: colours.lines[1] as string, values: page.equity.equity }], usd, colours, zone, marks);
      plot(down, times, [{ title: "", colour: colours.sell, values: drawdown(page.equity.equity) }], (x) => percent(x), colours, zone);
    }
  }

  function tripTable(all: Trip[], page: BacktestPage): HTMLElement {
    const { zone } = session.settings.value;
    const headings = ["#", "instrument", "side", "entered", "at", "left", "at", "why", "R", "net", "costs", ""];
    return h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Round trips" },
      h(
        "table",
        { class: "trips" },
        h("thead", {}, h("tr", {}, ...headings.map((text) => (text ? h("th", { scope: "col" }, text) : h("td", {}))))),
        h(
          "tbody",
          {},
          ...all
            .slice(-LISTED)
            .reverse()
            .map((trip) =>
              h(
                "tr",
                { class: trip.liquidated ? "liquidated" : "" },
                ...[String(trip.number), trip.symbol, trip.leg, moment(trip.entryMs, zone).slice(0, 16), price(trip.entry, 0.01), moment(trip.exitMs, zone).slice(0, 16), price(trip.exit, 0.01), trip.liquidated ? "LIQUIDATED" : spoken(trip.reason), signed(trip.multiple, (x) => x.toFixed(2).replace("-", "−")), signed(trip.net, usd), usd(trip.costs)].map((text) => h("td", {}, text)),
                h("td", {}, h("button", { onclick: () => toChart(trip, page, all), "aria-label": `Show trade ${trip.number} on the chart` }, "chart")),
              ),
            ),
        ),
      ),
    );
  }

  return { element, show };
}

function figure(name: string, text: string): HTMLElement {
  return h("div", { class: "card" }, h("span", { class: "muted" }, name), h("b", { class: "figure" }, text));
}

function row(name: string, text: string): HTMLElement {
  return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, text));
}

/** A value with its interval, or why there is none. */
export function estimate(found: Estimate | undefined, write: (value: number) => string): string {
  if (!found || found.value === null || !Number.isFinite(found.value)) return found?.note || "not known";
  if (found.low === null || found.high === null) return write(found.value);
  return `${write(found.value)} [${write(found.low)}, ${write(found.high)}]`;
}
