// A small chart of plain lines over time: equity, drawdown.
import { ColorType, createChart, createSeriesMarkers, LineSeries, type TickMarkType, type Time, type UTCTimestamp } from "lightweight-charts";
import type { Palette } from "../view/palette";
import { moment, tick } from "../view/time";
import { TICKS } from "./ticks";

export interface PlotLine {
  title: string;
  colour: string;
  values: ArrayLike<number>;
}

/** A mark at one of the plot's moments, above the first line. */
export interface PlotMark {
  ms: number;
  text: string;
  colour: string;
}

export function plot(host: HTMLElement, timesMs: number[], lines: PlotLine[], write: (value: number) => string, palette: Palette, zone: string, marks: PlotMark[] = []): void {
  const chart = createChart(host, {
    autoSize: true,
    layout: { background: { type: ColorType.Solid, color: palette.ground }, textColor: palette.muted, fontSize: 11, attributionLogo: false },
    grid: { vertLines: { color: palette.grid }, horzLines: { color: palette.grid } },
    rightPriceScale: { borderColor: palette.edge, minimumWidth: 76 },
    timeScale: { borderColor: palette.edge, timeVisible: true, tickMarkFormatter: (time: Time, kind: TickMarkType) => tick(Number(time) * 1000, TICKS[kind], zone), minBarSpacing: 0.01 },
    localization: { timeFormatter: (time: Time) => moment(Number(time) * 1000, zone) },
  });
  for (const [number, line] of lines.entries()) {
    const series = chart.addSeries(LineSeries, {
      color: line.colour,
      lineWidth: 1,
      title: line.title,
      priceLineVisible: false,
      priceFormat: { type: "custom", formatter: write, minMove: 1e-6 },
    });
    let last = -Infinity;
    const data: { time: UTCTimestamp; value: number }[] = [];
    timesMs.forEach((ms, i) => {
      const time = Math.floor(ms / 1000) as UTCTimestamp;
      const value = line.values[i] ?? Number.NaN;
      if (time > last && Number.isFinite(value)) {
        data.push({ time, value });
        last = time;
      }
    });
    series.setData(data);
    if (number > 0 || !marks.length) continue;
    createSeriesMarkers(
      series,
      marks.map(({ ms, text, colour }) => ({ time: Math.floor(ms / 1000) as UTCTimestamp, position: "aboveBar" as const, shape: "arrowDown" as const, color: colour, text })),
    );
  }
  chart.timeScale().fitContent();
}
