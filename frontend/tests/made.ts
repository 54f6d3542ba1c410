// Frames for tests, put together here and not by the server's code.
import type { Heat, Layer, Snapshot } from "../src/wire/messages";

export function head(type: "snapshot" | "delta", seq: number): Record<string, unknown> {
  return {
    type, id: 1, epoch: "e", seq, after_seq: seq - 1, watermark_ms: 0, venue: "v", symbol: "S", frame: "1m", frame_ms: 60_000,
    base: "BTC", quote: "USDT", tick_size: 0.1, start_ms: 0, end_ms: 0, history_ms: 0, absent: {}, mix: "", signals: [],
    forming: null, skipped: {}, chip: { age_ms: 0, holes: [], stale: [], sources: {} }, summary: null, mtf: null, score: null,
  } satisfies Partial<Record<keyof Snapshot | "after_seq", unknown>>;
}

/** Candles with `ref_ms` and `close`, and one heat of `cells[column][bin]` whose first column begins at `from`. */
export function frame(header: Record<string, unknown>, times: number[], closes: number[], cells: number[][], from = 0): ArrayBuffer {
  const parts: Uint8Array[] = [];
  let length = 0;
  const place = (array: Float64Array | Uint8Array): number => {
    const at = length;
    const padded = new Uint8Array(Math.ceil(array.byteLength / 8) * 8);
    padded.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    parts.push(padded);
    length += padded.length;
    return at;
  };
  const column = (name: string, unit: string, values: number[]) => ({ name, unit, help: "", dtype: "float64" as const, offset: place(new Float64Array(values)), choices: null });
  const candles: Layer = {
    key: "candles", name: "candles", title: "Candles", shape: "line", pane: "price", frame: "1m", episodes: false,
    estimated: false, rows: times.length, dropped: 0,
    columns: [column("ref_ms", "ns", times), ...["open", "high", "low", "close", "volume"].map((name) => column(name, "price", closes))],
  };
  const bins = cells[0]?.length ?? 0;
  const heat: Heat = {
    key: "heat", name: "liquidation_heatmap", title: "Heat", pane: "price", estimated: true, columns: cells.length, bins, pool: 1,
    edges_offset: place(Float64Array.from({ length: cells.length + 1 }, (_, i) => from + 60_000 * i)),
    cells_offset: place(Uint8Array.from(cells.flat())), price_low: 9, price_step: 1, price_scale: "linear", scale: "sqrt", full_usd: 1e6,
  };
  let text = JSON.stringify({ ...header, layers: [candles], heats: [heat] });
  text += " ".repeat((8 - ((text.length + 4) % 8)) % 8);
  const bytes = new Uint8Array(4 + text.length + length);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(new TextEncoder().encode(text), 4);
  let at = 4 + text.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes.buffer;
}
