// A small chart of plain lines over time: equity, drawdown.
import { ColorType, createChart, LineSeries, type Time, type UTCTimestamp } from "lightweight-charts";
import type { Palette } from "../view/palette";
import { moment, tick } from "../view/time";

export interface PlotLine {
  title: string;
  colour: string;
  values: ArrayLike<number>;
}

export function plot(host: HTMLElement, timesMs: number[], lines: PlotLine[], write: (value: number) => string, palette: Palette, zone: string): void {
  const chart = createChart(host, {
    autoSize: true,
    layout: { background: { type: ColorType.Solid, color: palette.ground }, textColor: palette.muted, fontSize: 11, attributionLogo: false },
    grid: { vertLines: { color: palette.grid }, horzLines: { color: palette.grid } },
    rightPriceScale: { borderColor: palette.edge, minimumWidth: 76 },
    timeScale: { borderColor: palette.edge, timeVisible: true, tickMarkFormatter: (time: Time) => tick(Number(time) * 1000, "month", zone), minBarSpacing: 0.01 },
    localization: { timeFormatter: (time: Time) => moment(Number(time) * 1000, zone) },
  });
  for (const line of lines) {
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
  }
  chart.timeScale().fitContent();
}
