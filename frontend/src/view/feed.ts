// The state of the data in a few words: how old it is, what is missing, which channels lag.
import type { Chip, StatusMessage } from "../wire/messages";
import { age } from "./numbers";
import { moment } from "./time";

export interface Feed {
  line: "connecting" | "open" | "lost" | "offline";
  chip: Chip | null;
  status: StatusMessage | null;
  watermarkMs: number;
  zone: string;
}

export function inWords({ line, chip, status, watermarkMs, zone }: Feed): { text: string; level: "good" | "warn" | "bad" } {
  if (line === "lost") return { text: "disconnected", level: "bad" };
  if (line === "connecting") return { text: "connecting…", level: "warn" };
  if (!chip) return { text: "no picture yet", level: "warn" };
  const lagging = status?.feeds.filter((feed) => feed.state !== "live") ?? [];
  const heard = (status?.feeds ?? []).flatMap((feed) => (feed.age_ms === null ? [] : [feed.age_ms]));
  const holes = chip.holes.length;
  const parts = [
    line === "offline" || !status?.feeds.length ? `as of ${moment(watermarkMs, zone)}` : heard.length ? `data ${age(Math.min(...heard))} old` : "not heard yet",
    holes ? `${holes} ${holes === 1 ? "hole" : "holes"}` : "no holes",
    ...(lagging.length ? [`${lagging.length} of ${status?.feeds.length} channels not live`] : []),
    ...(chip.stale.length ? [`stale: ${chip.stale.length}`] : []),
  ];
  const lost = lagging.some((feed) => feed.state === "lost");
  return { text: parts.join(" · "), level: lost ? "bad" : lagging.length || chip.stale.length || holes ? "warn" : "good" };
}
