// A backtest as the server tells it, and what the page makes of it.
import type { Shapes } from "./shapes";
import { signed, usd } from "./numbers";

export interface Estimate {
  value: number | null;
  low: number | null;
  high: number | null;
  n?: number;
  note?: string;
}

export interface BacktestPage {
  result: {
    config: { name: string; data: { venue: string; symbols: string[]; timeframe: string } };
    performance: {
      initial: number;
      final: number;
      growth: number;
      round_trips: number;
      liquidations: number;
      days: number;
      costs: Record<string, number>;
      returns: Record<string, Estimate>;
      trades: Record<string, Estimate>;
    };
    cost_grid: Record<string, number>;
    exits: Record<string, number>;
    refusals: Record<string, number>;
    warnings: string[];
    span: { start: string; end: string };
    instruments: string[];
  };
  equity: { ref_ts: number[]; known_ts: number[]; equity: number[] } | null;
  round_trips: RoundTrips | null;
}

interface RoundTrips {
  known_ts: number[];
  entry_ts: number[];
  instrument: number[];
  leg: string[];
  entry_price: number[];
  exit_price: number[];
  quantity: number[];
  fees: number[];
  funding: number[];
  net: number[];
  risk_multiple: number[];
  exit_reason: string[];
  leverage: number[];
}

export interface Trip {
  number: number;
  symbol: string;
  leg: string;
  entryMs: number;
  exitMs: number;
  entry: number;
  exit: number;
  net: number;
  costs: number;
  multiple: number;
  reason: string;
  leverage: number;
  liquidated: boolean;
}

export function trips(page: BacktestPage): Trip[] {
  const all = page.round_trips;
  if (!all) return [];
  return all.entry_ts.map((entryMs, i) => ({
    number: i + 1,
    symbol: page.result.instruments[all.instrument[i] ?? 0] ?? "",
    leg: all.leg[i] ?? "",
    entryMs,
    exitMs: all.known_ts[i] ?? entryMs,
    entry: all.entry_price[i] ?? Number.NaN,
    exit: all.exit_price[i] ?? Number.NaN,
    net: all.net[i] ?? Number.NaN,
    costs: (all.fees[i] ?? 0) - (all.funding[i] ?? 0),
    multiple: all.risk_multiple[i] ?? Number.NaN,
    reason: all.exit_reason[i] ?? "",
    leverage: all.leverage[i] ?? Number.NaN,
    liquidated: all.exit_reason[i] === "liquidation",
  }));
}

/** Where forced closes stand on the equity curve: for each the first point known at or after it, ascending; past the end: none. */
export function liquidationPoints(found: Trip[], knownMs: ArrayLike<number>): { point: number; trip: Trip }[] {
  const points = found
    .filter((trip) => trip.liquidated)
    .map((trip) => ({ point: Array.from(knownMs).findIndex((ms) => ms >= trip.exitMs), trip }));
  return points.filter(({ point }) => point >= 0).sort((a, b) => a.point - b.point);
}

/** How far equity lies below its highest so far, as a fraction, 0 or less. */
export function drawdown(equity: number[]): number[] {
  let peak = -Infinity;
  return equity.map((value) => {
    peak = Math.max(peak, value);
    return value / peak - 1;
  });
}

/** Round trips drawn on the candles: a mark where each began and ended. */
export function tripShapes(found: Trip[], symbol: string): Shapes {
  const mine = found.filter((trip) => trip.symbol === symbol);
  return {
    boxes: [],
    segments: [],
    marks: mine.flatMap((trip) => {
      const long = trip.leg === "long";
      const title = `Backtest trade ${trip.number}, ${trip.leg}: ${trip.reason}, net ${signed(trip.net, usd)}`;
      return [
        { layer: "backtest", row: trip.number, ms: trip.entryMs, price: trip.entry, place: long ? ("below" as const) : ("above" as const), tone: long ? ("buy" as const) : ("sell" as const), label: `${trip.number}`, named: true, title },
        { layer: "backtest", row: trip.number, ms: trip.exitMs - 1, price: trip.exit, place: long ? ("above" as const) : ("below" as const), tone: "neutral" as const, label: trip.liquidated ? "LIQUIDATED" : "x", named: true, title },
      ];
    }),
  };
}
