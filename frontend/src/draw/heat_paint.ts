// The heat under the candles: tiles of a max-pooled level, coloured once by a lookup table and stretched into place.
import type { HeatGrid } from "../store/heat_grid";
import type { Surface } from "./painted";

const TILE = 512;
/** Bins per strip: on a log grid the strips follow the linear axis closely. */
const STRIP = 16;

export class HeatPaint {
  private tiles = new Map<string, HTMLCanvasElement>();
  private grid: HeatGrid | null = null;
  private table: Uint32Array<ArrayBufferLike> = new Uint32Array(256);

  show(grid: HeatGrid | null, table: Uint32Array): void {
    if (grid !== this.grid || table !== this.table) this.tiles.clear();
    this.grid = grid;
    this.table = table;
  }

  paint({ context, axes }: Surface): void {
    const { grid } = this;
    if (!grid?.columns || !grid.bins) return;
    const first = axes.x(grid.edges[0] ?? 0);
    const perColumn = (axes.x(grid.edges[grid.columns] ?? 0) - first) / grid.columns;
    const top = axes.y(grid.price(grid.bins));
    const perBin = Math.abs(axes.y(grid.price(0)) - top) / grid.bins;
    if (!(perColumn > 0) || !(perBin > 0)) return;
    const across = power(1 / perColumn, grid.columns);
    const up = power(1 / perBin, grid.bins);
    const level = grid.pooled(across, up);
    const tileWidth = perColumn * across * TILE;
    const from = Math.max(Math.floor(-first / tileWidth), 0);
    const to = Math.min(Math.floor((axes.width - first) / tileWidth), Math.floor((level.columns - 1) / TILE));
    context.imageSmoothingEnabled = false;
    for (let tile = from; tile <= to; tile++) {
      const canvas = this.tile(across, up, tile);
      const left = Math.round(first + tile * tileWidth);
      const right = Math.round(first + tile * tileWidth + perColumn * across * canvas.width);
      this.strips(context, axes, canvas, level.bins, up, left, right - left);
    }
  }

  private strips(
    context: CanvasRenderingContext2D,
    axes: Surface["axes"],
    canvas: HTMLCanvasElement,
    bins: number,
    up: number,
    left: number,
    width: number,
  ): void {
    const { grid } = this;
    if (!grid) return;
    const step = grid.card.price_scale === "log" ? STRIP : bins;
    for (let bin = 0; bin < bins; bin += step) {
      const count = Math.min(step, bins - bin);
      const low = Math.round(axes.y(grid.price(bin * up)));
      const high = Math.round(axes.y(grid.price((bin + count) * up)));
      if (low < 0 || high > axes.height || low === high) continue;
      // The canvas has its highest price on top, as the screen has.
      context.drawImage(canvas, 0, bins - bin - count, canvas.width, count, left, high, width, low - high);
    }
  }

  private tile(across: number, up: number, index: number): HTMLCanvasElement {
    const key = `${across}/${up}/${index}`;
    const known = this.tiles.get(key);
    if (known) return known;
    const canvas = document.createElement("canvas");
    const level = (this.grid as HeatGrid).pooled(across, up);
    const begin = index * TILE;
    const width = Math.min(TILE, level.columns - begin);
    canvas.width = width;
    canvas.height = level.bins;
    const context = canvas.getContext("2d");
    if (!context) return canvas;
    const image = context.createImageData(width, level.bins);
    const pixels = new Uint32Array(image.data.buffer);
    const { cells, bins } = level;
    for (let bin = 0; bin < bins; bin++) {
      const row = (bins - 1 - bin) * width;
      for (let column = 0; column < width; column++) {
        pixels[row + column] = this.table[cells[(begin + column) * bins + bin] as number] as number;
      }
    }
    context.putImageData(image, 0, 0);
    this.tiles.set(key, canvas);
    return canvas;
  }
}

/** The smallest power of two that is at least `wanted`, not beyond what there is. */
function power(wanted: number, most: number): number {
  let found = 1;
  while (found < wanted && found < most) found *= 2;
  return found;
}
