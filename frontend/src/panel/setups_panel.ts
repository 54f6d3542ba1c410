// Every signal with all its reasons and what evidence found each of them worth. A click jumps to the bar.
import type { Picture } from "../store/picture";
import type { Reason, ScoreCard, SignalCard } from "../wire/messages";
import { price, signed } from "../view/numbers";
import type { Palette } from "../view/palette";
import { shortMoment, zoneName } from "../view/time";
import { capital, spoken } from "../view/words";
import { fill, h, place } from "./dom";

export function showSetups(body: HTMLElement, picture: Picture, palette: Palette, zone: string, jump: (ms: number) => void): void {
  const live = picture.signals.filter((signal) => signal.live);
  const past = picture.signals.filter((signal) => !signal.live);
  const tick = picture.head.tick_size;
  const open = new Set([...body.querySelectorAll("details[open]")].map((each) => (each as HTMLElement).dataset.id));
  fill(
    body,
    picture.score && confluence(picture.score, palette),
    h("h2", {}, "Valid now"),
    live.length ? null : h("p", { class: "muted" }, "No setup is valid at this moment. Below is what came and went, with the reason it ended."),
    ...live.map((signal) => card(signal, true)),
    h("h2", {}, `Earlier (${zoneName(zone, picture.watermarkMs)})`),
    past.length ? null : h("p", { class: "muted" }, "None in this window."),
    ...past.map((signal) => card(signal, false)),
  );

  function card(signal: SignalCard, shown: boolean): HTMLElement {
    const id = `${signal.setup} ${signal.id}`;
    const side = h("b", {}, signal.position_side);
    place(side, { color: signal.position_side === "long" ? palette.buy : palette.sell });
    const level = (name: string, value: number | null) =>
      value !== null && h("span", {}, `${name} `, h("span", { class: "figure" }, price(value, tick)));
    return h(
      "details",
      { class: "signal", "data-id": id, "data-event": signal.event, open: shown || open.has(id) },
      h(
        "summary",
        {},
        h("span", { class: "signal-title" }, side, ` ${signal.title}${signal.variant && signal.variant !== "only" ? ` (${spoken(signal.variant)})` : ""}`),
        h("span", { class: "muted" }, `${shortMoment(signal.known_ms, zone)} · ${spoken(signal.event)}${signal.cause ? ` (${spoken(signal.cause)})` : ""}`),
        verdict(signal.verdict),
      ),
      h("div", { class: "plan" }, level("entry", signal.entry), level("stop", signal.stop), level("target", signal.target), level("2nd", signal.target_2)),
      reasons(signal.reasons, palette),
      h("button", { class: "jump", onclick: () => jump(signal.ref_ms) }, "Show the bar"),
    );
  }
}

function confluence(score: ScoreCard, palette: Palette): HTMLElement {
  return h(
    "section",
    { class: "confluence" },
    h("h2", {}, score.title),
    h("p", {}, "Score ", h("b", {}, score.score === null ? "unknown" : signed(score.score, (x) => x.toFixed(2).replace("-", "−"))), ` of ${score.most.toFixed(2)} at most.`),
    score.vetoes.length > 0 && h("p", { class: "warning" }, `Vetoed: ${score.vetoes.map(spoken).join(", ")}.`),
    reasons(score.reasons, palette),
  );
}

function reasons(found: Reason[], palette: Palette): HTMLElement {
  return h(
    "ul",
    { class: "reasons" },
    ...found.map((reason) => {
      const part = h("span", { class: "part figure" }, reason.part === null ? "unknown" : signed(reason.part, (x) => x.toFixed(2).replace("-", "−")));
      if (reason.part) place(part, { color: reason.part > 0 ? palette.buy : palette.sell });
      return h("li", {}, part, h("span", {}, capital(reason.title), reason.detail && h("span", { class: "muted" }, ` ${reason.detail}`)), verdict(reason.verdict));
    }),
  );
}

function verdict(text: string): HTMLElement {
  return h("span", { class: "verdict", "data-verdict": text, title: "What the evidence found it worth" }, spoken(text));
}
