// Profiles beside their day, footprints inside their bar. Footprints have three levels of detail: figures where there is
// room for them, coloured rungs where there is less, nothing where a bar is only a few pixels wide.
import { short } from "../view/numbers";
import { faded, type Palette } from "../view/palette";
import { coarser, type Ladder } from "../view/ladders";
import type { Surface } from "./painted";

const FIGURES_FROM = 84;
export const RUNGS_FROM = 12;
/** Pixels of a rung: room for a figure, or just to be seen. */
const FIGURE_HEIGHT = 13;
const RUNG_HEIGHT = 4;

export function paintFootprints({ context, axes }: Surface, ladders: Map<number, Ladder>, palette: Palette): void {
  if (axes.spacing < RUNGS_FROM) return;
  const figures = axes.spacing >= FIGURES_FROM;
  context.font = "10px system-ui, 'DejaVu Sans', sans-serif";
  context.textBaseline = "middle";
  const perPixel = Math.abs(1 / (axes.y(1) - axes.y(0)));
  for (let bar = axes.firstBar; bar <= axes.lastBar; bar++) {
    const whole = ladders.get(bar);
    if (!whole) continue;
    const ladder = coarser(whole, perPixel * (figures ? FIGURE_HEIGHT : RUNG_HEIGHT));
    const left = axes.origin + axes.spacing * bar;
    const middle = left + axes.spacing / 2;
    const half = axes.spacing / 2 - 2;
    for (const rung of ladder.rungs) {
      const top = axes.y(rung.high);
      const height = axes.y(rung.low) - top;
      if (top > axes.height || top + height < 0) continue;
      const share = (value: number) => (half * value) / Math.max(ladder.most, 1e-12);
      context.fillStyle = faded(palette.sell, 0.55);
      context.fillRect(middle - share(rung.sell), top, share(rung.sell), Math.max(height - 1, 1));
      context.fillStyle = faded(palette.buy, 0.55);
      context.fillRect(middle, top, share(rung.buy), Math.max(height - 1, 1));
      if (!figures || height < FIGURE_HEIGHT - 2) continue;
      context.fillStyle = palette.text;
      context.textAlign = "right";
      context.fillText(short(rung.sell), middle - 4, top + height / 2);
      context.textAlign = "left";
      context.fillText(short(rung.buy), middle + 4, top + height / 2);
    }
  }
  context.textAlign = "start";
}

export function paintProfiles({ context, axes }: Surface, ladders: Ladder[], palette: Palette): void {
  ladders.forEach((ladder, i) => {
    const left = axes.x(ladder.fromMs);
    const next = ladders[i + 1];
    const right = next ? axes.x(next.fromMs) : Math.max(axes.x(ladder.fromMs) + 120, axes.origin + axes.spacing * (axes.lastBar + 1));
    const room = Math.min((right - left) * 0.7, 220);
    if (right < 0 || left > axes.width || room < 6) return;
    for (const rung of ladder.rungs) {
      const top = axes.y(rung.high);
      const height = Math.max(axes.y(rung.low) - top, 1);
      if (top > axes.height || top + height < 0) continue;
      const width = (room * (rung.buy + rung.sell)) / Math.max(ladder.most, 1e-12);
      context.fillStyle = rung.pointOfControl
        ? faded("#ffd866", 0.8)
        : faded(palette.lines[1] as string, rung.inValueArea ? 0.3 : 0.14);
      context.fillRect(left, top, width, Math.max(height - 0.5, 1));
    }
  });
}
