// What the reader chose: kept in localStorage (the look) and in the address (what is shown), so that a link shows the same.

export type Page = "chart" | "frames" | "backtests" | "evidence" | "alerts";
export type ScaleMap = "sqrt" | "log";
export type PaletteName = "dark" | "colour-blind";

export interface Settings {
  page: Page;
  venue: string;
  symbol: string;
  frame: string;
  bars: number;
  at: number | null;
  /** What a page shows in detail: a factor or a backtest. */
  detail: string;
  /** Layers switched on or off by hand; the others follow the server's catalogue. */
  layers: Record<string, boolean>;
  /** Heat range in USD; null: the ends of the fixed scale. */
  heatLow: number | null;
  heatHigh: number | null;
  heatMap: ScaleMap;
  zone: string;
  palette: PaletteName;
  side: "levels" | "setups" | "tape" | "book";
  /** A tone when an alert fires. */
  sound: boolean;
}

export const DEFAULTS: Settings = {
  page: "chart",
  venue: "",
  symbol: "",
  frame: "",
  bars: 1000,
  at: null,
  detail: "",
  layers: {},
  heatLow: null,
  heatHigh: null,
  heatMap: "sqrt",
  zone: "UTC",
  palette: "dark",
  side: "levels",
  sound: false,
};

const PAGES: readonly Page[] = ["chart", "frames", "backtests", "evidence", "alerts"];
const LOOK = ["layers", "heatLow", "heatHigh", "heatMap", "zone", "palette", "side", "sound"] as const;
const KEY = "perpscope.look";

export interface Keep {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** The address wins over what was kept; what neither says is the default. */
export function readSettings(search: string, keep: Keep | null): Settings {
  const settings: Settings = { ...DEFAULTS, ...keptLook(keep) };
  const address = new URLSearchParams(search);
  const page = address.get("page") as Page | null;
  if (page && PAGES.includes(page)) settings.page = page;
  settings.venue = address.get("venue") ?? "";
  settings.symbol = address.get("symbol") ?? "";
  settings.frame = address.get("frame") ?? "";
  settings.detail = address.get("detail") ?? "";
  settings.bars = positive(address.get("bars")) ?? DEFAULTS.bars;
  settings.at = positive(address.get("at"));
  settings.heatLow = positive(address.get("low")) ?? settings.heatLow;
  settings.heatHigh = positive(address.get("high")) ?? settings.heatHigh;
  const zone = address.get("zone");
  if (zone && knownZone(zone)) settings.zone = zone;
  return settings;
}

export function writeAddress(settings: Settings): string {
  const address = new URLSearchParams();
  if (settings.page !== "chart") address.set("page", settings.page);
  for (const name of ["venue", "symbol", "frame", "detail"] as const) if (settings[name]) address.set(name, settings[name]);
  if (settings.bars !== DEFAULTS.bars) address.set("bars", String(settings.bars));
  if (settings.at !== null) address.set("at", String(settings.at));
  if (settings.heatLow !== null) address.set("low", String(Math.round(settings.heatLow)));
  if (settings.heatHigh !== null) address.set("high", String(Math.round(settings.heatHigh)));
  if (settings.zone !== "UTC") address.set("zone", settings.zone);
  const text = address.toString();
  return text ? `?${text}` : "";
}

export function keepLook(settings: Settings, keep: Keep | null): void {
  const look = Object.fromEntries(LOOK.map((name) => [name, settings[name]]));
  keep?.setItem(KEY, JSON.stringify(look));
}

function keptLook(keep: Keep | null): Partial<Settings> {
  const text = keep?.getItem(KEY);
  if (!text) return {};
  try {
    const kept = JSON.parse(text) as Record<string, unknown>;
    const same = (name: (typeof LOOK)[number]) =>
      name in kept && (kept[name] === null || DEFAULTS[name] === null || typeof kept[name] === typeof DEFAULTS[name]);
    return Object.fromEntries(LOOK.filter(same).map((name) => [name, kept[name]])) as Partial<Settings>;
  } catch {
    return {}; // Kept by something else under our name: the defaults are the honest answer.
  }
}

function positive(text: string | null): number | null {
  const value = text === null ? Number.NaN : Number(text);
  return Number.isFinite(value) && value > 0 ? value : null;
}

export function knownZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
