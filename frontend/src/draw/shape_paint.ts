// Boxes, segments and marks of any feature. Colours come from what a thing says (long, short, a session), not from its name.
import type { Box, Mark, Segment, Shapes } from "../view/shapes";
import { faded, type Palette } from "../view/palette";
import type { Tone } from "../view/words";
import type { Surface } from "./painted";

const FONT = "11px system-ui, 'DejaVu Sans', sans-serif";

export function toneColour(palette: Palette, tone: Tone): string {
  return tone === "buy" ? palette.buy : tone === "sell" ? palette.sell : palette.neutral;
}

/** Under the candles: zones, and the sessions as faint boxes with their name. */
export function paintBoxes({ context, axes }: Surface, boxes: Box[], palette: Palette): void {
  context.font = FONT;
  context.textBaseline = "top";
  const named: number[] = [];
  for (const box of boxes) {
    const left = axes.x(box.fromMs);
    const known = axes.x(box.knownMs);
    const right = Number.isNaN(box.toMs) ? axes.width : Math.min(axes.x(box.toMs), axes.width);
    if (right < 0 || left > axes.width || right - left < 1) continue;
    const top = axes.y(box.high);
    const height = Math.max(axes.y(box.low) - top, 1);
    if (top > axes.height || top + height < 0) continue;
    const alive = Number.isNaN(box.toMs);
    const session = box.session && box.label;
    const colour = session ? (palette.sessions[box.session] ?? palette.neutral) : toneColour(palette, box.tone);
    context.fillStyle = faded(colour, session ? 0.05 : alive ? 0.2 : 0.07);
    context.fillRect(known, top, right - known, height);
    context.strokeStyle = faded(colour, session ? 0.35 : alive ? 0.85 : 0.25);
    context.lineWidth = 1;
    context.setLineDash(box.estimated ? [4, 3] : []);
    context.strokeRect(Math.round(known) + 0.5, Math.round(top) + 0.5, Math.round(right - known), Math.round(height));
    if (known - left > 3) {
      // Before anyone could know it, only an outline.
      context.setLineDash([1, 3]);
      context.strokeRect(Math.round(left) + 0.5, Math.round(top) + 0.5, Math.round(known - left), Math.round(height));
    }
    if (session && right - left > context.measureText(box.label).width + 8) {
      if (named.some((x) => Math.abs(x - left) < 40)) continue;
      named.push(left);
      context.fillStyle = colour;
      context.fillText(box.label, Math.max(left, 0) + 3, Math.max(top - 13, 2));
    }
  }
  context.setLineDash([]);
}

/** Over the candles: levels, those that still stand with their name at the right end, none upon another. */
export function paintSegments({ context, axes }: Surface, segments: Segment[], palette: Palette, nowMs: number): void {
  context.font = FONT;
  context.textBaseline = "middle";
  const labels: { x: number; y: number; text: string; colour: string }[] = [];
  for (const segment of segments) {
    const left = axes.x(segment.fromMs);
    const right = Number.isNaN(segment.toMs) ? axes.width : Math.min(axes.x(segment.toMs), axes.width);
    const y = axes.y(segment.price);
    if (right < 0 || left > axes.width || y < 0 || y > axes.height) continue;
    const colour = toneColour(palette, segment.tone);
    const past = segment.toMs < nowMs;
    context.strokeStyle = faded(colour, past ? 0.28 : 0.85);
    context.lineWidth = 1;
    context.setLineDash([5, 4]);
    context.beginPath();
    context.moveTo(Math.max(left, 0), Math.round(y) + 0.5);
    context.lineTo(right, Math.round(y) + 0.5);
    context.stroke();
    if (segment.label && !past) labels.push({ x: right, y, text: segment.label, colour });
  }
  context.setLineDash([]);
  const taken: [number, number, number][] = [];
  for (const { x, y, text, colour } of labels.reverse()) {
    const width = context.measureText(text).width;
    const at = Math.min(x, axes.width - 4) - width;
    if (taken.some(([l, r, t]) => Math.abs(t - y) < 13 && at < r + 6 && at + width > l - 6)) continue;
    taken.push([at, at + width, y]);
    context.fillStyle = faded(palette.ground, 0.75);
    context.fillRect(at - 3, y - 7, width + 6, 13);
    context.fillStyle = colour;
    context.fillText(text, at, y + 0.5);
  }
}

export function paintMarks({ context, axes }: Surface, marks: Mark[], palette: Palette, highs: ArrayLike<number>, lows: ArrayLike<number>): void {
  context.font = FONT;
  context.textAlign = "center";
  const stacked = new Map<string, number>();
  const roomForText = (mark: Mark) => axes.spacing >= (mark.named ? 1.5 : 5);
  for (const mark of marks) {
    const x = axes.x(mark.ms) + axes.spacing / 2;
    if (x < -10 || x > axes.width + 10) continue;
    const bar = Math.floor((x - axes.origin) / axes.spacing);
    const edge = mark.place === "above" ? highs[bar] : lows[bar];
    const price = edge !== undefined && Number.isFinite(edge) ? edge : mark.price;
    if (!Number.isFinite(price)) continue;
    const key = `${bar} ${mark.place}`;
    const level = stacked.get(key) ?? 0;
    if (level > 3) continue;
    stacked.set(key, level + 1);
    const sign = mark.place === "above" ? -1 : 1;
    const y = axes.y(price) + sign * (8 + 9 * level);
    const size = axes.spacing >= 3 ? 4 : 2.5;
    context.fillStyle = toneColour(palette, mark.tone);
    context.strokeStyle = faded(palette.ground, 0.9);
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, y - sign * size);
    context.lineTo(x - size, y + sign * size);
    context.lineTo(x + size, y + sign * size);
    context.closePath();
    context.fill();
    context.stroke();
    if (mark.label && roomForText(mark) && level === 0) {
      context.textBaseline = sign > 0 ? "top" : "bottom";
      context.fillText(mark.label, x, y + sign * (size + 2));
      stacked.set(key, level + 2);
    }
  }
  context.textAlign = "start";
}

export interface Seen {
  boxes: Box[];
  marks: Mark[];
}

/** What lies under the pointer, newest first. */
export function under(shapes: Shapes, ms: number, barMs: number, price: number, tolerance: number, frameMs: number): Seen {
  return {
    boxes: shapes.boxes.filter(
      (box) => ms >= box.fromMs && !(ms > box.toMs) && price >= box.low - tolerance && price <= box.high + tolerance && !box.label,
    ),
    marks: shapes.marks.filter((mark) => mark.ms >= barMs && mark.ms < barMs + frameMs),
  };
}
