// Alerts as the server told them; what fired while no page was open is there too.
import { getJson, Refused } from "../wire/http";
import type { Alert } from "../wire/messages";
import { moment } from "../view/time";
import { beep } from "../panel/beep";
import { fill, h } from "../panel/dom";
import { refusal } from "./refusal";
import type { Session } from "./session";

export interface AlertsPage {
  element: HTMLElement;
  show(): Promise<void>;
}

export function alertsPage(session: Session): AlertsPage {
  const element = h("main", { class: "paper", tabindex: -1, "aria-label": "Alerts" });
  let kept: Alert[] = [];

  async function show(): Promise<void> {
    try {
      kept = await getJson<Alert[]>("/api/alerts");
    } catch (fault) {
      if (!(fault instanceof Refused)) throw fault;
      fill(element, h("h1", {}, "Alerts"), refusal(fault));
      return;
    }
    draw();
  }

  function draw(): void {
    const { zone } = session.settings.value;
    const all = new Map([...kept, ...session.alerts.value].map((alert) => [alert.number, alert]));
    const sorted = [...all.values()].sort((a, b) => b.number - a.number);
    const skipped = sorted.reduce((sum, alert) => sum + (alert.skipped ?? 0), 0);
    fill(
      element,
      h("h1", {}, "Alerts"),
      h("label", { class: "sound" }, h("input", { type: "checkbox", checked: session.settings.value.sound, onchange: turn }), " A tone when an alert fires while this page is open"),
      sorted.length
        ? h("p", { class: "muted" }, `The newest first.${skipped ? ` ${skipped} older ones were left out.` : ""}`)
        : h("div", { class: "notice-box" }, h("strong", {}, "No alert has fired."), h("p", {}, "Rules are checked on the server while it streams: perpscope live with a file of rules. Each firing is listed here, and sent where the rules say.")),
      ...sorted.map((alert) =>
        h(
          "article",
          { class: "card alert" },
          h("b", {}, alert.title),
          h("span", { class: "muted" }, ` ${alert.venue} ${alert.symbol}, ${moment(alert.known_ms, zone)}, rule ${alert.rule}`),
          h("p", {}, alert.text),
          h("button", { onclick: () => session.change({ page: "chart", venue: alert.venue, symbol: alert.symbol }) }, "Show the chart"),
        ),
      ),
    );
  }

  /** The tone is played once, so that the reader hears what it is and the browser allows the next ones. */
  function turn(): void {
    const sound = !session.settings.value.sound;
    session.change({ sound });
    if (sound) beep();
  }

  session.alerts.watch(() => session.settings.value.page === "alerts" && draw());
  return { element, show };
}
