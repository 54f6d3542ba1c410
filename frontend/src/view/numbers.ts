// Numbers as a reader wants them: exact where it matters, short where it does not.

export const ABSENT = "–";

const UNITS: readonly [number, string][] = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "k"],
];

/** Three significant digits with a suffix: 12.3 M. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return ABSENT;
  const size = Math.abs(value);
  for (const [unit, letter] of UNITS) {
    if (size >= unit) return `${significant(value / unit)} ${letter}`;
  }
  return size === 0 ? "0" : significant(value);
}

export function usd(value: number): string {
  return Number.isFinite(value) ? `${value < 0 ? "−" : ""}$${short(Math.abs(value))}` : ABSENT;
}

/** Every digit, grouped by thousands: what a threshold is, not roughly what it is. */
export function exactUsd(value: number): string {
  return Number.isFinite(value) ? `$${Math.round(value).toLocaleString("en-US")}` : ABSENT;
}

export function price(value: number, tick: number): string {
  if (!Number.isFinite(value)) return ABSENT;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits(tick), maximumFractionDigits: digits(tick) });
}

/** Decimal places of a tick: 0.1 has one, 0.05 two, 5 none. */
export function digits(tick: number): number {
  if (!(tick > 0)) return 2;
  for (let places = 0; places <= 10; places++) {
    const scaled = tick * 10 ** places;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled) return places;
  }
  return 10;
}

export function percent(fraction: number, places = 1): string {
  return Number.isFinite(fraction) ? `${signless(100 * fraction, places)} %` : ABSENT;
}

export function signed(value: number, write: (value: number) => string): string {
  return value > 0 ? `+${write(value)}` : write(value);
}

/** A number of a layer by its column's unit; `base` is the asset that quantities are counted in. */
export function byUnit(value: number, unit: string, tick: number, base: string): string {
  if (!Number.isFinite(value)) return ABSENT;
  switch (unit) {
    case "price":
      return price(value, tick);
    case "quantity":
      return `${short(value)} ${base}`;
    case "notional":
      return usd(value);
    case "fraction":
      return Math.abs(value) < 0.01 && value !== 0 ? `${significant(100 * value)} %` : percent(value);
    case "bps":
      return `${significant(value)} bp`;
    case "sigma":
      return `${signless(value, 2)} σ`;
    case "flag":
      return value > 0 ? "yes" : "no";
    case "count":
    case "ticks":
      return Math.round(value).toLocaleString("en-US");
    default:
      return significant(value);
  }
}

export function age(ms: number): string {
  if (!Number.isFinite(ms)) return ABSENT;
  const seconds = Math.max(ms, 0) / 1000;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

function significant(value: number): string {
  const size = Math.abs(value);
  if (size < 0.01 && size >= 1e-6) return String(Number(value.toPrecision(3))).replace("-", "−");
  return signless(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 4);
}

function signless(value: number, places: number): string {
  return value.toFixed(places).replace("-", "−");
}
