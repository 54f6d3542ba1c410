// One chart with several panes under one crosshair. It is given what to draw and says where the pointer is.
import {
  CandlestickSeries,
  ColorType,
  createChart,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  type TickMarkType,
  type IChartApi,
  type ISeriesApi,
  type Logical,
  type MouseEventParams,
  type SeriesType,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import type { HeatGrid } from "../store/heat_grid";
import { barAt, type Candles } from "../store/picture";
import type { Candle } from "../wire/messages";
import type { Ladder } from "../view/ladders";
import { price as priceText, short } from "../view/numbers";
import { faded, type Palette } from "../view/palette";
import type { Series } from "../view/series";
import type { Shapes } from "../view/shapes";
import { moment, tick } from "../view/time";
import { paintHoles, type Hole } from "./gap_paint";
import { HeatPaint } from "./heat_paint";
import { paintFootprints, paintProfiles, RUNGS_FROM } from "./ladder_paint";
import { Painted } from "./painted";
import { paintBoxes, paintMarks, paintSegments } from "./shape_paint";
import { TICKS } from "./ticks";

export interface Scene {
  candles: Candles;
  forming: Candle | null;
  series: Series[];
  shapes: Shapes;
  profiles: Ladder[];
  footprints: Map<number, Ladder>;
  holes: Hole[];
  heat: HeatGrid | null;
  table: Uint32Array;
  tickSize: number;
  palette: Palette;
  zone: string;
}

export interface Pointer {
  bar: number;
  ms: number;
  /** In the price pane; NaN elsewhere. */
  price: number;
  pane: number;
  x: number;
  y: number;
}

const PANES = ["price", "volume", "delta", "open_interest", "funding", "liquidations", "sigma", "bias"];
const BARS_AT_FIRST = 220;
export class Chart {
  readonly api: IChartApi;
  private readonly candleSeries: ISeriesApi<"Candlestick">;
  private readonly drawn = new Map<string, { api: ISeriesApi<SeriesType>; series: Series }>();
  private readonly heat = new HeatPaint();
  private readonly paints: Painted[];
  private scene: Scene | null = null;
  private shownBars: Float64Array | null = null;
  private order: string[] = ["price"];
  private hollow = false;

  constructor(host: HTMLElement, palette: Palette) {
    this.api = createChart(host, {
      autoSize: true,
      layout: {
        background: { type: ColorType.Solid, color: palette.ground },
        textColor: palette.muted,
        fontFamily: "system-ui, 'DejaVu Sans', sans-serif",
        fontSize: 11,
        // The library's own logo brings an inline style sheet, which a strict Content-Security-Policy forbids; the
        // attribution and the link stand in the page's footer instead.
        attributionLogo: false,
        panes: { separatorColor: palette.edge, separatorHoverColor: faded(palette.muted, 0.3), enableResize: true },
      },
      grid: { vertLines: { color: palette.grid }, horzLines: { color: palette.grid } },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { borderColor: palette.edge, minimumWidth: 76 },
      timeScale: { borderColor: palette.edge, timeVisible: true, rightOffset: 6, minBarSpacing: 0.05 },
      handleScale: { axisDoubleClickReset: true },
    });
    this.candleSeries = this.api.addSeries(CandlestickSeries, { priceLineVisible: true, priceLineStyle: 2 });
    const candles = () => this.scene?.candles ?? null;
    const paint = (order: "bottom" | "top", draw: (scene: Scene, surface: Parameters<HeatPaint["paint"]>[0]) => void) =>
      new Painted(order, candles, (surface) => this.scene && draw(this.scene, surface));
    this.paints = [
      paint("bottom", (_, surface) => this.heat.paint(surface)),
      paint("bottom", (scene, surface) => paintHoles(surface, scene.holes, scene.palette)),
      paint("bottom", (scene, surface) => paintProfiles(surface, scene.profiles, scene.palette)),
      paint("bottom", (scene, surface) => paintBoxes(surface, scene.shapes.boxes, scene.palette)),
      paint("top", (scene, surface) => paintFootprints(surface, scene.footprints, scene.palette)),
      paint("top", (scene, surface) => paintSegments(surface, scene.shapes.segments, scene.palette, endOf(scene.candles))),
      paint("top", (scene, surface) => paintMarks(surface, scene.shapes.marks, scene.palette, column(scene, "high"), column(scene, "low"))),
    ];
    for (const painted of this.paints) this.candleSeries.attachPrimitive(painted);
    this.api.subscribeDblClick(() => this.reset());
    this.onScroll(() => this.thinBodies());
  }

  /** `byHand` is false where another chart moved the crosshair. */
  onPointer(tell: (pointer: Pointer | null, byHand: boolean) => void): void {
    this.api.subscribeCrosshairMove((event) => tell(this.pointer(event), event.sourceEvent !== undefined || event.point === undefined));
  }

  /** Put the crosshair where another chart has it. */
  point(at: { ms: number; price: number } | null): void {
    const bar = at && this.scene ? barAt(this.scene.candles, at.ms) : -1;
    if (!at || bar < 0 || !this.scene) return this.api.clearCrosshairPosition();
    const time = ((this.scene.candles.openMs[bar] ?? 0) / 1000) as UTCTimestamp;
    this.api.setCrosshairPosition(Number.isFinite(at.price) ? at.price : 0, time, this.candleSeries);
  }

  remove(): void {
    this.api.remove();
  }

  onClick(tell: (pointer: Pointer) => void): void {
    this.api.subscribeClick((event) => {
      const pointer = this.pointer(event);
      if (pointer) tell(pointer);
    });
  }

  onScroll(tell: () => void): void {
    this.api.timeScale().subscribeVisibleLogicalRangeChange(tell);
  }

  show(scene: Scene): void {
    const before = this.scene;
    this.scene = scene;
    if (before?.palette !== scene.palette || before.tickSize !== scene.tickSize) this.style(scene);
    if (before?.zone !== scene.zone) this.tell(scene.zone);
    const sameBars = before?.candles.openMs === scene.candles.openMs;
    const firstOne = !before || before.candles.frameMs !== scene.candles.frameMs || !overlaps(before.candles, scene.candles);
    if (!sameBars) this.setCandles(scene.candles);
    // The chart takes no bar older than its newest one.
    if (scene.forming && scene.forming.ref_ms >= endOf(scene.candles)) this.candleSeries.update(formingBar(scene.forming));
    this.setSeries(scene, sameBars);
    this.heat.show(scene.heat, scene.table);
    this.thinBodies();
    if (firstOne) this.reset();
    for (const painted of this.paints) painted.repaint();
  }

  /** New colours for the heat only, as when a handle of the legend is dragged. */
  recolour(table: Uint32Array): void {
    if (!this.scene) return;
    this.scene = { ...this.scene, table };
    this.heat.show(this.scene.heat, table);
    this.paints[0]?.repaint();
  }

  /** The newest bars, at the usual width, with the price scale following them. */
  reset(): void {
    const bars = this.scene?.candles.openMs.length ?? 0;
    this.candleSeries.priceScale().applyOptions({ autoScale: true });
    this.api.timeScale().setVisibleLogicalRange({ from: Math.max(bars - BARS_AT_FIRST, -1), to: bars + 5 });
  }

  goLive(): void {
    this.api.timeScale().scrollToRealTime();
  }

  jump(ms: number): void {
    const candles = this.scene?.candles;
    if (!candles?.openMs.length) return;
    const bar = barAt(candles, ms);
    const range = this.api.timeScale().getVisibleLogicalRange();
    const half = range ? (range.to - range.from) / 2 : BARS_AT_FIRST / 2;
    this.api.timeScale().setVisibleLogicalRange({ from: bar - half, to: bar + half });
  }

  pan(bars: number): void {
    const range = this.api.timeScale().getVisibleLogicalRange();
    if (range) this.api.timeScale().setVisibleLogicalRange({ from: range.from + bars, to: range.to + bars });
  }

  zoom(factor: number): void {
    const range = this.api.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const middle = (range.from + range.to) / 2;
    const half = Math.max(((range.to - range.from) / 2) * factor, 3);
    this.api.timeScale().setVisibleLogicalRange({ from: middle - half, to: middle + half });
  }

  /** Whether the newest bar can be seen. */
  atLive(): boolean {
    const range = this.api.timeScale().getVisibleLogicalRange();
    return !range || !this.scene || range.to >= this.scene.candles.openMs.length - 1;
  }

  visibleSpan(): { fromMs: number; toMs: number } | null {
    const range = this.api.timeScale().getVisibleLogicalRange();
    const candles = this.scene?.candles;
    if (!range || !candles?.openMs.length) return null;
    const at = (bar: number) => candles.openMs[Math.min(Math.max(Math.round(bar), 0), candles.openMs.length - 1)] ?? 0;
    return { fromMs: at(range.from), toMs: at(range.to) + candles.frameMs };
  }

  /** Panes from top to bottom with the pixels where each begins. */
  panes(): { name: string; top: number; height: number; series: Series[] }[] {
    let top = 0;
    return this.api.panes().map((pane, i) => {
      const made = { name: this.order[i] ?? "price", top, height: pane.getHeight(), series: this.seriesOf(this.order[i] ?? "") };
      top += pane.getHeight() + 1;
      return made;
    });
  }

  place(ms: number, price: number): { x: number; y: number } | null {
    const candles = this.scene?.candles;
    if (!candles) return null;
    const bar = barAt(candles, ms);
    const x = this.api.timeScale().logicalToCoordinate(bar as Logical);
    const y = this.candleSeries.priceToCoordinate(price);
    return x === null || y === null ? null : { x, y };
  }

  priceAt(y: number): number | null {
    return this.candleSeries.coordinateToPrice(y);
  }

  lineColour(series: Series): string {
    const lines = this.scene?.palette.lines ?? [];
    const all = [...this.drawn.values()].filter((entry) => entry.series.pane === series.pane && entry.series.kind === "line");
    const at = all.findIndex((entry) => key(entry.series) === key(series));
    const shift = Math.max(PANES.indexOf(series.pane), 0);
    return lines[(Math.max(at, 0) + shift) % Math.max(lines.length, 1)] ?? "#dde3ee";
  }

  picture(): HTMLCanvasElement {
    return this.api.takeScreenshot(true, false);
  }

  private seriesOf(pane: string): Series[] {
    return [...this.drawn.values()].map((entry) => entry.series).filter((series) => series.pane === pane);
  }

  private pointer(event: MouseEventParams): Pointer | null {
    const candles = this.scene?.candles;
    if (!event.point || event.logical === undefined || !candles) return null;
    const bar = Math.round(event.logical);
    const pane = event.paneIndex ?? 0;
    const price = pane === 0 ? (this.candleSeries.coordinateToPrice(event.point.y) ?? Number.NaN) : Number.NaN;
    const above = this.panes()[pane]?.top ?? 0;
    const ms = candles.openMs[bar] ?? (candles.openMs[0] ?? 0) + bar * candles.frameMs;
    return { bar, ms, price, pane, x: event.point.x, y: above + event.point.y };
  }

  private setCandles(candles: Candles): void {
    this.shownBars = candles.openMs;
    const { rows } = candles;
    this.candleSeries.setData(
      Array.from(this.shownBars, (ms, bar) => {
        const time = (ms / 1000) as UTCTimestamp;
        const open = rows.number("open", bar);
        if (!Number.isFinite(open)) return { time };
        return { time, open, high: rows.number("high", bar), low: rows.number("low", bar), close: rows.number("close", bar) };
      }),
    );
  }

  private setSeries(scene: Scene, sameBars: boolean): void {
    const wanted = new Map(scene.series.map((series) => [key(series), series]));
    const panes = PANES.filter((pane) => pane === "price" || scene.series.some((series) => series.pane === pane));
    const restructured = panes.join() !== this.order.join() || [...this.drawn.keys()].sort().join() !== [...wanted.keys()].sort().join();
    if (restructured) {
      for (const { api } of this.drawn.values()) this.api.removeSeries(api);
      this.drawn.clear();
      for (let i = this.api.panes().length - 1; i > 0; i--) this.api.removePane(i);
      this.order = panes;
    }
    // In the order of the panes: the library makes a pane only after the one above it.
    const inOrder = [...wanted].sort(([, a], [, b]) => panes.indexOf(a.pane) - panes.indexOf(b.pane));
    for (const [name, series] of inOrder) {
      const known = this.drawn.get(name);
      if (known && sameBars && known.series.values === series.values) continue;
      const api = known?.api ?? this.addSeries(series, scene, wanted);
      this.drawn.set(name, { api, series });
      this.fill(api, series, scene);
    }
    if (restructured) {
      this.api.panes().forEach((pane, i) => pane.setStretchFactor(i === 0 ? 4.2 : 1));
      for (const { api, series } of this.drawn.values()) {
        if (series.kind === "line") api.applyOptions({ color: this.lineColour(series) });
      }
    }
  }

  private addSeries(series: Series, scene: Scene, wanted: Map<string, Series>): ISeriesApi<SeriesType> {
    const pane = this.order.indexOf(series.pane);
    // What is measured in the same unit by the same layer shares a scale; anything else has its own, read in the legend.
    const first = [...wanted.values()].find((other) => other.pane === series.pane);
    const shared = series.pane === "price" || (first?.unit === series.unit && (first.layer === series.layer || series.unit === "fraction"));
    const scale = shared && !(series.kind === "line" && first?.kind === "columns") ? "right" : `${series.layer}.${series.kind}`;
    const options = {
      priceScaleId: scale,
      priceLineVisible: false,
      lastValueVisible: scale === "right" && series.pane !== "price",
      priceFormat:
        series.pane === "price"
          ? { type: "custom" as const, formatter: (value: number) => priceText(value, scene.tickSize), minMove: scene.tickSize || 0.01 }
          : { type: "custom" as const, formatter: axisText(series.unit), minMove: 1e-9 },
    };
    const api: ISeriesApi<SeriesType> =
      series.kind === "columns"
        ? this.api.addSeries(HistogramSeries, { ...options, base: 0 }, pane)
        : this.api.addSeries(LineSeries, { ...options, lineWidth: 1, crosshairMarkerRadius: 3 }, pane);
    api.priceScale().applyOptions({ scaleMargins: series.pane === "price" ? { top: 0.08, bottom: 0.06 } : { top: 0.18, bottom: 0.06 } });
    return api;
  }

  private fill(api: ISeriesApi<SeriesType>, series: Series, scene: Scene): void {
    const { openMs } = scene.candles;
    const { palette } = scene;
    const data: { time: Time; value?: number; color?: string }[] = [];
    const downward = series.column.startsWith("short_");
    const rising = column(scene, "close");
    const opening = column(scene, "open");
    for (let bar = 0; bar < openMs.length; bar++) {
      const time = ((openMs[bar] ?? 0) / 1000) as UTCTimestamp;
      const value = series.values[bar] ?? Number.NaN;
      if (!Number.isFinite(value)) {
        if (series.kind === "columns") data.push({ time });
        continue;
      }
      if (series.kind === "columns") {
        const up = series.pane === "volume" ? (rising[bar] ?? 0) >= (opening[bar] ?? 0) : downward || series.column.startsWith("long_") ? !downward : value >= 0;
        const colour = series.pane === "volume" ? (up ? palette.candleUp : palette.candleDown) : up ? palette.buy : palette.sell;
        data.push({ time, value: downward ? -value : value, color: faded(colour, series.pane === "volume" ? 0.45 : 0.75) });
      } else if (series.breaks.has(bar)) {
        data.push({ time, value, color: "rgba(0,0,0,0)" });
      } else {
        data.push({ time, value });
      }
    }
    api.setData(data as never);
  }

  /** A footprint is read inside its bar, so the body gives way to its outline. */
  private thinBodies(): void {
    const { scene } = this;
    if (!scene) return;
    const hollow = scene.footprints.size > 0 && this.api.timeScale().options().barSpacing >= RUNGS_FROM;
    if (hollow === this.hollow) return;
    this.hollow = hollow;
    const alpha = hollow ? 0.1 : 1;
    this.candleSeries.applyOptions({ upColor: faded(scene.palette.candleUp, alpha), downColor: faded(scene.palette.candleDown, alpha) });
  }

  private style(scene: Scene): void {
    const { palette } = scene;
    this.hollow = false;
    this.candleSeries.applyOptions({
      upColor: palette.candleUp,
      downColor: palette.candleDown,
      borderUpColor: palette.candleUp,
      borderDownColor: palette.candleDown,
      wickUpColor: palette.candleUp,
      wickDownColor: palette.candleDown,
      priceFormat: { type: "custom", formatter: (value: number) => priceText(value, scene.tickSize), minMove: scene.tickSize || 0.01 },
    });
    this.candleSeries.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.06 } });
    for (const { api, series } of this.drawn.values()) {
      this.fill(api, series, scene);
      if (series.kind === "line") api.applyOptions({ color: this.lineColour(series) });
    }
  }

  private tell(zone: string): void {
    this.api.applyOptions({
      localization: {
        timeFormatter: (time: Time) => moment(Number(time) * 1000, zone),
      },
      timeScale: { tickMarkFormatter: (time: Time, kind: TickMarkType) => tick(Number(time) * 1000, TICKS[kind], zone) },
    });
  }
}

function key(series: Series): string {
  return `${series.pane}/${series.layer}/${series.column}/${series.title}/${series.kind}`;
}

function column(scene: Scene, name: string): ArrayLike<number> {
  return scene.candles.rows.array(name) ?? [];
}

function endOf(candles: Candles): number {
  return candles.openMs[candles.openMs.length - 1] ?? 0;
}

function overlaps(a: Candles, b: Candles): boolean {
  const first = b.openMs[0] ?? 0;
  const last = a.openMs[a.openMs.length - 1] ?? 0;
  return a.rows.card.key === b.rows.card.key && first <= last && (a.openMs[0] ?? 0) <= (b.openMs[b.openMs.length - 1] ?? 0);
}

function formingBar(bar: Candle): { time: UTCTimestamp; open: number; high: number; low: number; close: number } {
  return { time: (bar.ref_ms / 1000) as UTCTimestamp, open: bar.open, high: bar.high, low: bar.low, close: bar.close };
}

function axisText(unit: string): (value: number) => string {
  if (unit === "fraction") return (value) => `${Number((100 * value).toPrecision(3))} %`.replace("-", "−");
  return (value) => short(value);
}
