// From a picture and the reader's choices to what is drawn. Which layer is on is the only thing asked of it by name.
import { CANDLES, type Picture } from "../store/picture";
import type { HeatGrid } from "../store/heat_grid";
import type { Rows } from "../store/rows";
import { byBar, ladders, type Ladder } from "./ladders";
import { seriesOf, type Series } from "./series";
import { shapesOf, type Shapes } from "./shapes";

export interface Drawn {
  series: Series[];
  shapes: Shapes;
  profiles: Ladder[];
  footprints: Map<number, Ladder>;
}

/** What one layer adds, kept as long as its rows stay the same. */
interface Part {
  series: Series[];
  shapes: Shapes | null;
  profiles: Ladder[];
  footprints: Map<number, Ladder> | null;
}

export class SceneMaker {
  private known = new Map<string, { rows: Rows; grid: Float64Array; part: Part }>();

  make(picture: Picture, on: (name: string) => boolean): Drawn {
    const drawn: Drawn = { series: [], shapes: { boxes: [], segments: [], marks: [] }, profiles: [], footprints: new Map() };
    const seen = new Map<string, { rows: Rows; grid: Float64Array; part: Part }>();
    for (const [key, rows] of picture.layers) {
      const before = this.known.get(key);
      const grid = picture.candles.openMs;
      const entry = before?.rows === rows && before.grid === grid ? before : { rows, grid, part: part(rows, picture) };
      seen.set(key, entry);
      if (key !== CANDLES && !on(rows.card.name)) continue;
      drawn.series.push(...entry.part.series);
      if (entry.part.shapes) {
        drawn.shapes.boxes.push(...entry.part.shapes.boxes);
        drawn.shapes.segments.push(...entry.part.shapes.segments);
        drawn.shapes.marks.push(...entry.part.shapes.marks);
      }
      drawn.profiles.push(...entry.part.profiles);
      if (entry.part.footprints) drawn.footprints = entry.part.footprints;
    }
    this.known = seen;
    return drawn;
  }
}

function part(rows: Rows, picture: Picture): Part {
  const { shape, name } = rows.card;
  return {
    series: name === CANDLES ? [volume(rows)] : seriesOf(rows, picture.candles),
    shapes: name === CANDLES ? null : shapesOf(rows),
    profiles: shape === "profile" ? ladders(rows) : [],
    footprints: shape === "footprint" ? byBar(ladders(rows), picture.candles) : null,
  };
}

function volume(candles: Rows): Series {
  const values = Float64Array.from({ length: candles.length }, (_, bar) => candles.number("volume", bar));
  return {
    layer: CANDLES,
    column: "volume",
    title: "volume",
    unit: "quantity",
    pane: "volume",
    kind: "columns",
    estimated: false,
    values,
    breaks: new Set(),
  };
}

/** The heat that is drawn: the liquidation map where it is on, else the book's. */
export function heatOf(picture: Picture, on: (name: string) => boolean): HeatGrid | null {
  const all = [...picture.heats.values()].filter((heat) => heat.columns > 0 && on(heat.card.name));
  return all.find((heat) => heat.card.estimated) ?? all[0] ?? null;
}

export function lastPrice(picture: Picture): number {
  if (picture.forming) return picture.forming.close;
  const close = picture.candles.rows.array("close");
  for (let bar = (close?.length ?? 0) - 1; bar >= 0; bar--) {
    const value = close?.[bar] ?? Number.NaN;
    if (Number.isFinite(value)) return value;
  }
  return Number.NaN;
}
