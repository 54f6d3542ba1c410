// Where a moment and a price are on the canvas. The time axis counts bars, so a moment inside a bar lies between its edges.
import type { IChartApi, ISeriesApi, Logical, SeriesType } from "lightweight-charts";
import { barAt, type Candles } from "../store/picture";

export interface Axes {
  /** Pixels of the left edge of bar 0 and between two bars. */
  origin: number;
  spacing: number;
  width: number;
  height: number;
  /** Bars whose middle can be seen. */
  firstBar: number;
  lastBar: number;
  x(ms: number): number;
  y(price: number): number;
}

export function axesOf(
  chart: IChartApi,
  series: ISeriesApi<SeriesType>,
  candles: Candles,
  width: number,
  height: number,
): Axes | null {
  const scale = chart.timeScale();
  const zero = scale.logicalToCoordinate(0 as Logical);
  if (zero === null) return null;
  const spacing = scale.options().barSpacing;
  const origin = zero - spacing / 2;
  const top = series.coordinateToPrice(0);
  const bottom = series.coordinateToPrice(height);
  if (top === null || bottom === null || top === bottom) return null;
  const perPrice = height / (bottom - top);
  const first = candles.openMs[0] ?? 0;
  const last = candles.openMs.length - 1;
  return {
    origin,
    spacing,
    width,
    height,
    firstBar: Math.max(Math.floor(-origin / spacing), 0),
    lastBar: Math.min(Math.ceil((width - origin) / spacing), last),
    x(ms) {
      const bar = ms < first ? 0 : barAt(candles, ms);
      return origin + spacing * (bar + (ms - (candles.openMs[bar] ?? 0)) / candles.frameMs);
    },
    y: (price) => (price - top) * perPrice,
  };
}
