// The replay's clock: play, pause, one bar, speed, and where in the recording it stands.
import type { Clock, ClockState } from "../wire/messages";
import { moment } from "../view/time";
import { h } from "./dom";

export interface ReplayBar {
  element: HTMLElement;
  show(state: ClockState, zone: string): void;
  playing(): boolean;
}

const SPEEDS = [1, 10, 60, 300, 1800, 3600, 14_400];

export function replayBar(send: (clock: Clock) => void): ReplayBar {
  let now: ClockState | null = null;
  const play = h("button", { class: "primary", onclick: () => send({ type: "clock", do: now?.playing ? "pause" : "play" }) }, "Play");
  const step = h("button", { onclick: () => send({ type: "clock", do: "step", value: 1 }), title: "One bar further (.)" }, "Step");
  const speed = h(
    "select",
    { "aria-label": "Speed", onchange: () => send({ type: "clock", do: "speed", value: Number(speed.value) }) },
    ...SPEEDS.map((value) => h("option", { value }, `${value}×`)),
  );
  const position = h("input", { type: "range", min: 0, max: 1000, value: 0, "aria-label": "Moment of the replay", onchange: () => jump() });
  const text = h("span", { class: "figure" });
  const element = h("section", { class: "replay", "aria-label": "Replay", hidden: true }, h("b", {}, "REPLAY"), play, step, speed, position, text);

  function jump(): void {
    if (now) send({ type: "clock", do: "jump", value: now.first_ms + (Number(position.value) / 1000) * (now.last_ms - now.first_ms) });
  }

  return {
    element,
    playing: () => now?.playing ?? false,
    show(state, zone) {
      now = state;
      element.hidden = false;
      play.textContent = state.playing ? "Pause" : "Play";
      if (!SPEEDS.includes(state.speed) && ![...speed.options].some((option) => Number(option.value) === state.speed)) {
        speed.append(h("option", { value: state.speed }, `${state.speed}×`));
      }
      speed.value = String(state.speed);
      if (document.activeElement !== position) {
        position.value = String((1000 * (state.at_ms - state.first_ms)) / Math.max(state.last_ms - state.first_ms, 1));
      }
      position.setAttribute("aria-valuetext", moment(state.at_ms, zone));
      text.textContent = `as known at ${moment(state.at_ms, zone)}`;
    },
  };
}
