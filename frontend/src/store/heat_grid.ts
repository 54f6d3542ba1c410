// The estimated liquidation map as bytes on the candle grid, and its max-pooled zoom levels.
import type { HeatBlock } from "../wire/frame";
import type { Heat } from "../wire/messages";

export interface Level {
  cells: Uint8Array;
  columns: number;
  bins: number;
}

export class HeatGrid {
  private readonly levels = new Map<string, Level>();

  constructor(
    readonly card: Heat,
    readonly edges: Float64Array,
    readonly cells: Uint8Array,
  ) {}

  static of(block: HeatBlock): HeatGrid {
    return new HeatGrid(block.card, block.edges, block.cells);
  }

  get columns(): number {
    return Math.max(this.edges.length - 1, 0);
  }

  get bins(): number {
    return this.card.bins;
  }

  /** Columns of a delta replace what they overlap and follow what they do not. Another price grid cannot be joined. */
  followedBy(block: HeatBlock): HeatGrid {
    const next = block.card;
    if (!next.columns) return this;
    if (next.bins !== this.bins || next.price_low !== this.card.price_low || next.price_step !== this.card.price_step) {
      return HeatGrid.of(block);
    }
    const first = block.edges[0] ?? 0;
    let keep = this.columns;
    while (keep > 0 && (this.edges[keep - 1] ?? 0) >= first) keep--;
    const edges = new Float64Array(keep + block.edges.length);
    edges.set(this.edges.subarray(0, keep));
    edges.set(block.edges, keep);
    const cells = new Uint8Array((keep + next.columns) * this.bins);
    cells.set(this.cells.subarray(0, keep * this.bins));
    cells.set(block.cells, keep * this.bins);
    return new HeatGrid({ ...this.card, columns: keep + next.columns, full_usd: this.card.full_usd }, edges, cells);
  }

  /** Lower price of a bin; a fraction lies between. */
  price(bin: number): number {
    const { price_low, price_step, price_scale } = this.card;
    return price_scale === "log" ? price_low * Math.exp(bin * price_step) : price_low + bin * price_step;
  }

  /** The bin of a price, with its fraction; it may lie outside the grid. */
  bin(price: number): number {
    const { price_low, price_step, price_scale } = this.card;
    return price_scale === "log" ? Math.log(price / price_low) / price_step : (price - price_low) / price_step;
  }

  /** The column that holds a moment, or -1. */
  column(ms: number): number {
    const { edges } = this;
    if (!(ms >= (edges[0] ?? Infinity)) || ms >= (edges[edges.length - 1] ?? -Infinity)) return -1;
    let low = 0;
    let high = edges.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((edges[middle] ?? 0) <= ms) low = middle;
      else high = middle;
    }
    return low;
  }

  byte(column: number, bin: number): number {
    if (column < 0 || column >= this.columns || bin < 0 || bin >= this.bins) return 0;
    return this.cells[column * this.bins + bin] ?? 0;
  }

  /** Dollars behind a byte: full_usd * (b / 255)^2. */
  usd(byte: number): number {
    return this.card.full_usd * (byte / 255) ** 2;
  }

  /**
   * The grid with `across` columns and `up` bins folded into one, keeping the largest: a thin strong level survives any
   * zoom, which plain scaling would average away. Both are powers of two. Levels are made once, from the next finer one.
   */
  pooled(across: number, up: number): Level {
    if (across === 1 && up === 1) return { cells: this.cells, columns: this.columns, bins: this.bins };
    const key = `${across}/${up}`;
    const known = this.levels.get(key);
    if (known) return known;
    const made = up > 1 ? poolBins(this.pooled(across, up / 2)) : poolColumns(this.pooled(across / 2, up));
    this.levels.set(key, made);
    return made;
  }
}

function poolColumns(from: Level): Level {
  const columns = Math.ceil(from.columns / 2);
  const { bins } = from;
  const cells = new Uint8Array(columns * bins);
  for (let column = 0; column < columns; column++) {
    const left = 2 * column * bins;
    const right = 2 * column + 1 < from.columns ? left + bins : left;
    const to = column * bins;
    for (let bin = 0; bin < bins; bin++) {
      const a = from.cells[left + bin] as number;
      const b = from.cells[right + bin] as number;
      cells[to + bin] = a > b ? a : b;
    }
  }
  return { cells, columns, bins };
}

function poolBins(from: Level): Level {
  const bins = Math.ceil(from.bins / 2);
  const cells = new Uint8Array(from.columns * bins);
  for (let column = 0; column < from.columns; column++) {
    const source = column * from.bins;
    const to = column * bins;
    for (let bin = 0; bin < bins; bin++) {
      const a = from.cells[source + 2 * bin] as number;
      const b = 2 * bin + 1 < from.bins ? (from.cells[source + 2 * bin + 1] as number) : a;
      cells[to + bin] = a > b ? a : b;
    }
  }
  return { cells, columns: from.columns, bins };
}
