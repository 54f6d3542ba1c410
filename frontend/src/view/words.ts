// Words of the data turned into words for a reader.

const PROPER: Record<string, string> = {
  ema: "EMA", vwap: "VWAP", poc: "POC", vah: "VAH", val: "VAL", cvd: "CVD", rsi: "RSI", atr: "ATR", ofi: "OFI", vpin: "VPIN",
  new: "New", york: "York", london: "London", asia: "Asia", asian: "Asian", sydney: "Sydney", hong: "Hong", kong: "Kong",
  frankfurt: "Frankfurt", us: "US", usd: "USD", pm: "PM",
};

/** change_of_character -> "change of character", new_york_0830 -> "New York 08:30" */
export function spoken(name: string): string {
  return name
    .split("_")
    .map((word) => PROPER[word] ?? (/^\d{4}$/.test(word) ? `${word.slice(0, 2)}:${word.slice(2)}` : word))
    .join(" ");
}

export function capital(text: string): string {
  return text ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** break_of_structure -> BOS; the field writes one of them differently. */
export function initials(name: string): string {
  if (name === "change_of_character") return "CHoCH";
  return name
    .split("_")
    .map((word) => word.charAt(0).toUpperCase())
    .join("");
}

export type Tone = "buy" | "sell" | "neutral";

const BUY = new Set(["up", "long", "buy", "bid", "low", "bull", "discount", "long_build", "short_cover"]);
const SELL = new Set(["down", "short", "sell", "ask", "high", "bear", "premium", "short_build", "long_unwind"]);

/** Which way a word points: the only thing that gives a drawn shape its colour. */
export function tone(word: string): Tone {
  return BUY.has(word) ? "buy" : SELL.has(word) ? "sell" : "neutral";
}
