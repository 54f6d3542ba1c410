// A binary frame, read in place: u32 header length | JSON header | raw little-endian arrays.
import type { Column, Delta, Heat, Layer, Snapshot } from "./messages";

export type Values = Float64Array | Float32Array | Uint8Array;

export interface Block {
  card: Layer;
  rows: number;
  columns: Map<string, { column: Column; values: Values }>;
}

export interface HeatBlock {
  card: Heat;
  edges: Float64Array;
  cells: Uint8Array;
}

export interface Frame {
  head: Snapshot | Delta;
  layers: Block[];
  heats: HeatBlock[];
}

/** The bytes do not follow the protocol; the message says where. */
export class MalformedFrame extends Error {}

const WIDTH = { float64: 8, float32: 4, uint8: 1 } as const;

export function decode(buffer: ArrayBuffer): Frame {
  if (buffer.byteLength < 4) throw new MalformedFrame(`a frame of ${buffer.byteLength} bytes has no header`);
  const length = new DataView(buffer).getUint32(0, true);
  if (4 + length > buffer.byteLength) throw new MalformedFrame(`the header claims ${length} of ${buffer.byteLength} bytes`);
  const base = 4 + length;
  if (base % 8) throw new MalformedFrame(`the arrays begin at ${base}, which is no multiple of 8`);
  const head = parse(buffer, length);
  return {
    head,
    layers: head.layers.map((card) => block(buffer, base, card)),
    heats: head.heats.map((card) => ({
      card,
      edges: array(buffer, "float64", base + card.edges_offset, card.columns + 1) as Float64Array,
      cells: array(buffer, "uint8", base + card.cells_offset, card.columns * card.bins) as Uint8Array,
    })),
  };
}

function parse(buffer: ArrayBuffer, length: number): Snapshot | Delta {
  let head: unknown;
  try {
    head = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(buffer, 4, length)));
  } catch (cause) {
    throw new MalformedFrame(`the header is not JSON (${String(cause)})`);
  }
  const found = head as Partial<Snapshot>;
  if (!Array.isArray(found.layers) || !Array.isArray(found.heats) || typeof found.seq !== "number") {
    throw new MalformedFrame("the header has no layers, heats or number");
  }
  return head as Snapshot | Delta;
}

function block(buffer: ArrayBuffer, base: number, card: Layer): Block {
  const columns = new Map<string, { column: Column; values: Values }>();
  for (const column of card.columns) {
    columns.set(column.name, { column, values: array(buffer, column.dtype, base + column.offset, card.rows) });
  }
  return { card, rows: card.rows, columns };
}

function array(buffer: ArrayBuffer, dtype: keyof typeof WIDTH, offset: number, rows: number): Values {
  const width = WIDTH[dtype];
  if (!width) throw new MalformedFrame(`an array has the unknown type ${String(dtype)}`);
  if (!(offset >= 0) || !(rows >= 0) || offset % width !== 0 || offset + rows * width > buffer.byteLength) {
    throw new MalformedFrame(`an array of ${rows} ${dtype} at ${offset} does not fit ${buffer.byteLength} bytes`);
  }
  if (dtype === "float64") return new Float64Array(buffer, offset, rows);
  if (dtype === "float32") return new Float32Array(buffer, offset, rows);
  return new Uint8Array(buffer, offset, rows);
}
