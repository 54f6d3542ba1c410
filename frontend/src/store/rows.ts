// The rows of one layer, column by column, as the server's fold emitted them.
import type { Block, Values } from "../wire/frame";
import type { Column, Layer } from "../wire/messages";

export class Rows {
  constructor(
    readonly card: Layer,
    readonly length: number,
    private readonly values: ReadonlyMap<string, { column: Column; values: Values }>,
  ) {}

  static of(block: Block): Rows {
    return new Rows(block.card, block.rows, block.columns);
  }

  /** These rows followed by newer ones of the same columns. */
  followedBy(block: Block): Rows {
    if (!block.rows) return this;
    const joined = new Map<string, { column: Column; values: Values }>();
    for (const [name, { column, values }] of this.values) {
      const more = block.columns.get(name)?.values;
      if (!more) continue;
      const whole = like(values, values.length + more.length);
      whole.set(values);
      whole.set(more, values.length);
      joined.set(name, { column, values: whole });
    }
    return new Rows(this.card, this.length + block.rows, joined);
  }

  get columns(): Column[] {
    return [...this.values.values()].map((entry) => entry.column);
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  column(name: string): Column | undefined {
    return this.values.get(name)?.column;
  }

  /** NaN where absent or where there is no such column. */
  number(name: string, row: number): number {
    return this.values.get(name)?.values[row] ?? Number.NaN;
  }

  /** The name of an enum value; empty where there is none. */
  word(name: string, row: number): string {
    const entry = this.values.get(name);
    return entry?.column.choices?.[entry.values[row] ?? 255] ?? "";
  }

  flag(name: string, row: number): boolean {
    return this.number(name, row) > 0;
  }

  array(name: string): Values | null {
    return this.values.get(name)?.values ?? null;
  }
}

function like(values: Values, length: number): Values {
  if (values instanceof Float64Array) return new Float64Array(length);
  if (values instanceof Float32Array) return new Float32Array(length);
  return new Uint8Array(length);
}
