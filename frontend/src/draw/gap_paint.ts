// Holes in what was recorded are hatched from top to bottom: nothing may look like a quiet market that was never seen.
import type { HoleCard } from "../wire/messages";
import type { Candles } from "../store/picture";
import { faded, type Palette } from "../view/palette";
import type { Surface } from "./painted";

export interface Hole {
  fromMs: number;
  toMs: number;
}

/** Missing bars of the grid, and the holes that the recording declares of its trades and bars. */
export function holesOf(candles: Candles, declared: HoleCard[]): Hole[] {
  const found: Hole[] = [];
  const close = candles.rows.array("close");
  let start = -1;
  for (let bar = 0; bar <= candles.openMs.length; bar++) {
    const absent = bar < candles.openMs.length && !Number.isFinite(close?.[bar] ?? Number.NaN);
    if (absent && start < 0) start = bar;
    if (!absent && start >= 0) {
      found.push({ fromMs: candles.openMs[start] ?? 0, toMs: (candles.openMs[bar - 1] ?? 0) + candles.frameMs });
      start = -1;
    }
  }
  for (const hole of declared) {
    if (/trade|bars/.test(hole.what)) found.push({ fromMs: hole.start_ms, toMs: hole.end_ms });
  }
  return found;
}

export function paintHoles({ context, axes }: Surface, holes: Hole[], palette: Palette): void {
  if (!holes.length) return;
  context.strokeStyle = faded(palette.gap, 0.35);
  context.lineWidth = 1;
  context.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  for (const hole of holes) {
    const left = Math.max(axes.x(hole.fromMs), 0);
    const right = Math.min(Math.max(axes.x(hole.toMs), left + 2), axes.width);
    if (right <= 0 || left >= axes.width) continue;
    context.save();
    context.beginPath();
    context.rect(left, 0, right - left, axes.height);
    context.clip();
    context.fillStyle = faded(palette.gap, 0.08);
    context.fillRect(left, 0, right - left, axes.height);
    context.beginPath();
    for (let x = left - axes.height; x < right; x += 8) {
      context.moveTo(x, axes.height);
      context.lineTo(x + axes.height, 0);
    }
    context.stroke();
    context.restore();
    if (right - left > 60) {
      context.fillStyle = palette.gap;
      context.textBaseline = "bottom";
      context.fillText("no data", left + 4, axes.height - 6);
    }
  }
}
