// Moments in the chosen zone, always with the zone's name beside them.

const cache = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${JSON.stringify(options)}`;
  let known = cache.get(key);
  if (!known) {
    known = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options });
    cache.set(key, known);
  }
  return known;
}

interface Parts {
  year: string;
  month: string;
  day: string;
  hour: string;
  minute: string;
  second: string;
}

const FULL: Intl.DateTimeFormatOptions = {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
};

function parts(ms: number, zone: string): Parts {
  const found: Record<string, string> = {};
  for (const part of format(zone, FULL).formatToParts(ms)) found[part.type] = part.value;
  return found as unknown as Parts;
}

/** 2024-08-05 14:00 UTC */
export function moment(ms: number, zone: string): string {
  if (!Number.isFinite(ms)) return "–";
  const p = parts(ms, zone);
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute} ${zoneName(zone, ms)}`;
}

/** 08-05 14:00, for lists whose heading names the zone. */
export function shortMoment(ms: number, zone: string, seconds = false): string {
  if (!Number.isFinite(ms)) return "–";
  const p = parts(ms, zone);
  return `${p.month}-${p.day} ${p.hour}:${p.minute}${seconds ? `:${p.second}` : ""}`;
}

/** "UTC", or the zone's own abbreviation at that moment: EDT, GMT+9. */
export function zoneName(zone: string, ms: number): string {
  if (zone === "UTC") return "UTC";
  const part = format(zone, { timeZoneName: "short" })
    .formatToParts(ms)
    .find((p) => p.type === "timeZoneName");
  return part?.value ?? zone;
}

export type Tick = "year" | "month" | "day" | "time" | "seconds";

/** The label of a tick on the time axis. */
export function tick(ms: number, kind: Tick, zone: string): string {
  const p = parts(ms, zone);
  switch (kind) {
    case "year":
      return p.year;
    case "month":
      return format(zone, { month: "short", year: "2-digit" }).format(ms);
    case "day":
      return format(zone, { day: "numeric", month: "short" }).format(ms);
    case "time":
      return `${p.hour}:${p.minute}`;
    case "seconds":
      return `${p.hour}:${p.minute}:${p.second}`;
  }
}
