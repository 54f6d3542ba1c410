// A layer of paint in the price pane: under the candles or over them.
import type {
  IChartApi,
  ISeriesApi,
  ISeriesPrimitive,
  PrimitivePaneViewZOrder,
  SeriesAttachedParameter,
  SeriesType,
  Time,
} from "lightweight-charts";
import type { Candles } from "../store/picture";
import { axesOf, type Axes } from "./axes";

export interface Surface {
  context: CanvasRenderingContext2D;
  axes: Axes;
  /** Device pixels of one CSS pixel; `context` is scaled to CSS pixels already. */
  ratio: number;
}

export class Painted implements ISeriesPrimitive<Time> {
  private chart: IChartApi | null = null;
  private series: ISeriesApi<SeriesType> | null = null;
  private request: (() => void) | null = null;
  private readonly views;

  constructor(
    order: PrimitivePaneViewZOrder,
    private readonly candles: () => Candles | null,
    private readonly paint: (surface: Surface) => void,
  ) {
    const renderer = {
      draw: (target: Parameters<NonNullable<ReturnType<ReturnType<NonNullable<ISeriesPrimitive["paneViews"]>>[0]["renderer"]>>["draw"]>[0]) =>
        target.useMediaCoordinateSpace(({ context, mediaSize }) => {
          const candles = this.candles();
          if (!this.chart || !this.series || !candles?.openMs.length) return;
          const axes = axesOf(this.chart, this.series, candles, mediaSize.width, mediaSize.height);
          if (!axes) return;
          context.save();
          this.paint({ context, axes, ratio: context.getTransform().a });
          context.restore();
        }),
    };
    this.views = [{ zOrder: () => order, renderer: () => renderer }];
  }

  attached({ chart, series, requestUpdate }: SeriesAttachedParameter<Time>): void {
    this.chart = chart as IChartApi;
    this.series = series;
    this.request = requestUpdate;
  }

  detached(): void {
    this.chart = null;
    this.series = null;
    this.request = null;
  }

  paneViews(): readonly { zOrder: () => PrimitivePaneViewZOrder; renderer: () => { draw: (target: never) => void } }[] {
    return this.views as never;
  }

  repaint(): void {
    this.request?.();
  }
}
