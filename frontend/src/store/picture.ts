// What is on the screen: a snapshot, kept up to date by deltas.
import type { Frame } from "../wire/frame";
import type { Candle, Chip, MtfGrid, ScoreCard, SignalCard, Snapshot } from "../wire/messages";
import { HeatGrid } from "./heat_grid";
import { Rows } from "./rows";

export interface Picture {
  head: Snapshot;
  seq: number;
  watermarkMs: number;
  candles: Candles;
  layers: ReadonlyMap<string, Rows>;
  heats: ReadonlyMap<string, HeatGrid>;
  signals: SignalCard[];
  forming: Candle | null;
  skipped: Record<string, number>;
  chip: Chip;
  summary: string[];
  mtf: MtfGrid | null;
  score: ScoreCard | null;
}

/** Bars on an even grid; NaN where the venue or the recording has none. */
export interface Candles {
  rows: Rows;
  openMs: Float64Array;
  frameMs: number;
}

export const CANDLES = "candles";

export function fromSnapshot(frame: Frame): Picture {
  if (frame.head.type !== "snapshot") throw new Error("A picture begins with a snapshot.");
  const layers = new Map(frame.layers.map((block) => [block.card.key, Rows.of(block)]));
  return {
    head: frame.head,
    seq: frame.head.seq,
    watermarkMs: frame.head.watermark_ms,
    candles: candlesOf(layers, frame.head.frame_ms),
    layers,
    heats: new Map(frame.heats.map((block) => [block.card.key, HeatGrid.of(block)])),
    signals: joined([], frame.head.signals),
    forming: frame.head.forming,
    skipped: frame.head.skipped,
    chip: frame.head.chip,
    summary: frame.head.summary ?? [],
    mtf: frame.head.mtf,
    score: frame.head.score,
  };
}

export function afterDelta(picture: Picture, frame: Frame): Picture {
  const layers = new Map(picture.layers);
  for (const block of frame.layers) {
    const known = layers.get(block.card.key);
    layers.set(block.card.key, known && !block.card.whole ? known.followedBy(block) : Rows.of(block));
  }
  const heats = new Map(picture.heats);
  for (const block of frame.heats) {
    const known = heats.get(block.card.key);
    heats.set(block.card.key, known ? known.followedBy(block) : HeatGrid.of(block));
  }
  const candlesGrew = frame.layers.some((block) => block.card.key === CANDLES && block.rows > 0);
  return {
    ...picture,
    seq: frame.head.seq,
    watermarkMs: frame.head.watermark_ms,
    layers,
    heats,
    candles: candlesGrew ? candlesOf(layers, picture.candles.frameMs) : picture.candles,
    signals: joined(picture.signals, frame.head.signals),
    forming: frame.head.forming,
    skipped: frame.head.skipped,
    chip: frame.head.chip,
    summary: frame.head.summary ?? picture.summary,
    mtf: frame.head.mtf ?? picture.mtf,
    score: frame.head.score ?? picture.score,
  };
}

/** Signals by id, the newest state of each, the most recently changed first. */
export function joined(known: SignalCard[], news: SignalCard[]): SignalCard[] {
  if (!news.length) return known;
  const byId = new Map(known.map((signal) => [`${signal.setup} ${signal.id}`, signal]));
  for (const signal of news) byId.set(`${signal.setup} ${signal.id}`, signal);
  return [...byId.values()].sort((a, b) => b.changed_ms - a.changed_ms);
}

/** The index of the bar that holds a moment: the last bar that opened at or before it; -1 before the first. */
export function barAt(candles: Candles, ms: number): number {
  const { openMs } = candles;
  let low = -1;
  let high = openMs.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((openMs[middle] ?? 0) <= ms) low = middle;
    else high = middle;
  }
  return low;
}

function candlesOf(layers: ReadonlyMap<string, Rows>, frameMs: number): Candles {
  const rows = layers.get(CANDLES);
  if (!rows) throw new Error("The picture has no candles.");
  const openMs = rows.array("ref_ms") ?? new Float64Array(0);
  return { rows, openMs: openMs as Float64Array, frameMs };
}
